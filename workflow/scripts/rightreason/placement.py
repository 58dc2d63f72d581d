"""Saliency on the CT: maps on a model's input grid, placed on the CT voxels the model saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.images import Volume, check_same_grid
from rightreason.inputs import InputRecord

ROWS = 16


@dataclass(frozen=True)
class SeenRegion:
    """The CT voxels that entered a model: an index range, or a list, along each CT array axis.

    Arrays "on the seen region" have the shape (len(axes[0]), len(axes[1]), len(axes[2])): slices
    that were not chosen are left out, so that every element was seen.
    """

    axes: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]

    @classmethod
    def of(cls, record: InputRecord) -> SeenRegion:
        """Return the seen region of one case and input."""
        axes = [np.arange(start, stop) for start, stop in record.box]
        if record.kind != "volume":
            axes[record.ct_slice_axis] = np.unique(record.ct_slices)
        return cls((axes[0], axes[1], axes[2]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of seen voxels along each CT array axis."""
        x, y, z = (len(axis) for axis in self.axes)
        return x, y, z

    def take(self, ct_array: NDArray[Any]) -> NDArray[Any]:
        """Return the values of an array on the CT grid at the seen voxels."""
        return np.ascontiguousarray(ct_array[np.ix_(*self.axes)])


def place(saliency: Volume, record: InputRecord) -> NDArray[np.float32]:
    """Interpolate a map linearly onto the seen CT voxels, by the affines of both.

    Parameters
    ----------
    saliency : Volume
        A map on the grid of the prepared image.
    record : InputRecord
        What links that grid to the CT.

    Returns
    -------
    array of float32
        The map on the seen region, in the order of the CT's array axes. Beyond the outermost voxel
        centres of the map, its outermost values hold. Along the slice axis of `slices` and
        `subset` nothing is interpolated: each CT slice gets its own slice of the map.

    Raises
    ------
    InputError
        When the map is not on the grid of the prepared image.
    """
    check_same_grid(saliency.grid, record.grid, "A saliency map", "the prepared image")
    to_map = np.linalg.inv(record.grid.affine) @ record.ct_grid.affine
    seen = SeenRegion.of(record)
    map_axes = [int(np.argmax(np.abs(to_map[:3, axis]))) for axis in range(3)]
    values = np.ascontiguousarray(saliency.data.transpose(map_axes), dtype=np.float32)
    x, y, z = (
        to_map[map_axis, axis] * indices + to_map[map_axis, 3]
        for axis, (indices, map_axis) in enumerate(zip(seen.axes, map_axes, strict=True))
    )
    placed = np.empty(seen.shape, dtype=np.float32)
    # Row by row, what is made on the way stays in the processor's cache.
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        piece = _interpolate(values, x[rows], 0)
        placed[rows] = _interpolate(_interpolate(piece, y, 1), z, 2)
    return placed


def _interpolate(
    values: NDArray[np.float32], at: NDArray[np.float64], axis: int
) -> NDArray[np.float32]:
    """Linear interpolation along one axis at fractional indices, clamped to the ends."""
    # Affines go through a matrix inverse: without rounding, an index of 2.9999999 would mix a
    # sliver of the neighbouring slice into this one and break exact ties.
    at = np.clip(np.round(at, 6), 0, values.shape[axis] - 1)
    lower = np.floor(at).astype(np.intp)
    weight = (at - lower).astype(np.float32)
    if not weight.any():
        if np.array_equal(lower, np.arange(values.shape[axis])):
            return values
        return values.take(lower, axis=axis)
    upper = np.minimum(lower + 1, values.shape[axis] - 1)
    shape = [1, 1, 1]
    shape[axis] = -1
    low = values.take(lower, axis=axis)
    placed: NDArray[np.float32] = values.take(upper, axis=axis)
    # low + weight * (upper - low), in place.
    placed -= low
    placed *= weight.reshape(shape)
    placed += low
    return placed
