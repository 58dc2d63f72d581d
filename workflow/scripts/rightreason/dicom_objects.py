"""DICOM objects for a PACS: an attended region as Segmentation, a map as Parametric Map.

Made again from the same, an object is the same to the byte: its UIDs are digests of what it holds
and belongs to, and its date is that of the images it was derived from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
from highdicom.pm import ParametricMap, RealWorldValueMapping
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from numpy.typing import NDArray
from pydicom.sr.codedict import codes

from rightreason import __version__
from rightreason.dicom_frames import FramePlane, Frames
from rightreason.dicom_references import digest_of, refer, uid_of
from rightreason.dicom_sources import header_for, moment_of
from rightreason.errors import InputError

NAME = "rightreason"
# The smallest normal float below zero: what ignores it shows 0, and no value of a map equals it.
UNSEEN = np.float32(-np.finfo(np.float32).tiny)
SERIES_NUMBERS = {"seg": 9001, "pm": 9002}
"""Of the first map; each further one has numbers of its own, so that a PACS lists them in order."""
_LONG_STRING = 64
_CODES: Any = codes


@dataclass(frozen=True)
class About:
    """Whose map it is: the names that the study gives, and its number among the case's maps."""

    case: str
    model: str
    method: str
    number: int = 0

    def titled(self, what: str) -> str:
        """Return a series description; long names are cut off, in what a PACS can show."""
        title = f"{NAME} {what}, {self.model}, {self.method}"
        return title if len(title) <= _LONG_STRING else title[: _LONG_STRING - 3] + "..."


def save_segmentation(
    path: Path, mask: NDArray[np.bool_], frames: Frames, about: About, description: str
) -> None:
    """Write an attended region as a Segmentation of one segment.

    Parameters
    ----------
    path : path
        Where to write.
    mask : (planes, rows, columns) array of bool
        From `Frames.arrange`; frames without a pixel are left out, and not all may be.
    frames : Frames
        Where they lie.
    about : About
        Whose region it is.
    description : str
        How it was cut; the segment's description.
    """
    if not mask.any():
        raise ValueError("A Segmentation needs at least one voxel.")
    segment = SegmentDescription(
        segment_number=1,
        segment_label="attended region",
        segmented_property_category=_CODES.cid7150.SpatialAndRelationalConcept,
        segmented_property_type=_CODES.DCM.Saliency,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=NAME, version=__version__, family=_CODES.cid7162.ArtificialIntelligence
        ),
    )
    segment.SegmentDescription = description
    with _discreetly(about):
        common, characters = _common("seg", frames, about, "attended region", [mask, description])
        made = Segmentation(
            pixel_array=mask.astype(np.uint8),
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[segment],
            content_label="ATTENDED",
            **common,
        )
        _finish(made, characters, frames.planes, _CODES.cid7203.SegmentationImageDerivation)
        made.save_as(path, enforce_file_format=True)


def save_parametric_map(
    path: Path, values: NDArray[np.float32], frames: Frames, about: About, part: str
) -> None:
    """Write a raw map as a Parametric Map.

    Parameters
    ----------
    path : path
        Where to write.
    values : (planes, rows, columns) array of float32
        From `Frames.arrange`; `UNSEEN` where the model saw nothing.
    frames : Frames
        Where they lie.
    about : About
        Whose map it is.
    part : str
        The audited part, `positive`, `negative` or `absolute`: it fills the window.
    """
    # With what was not seen: readers refuse values outside of the range that is mapped.
    low, high = float(values.min()), float(values.max())
    mapping = RealWorldValueMapping(
        lut_label="saliency",
        lut_explanation=f"raw saliency, units of {about.method}"[:_LONG_STRING],
        unit=_CODES.UCUM.NoUnits,
        value_range=(low, high),
        slope=1.0,
        intercept=0.0,
        quantity_definition=_CODES.DCM.Saliency,
    )
    with _discreetly(about):
        content = [values, part]
        common, characters = _common("pm", frames, about, "saliency", content)
        made = ParametricMap(
            pixel_array=values,
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            voi_lut_transformations=[_window(low, high, part)],
            content_label="SALIENCY",
            **common,
        )
        # A range of one value: validators want both ends.
        made.FloatPixelPaddingValue = made.FloatPixelPaddingRangeLimit = float(UNSEEN)
        made.Laterality = ""
        _finish(made, characters, frames.planes, _CODES.DCM.UnspecifiedMethodOfCalculation)
        made.save_as(path, enforce_file_format=True)


