"""dcm2niix on one chosen stack of slices, and the proof of what it wrote.

Its exit code proves nothing: it is 0 with slices missing, with one too many, and with wrong values.
So the volume is held against the headers and against pixels that pydicom decoded.
"""

from __future__ import annotations

import errno
import importlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from rightreason import convert_words as words
from rightreason.dicom_geometry import LPS_TO_RAS, Stack
from rightreason.dicom_pixels import rewrite_plainly, undecodable
from rightreason.errors import InputError
from rightreason.images import GRID_TOLERANCE_MM, Grid, Volume
from rightreason.slice_axes import along_axes_of, slice_order
from rightreason.value_proof import UnprovedError, prove_values

ROUNDED_MM = 0.001
_PLAIN = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
# What it adds of its own accord and is never used: corrections that nothing can be held against,
# and the overlays of files.
_EXTRA = re.compile(r"volume_((Tilt_)?Eq_1|Tilt_1|ROI\d+)\.nii")


class _RefusedError(Exception):
    """What dcm2niix wrote is not the volume that the headers describe."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def convert_stack(case: str, stack: Stack, timeout_s: float) -> tuple[Volume, list[str]]:
    """Convert a stack of slices with dcm2niix and prove the result.

    What dcm2niix does not read, place or decode rightly (some encodings and multi-frame files,
    repeated instance numbers, positions rounded in the headers, since it takes the spacing from the
    first two) is rewritten as plain single slices on the stack's grid, and tried once more.

    Returns
    -------
    volume : Volume
        The acquired slices in HU; int16, or float32 where HU are not whole numbers of 16 bits.
        Where the stack has a correction, its grid is true for the first slice and the plane only.
    corrections : list of str
        What had to be done beyond the plain conversion.

    Raises
    ------
    InputError
        When there is no volume, or it disagrees with the headers or with the decoded pixels.
    """
    with tempfile.TemporaryDirectory(prefix="rightreason-") as name:
        linked, rewritten = _folder(name, "linked"), _folder(name, "rewritten")
        for number, path in enumerate(sorted({item.path for item in stack.slices})):
            (linked / f"{number:05d}.dcm").symlink_to(path.resolve())
        try:
            try:
                return _converted(case, linked, stack, timeout_s, plain=False), []
            except (_RefusedError, UnprovedError) as refusal:
                reasons = _remedies(stack, refusal)
                if not reasons:
                    raise
            _rewrite(stack, rewritten)
            volume = _converted(case, rewritten, stack, timeout_s, plain=True)
        except _RefusedError as refusal:
            raise InputError(_explain(case, stack, refusal)) from refusal
        except UnprovedError as unproved:
            raise InputError.of(
                f"Case {case}: the values of the volume could not be proved. Two decoders must "
                "agree; have these files exported again, uncompressed:",
                unproved.problems,
            ) from unproved
    return volume, [words.REWRITTEN.format(reason=reason) for reason in reasons]


def _converted(case: str, folder: Path, stack: Stack, timeout_s: float, plain: bool) -> Volume:
    volume = _run(case, folder, timeout_s)
    if stack.correction is None or plain:
        difference = stack.grid.difference(along_axes_of(volume, stack.grid).grid)
    else:
        difference = _acquired_difference(stack, volume)
    if difference:
        lost = volume.data.size != np.prod(stack.grid.shape)
        leaning = stack.correction is not None and not plain
        raise _RefusedError(
            f"the headers describe another volume than dcm2niix made of them: {difference}",
            words.LOST_FILES if lost else words.LEANING if leaning else "",
        )  # fmt: skip
    data = along_axes_of(volume, stack.grid).data
    prove_values(stack.slices, data, every=stack.correction is not None)
    return volume


def _acquired_difference(stack: Stack, volume: Volume) -> str | None:
    """Hold what dcm2niix is trusted with in an irregular stack: matrix, plane and first slice."""
    aligned = along_axes_of(volume, stack.grid)
    if aligned.grid.shape != stack.grid.shape:
        return f"{stack.grid.shape} voxels against {aligned.grid.shape}"
    # The step between slices is wrong, so only the slice at index 0 of the file is where it is; and
    # where instances run down a leaning stack, it has the place in the plane of the one at the end.
    order = slice_order(stack, volume.grid)[1]
    ends = np.array([stack.slices[k].position for k in (order[0], order[-1])])
    normal = stack.slices[0].normal
    columns, rows = (size - 1 for size in stack.grid.shape[:2])
    corners = np.array([[c, r, 0, 1.0] for c in (0, columns) for r in (0, rows)]).T
    expected = (stack.grid.affine @ corners)[:3] - stack.grid.affine[:3, 3, None]
    corners[2] = order[0]
    found = (aligned.grid.affine @ corners)[:3]
    gaps = []
    for end in ends:
        place = end + normal * float((ends[0] - end) @ normal)
        here = LPS_TO_RAS[:3, :3] @ place
        gaps.append(float(np.abs(found - expected - here[:, None]).max()))
    return f"corners up to {min(gaps):.3f} mm apart" if min(gaps) > GRID_TOLERANCE_MM else None


def _remedies(stack: Stack, refusal: _RefusedError | UnprovedError) -> list[str]:
    """Say why another attempt, with the slices rewritten, may well be right where this was not."""
    if isinstance(refusal, UnprovedError):
        return refusal.remedies
    reasons = []
    if any(item.frame is not None for item in stack.slices):
        reasons.append(words.FRAMES)
    elif any(item.pixel_format[3] not in _PLAIN for item in stack.slices):
        reasons.append(words.ENCODING)
    numbers = {item.instance_number for item in stack.slices if item.frame is None}
    if numbers and (len(numbers) < len(stack.slices) or None in numbers):
        reasons.append(words.INSTANCES)
    if stack.rounding_mm > ROUNDED_MM:
        reasons.append(words.POSITIONS.format(most=f"{stack.rounding_mm:.3f}"))
    return reasons or ([refusal.remedy] if refusal.remedy else [])


def _rewrite(stack: Stack, folder: Path) -> None:
    try:
        rewrite_plainly(stack, folder)
    except InputError as error:
        raise _RefusedError(str(error)) from error


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


def _run(case: str, folder: Path, timeout_s: float) -> Volume:
    """Run dcm2niix on a folder; return the one volume that it made of the slices as they are."""
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
    written = [path.name for path in out.iterdir() if path.suffix == ".nii"]
    written = [name for name in written if not _EXTRA.fullmatch(name)]
    if b"disk full?" in done.stdout + done.stderr:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out))
    if written != ["volume.nii"]:
        raise _RefusedError(
            f"dcm2niix (exit code {done.returncode}) wrote {len(written)} volumes instead of one",
            words.SEVERAL_VOLUMES.format(n=len(written)),
        )
    try:
        return _load_hounsfield(out / "volume.nii")
    except Exception as error:
        raise _RefusedError(
            f"dcm2niix wrote a file that cannot be read ({error})", words.NO_VOLUME
        ) from error


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


def _explain(case: str, stack: Stack, refusal: Exception) -> str:
    problems = undecodable(stack.slices) or [str(refusal)]
    return str(
        InputError.of(
            f"Case {case}: no volume could be made of the {len(stack.slices)} slices. Export the "
            "series again, uncompressed; what is damaged, or of an encoding that neither dcm2niix "
            "nor pydicom decodes here, is named:",
            problems,
        )
    )
