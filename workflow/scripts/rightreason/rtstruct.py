"""Annotations as contours of a treatment-planning system (DICOM RTSTRUCT)."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.contours import fill_contours
from rightreason.ct_record import CtRecord
from rightreason.dicom_annotations import items, read_dataset, uids
from rightreason.errors import InputError
from rightreason.images import Volume
from rightreason.provenance import DrawnPlane, Provenance, check_provenance
from rightreason.roi_choice import choose_rois

log = logging.getLogger(__name__)

_SAME_DECIMALS = 2
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
_STUDY = ("ReferencedFrameOfReferenceSequence", "RTReferencedStudySequence")
_IMAGES = (*_STUDY, "RTReferencedSeriesSequence", "ContourImageSequence")


@dataclass(frozen=True)
class Contour:
    """A closed contour in RAS+ mm, (points, 3), and the SOPInstanceUIDs it was drawn on."""

    points: NDArray[np.float64]
    instances: Sequence[str]


def read_rtstruct(path: Path, roi: str | None, ct: CtRecord) -> Volume:
    """Read closed planar contours and fill them on the CT's pixels.

    Parameters
    ----------
    path : path
        The file.
    roi : str or None
        An ROI's name or number; None takes all.
    ct : CtRecord
        The CT.

    Returns
    -------
    Volume
        The union of the ROIs; within each, even-odd filling makes holes (see `fill_contours`).

    Raises
    ------
    InputError
        When it cannot be read, belongs to another study (see `check_provenance`), has no such ROI,
        or holds contours that are not closed and planar.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = read_dataset(path)
            named = [(int(r.ROINumber), str(r.get("ROIName") or ""))
                     for r in dataset.StructureSetROISequence]  # fmt: skip
            drawn = {int(r.ReferencedROINumber): r for r in items(dataset, "ROIContourSequence")}
        except Exception as error:
            raise InputError(
                f"{path.name} cannot be read as RTSTRUCT ({type(error).__name__})."
            ) from error
        chosen, rois = choose_rois(roi, named, path.name), {}
        for index in chosen:
            number, name = named[index]
            if number in drawn:
                label = f"{path.name}, ROI {number} ({name})"
                try:
                    rois[label] = _contours(drawn[number], label)
                except InputError:
                    raise
                except Exception as error:
                    raise InputError(
                        f"{label} holds a damaged contour ({type(error).__name__})."
                    ) from error
        try:
            frames = sorted({_frame(dataset, index) for index in chosen})
            said = [_provenance(dataset, frame, rois, ct) for frame in frames]
        except Exception as error:
            raise InputError(
                f"{path.name} cannot be read as RTSTRUCT ({type(error).__name__})."
            ) from error
        for provenance in said:
            check_provenance(provenance, ct, path.name)
    points = {label: [contour.points for contour in rois[label]] for label in rois}
    return fill_contours(points, ct.grid, ct.stack)


def _frame(dataset: Any, index: int) -> str:
    """Return the FrameOfReferenceUID of an ROI: its own, or the only one the file names."""
    own = dataset.StructureSetROISequence[index].get("ReferencedFrameOfReferenceUID")
    named = set(uids(items(dataset, "ReferencedFrameOfReferenceSequence"), "FrameOfReferenceUID"))
    only = named.pop() if len(named) == 1 else dataset.get("FrameOfReferenceUID")
    return str(own or only or "")


def _provenance(
    dataset: Any, frame: str, rois: Mapping[str, Sequence[Contour]], ct: CtRecord
) -> Provenance:
    return Provenance(
        frame=frame,
        studies=uids([dataset], "StudyInstanceUID")
        + uids(items(dataset, *_STUDY), "ReferencedSOPInstanceUID"),
        planes=[
            DrawnPlane(
                f"a contour of {label.partition(', ')[2]}", ct.place(contour.points.mean(axis=0)),
                contour.instances,
            )
            for label, contours in rois.items() for contour in contours
        ],
        instances=uids(items(dataset, *_IMAGES), "ReferencedSOPInstanceUID"),
    )  # fmt: skip


def _contours(roi: Any, label: str) -> list[Contour]:
    contours, seen = [], set()
    for contour in items(roi, "ContourSequence"):
        kind = str(contour.get("ContourGeometricType"))
        if kind not in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
            raise InputError(
                f"{label} holds a contour of type {kind}; only CLOSED_PLANAR contours enclose an "
                "area. Name another ROI in the column `roi`, or export the contours closed."
            )
        points = _points(contour)
        if not np.isfinite(points).all():
            raise InputError(f"{label} holds a contour with points that are not finite.")
        place = np.round(points, _SAME_DECIMALS).tobytes()
        if place in seen and kind == "CLOSED_PLANAR":
            # Drawn or exported twice; by even-odd, the two would leave nothing.
            log.info("%s: a contour that is there twice is taken once", label.partition(",")[0])
            continue
        seen.add(place)
        if len(points) >= 3:
            drawn_on = uids(items(contour, "ContourImageSequence"), "ReferencedSOPInstanceUID")
            contours.append(Contour(points * _LPS_TO_RAS, drawn_on))
    return contours


def _points(contour: Any) -> NDArray[np.float64]:
    """Parse the coordinates straight from the file: as pydicom values they take a second."""
    value = contour.get_item("ContourData").value
    if isinstance(value, bytes):
        value = value.decode("ascii").rstrip("\0 ").split("\\")
    return np.array(value, dtype=np.float64).reshape(-1, 3)
