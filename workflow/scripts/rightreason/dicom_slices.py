"""One CT slice as its DICOM header describes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.dicom_attributes import find, first_known, integer_of, number_of, numbers_of
from rightreason.dicom_texts import plain, plain_uid, texts, without
from rightreason.errors import InputError

# Between micro-CT and the coarsest reformat; anything else is no pixel spacing.
LEAST_PIXEL_MM, MOST_PIXEL_MM = 0.001, 100.0
_LAYOUT = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
_PERSONAL = ("PatientName", "PatientID", "PatientBirthDate")
_LAYOUT_NAMES = ", ".join(_LAYOUT)


@dataclass(frozen=True)
class Series:
    """What tells one series from another; the UIDs never leave the process."""

    uid: str
    study_uid: str
    number: int
    description: str
    kernel: str
    manufacturer: str
    scanner: str
    frame_of_reference: str
    derived: bool


@dataclass(frozen=True)
class Slice:
    """One slice as its header describes it: a file, or one frame of a multi-frame file.

    Attributes
    ----------
    file : int
        Place among all files of the folder that are not hidden, sorted by path, from 0.
    frame : int or None
        Frame within a multi-frame file, from 0.
    position, orientation, spacing
        ImagePositionPatient in LPS mm, ImageOrientationPatient, PixelSpacing (between rows, between
        columns) in mm; empty where the header has none that is usable.
    temporal_position, acquisition_number, instance_number : int or None
        What tells repeated scans of one place apart. All frames share their file's instance number.
    rescale : (slope, intercept)
        From stored values to HU; empty where the header does not say, or with a slope that is not
        above 0.
    uid : str
        SOPInstanceUID; never leaves the process but as a digest.
    pixel_format : tuple
        Bits allocated, bits stored, pixel representation, transfer syntax.
    """

    path: Path
    file: int
    frame: int | None
    series: Series
    uid: str
    temporal_position: int | None
    acquisition_number: int | None
    instance_number: int | None
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    rows: int
    columns: int
    thickness_mm: float | None
    tilt_deg: float
    rescale: tuple[float, ...]
    rescale_type: str
    pixel_format: tuple[int, int, int, str]

    @property
    def placed(self) -> bool:
        """Whether the header says where the slice lies in space."""
        return bool(self.position and self.orientation and self.spacing)

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector, in LPS: row direction times column direction."""
        cross = np.cross(self.orientation[:3], self.orientation[3:])
        return np.asarray(cross / max(float(np.linalg.norm(cross)), 1e-9))


def kernels_of(slices: Iterable[Slice]) -> str:
    """Name the kernels of slices in the order in which they come first; empty without any."""
    return " and ".join(dict.fromkeys(s.series.kernel for s in slices if s.series.kernel))


def slices_of(header: Any, path: Path, index: int, encoding: str) -> Iterator[Slice]:
    """Yield the slices of one CT file, in the order of its frames; localizer frames are none.

    Parameters
    ----------
    header : pydicom.Dataset or PlainHeader
        Header of a classic or enhanced CT image.
    path : path
        Where it was read from.
    index : int
        Place of the file in its folder.
    encoding : str
        Transfer syntax UID.

    Raises
    ------
    InputError
        When the file has several frames and does not place each of them, or says not how large
        they are.
    """
    personal = " ".join(str(header.get(keyword) or "") for keyword in _PERSONAL)
    series = _series(header, personal)
    multi = header.get("PerFrameFunctionalGroupsSequence") is not None
    groups = _frame_groups(header, path)
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    rows, columns, *layout = _pixel_layout(header, path)
    uid = header.get("SOPInstanceUID") or header.file_meta.get("MediaStorageSOPInstanceUID")
    for frame, own in enumerate(groups):
        found_in = [group for group in (own, shared) if group is not None]
        kind = texts(find(found_in, header, "FrameType")) or texts(header.get("ImageType"))
        if "LOCALIZER" in kind:
            continue
        if multi or _is_derived(kind):
            kernel = without(personal, plain(find(found_in, header, "ConvolutionKernel")))
            series = replace(series, derived=_is_derived(kind), kernel=kernel)
        yield Slice(
            path=path,
            file=index,
            frame=frame if multi else None,
            series=series,
            uid=plain_uid(uid),
            instance_number=integer_of(header.get("InstanceNumber")),
            rows=rows,
            columns=columns,
            pixel_format=(layout[0], layout[1], layout[2], encoding),
            **_repetition(found_in, header),
            **_measures(found_in, header),
        )


