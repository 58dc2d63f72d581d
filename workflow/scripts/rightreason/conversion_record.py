"""The record of a conversion: what a volume was made of, and nothing that names the patient."""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from rightreason.dicom_geometry import LPS_TO_RAS, Stack
from rightreason.dicom_headers import Headers
from rightreason.dicom_slices import Slice, kernels_of
from rightreason.identifiers import uid_digest
from rightreason.images import Grid
from rightreason.slice_axes import slice_order


def grid_record(grid: Grid) -> dict[str, Any]:
    """Describe the volume's own grid."""
    return {
        "shape": list(grid.shape),
        "affine": (np.round(grid.affine, 6) + 0.0).tolist(),
        "spacing_mm": [round(edge, 6) for edge in grid.spacing_mm],
        "orientation": "".join(nib.aff2axcodes(grid.affine)),
    }


def positions(grid: Grid, axis: int) -> list[float]:
    """Return each slice's place along the direction in which the slice axis runs, in mm (RAS+)."""
    start = _start(grid, axis)
    return [round(start + k * grid.spacing_mm[axis], 3) for k in range(grid.shape[axis])]


def _start(grid: Grid, axis: int) -> float:
    return float(grid.affine[:3, 3] @ (grid.affine[:3, axis] / grid.spacing_mm[axis]))


def dicom_record(
    case: str, headers: Headers, stack: Stack, grid: Grid, corrections: list[str]
) -> dict[str, Any]:
    """Describe a volume made of DICOM slices.

    Parameters
    ----------
    case : str
        Salts the digests of UIDs.
    headers : Headers
        What the folder held, with what was left out.
    stack : Stack
        The acquired slices.
    grid : Grid
        Of the volume.
    corrections : list of str
        What had to be done beyond the plain conversion.
    """
    axis, order = slice_order(stack, grid)
    first = stack.slices[0]
    series = first.series
    uids = {
        "frame_of_reference": series.frame_of_reference,
        "study": series.study_uid,
        "series": series.uid,
    }
    acquired = [stack.slices[k] for k in order]
    return {
        "source": "dicom",
        "slice_axis": axis,
        "slices": _slices(stack, acquired, order, positions(grid, axis)),
        "acquired": [_acquired(case, item, grid, axis) for item in acquired],
        "plane": {
            "columns": first.columns,
            "rows": first.rows,
            "column_mm": _ras(np.array(first.orientation[:3]) * first.spacing[1]),
            "row_mm": _ras(np.array(first.orientation[3:]) * first.spacing[0]),
        },
        "geometry": stack.geometry,
        "identifiers": {kind: uid_digest(case, uid) for kind, uid in uids.items()},
        "manufacturer": series.manufacturer,
        "scanner": series.scanner,
        "kernel": kernels_of(acquired),
        "slice_thickness_mm": first.thickness_mm,
        "left_out": [
            {"reason": reason, "files": files} for reason, files in sorted(headers.left_out.items())
        ],
        "corrections": corrections,
    }


def _slices(
    stack: Stack, acquired: list[Slice], order: list[int], places: list[float]
) -> list[dict[str, Any]]:
    """Trace each slice of the volume to a file, or to the two that it was interpolated between."""
    if stack.correction is None:
        made_of = [(k, k) for k in order]
    else:
        made_of = list(
            zip(stack.correction.lower.tolist(), stack.correction.upper.tolist(), strict=True)
        )
        made_of = made_of if order[0] == 0 else made_of[::-1]
    entries = []
    for (low, high), place in zip(made_of, places, strict=True):
        between = sorted((order.index(low), order.index(high)))
        item = acquired[between[0]] if low == high else None
        entries.append({
            "index": item.file if item else None,
            "frame": item.frame if item else None,
            "instance_number": item.instance_number if item else None,
            "position_mm": place,
            "between": None if item else between,
        })  # fmt: skip
    return entries


def _acquired(case: str, item: Slice, grid: Grid, axis: int) -> dict[str, Any]:
    origin = np.append(LPS_TO_RAS[:3, :3] @ item.position, 1.0)
    along = float((np.linalg.inv(grid.affine) @ origin)[axis])
    return {
        "position_mm": round(_start(grid, axis) + along * grid.spacing_mm[axis], 3),
        "origin_mm": [round(float(v), 6) for v in origin[:3]],
        "instance": uid_digest(case, item.uid),
    }


def _ras(lps: NDArray[np.float64]) -> list[float]:
    return [round(float(v), 9) + 0.0 for v in LPS_TO_RAS[:3, :3] @ lps]


def nifti_record(grid: Grid) -> dict[str, Any]:
    """Describe a volume that was given as NIfTI."""
    # Nothing in a NIfTI file says how it was sliced; CT is, along the body.
    axis = int(np.abs(grid.affine[2, :3] / grid.spacing_mm).argmax())
    nobody = {"index": None, "frame": None, "instance_number": None, "between": None}
    return {
        "source": "nifti",
        "slice_axis": axis,
        "slices": [
            {**nobody, "index": k, "position_mm": place}
            for k, place in enumerate(positions(grid, axis))
        ],
        "acquired": [],
        "plane": None,
        "geometry": None,
        "identifiers": dict.fromkeys(("frame_of_reference", "study", "series")),
        "manufacturer": "",
        "scanner": "",
        "kernel": "",
        "slice_thickness_mm": None,
        "left_out": [],
        "corrections": [],
    }
