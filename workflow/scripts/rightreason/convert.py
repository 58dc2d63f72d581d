"""Stage `convert`: one proved CT volume per case, in HU and in patient space."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from rightreason import images
from rightreason.converter import as_hounsfield, convert_stack, slice_order
from rightreason.dicom_geometry import stack_slices
from rightreason.dicom_headers import read_headers
from rightreason.dicom_series import choose
from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.placed_nifti import load_placed

HU_TYPES = ("", "HU", "US", "HU_MOD")


def convert_case(
    case: str,
    image: Path,
    series: str | None,
    volume: Path,
    record: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write a case's CT as NIfTI and, beside it, the record of what it was made from.

    Parameters
    ----------
    case : str
        The case's id, for the record and for error sentences.
    image : path
        A folder of DICOM files, one multi-frame DICOM file, or a NIfTI file.
    series : str or None
        Which series to take when the folder holds several (SeriesInstanceUID, or the short index
        that the error for several series shows).
    volume : path
        The `.nii.gz` to write: HU, int16, or float32 where HU are not whole numbers.
    record : path
        The `.json` to write; it holds no name, id, date or UID of the patient.
    settings : mapping
        `timeout_s`: how long dcm2niix may take.

    Raises
    ------
    InputError
        When `image` holds no CT volume, more than one, or one that cannot be proved.
    """
    image, series = Path(image), (series or "").strip() or None
    if not image.exists():
        raise InputError(
            f"Case {case}: {image} does not exist; correct the column `image` of the case table."
        )
    if image.is_file() and image.name.lower().endswith((".nii", ".nii.gz")):
        ct, notes = _from_nifti(case, image)
    else:
        ct, notes = _from_dicom(case, image, series, float(settings["timeout_s"]))
    _check_hounsfield(case, ct.data)
    notes = {"case": case, **_describe(ct.grid), **notes}
    images.save(volume, ct.data, ct.grid.affine, ct.data.dtype)
    images.write_whole(record, (json.dumps(notes, sort_keys=True, indent=1) + "\n").encode())


def _describe(grid: Grid) -> dict[str, Any]:
    return {
        "shape": list(grid.shape),
        "affine": (np.round(grid.affine, 6) + 0.0).tolist(),
        "spacing_mm": [round(edge, 6) for edge in grid.spacing_mm],
        "orientation": "".join(nib.aff2axcodes(grid.affine)),
    }


def _from_dicom(
    case: str, image: Path, series: str | None, timeout_s: float
) -> tuple[Volume, dict[str, Any]]:
    headers = read_headers(case, image)
    slices = choose(case, image, headers, series)
    stack = stack_slices(case, slices)
    first = stack.slices[0]
    kinds = sorted({s.rescale_type for s in slices if s.rescale_type.upper() not in HU_TYPES})
    if kinds:
        raise InputError(
            f"Case {case}: the values of the series are {', '.join(kinds)}, not HU "
            "(RescaleType). Name a CT series in HU in the column `series`."
        )
    ct, corrections = convert_stack(case, stack, timeout_s)
    axis, order = slice_order(stack, ct.grid)
    places = _positions(ct.grid, axis)
    uid = first.series.frame_of_reference
    return ct, {
        "source": "dicom",
        "slice_axis": axis,
        "slices": [
            {
                "index": stack.slices[k].file,
                "frame": stack.slices[k].frame,
                "instance_number": stack.slices[k].instance_number,
                "position_mm": place,
            }
            for k, place in zip(order, places, strict=True)
        ],
        "manufacturer": first.series.manufacturer,
        "scanner": first.series.scanner,
        "kernel": first.series.kernel,
        "slice_thickness_mm": first.thickness_mm,
        "left_out": [
            {"reason": reason, "files": files} for reason, files in sorted(headers.left_out.items())
        ],
        "corrections": corrections,
        "frame_of_reference": hashlib.sha256(uid.encode()).hexdigest()[:16] if uid else None,
    }


def _from_nifti(case: str, image: Path) -> tuple[Volume, dict[str, Any]]:
    try:
        given = load_placed(image)
    except InputError as error:
        raise InputError(f"Case {case}: {error}") from error
    _check_numbers(case, given.data)
    ct = Volume(as_hounsfield(given.data), given.grid)
    # Nothing in a NIfTI file says how it was sliced; CT is, along the body.
    axis = int(np.abs(ct.grid.affine[2, :3] / ct.grid.spacing_mm).argmax())
    return ct, {
        "source": "nifti",
        "slice_axis": axis,
        "slices": [
            {"index": k, "frame": None, "instance_number": None, "position_mm": place}
            for k, place in enumerate(_positions(ct.grid, axis))
        ],
        "manufacturer": "",
        "scanner": "",
        "kernel": "",
        "slice_thickness_mm": None,
        "left_out": [],
        "corrections": [],
        "frame_of_reference": None,
    }


def _positions(grid: Grid, axis: int) -> list[float]:
    """Return each slice's place along the direction in which the slice axis runs, in mm (RAS+)."""
    direction = grid.affine[:3, axis] / grid.spacing_mm[axis]
    start = float(grid.affine[:3, 3] @ direction)
    return [round(start + k * grid.spacing_mm[axis], 3) for k in range(grid.shape[axis])]


def _check_numbers(case: str, data: NDArray[Any]) -> None:
    if data.dtype.kind not in "iuf":
        raise InputError(f"Case {case}: the image holds {data.dtype}, not one number per voxel.")
    if not np.isfinite(data).all():
        raise InputError(
            f"Case {case}: {int((~np.isfinite(data)).sum())} voxels are not finite numbers; "
            "give them the HU of air (-1024) and save the image again."
        )


def _check_hounsfield(case: str, data: NDArray[Any]) -> None:
    """Refuse values that cannot be HU: CT holds fat or air, below 0, and spans a wide range."""
    low, high = float(data.min()), float(data.max())
    if not (-32768 <= low < 0 and high <= 65535 and high - low >= 100):
        raise InputError(
            f"Case {case}: the values run from {low:g} to {high:g}, which cannot be Hounsfield "
            "units (fat and air lie below 0, and tissues hundreds apart). Give the CT itself, "
            "neither windowed nor normalised nor shifted."
        )
