"""Region masks from outside, on the CT's grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.mask_placement import place
from rightreason.placed_nifti import load_placed

# A region guides the crop; a voxel's worth of change at its rim does no harm.
MAX_VOLUME_CHANGE = 0.05


def region_on_grid(path: Path, grid: Grid, case: str) -> NDArray[np.bool_]:
    """Read a case's region (any value but zero marks) and place it on the CT's grid.

    Raises
    ------
    InputError
        When the file is no NIfTI mask placed in patient space, holds NaN or infinite values, marks
        nothing, or lies partly outside the image.
    """
    try:
        mask = load_placed(path)
        if not np.isfinite(mask.data).all():
            raise InputError(f"{path} holds NaN or infinite values; a mask holds 0 and 1.")
        marked = Volume(mask.data != 0, mask.grid)
        region = place(marked, grid, path.name, MAX_VOLUME_CHANGE, clip=False)
    except InputError as error:
        raise InputError(f"The region of case {case} cannot be used: {error}") from error
    if not region.any():
        raise InputError(
            f"The region of case {case} ({path.name}) marks no voxel. Give a mask that marks the "
            "organ, or leave the cell empty to crop to the body."
        )
    return region
