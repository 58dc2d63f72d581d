"""Which array axis runs along the slices of a volume, and which way."""

from __future__ import annotations

import numpy as np

from rightreason.dicom_geometry import Stack
from rightreason.images import Grid, Volume


def along_axes_of(volume: Volume, grid: Grid) -> Volume:
    """Reorder and flip the axes of a volume so that they run as those of `grid`."""
    # Directions, not index steps: those of a leaning stack would be ruled by its spacing.
    mine, theirs = volume.grid.affine[:3, :3], grid.affine[:3, :3]
    steps = np.linalg.inv(theirs / np.linalg.norm(theirs, axis=0)) @ (
        mine / np.linalg.norm(mine, axis=0)
    )
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
