"""Attributes of a CT image, wherever classic and multi-frame files keep them, as plain values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

_GROUPS = {
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "GantryDetectorTilt": "CTAcquisitionDetailsSequence",
    "FrameType": "CTImageFrameTypeSequence",
    "ConvolutionKernel": "CTReconstructionSequence",
    "FrameAcquisitionNumber": "FrameContentSequence",
    "TemporalPositionIndex": "FrameContentSequence",
}
# Where a classic file's attributes went that its conversion to multi-frame had no group for.
_UNASSIGNED = (
    "UnassignedPerFrameConvertedAttributesSequence",
    "UnassignedSharedConvertedAttributesSequence",
)


def find(groups: Sequence[Any], header: Any, keyword: str) -> Any:
    """Look an attribute up: in the frame's own groups and the shared ones, then the top level."""
    for source in groups:
        places = (source.get(name) or [] for name in (_GROUPS[keyword], *_UNASSIGNED))
        for item in itertools.chain.from_iterable(places):
            if item.get(keyword) is not None:
                return item.get(keyword)
        if source.get(keyword) is not None:
            return source.get(keyword)
    return header.get(keyword)


def numbers_of(value: Any, count: int) -> tuple[float, ...]:
    """Return so many finite numbers, or an empty tuple."""
    numbers = tuple(float(part) for part in value) if value is not None and value != "" else ()
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else ()


def number_of(value: Any) -> float | None:
    """Return a number; None where there is none; `ValueError` where it is not finite."""
    if value is None or value == "":
        return None
    if not math.isfinite(number := float(value)):
        raise ValueError("not a finite number")
    return number


def integer_of(value: Any) -> int | None:
    """Return a whole number; None where there is none."""
    return None if value is None or value == "" else int(value)


def first_known(value: Any, otherwise: Any) -> Any:
    """Return the value unless it is None."""
    return otherwise if value is None else value
