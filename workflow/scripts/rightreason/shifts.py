"""Chance by shifting: what an attended region of this shape and texture scores at random places.

The region is moved cyclically within the seen region, the annotations stay; the irrelevant ratio
over many random shifts is the case's own chance distribution.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import Cut
from rightreason.references import References

# Each shift looks at a random sample of the region: with 2,048 voxels the sampling error of a
# ratio is at most 1.1 percentage points, small against the spread of the shifts themselves.
SAMPLE = 2048
TAIL = 5.0


@dataclass(frozen=True)
class ShiftedChance:
    """Random cyclic shifts within one seen region, the same for every map of a case."""

    codes: NDArray[np.int64]
    members: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    seed: int

    @classmethod
    def of(
        cls, references: References, shape: tuple[int, int, int], shifts: int, seed: str
    ) -> ShiftedChance:
        """Draw `shifts` offsets; the same `seed` gives the same ones on every machine."""
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
        generator = np.random.default_rng(number)
        offsets = generator.integers(0, shape, size=(shifts, 3))
        return cls(references.codes.reshape(shape), references.members, offsets, number)

    @property
    def shifts(self) -> int:
        """Number of shifts."""
        return len(self.offsets)

    def interval(
        self, part: NDArray[np.float32], region: Cut
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the 5th and 95th percentile of the irrelevant ratio, per reference.

        Parameters
        ----------
        part : (N,) array
            Kept part of the map on the seen region, flattened.
        region : Cut
            The attended region.

        Returns
        -------
        low, high : (n_references,) arrays
            NaN for an empty region.
        """
        points = self._sample(part, region)
        if points.size == 0:
            undefined = np.full(self.members.shape[1], np.nan)
            return undefined, undefined
        shape = np.array(self.codes.shape)
        at = np.stack(np.unravel_index(points, self.codes.shape))
        moved = (at[:, None, :] + self.offsets.T[:, :, None]) % shape[:, None, None]
        codes = self.codes[tuple(moved)]
        ratios = 1 - np.stack([members[codes].mean(axis=1) for members in self.members.T])
        low, high = np.percentile(ratios, [TAIL, 100 - TAIL], axis=1)
        return low, high

    def _sample(self, part: NDArray[np.float32], region: Cut) -> NDArray[np.intp]:
        """Draw voxels of the region, ties with the probability of their share."""
        generator = np.random.default_rng(self.seed)
        points = np.flatnonzero(part > region.threshold)
        ties = np.flatnonzero(part == region.threshold)
        if ties.size and region.tie_share < 1:
            ties = ties[generator.random(ties.size) < region.tie_share]
        points = np.concatenate([points, ties]) if ties.size else points
        if points.size > SAMPLE:
            points = generator.choice(points, SAMPLE, replace=False)
        return points
