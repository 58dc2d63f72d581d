"""Grids whose voxels are blocks of CT voxels: a part of a CT, averaged down by whole factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.images import Grid

Indices = NDArray[np.intp]
Axes = tuple[Indices, Indices, Indices]
Triple = tuple[int, int, int]


def whole_factors(box: Sequence[Sequence[int]], limit: Sequence[int]) -> Triple:
    """Return the smallest whole factors by which a (start, stop) box fits a size, axis by axis.

    >>> whole_factors([(0, 512), (10, 266), (3, 31)], (256, 256, 64))
    (2, 1, 1)
    """
    x, y, z = (-(-(stop - start) // most) for (start, stop), most in zip(box, limit, strict=True))
    return x, y, z


@dataclass(frozen=True)
class Blocks:
    """A grid of blocks of whole CT voxels.

    Attributes
    ----------
    ct : Grid
        Of the CT.
    starts, factors, shape : three int
        Along each CT array axis: the first voxel of the first block, the voxels of a block, and the
        number of blocks. Only where the CT itself is no multiple of the factor does the last block
        reach beyond it.
    """

    ct: Grid
    starts: Triple
    factors: Triple
    shape: Triple

    @classmethod
    def over(cls, ct: Grid, box: Sequence[Sequence[int]], factors: Triple) -> Blocks:
        """Cover a box of (start, stop) pairs, and as little around it as fills the last blocks."""
        starts, shape = [], []
        for (start, stop), factor, size in zip(box, factors, ct.shape, strict=True):
            count = -(-(stop - start) // factor)
            starts.append(max(0, min(start, size - count * factor)))
            shape.append(count)
        return cls(ct, _triple(starts), factors, _triple(shape))

    @property
    def grid(self) -> Grid:
        """The grid in patient space: a voxel's centre is the mean of those of its block's."""
        steps = np.diag([*map(float, self.factors), 1.0])
        steps[:3, 3] = [s + (f - 1) / 2 for s, f in zip(self.starts, self.factors, strict=True)]
        return Grid(self.shape, self.ct.affine @ steps)

    @property
    def axes(self) -> Axes:
        """Indices of the CT voxels in the blocks, along each array axis."""
        x, y, z = (
            np.arange(start, min(start + factor * count, size))
            for start, factor, count, size in zip(
                self.starts, self.factors, self.shape, self.ct.shape, strict=True
            )
        )
        return x, y, z

    def take(self, ct_array: NDArray[Any]) -> NDArray[Any]:
        """Return the part of an array on the CT grid that lies in the blocks."""
        part: NDArray[Any] = ct_array[tuple(slice(a[0], a[-1] + 1) for a in self.axes)]
        return part

    def mean(self, values: NDArray[Any], axes: Axes) -> tuple[NDArray[np.float32], Axes]:
        """Average over each block what there is of it.

        Parameters
        ----------
        values : array
            Values at some CT voxels inside the blocks.
        axes : three arrays of int
            Rising indices of those voxels along each CT array axis.

        Returns
        -------
        mean : (shape) array of float32
            Zero for a block without a value.
        counts : three arrays of int
            How many values a block has along each axis; of all, the product of the three.
        """
        total: NDArray[Any] = values
        counts = []
        for axis, indices in enumerate(axes):
            total = self._sum(total, indices, axis)
            counts.append(np.bincount(self._block(indices, axis), minlength=self.shape[axis]))
        for axis, count in enumerate(counts):
            along = [1, 1, 1]
            along[axis] = -1
            if count.max() > 1:
                total /= np.maximum(count, 1).astype(np.float32).reshape(along)
        return total, (counts[0], counts[1], counts[2])

    def _block(self, indices: Indices, axis: int) -> Indices:
        return (indices - self.starts[axis]) // self.factors[axis]

    def _sum(self, values: NDArray[Any], indices: Indices, axis: int) -> NDArray[np.float32]:
        shape = list(values.shape)
        shape[axis] = self.shape[axis]
        total = np.zeros(shape, dtype=np.float32)
        block, place = self._block(indices, axis), (indices - self.starts[axis])
        before = (slice(None),) * axis
        # No block has two voxels at the same place in it: nothing is added to twice.
        for offset in range(self.factors[axis]):
            at = np.flatnonzero(place % self.factors[axis] == offset)
            if at.size:
                total[(*before, _runs(block[at]))] += values[(*before, _runs(at))]
        return total


def _runs(indices: Indices) -> slice | Indices:
    """Return even steps as a slice, which numpy reads without copying."""
    steps = np.unique(np.diff(indices))
    if steps.size > 1:
        return indices
    step = int(steps[0]) if steps.size else 1
    return slice(int(indices[0]), int(indices[-1]) + 1, step)


def _triple(values: Sequence[int]) -> Triple:
    x, y, z = values
    return x, y, z
