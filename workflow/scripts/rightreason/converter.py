"""dcm2niix on one chosen stack of slices, and the proof of what it wrote.

Its exit code proves nothing: it is 0 with slices missing, with one too many, and with wrong values.
So the volume is held against the headers and against pixels that pydicom decoded.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from rightreason.dicom_geometry import Stack
from rightreason.dicom_pixels import hounsfield_values, rewrite_plainly, undecodable
from rightreason.errors import InputError
from rightreason.images import Grid, Volume

PROVED_SLICES = 5
ROUNDED_MM = 0.001
_PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


class _RefusedError(Exception):
    """What dcm2niix wrote is not the volume that the headers describe."""


def convert_stack(case: str, stack: Stack, timeout_s: float) -> tuple[Volume, list[str]]:
    """Convert a stack of slices with dcm2niix and prove the result.

    What dcm2niix does not read or place rightly (some encodings and multi-frame files, repeated
    instance numbers, positions rounded in the headers, since it takes the spacing from the first
    two) is rewritten as plain single slices on the headers' grid, and tried once more.

    Returns
    -------
    volume : Volume
        HU; int16, or float32 where HU are not whole numbers of 16 bits.
    corrections : list of str
        What had to be done beyond the plain conversion.

    Raises
    ------
    InputError
        When there is no volume, or it disagrees with the headers or with the decoded pixels.
    """
    corrections: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rightreason-") as name:
        linked, rewritten = _folder(name, "linked"), _folder(name, "rewritten")
        for number, path in enumerate(sorted({item.path for item in stack.slices})):
            (linked / f"{number:05d}.dcm").symlink_to(path.resolve())
        try:
            try:
                volume = _run(case, linked, stack.grid, timeout_s)
            except _RefusedError:
                corrections = _reasons_to_rewrite(stack)
                if not corrections:
                    raise
                rewrite_plainly(stack, rewritten)
                volume = _run(case, rewritten, stack.grid, timeout_s)
        except _RefusedError as refusal:
            raise InputError(_explain(case, stack, refusal)) from refusal
    _prove_values(case, stack, volume)
    return volume, corrections


def _reasons_to_rewrite(stack: Stack) -> list[str]:
    reasons = []
    if any(item.frame is not None for item in stack.slices):
        reasons.append("frames that dcm2niix does not place were rewritten as single slices")
    elif any(item.pixel_format[3] not in _PLAIN for item in stack.slices):
        reasons.append("files that dcm2niix does not read were rewritten uncompressed")
    numbers = {item.instance_number for item in stack.slices if item.frame is None}
    if numbers and (len(numbers) < len(stack.slices) or None in numbers):
        reasons.append("instance numbers that are missing or repeated were given anew")
    if stack.rounding_mm > ROUNDED_MM:
        reasons.append(
            f"slice positions, rounded in the headers by up to {stack.rounding_mm:.3f} mm, were "
            "evened out"
        )
    return reasons


def _folder(parent: str, name: str) -> Path:
    folder = Path(parent) / name
    folder.mkdir()
    return folder


def _binary() -> str:
    try:
        return str(importlib.import_module("dcm2niix").bin)
    except ImportError:
        found = shutil.which("dcm2niix")
    if not found:
        raise InputError("dcm2niix is not installed: `pip install dcm2niix`.")
    return found


def _run(case: str, folder: Path, expected: Grid, timeout_s: float) -> Volume:
    """Run dcm2niix on a folder; return its one volume, whose grid is the one expected."""
    out = Path(tempfile.mkdtemp(dir=folder.parent))
    command = [_binary(), "-g", "i", "-b", "n", "-z", "n", "-m", "y", "-x", "i", "-d", "0"]
    try:
        done = subprocess.run(
            [*command, "-f", "volume", "-o", str(out), str(folder)],
            capture_output=True, timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"Case {case}: dcm2niix took more than {timeout_s:g} s. Raise `convert: timeout_s` "
            "if the series is that large."
        ) from error
    written = sorted(path for path in out.iterdir() if path.suffix == ".nii")
    if len(written) != 1:
        raise _RefusedError(
            f"dcm2niix (exit code {done.returncode}) wrote {len(written)} volumes instead of one"
        )
    try:
        volume = _load_hounsfield(written[0])
    except Exception as error:
        raise _RefusedError(f"dcm2niix wrote a file that cannot be read ({error})") from error
    difference = expected.difference(_along_slices(volume, expected).grid)
    if difference:
        raise _RefusedError(
            f"the headers describe another volume than dcm2niix made of them: {difference}"
        )
    return volume


def _load_hounsfield(path: Path) -> Volume:
    """Read what dcm2niix wrote without a detour through float64."""
    image: Any = nib.Nifti1Image.from_filename(path)
    raw = np.asarray(image.dataobj.get_unscaled())
    if raw.ndim != 3 or raw.dtype.kind not in "iuf":
        raise ValueError(f"{raw.dtype} of shape {raw.shape}")
    slope, intercept = float(image.dataobj.slope), float(image.dataobj.inter)
    grid = Grid((raw.shape[0], raw.shape[1], raw.shape[2]), np.asarray(image.affine))
    return Volume(_rescaled(raw, slope, intercept), grid)


def _rescaled(raw: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    low, high = sorted(float(end) * slope + intercept for end in (raw.min(), raw.max()))
    whole = raw.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer()
    if whole and low >= -32768 and high <= 32767 and max(abs(slope), abs(intercept)) <= 32767:
        # 16-bit arithmetic wraps: a step may leave the range when the result does not.
        values = raw.astype(np.int16)
        values *= np.int16(slope)
        values += np.int16(intercept)
        return np.asarray(values)
    return as_hounsfield(raw.astype(np.float64) * slope + intercept)


def as_hounsfield(values: NDArray[Any]) -> NDArray[Any]:
    """Return values as int16 where that loses nothing, else as float32."""
    if values.min() >= -32768 and values.max() <= 32767:
        whole = values.astype(np.int16)
        if values.dtype.kind in "iu" or np.array_equal(whole, values):
            return np.asarray(whole)
    return np.asarray(values.astype(np.float32))


def _along_slices(volume: Volume, grid: Grid) -> Volume:
    """Reorder axes so that they run as those of `grid`: column, row, slice."""
    steps = np.linalg.inv(grid.affine[:3, :3]) @ volume.grid.affine[:3, :3]
    order = np.abs(steps).argmax(axis=1).tolist()
    if sorted(order) != [0, 1, 2]:
        return volume
    data, affine = volume.data.transpose(order), volume.grid.affine[:, [*order, 3]].copy()
    for axis in range(3):
        if steps[axis, order[axis]] < 0:
            affine[:3, 3] += affine[:3, axis] * (data.shape[axis] - 1)
            affine[:3, axis] *= -1
            data = np.flip(data, axis)
    return Volume(data, Grid((data.shape[0], data.shape[1], data.shape[2]), affine))


def slice_order(stack: Stack, grid: Grid) -> tuple[int, list[int]]:
    """Return the slice axis of `grid` and, along it, the place of each slice in the stack."""
    steps = np.linalg.inv(stack.grid.affine[:3, :3]) @ grid.affine[:3, :3]
    axis = int(np.abs(steps[2]).argmax())
    order = list(range(len(stack.slices)))
    return axis, order if steps[2, axis] > 0 else order[::-1]


def _prove_values(case: str, stack: Stack, volume: Volume) -> None:
    """Hold slices spread over the volume, and one of each pixel format, against pydicom."""
    data = _along_slices(volume, stack.grid).data
    count = len(stack.slices)
    chosen = set(np.linspace(0, count - 1, min(PROVED_SLICES, count)).round().astype(int).tolist())
    formats = [(s.pixel_format, s.rescale) for s in stack.slices]
    chosen |= {formats.index(kind) for kind in set(formats)}
    problems = []
    for index in sorted(chosen):
        item = stack.slices[index]
        try:
            expected = hounsfield_values(item)
        except InputError as error:
            problems.append(str(error))
            continue
        found = data[:, :, index].T.astype(np.float64)
        tolerance = 0.0 if data.dtype == np.int16 else 1e-6 * max(1.0, np.abs(expected).max())
        wrong = np.abs(found - expected) > tolerance
        if wrong.any():
            problems.append(
                f"{item.path.name}: {int(wrong.sum())} pixels differ; dcm2niix reads "
                f"{found.min():g} to {found.max():g} HU, pydicom {expected.min():g} to "
                f"{expected.max():g}"
            )
    if problems:
        raise InputError.of(
            f"Case {case}: the values of the volume could not be proved. Two decoders must agree; "
            "have these files exported again, uncompressed:",
            problems,
        )


def _explain(case: str, stack: Stack, refusal: Exception) -> str:
    problems = undecodable(stack.slices) or [str(refusal)]
    return str(
        InputError.of(
            f"Case {case}: no volume could be made of the {len(stack.slices)} slices. Export the "
            "series again, uncompressed; damaged files are named here:",
            problems,
        )
    )
