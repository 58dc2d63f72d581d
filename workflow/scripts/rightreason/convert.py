"""Stage `convert`: one proved CT volume per case, in HU and in patient space."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import images
from rightreason.conversion_record import dicom_record, grid_record, nifti_record, positions
from rightreason.convert_words import REPEATED
from rightreason.converter import as_hounsfield, convert_stack
from rightreason.dicom_geometry import Policies, Stack, stack_slices
from rightreason.dicom_headers import read_headers
from rightreason.dicom_series import choose
from rightreason.dicom_texts import discreet
from rightreason.errors import InputError
from rightreason.images import Volume
from rightreason.nifti_names import is_nifti
from rightreason.placed_nifti import load_placed
from rightreason.slice_axes import along_axes_of, slice_order
from rightreason.stack_diagnosis import name
from rightreason.unpacking import MOST_BYTES, MOST_TOLD
from rightreason.whole import write_whole

HU_TYPES = ("", "HU", "US", "HU_MOD")


@discreet()
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
        The section `convert` of the config: `timeout_s`, how long dcm2niix may take, and the
        policies `gap`, `uneven_spacing`, `tilt`, `repeated_position`; one not given refuses.

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
    if is_nifti(image):
        ct, notes = _from_nifti(case, image)
    else:
        ct, notes = _from_dicom(case, image, series, settings)
    _check_hounsfield(case, ct.data)
    notes = {"case": case, **grid_record(ct.grid), **notes}
    images.save(volume, ct.data, ct.grid.affine, ct.data.dtype)
    write_whole(record, (json.dumps(notes, sort_keys=True, indent=1) + "\n").encode())


def _from_dicom(
    case: str, image: Path, series: str | None, settings: Mapping[str, Any]
) -> tuple[Volume, dict[str, Any]]:
    headers = read_headers(case, image)
    slices = choose(case, image, headers, series)
    stack = stack_slices(case, slices, Policies.of(settings))
    kept = {item.file for item in stack.slices}
    repeated = sorted({item.file for item in stack.repeated} - kept)
    if repeated:
        headers.leave_out(REPEATED, repeated)
    _check_values(case, stack)
    _check_size(case, stack)
    acquired, corrections = convert_stack(case, stack, float(settings["timeout_s"]))
    ct, corrected = _corrected(stack, acquired)
    return ct, dicom_record(case, headers, stack, ct.grid, corrections + stack.notes + corrected)


def _corrected(stack: Stack, acquired: Volume) -> tuple[Volume, list[str]]:
    """Correct what the policies allow, in the axes in which the acquired slices came."""
    plan = stack.correction
    if plan is None:
        return acquired, []
    data = plan.apply(along_axes_of(acquired, stack.grid).data)
    ct = along_axes_of(Volume(data, plan.grid(stack.slices[0])), acquired.grid)
    axis, order = slice_order(stack, ct.grid)
    places = positions(ct.grid, axis)
    along_normal = places if order[0] == 0 else places[::-1]
    return ct, plan.notes(float(acquired.data.min()), along_normal)


def _check_values(case: str, stack: Stack) -> None:
    """Refuse slices whose headers do not say how stored values become HU."""
    unknown = [name(s) for s in stack.slices if not s.rescale]
    if unknown:
        shown = ", ".join(unknown[:5]) + (" ..." if unknown[5:] else "")
        raise InputError(
            f"Case {case}: nothing says how the stored values become HU in {len(unknown)} of the "
            f"{len(stack.slices)} slices ({shown}): every CT has a RescaleSlope, above 0, and a "
            "RescaleIntercept. Export the series again, or give it as NIfTI in HU."
        )
    kinds = {s.rescale_type for s in stack.slices if s.rescale_type.upper() not in HU_TYPES}
    if kinds:
        raise InputError(
            f"Case {case}: the values of the series are {', '.join(sorted(kinds))}, not HU "
            "(RescaleType). Name a CT series in HU in the column `series`."
        )


def _check_size(case: str, stack: Stack) -> None:
    """Refuse what headers claim beyond any CT before memory is asked for it."""
    shape = stack.grid.shape
    if stack.correction is not None:
        shape = stack.correction.size(*shape[:2])
    if 2 * math.prod(shape) > MOST_BYTES:
        raise InputError(
            f"Case {case}: the headers describe {shape[0]} x {shape[1]} x {shape[2]} voxels; more "
            f"than the {MOST_TOLD} of the largest CT. The headers are wrong, or "
            "the series is to be exported in parts."
        )


def _from_nifti(case: str, image: Path) -> tuple[Volume, dict[str, Any]]:
    try:
        given = load_placed(image, whole_ct=True)
    except InputError as error:
        raise InputError(f"Case {case}: {error}") from error
    _check_numbers(case, given.data)
    ct = Volume(as_hounsfield(given.data), given.grid)
    return ct, nifti_record(ct.grid)


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