def _frame_groups(header: Any, path: Path) -> list[Any]:
    """Return the functional groups of each frame; [None] for a classic file."""
    per_frame = header.get("PerFrameFunctionalGroupsSequence")
    frames = int(header.get("NumberOfFrames") or 1)
    if frames < 1:
        raise InputError(f"{path.name} says that it has {frames} frames.")
    if frames > 1 and (per_frame is None or len(per_frame) != frames):
        raise InputError(
            f"{path.name} has {frames} frames and no position for each of them; "
            "export it as single slices."
        )
    return list(per_frame or [None])


def _repetition(found_in: Sequence[Any], header: Any) -> dict[str, Any]:
    acquisition = integer_of(find(found_in, header, "FrameAcquisitionNumber"))
    temporal = integer_of(find(found_in, header, "TemporalPositionIndex"))
    return {
        "acquisition_number": first_known(acquisition, integer_of(header.get("AcquisitionNumber"))),
        "temporal_position": first_known(
            temporal, integer_of(header.get("TemporalPositionIdentifier"))
        ),
    }


def _measures(found_in: Sequence[Any], header: Any) -> dict[str, Any]:
    spacing = numbers_of(find(found_in, header, "PixelSpacing"), 2)
    usable = spacing and min(spacing) >= LEAST_PIXEL_MM and max(spacing) <= MOST_PIXEL_MM
    rescale = [
        number_of(find(found_in, header, f"Rescale{name}")) for name in ("Slope", "Intercept")
    ]
    known = [value for value in rescale if value is not None]
    return {
        "position": numbers_of(find(found_in, header, "ImagePositionPatient"), 3),
        "orientation": numbers_of(find(found_in, header, "ImageOrientationPatient"), 6),
        "spacing": spacing if usable else (),
        "thickness_mm": number_of(find(found_in, header, "SliceThickness")),
        "tilt_deg": number_of(find(found_in, header, "GantryDetectorTilt")) or 0.0,
        "rescale": tuple(known) if len(known) == 2 and known[0] > 0 else (),
        "rescale_type": plain(find(found_in, header, "RescaleType")),
    }


def _pixel_layout(header: Any, path: Path) -> tuple[int, ...]:
    values = [header.get(keyword) for keyword in _LAYOUT]
    if not all(isinstance(value, int) for value in values) or 0 in values[:4]:
        raise InputError(f"{path.name} does not say how its pixels are stored ({_LAYOUT_NAMES}).")
    return tuple(values)


def _is_derived(kind: list[str]) -> bool:
    return kind[:1] == ["DERIVED"] or kind[1:2] == ["SECONDARY"]


def _series(header: Any, personal: str) -> Series:
    # These texts are shown, in the record or in errors; people write names everywhere.
    return Series(
        uid=plain_uid(header.get("SeriesInstanceUID")),
        study_uid=plain_uid(header.get("StudyInstanceUID")),
        number=first_known(integer_of(header.get("SeriesNumber")), 0),
        description=without(personal, plain(header.get("SeriesDescription"))),
        kernel=without(personal, plain(header.get("ConvolutionKernel"))),
        manufacturer=without(personal, plain(header.get("Manufacturer"))),
        scanner=without(personal, plain(header.get("ManufacturerModelName"))),
        frame_of_reference=plain_uid(header.get("FrameOfReferenceUID")),
        derived=False,
    )
