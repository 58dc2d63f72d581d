"""Images on disk: NIfTI files with an affine, read and written in one way everywhere.

Affines are NIfTI's: voxel index to millimetres in RAS+ patient space.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import DTypeLike, NDArray

from rightreason.errors import InputError
from rightreason.nifti_claims import check_claims
from rightreason.whole import write_whole

_GZIP = 16 + zlib.MAX_WBITS
"""Asks zlib for gzip's frame; its header has no time."""

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
        When the file is no readable three-dimensional NIfTI image with an invertible affine, or
        claims more than it holds.
    """
    image = check_claims(path)
    try:
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
    computed: bool = False,
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
    computed : bool
        Whether values are results with all their digits, in which nothing repeats but the empty
        parts: only these are then looked for, in less than half the time.
    """
    strategy = zlib.Z_RLE if computed else zlib.Z_DEFAULT_STRATEGY
    write_whole(path, pack(data, affine, dtype, description, strategy=strategy))


def pack(
    data: NDArray[Any],
    affine: NDArray[np.float64],
    dtype: DTypeLike,
    description: str = "",
    scale: tuple[float, float] = (1.0, 0.0),
    level: int = 1,
    strategy: int = zlib.Z_DEFAULT_STRATEGY,
) -> bytes:
    """Return the bytes of a `.nii.gz`; the same input gives the same bytes.

    Parameters
    ----------
    data, affine, dtype, description
        As for `save`.
    scale : pair of float
        Slope and intercept: what is stored, times the first, plus the second, is the value.
    level : int
        Of gzip, 1 to 9.
    strategy : int
        Of zlib.
    """
    # Not brought in another order here: NIfTI writes the first axis fastest.
    image: Any = nib.Nifti1Image(data.astype(dtype, copy=False), affine)
    image.header["descrip"] = description.encode()[:79]
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    content = bytearray(image.to_bytes())
    # nibabel drops the scale of integers that it writes; it stands at bytes 112 to 119.
    if scale != (1.0, 0.0):
        content[112:120] = np.array(scale, dtype=image.header.endianness + "f4").tobytes()
    gzip = zlib.compressobj(level, zlib.DEFLATED, _GZIP, strategy=strategy)
    return gzip.compress(content) + gzip.flush()
