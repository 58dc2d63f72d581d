"""NIfTI files from outside: read only when they say, without contradiction, where they lie."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load

FORMS_AGREE_MM = 0.05
SHEAR_MM = 0.01
# No CT is larger: 1000 slices of 1024 x 1024. What claims more is damaged, and would fill memory.
MOST_BYTES = 2 * 1024**3
# The most that gzip can shrink anything (1032), rounded up.
_MOST_SHRUNK = 1040


def load_placed(path: Path, whole_ct: bool = False) -> Volume:
    """Read a NIfTI file whose header places it in patient space.

    Parameters
    ----------
    path : path
        `.nii` or `.nii.gz`.
    whole_ct : bool
        Whether it is to be a case's image: then it has several slices along each axis, and axes
        that are perpendicular to 0.01 mm, for a qform holds no others.

    Raises
    ------
    InputError
        When it is no readable three-dimensional NIfTI image, when it claims more voxels than there
        are in the file, when neither qform nor sform is set, or when the two place its corners
        more than 0.05 mm apart.
    """
    image = _header(path)
    _check_packed(path)
    volume = load(path)
    try:
        forms = [f for f in (image.get_sform(coded=True)[0], image.get_qform(coded=True)[0])
                 if f is not None]  # fmt: skip
    except ValueError as error:
        raise InputError(f"The qform of {path} is damaged: {error}. Save it again.") from error
    if not forms:
        raise InputError(
            f"{path} has neither qform nor sform: nothing says where it lies in the patient. "
            "Save it with its geometry."
        )
    apart = _corners_apart(volume.grid, forms[0], forms[-1])
    if not apart <= FORMS_AGREE_MM:
        raise InputError(
            f"The qform and the sform of {path} place it up to {apart:.2f} mm apart. Set both to "
            "the right one."
        )
    if whole_ct:
        _check_whole_ct(path, volume.grid)
    return volume


def _header(path: Path) -> Any:
    """Read the header alone, and hold what it claims against what there is."""
    try:
        image: Any = nib.Nifti1Image.from_filename(path)
        claimed = math.prod(image.shape) * image.get_data_dtype().itemsize
        offset = int(image.dataobj.offset)
    except Exception as error:
        raise InputError(f"{path} cannot be read as a NIfTI image: {error}") from error
    there = path.stat().st_size * (_MOST_SHRUNK if path.suffix == ".gz" else 1)
    if min(image.shape) < 1 or claimed > MOST_BYTES or offset + claimed > there:
        shape = " x ".join(str(size) for size in image.shape)
        raise InputError(
            f"{path} claims {shape} voxels ({claimed / 1024**2:.0f} MB), which the file does not "
            f"hold, or which is more than the {MOST_BYTES / 1024**3:g} GB of the largest CT. Save "
            "it again."
        )
    return image


def _check_packed(path: Path) -> None:
    """Unpack to the end, where the checksum is; nibabel stops at the last voxel, before it."""
    if path.suffix != ".gz":
        return
    try:
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read as a NIfTI image: what is unpacked is not what was "
            "packed. Copy it again."
        ) from error


def _check_whole_ct(path: Path, grid: Grid) -> None:
    if min(grid.shape) < 2:
        raise InputError(
            f"{path} has {' x '.join(str(size) for size in grid.shape)} voxels; a volume of at "
            "least two slices along each axis was expected."
        )
    shear = _corners_apart(grid, grid.affine, perpendicular(grid.affine))
    if shear > SHEAR_MM:
        raise InputError(
            f"The axes of {path} are not perpendicular: its corners are up to {shear:.2f} mm from "
            "where an upright grid has them. Resample it upright (a tilted gantry leaves such "
            "images), or give the DICOM files, whose tilt is corrected here."
        )


def perpendicular(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest affine of the same voxel sizes whose axes are perpendicular."""
    zooms = np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(affine[:3, :3] / zooms)
    upright = affine.copy()
    upright[:3, :3] = left @ right * zooms
    return upright


def _corners_apart(grid: Grid, a: Any, b: Any) -> float:
    ends = [(0, size - 1) for size in grid.shape]
    corners = np.array([[i, j, k, 1.0] for i in ends[0] for j in ends[1] for k in ends[2]]).T
    return float(np.abs(((np.asarray(a) - np.asarray(b)) @ corners)[:3]).max())
