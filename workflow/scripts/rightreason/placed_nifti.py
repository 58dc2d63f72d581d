"""NIfTI files from outside: read only when they say, without contradiction, where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load
from rightreason.nifti_claims import check_claims, check_packed

FORMS_AGREE_MM = 0.05
SHEAR_MM = 0.01


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
        When it is no readable three-dimensional NIfTI image, when it claims more than there is in
        the file or than the largest CT has (`check_claims`), when neither qform nor sform is set,
        or when the two place its corners more than 0.05 mm apart.
    """
    image = check_claims(path)
    check_packed(path, image)
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
