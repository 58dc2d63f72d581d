"""Masks from outside: read, and placed on a CT's grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.images import Grid, Volume, load


def mask_on_grid(path: Path, grid: Grid, case: str) -> NDArray[np.bool_]:
    """Read a NIfTI mask (any value but zero marks) and place it on `grid`."""
    mask = load(path)
    return nearest_on_grid(Volume(mask.data != 0, mask.grid), grid)


def nearest_on_grid(mask: Volume, grid: Grid) -> NDArray[Any]:
    """Resample to `grid` by nearest neighbour in patient space; zero outside the mask's grid."""
    if mask.grid.difference(grid) is None:
        return mask.data
    from scipy import ndimage

    to_mask = np.linalg.inv(mask.grid.affine) @ grid.affine
    placed: NDArray[Any] = ndimage.affine_transform(
        mask.data.astype(np.uint8),
        to_mask[:3, :3],
        to_mask[:3, 3],
        output_shape=grid.shape,
        order=0,
        mode="constant",
        cval=0,
    )
    return placed.astype(mask.data.dtype)
