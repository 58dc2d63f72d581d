"""The RTSTRUCT files of the embedded cohort.

Outlines run along the edges of the pixels, so that the pixels whose centres lie inside them are
the mask, no more and no less. A mask must have no holes to be outlined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.demo_canvas import Mask
from rightreason.demo_dicom import DATE, TIME, Geometry, base_dataset, uid
from rightreason.demo_plan import PlannedCase

MANUFACTURER = "rightreason demo"

Outline = NDArray[np.float64]


def write_rtstruct(
    path: Path,
    areas: Mapping[str, Mask],
    case: PlannedCase,
    source: Sequence[Any],
    geometry: Geometry,
    seed: int,
) -> None:
    """Write areas without holes as closed planar contours, one ROI each.

    Parameters
    ----------
    path : path
        Where to write.
    areas : mapping of str to (X, Y, Z) mask
        The ROIs by name; columns first, slices from the lowest up. `body` is the external one.
    case : PlannedCase
        Of which patient.
    source : sequence of pydicom.Dataset
        The CT slices from the lowest up.
    geometry : Geometry
        Where the masks lie.
    seed : int
        The cohort's seed, of which the UIDs are made.
    """
    from pydicom.uid import RTStructureSetStorage

    ds = base_dataset(case, seed, RTStructureSetStorage, uid(seed, case.case, "rtstruct"))
    ds.Modality, ds.Manufacturer = "RTSTRUCT", MANUFACTURER
    ds.SeriesInstanceUID = uid(seed, case.case, "rtstruct series")
    ds.SeriesNumber, ds.InstanceNumber = 20, 1
    ds.OperatorsName = ""
    ds.StructureSetLabel, ds.StructureSetDate, ds.StructureSetTime = "FINDINGS", DATE, TIME
    ds.ReferencedFrameOfReferenceSequence = [_referenced_frame(source)]
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    ds.RTROIObservationsSequence = []
    for number, (name, mask) in enumerate(areas.items(), 1):
        _add_roi(ds, number, name, _contours(mask, source, geometry))
    for roi in ds.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = source[0].FrameOfReferenceUID
    ds.ApprovalStatus = "UNAPPROVED"
    ds.save_as(path, enforce_file_format=True)


def _add_roi(ds: Any, number: int, name: str, contours: list[Any]) -> None:
    from pydicom.dataset import Dataset

    roi, contour, observed = Dataset(), Dataset(), Dataset()
    roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = number, name, "MANUAL"
    contour.ReferencedROINumber, contour.ROIDisplayColor = number, [255, 80 * number, 0]
    contour.ContourSequence = contours
    observed.ObservationNumber = observed.ReferencedROINumber = number
    observed.RTROIInterpretedType = "EXTERNAL" if name == "body" else ""
    observed.ROIInterpreter = ""
    ds.StructureSetROISequence.append(roi)
    ds.ROIContourSequence.append(contour)
    ds.RTROIObservationsSequence.append(observed)


def outlines(mask: Mask) -> list[Outline]:
    """Trace the edges of a slice's areas.

    Parameters
    ----------
    mask : (X, Y) mask
        One slice without holes; pixels that only touch at a corner are apart.

    Returns
    -------
    list of (N, 2) array
        Corner points in pixels, pixel centres being whole numbers; closed, the first not repeated.

    Examples
    --------
    >>> outlines(np.array([[True]]))[0].tolist()
    [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]
    """
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    padded = np.pad(mask, 1)
    # Each edge runs with the mask on its left hand in (x, y), so that edges join head to tail.
    for (dx, dy), (ax, ay), (bx, by) in (
        ((0, -1), (0, 0), (1, 0)), ((1, 0), (1, 0), (1, 1)),
        ((0, 1), (1, 1), (0, 1)), ((-1, 0), (0, 1), (0, 0)),
    ):  # fmt: skip
        edge = mask & ~padded[1 + dx : 1 + dx + mask.shape[0], 1 + dy : 1 + dy + mask.shape[1]]
        for x, y in np.argwhere(edge).tolist():
            following.setdefault((x + ax, y + ay), []).append((x + bx, y + by))
    loops = []
    while following:
        loops.append(_follow(following))
    return [_corners(np.array(loop)) - 0.5 for loop in loops]


def _contours(mask: Mask, source: Sequence[Any], geometry: Geometry) -> list[Any]:
    from pydicom.dataset import Dataset

    out = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))).tolist():
        for outline in outlines(mask[:, :, k]):
            points = np.empty((len(outline), 3))
            points[:, :2] = outline * geometry.pixel_mm + geometry.origin[:2]
            points[:, 2] = geometry.origin[2] + k * geometry.slice_mm
            item = Dataset()
            item.ContourImageSequence = [_reference(source[k])]
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(points)
            item.ContourData = [f"{v:.4f}" for v in points.ravel()]
            out.append(item)
    return out


def _referenced_frame(source: Sequence[Any]) -> Any:
    from pydicom.dataset import Dataset

    frame, study, series = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source[0].SeriesInstanceUID
    series.ContourImageSequence = [_reference(ds) for ds in source]
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    study.ReferencedSOPInstanceUID = source[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = source[0].FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _reference(ds: Any) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return item


def _follow(following: dict[tuple[int, int], list[tuple[int, int]]]) -> list[tuple[int, int]]:
    """Take one loop out of the edges; where two areas touch, stay with the one being traced."""
    start = point = min(following)
    loop: list[tuple[int, int]] = []
    step = (0, 0)
    while not loop or point != start:
        loop.append(point)
        choices = following[point]
        left = (point[0] - step[1], point[1] + step[0])
        ahead = choices.pop(choices.index(left) if left in choices else 0)
        if not choices:
            del following[point]
        step = (ahead[0] - point[0], ahead[1] - point[1])
        point = ahead
    return loop


def _corners(loop: NDArray[np.int64]) -> Outline:
    before, after = loop - np.roll(loop, 1, axis=0), np.roll(loop, -1, axis=0) - loop
    return np.asarray(loop[(before != after).any(axis=1)], dtype=np.float64)