@contextmanager
def _discreetly(about: About) -> Iterator[None]:
    """Let no word of a library out: they quote values, a name among them."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"Case {about.case}: no DICOM object can be made of the header of its series "
            f"({type(error).__name__}), for {about.model}, {about.method}. Export the series "
            "again, or set `report: dicom: false`."
        ) from None


def _window(low: float, high: float, part: str) -> Any:
    """Show the audited part from none (black) to its largest value (white)."""
    largest = max(abs(low), abs(high))
    ends = {"positive": (0.0, high), "negative": (low, 0.0), "absolute": (-largest, largest)}[part]
    bottom, top = ends if ends[0] < ends[1] else (0.0, 1.0)
    return hd.VOILUTTransformation(
        window_center=float(f"{(bottom + top) / 2:.8g}"),
        window_width=float(f"{top - bottom:.8g}"),
        window_explanation=f"{part} part",
        voi_lut_function=hd.VOILUTFunctionValues.LINEAR_EXACT,
    )


def _common(
    kind: str, frames: Frames, about: About, what: str,
    content: Sequence[Any],
) -> tuple[dict[str, Any], Any]:  # fmt: skip
    """Return what both kinds of object are made with (source, place, names, UIDs, date).

    And the character set, which is set afterwards.
    """
    first = frames.first
    header, character_set = header_for(frames.planes[0].sources[0])
    date, time = moment_of(header)
    header.SliceThickness = thickness = first.thickness_mm or frames.step_mm
    names = (kind, __version__, about.model, about.method)
    digest = digest_of(names, frames.planes, content)
    return {
        "source_images": [header],
        "series_instance_uid": uid_of(digest, "series"),
        "series_number": SERIES_NUMBERS[kind] + len(SERIES_NUMBERS) * about.number,
        "sop_instance_uid": uid_of(digest, "instance"),
        "instance_number": 1,
        "manufacturer": NAME,
        "manufacturer_model_name": NAME,
        "software_versions": __version__,
        "device_serial_number": "none",
        "content_description": about.titled(what),
        "series_description": about.titled(what),
        "content_creator_name": None,
        "content_date": date,
        "content_time": time,
        "pixel_measures": hd.PixelMeasuresSequence(
            pixel_spacing=first.spacing, slice_thickness=thickness
        ),
        "plane_orientation": hd.PlaneOrientationSequence(
            hd.CoordinateSystemNames.PATIENT, first.orientation
        ),
        "plane_positions": [
            hd.PlanePositionSequence(hd.CoordinateSystemNames.PATIENT, plane.position)
            for plane in frames.planes
        ],
    }, character_set


def _finish(made: Any, character_set: Any, planes: Sequence[FramePlane], derivation: Any) -> None:
    """Refer to the sources; take out what differs from run to run."""
    if character_set is not None:
        made.SpecificCharacterSet = character_set
    refer(made, planes, derivation)
    organisation = uid_of(made.SOPInstanceUID.encode(), "dimensions")
    made.DimensionOrganizationSequence[0].DimensionOrganizationUID = organisation
    for item in made.DimensionIndexSequence:
        item.DimensionOrganizationUID = organisation
    del made.InstanceCreationDate, made.InstanceCreationTime
    for item in made.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in item:
            del item.ContributionDateTime
