"""Region masks from outside, on the CT's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rightreason.images import Grid, Volume, load
from rightreason.mask_placement import place

# A region guides the crop and divides places; a voxel's worth of change at its rim does no harm.
MAX_VOLUME_CHANGE = 0.05


def mask_on_grid(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """Read a NIfTI mask (any value but zero marks) and place it on `grid`.

    Parts outside the image are dropped: a region may have been drawn on a longer scan.
    """
    mask = load(path)
    marked = Volume(mask.data != 0, mask.grid)
    return place(marked, grid, path.name, MAX_VOLUME_CHANGE, clip=True)
