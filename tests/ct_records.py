"""Records of `convert` in the form that `annotate` reads, made by hand from DICOM slices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from rightreason.ct_record import CtRecord
from rightreason.identifiers import uid_digest
from rightreason.images import Grid, save

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def record_of(slices: Sequence[Dataset], grid: Grid, case: str = "a") -> dict[str, Any]:
    """What `convert` would record of these slices, in their order along the last axis of `grid`."""
    first = slices[0]
    cosines = np.array(first.ImageOrientationPatient, dtype=float).reshape(2, 3) * LPS_TO_RAS
    rows_mm, columns_mm = (float(mm) for mm in first.PixelSpacing)
    origins = [np.array(s.ImagePositionPatient, dtype=float) * LPS_TO_RAS for s in slices]
    return {
        "case": case,
        "slice_axis": 2,
        "acquired": [
            {"position_mm": 0.0, "origin_mm": origin.tolist(),
             "instance": uid_digest(case, s.SOPInstanceUID)}
            for s, origin in zip(slices, origins, strict=True)
        ],
        "plane": {
            "columns": int(first.Columns), "rows": int(first.Rows),
            "column_mm": (cosines[0] * columns_mm).tolist(),
            "row_mm": (cosines[1] * rows_mm).tolist(),
        },
        "identifiers": {
            "frame_of_reference": uid_digest(case, first.FrameOfReferenceUID),
            "study": uid_digest(case, first.StudyInstanceUID),
            "series": uid_digest(case, first.SeriesInstanceUID),
        },
    }  # fmt: skip


def write_ct(folder: Path, slices: Sequence[Dataset], grid: Grid) -> Path:
    """Write `ct.nii.gz` (all zeros) and `ct.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    save(folder / "ct.nii.gz", np.zeros(grid.shape, np.int16), grid.affine, np.int16)
    (folder / "ct.json").write_text(json.dumps(record_of(slices, grid)))
    return folder


def read_ct(folder: Path, slices: Sequence[Dataset], grid: Grid) -> CtRecord:
    """Return the record as `annotate` sees it."""
    write_ct(folder, slices, grid)
    return CtRecord.read(folder / "ct.json", grid)
