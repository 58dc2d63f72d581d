"""Annotations as DICOM segmentations (SEG), through highdicom."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.roi_choice import check_frame, choose_rois

FRACTION_THRESHOLD = 0.5
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_segmentation(path: Path, roi: str | None, frame: str | None) -> Volume:
    """Read a DICOM SEG: binary, fractional (from a half on) or label map; segments may overlap.

    Parameters
    ----------
    path : path
        The file.
    roi : str or None
        A segment's label or number; None takes all.
    frame : str or None
        Digest of the CT's FrameOfReferenceUID.

    Raises
    ------
    InputError
        When it cannot be read as a regular volume, is of another frame of reference, or has no
        such segment.
    """
    from highdicom.seg import segread

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            segmentation: Any = segread(path)
            uid = str(segmentation.get("FrameOfReferenceUID") or "")
            rois = [
                (int(s.SegmentNumber), str(s.SegmentLabel)) for s in segmentation.SegmentSequence
            ]
        except Exception as error:
            raise InputError(f"{path.name} cannot be read as DICOM SEG ({error}).") from error
        check_frame(uid, frame, path.name)
        numbers = [rois[i][0] for i in choose_rois(roi, rois, path.name)]
        try:
            volume = segmentation.get_volume(segment_numbers=numbers, combine_segments=False)
        except Exception as error:
            raise InputError(
                f"{path.name} is no regular volume of segments ({error}). Export it again on the "
                "grid of the CT."
            ) from error
    fractional = segmentation.SegmentationType == "FRACTIONAL"
    mask = (volume.array >= FRACTION_THRESHOLD if fractional else volume.array > 0).any(axis=-1)
    return Volume(
        mask, Grid((mask.shape[0], mask.shape[1], mask.shape[2]), _LPS_TO_RAS @ volume.affine)
    )
