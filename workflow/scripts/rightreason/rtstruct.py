"""Annotations as contours of a treatment-planning system (DICOM RTSTRUCT)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.contours import fill_contours
from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.roi_choice import check_frame, choose_rois

_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def read_rtstruct(path: Path, roi: str | None, ct: Grid, frame: str | None) -> Volume:
    """Read closed planar contours and fill them on the CT's pixels.

    Parameters
    ----------
    path : path
        The file.
    roi : str or None
        An ROI's name or number; None takes all.
    ct : Grid
        Grid of the CT.
    frame : str or None
        Digest of the CT's FrameOfReferenceUID.

    Returns
    -------
    Volume
        The union of the ROIs; within each, even-odd filling makes holes (see `fill_contours`).

    Raises
    ------
    InputError
        When it cannot be read, is of another frame of reference, has no such ROI, or holds
        contours that are not closed and planar.
    """
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset: Any = pydicom.dcmread(path)
            named = [
                (int(r.ROINumber), str(r.get("ROIName") or ""),
                 str(r.get("ReferencedFrameOfReferenceUID") or ""))
                for r in dataset.StructureSetROISequence
            ]  # fmt: skip
            drawn = {int(r.ReferencedROINumber): r for r in dataset.get("ROIContourSequence") or []}
        except Exception as error:
            raise InputError(f"{path.name} cannot be read as RTSTRUCT ({error}).") from error
        chosen = choose_rois(roi, [(number, name) for number, name, _ in named], path.name)
        rois = {}
        for index in chosen:
            number, name, uid = named[index]
            check_frame(uid, frame, path.name)
            if number in drawn:
                label = f"{path.name}, ROI {number} ({name})"
                try:
                    rois[label] = _contours(drawn[number], label)
                except InputError:
                    raise
                except Exception as error:
                    raise InputError(f"{label} holds a damaged contour ({error}).") from error
    return fill_contours(rois, ct)


def _contours(roi: Any, label: str) -> list[NDArray[np.float64]]:
    """Return the contours of one ROI as (points, 3) arrays of RAS+ mm."""
    contours = []
    for contour in roi.get("ContourSequence") or []:
        kind = str(contour.get("ContourGeometricType"))
        if kind not in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
            raise InputError(
                f"{label} holds a contour of type {kind}; only CLOSED_PLANAR contours enclose an "
                "area. Name another ROI in the column `roi`, or export the contours closed."
            )
        points = _points(contour)
        if not np.isfinite(points).all():
            raise InputError(f"{label} holds a contour with points that are not finite.")
        if len(points) >= 3:
            contours.append(points * _LPS_TO_RAS)
    return contours


def _points(contour: Any) -> NDArray[np.float64]:
    """Parse the coordinates straight from the file: as pydicom values they take a second."""
    value = contour.get_item("ContourData").value
    if isinstance(value, bytes):
        value = value.decode("ascii").rstrip("\0 ").split("\\")
    return np.array(value, dtype=np.float64).reshape(-1, 3)
