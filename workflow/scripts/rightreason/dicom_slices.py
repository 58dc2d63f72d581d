"""One CT slice as its DICOM header describes it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError

_GROUPS = {
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "GantryDetectorTilt": "CTAcquisitionDetailsSequence",
}


@dataclass(frozen=True)
class Series:
    """What every slice of a series shares. Only for choosing one; UIDs never leave the process."""

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
    rescale : (slope, intercept)
        From stored values to HU.
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
    acquisition_number: int | None
    instance_number: int | None
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    rows: int
    columns: int
    thickness_mm: float | None
    tilt_deg: float
    rescale: tuple[float, float]
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


def slices_of(dataset: Any, path: Path, index: int, encoding: str) -> Iterator[Slice]:
    """Yield the slices of one CT file, in the order of its frames.

    Parameters
    ----------
    dataset : pydicom.Dataset
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
        When the file has several frames and does not place each of them.
    """
    series = _series(dataset)
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence")
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1 and (per_frame is None or len(per_frame) != frames):
        raise InputError(
            f"{path.name} has {frames} frames and no position for each of them; "
            "export it as single slices."
        )
    for frame, own in enumerate(per_frame or [None]):
        sources = [source for source in (own, shared, dataset) if source is not None]
        spacing = _numbers(_find(sources, "PixelSpacing"), 2)
        yield Slice(
            path=path,
            file=index,
            frame=frame if per_frame is not None else None,
            series=series,
            uid=str(dataset.get("SOPInstanceUID", "")),
            acquisition_number=_integer(dataset.get("AcquisitionNumber")),
            instance_number=_integer(dataset.get("InstanceNumber")),
            position=_numbers(_find(sources, "ImagePositionPatient"), 3),
            orientation=_numbers(_find(sources, "ImageOrientationPatient"), 6),
            spacing=spacing if spacing and min(spacing) > 0 else (),
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            thickness_mm=_number(_find(sources, "SliceThickness")),
            tilt_deg=_number(_find(sources, "GantryDetectorTilt")) or 0.0,
            rescale=(_first(_number(_find(sources, "RescaleSlope")), 1.0),
                     _first(_number(_find(sources, "RescaleIntercept")), 0.0)),
            rescale_type=str(_find(sources, "RescaleType") or "").strip(),
            pixel_format=(int(dataset.BitsAllocated), int(dataset.BitsStored),
                          int(dataset.PixelRepresentation), encoding),
        )  # fmt: skip


def _find(sources: list[Any], keyword: str) -> Any:
    """Look an attribute up: in the frame's own groups, the shared ones, then the top level."""
    for source in sources:
        for item in source.get(_GROUPS[keyword]) or []:
            if item.get(keyword) is not None:
                return item.get(keyword)
        if source.get(keyword) is not None:
            return source.get(keyword)
    return None


def _series(dataset: Any) -> Series:
    kind = texts(dataset.get("ImageType"))
    return Series(
        uid=str(dataset.get("SeriesInstanceUID", "")),
        study_uid=str(dataset.get("StudyInstanceUID", "")),
        number=_first(_integer(dataset.get("SeriesNumber")), 0),
        description=str(dataset.get("SeriesDescription") or ""),
        kernel=" ".join(texts(dataset.get("ConvolutionKernel"))),
        manufacturer=str(dataset.get("Manufacturer") or ""),
        scanner=str(dataset.get("ManufacturerModelName") or ""),
        frame_of_reference=str(dataset.get("FrameOfReferenceUID") or ""),
        derived=kind[:1] == ["DERIVED"] or kind[1:2] == ["SECONDARY"],
    )


def texts(value: Any) -> list[str]:
    """Return the parts of a text attribute, which may be missing, single or multiple."""
    if value is None or isinstance(value, str):
        return [value.strip()] if value else []
    return [str(part).strip() for part in value]


def _numbers(value: Any, count: int) -> tuple[float, ...]:
    numbers = tuple(float(part) for part in value) if value is not None and value != "" else ()
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else ()


def _number(value: Any) -> float | None:
    return None if value is None or value == "" else float(value)


def _integer(value: Any) -> int | None:
    return None if value is None or value == "" else int(value)


def _first(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
