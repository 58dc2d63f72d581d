"""Images on disk: NIfTI files with an affine, read and written in one way everywhere.

Affines are NIfTI's: voxel index to millimetres in RAS+ patient space.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike, NDArray

from rightreason.errors import InputError

GRID_TOLERANCE_MM = 0.01


@dataclass(frozen=True)
class Grid:
    """A voxel grid in patient space.

    Parameters
    ----------
    shape : tuple of three int
        Number of voxels along each array axis.
    affine : (4, 4) array
        Voxel index to RAS+ millimetres.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Edge lengths of one voxel along the three array axes, in mm."""
        x, y, z = (float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        return x, y, z

    def difference(self, other: Grid) -> str | None:
        """Say how `other` differs from this grid, or return None when the two are the same.

        Affines are compared where it matters: at the eight corner voxels, which must agree within
        0.01 mm.
        """
        if self.shape != other.shape:
            return f"{self.shape} voxels against {other.shape}"
        corners = np.array(
            [[i, j, k, 1] for i in (0, self.shape[0] - 1) for j in (0, self.shape[1] - 1)
             for k in (0, self.shape[2] - 1)], dtype=float
        ).T  # fmt: skip
        gap = float(np.abs((self.affine @ corners - other.affine @ corners)[:3]).max())
        if gap > GRID_TOLERANCE_MM:
            return f"corners up to {gap:.3f} mm apart"
        return None


def check_same_grid(a: Grid, b: Grid, a_name: str, b_name: str) -> None:
    """Raise `InputError` unless the two grids agree in shape and, to 0.01 mm, in affine."""
    difference = a.difference(b)
    if difference:
        raise InputError(
            f"{a_name} and {b_name} are not on the same grid: {difference}. "
            "They were made from different images; make both again from the same one."
        )


@dataclass(frozen=True)
class Volume:
    """A three-dimensional image: voxel values and the grid they stand on."""

    data: NDArray[Any]
    grid: Grid


def load(path: Path | str) -> Volume:
    """Read a NIfTI file as stored (scaled only where its header says so).

    Raises
    ------
    InputError
        When the file is no readable three-dimensional NIfTI image with an invertible affine.
    """
    try:
        image: Any = nib.Nifti1Image.from_filename(path)
        # nibabel turns any scaled image into float64; what needs no scaling keeps its type.
        raw = (image.dataobj.slope, image.dataobj.inter) == (1.0, 0.0)
        data = np.asarray(image.dataobj.get_unscaled() if raw else image.dataobj)
    except Exception as error:
        raise InputError(f"{path} cannot be read as a NIfTI image: {error}") from error
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    if data.ndim != 3:
        raise InputError(f"{path} has {data.ndim} dimensions {data.shape}; one volume has three.")
    affine = np.asarray(image.affine, dtype=np.float64)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(f"The affine of {path} is not finite and invertible: {affine.tolist()}.")
    return Volume(data, Grid((data.shape[0], data.shape[1], data.shape[2]), affine))


def load_grid(path: Path | str) -> Grid:
    """Read only the grid of a NIfTI file of ours."""
    image: Any = nib.Nifti1Image.from_filename(path)
    return Grid(tuple(image.shape[:3]), np.asarray(image.affine, dtype=np.float64))


def save(
    path: Path | str,
    data: NDArray[Any],
    affine: NDArray[np.float64],
    dtype: DTypeLike,
    description: str = "",
) -> None:
    """Write a `.nii.gz` whole or not at all; the same input gives the same bytes.

    Parameters
    ----------
    path : path
        Where to write.
    data : (X, Y, Z) array
        Voxel values, stored as `dtype` without scaling.
    affine : (4, 4) array
        Voxel index to RAS+ millimetres; written as sform and qform.
    dtype : dtype
        Type on disk.
    description : str
        Free text for the header's `descrip` field, at most 79 characters.
    """
    stored = np.ascontiguousarray(data).astype(dtype, copy=False)
    image: Any = nib.Nifti1Image(stored, affine)
    image.header["descrip"] = description.encode()[:79]
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    write_whole(path, gzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def write_whole(path: Path | str, content: bytes) -> None:
    """Write a file whole or not at all: aside, flushed to disk, then renamed into place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(aside).chmod(0o666 & ~umask)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
