"""Masks grown by a distance in mm, on slices that need not be evenly spaced."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rightreason.distance_transform import transform
from rightreason.distances import SeenGeometry

Mask = NDArray[np.bool_]

# A voxel exactly at the tolerance must be within it, and distances are off by up to 0.00006 mm.
SLACK_MM = 1e-4


def dilated(mask: Mask, geometry: SeenGeometry, tolerance_mm: float) -> Mask:
    """Mark the seen voxels at most `tolerance_mm` from a mask; of the seen shape.

    Slice by slice, within the box around its marks: each slice's marks reach into itself and into
    the few slices beside it.
    """
    stacked = np.moveaxis(mask.reshape(geometry.shape), geometry.stack_axis, 0)
    grown = np.ascontiguousarray(stacked)
    if tolerance_mm > 0:
        grown = grown.copy()
        reach = tolerance_mm + SLACK_MM
        z = geometry.positions[geometry.stack_axis]
        plane = [at for i, at in enumerate(geometry.positions) if i != geometry.stack_axis]
        for k in np.flatnonzero(stacked.any(axis=(1, 2))):
            box = tuple(_around(stacked[k].any(axis=1 - i), plane[i], reach) for i in range(2))
            squared = transform(np.ascontiguousarray(stacked[k][box]), [_step(at) for at in plane])
            for j in np.flatnonzero(np.abs(z - z[k]) <= reach):
                grown[j][box] |= squared <= reach**2 - (z[j] - z[k]) ** 2
    return np.moveaxis(grown, 0, geometry.stack_axis)


def _around(held: NDArray[np.bool_], at: NDArray[np.float64], reach_mm: float) -> slice:
    """Return the stretch of an axis that lies at most `reach_mm` from what is held."""
    here = at[held]
    start = int(np.searchsorted(at, here[0] - reach_mm, side="left"))
    return slice(start, int(np.searchsorted(at, here[-1] + reach_mm, side="right")))


def _step(at: NDArray[np.float64]) -> float:
    return float(np.diff(at).mean()) if len(at) > 1 else 1.0
