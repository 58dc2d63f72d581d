"""Where acquired slices lie along the volume that was made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# In slices. What lies this near a slice was drawn on it.
ON_SLICE = 0.1
# What starts this far beyond the outermost slices lies outside the image.
_BEYOND = 0.5


@dataclass(frozen=True)
class Stack:
    """The acquired slices of a CT, along the slice axis of its volume.

    A volume with interpolated slices (a gap filled, uneven steps resampled) has more slices than
    were acquired; otherwise slice k of the volume is the k-th acquired one.

    Attributes
    ----------
    axis : int
        The volume's slice axis.
    places : (n,) array
        Of each acquired slice, its index along that axis; not always a whole number; rising.
    count : int
        Number of slices of the volume.
    """

    axis: int
    places: NDArray[np.float64]
    count: int

    @property
    def even(self) -> bool:
        """Whether the volume's slices are the acquired ones, one for one."""
        return len(self.places) == self.count and bool(
            (np.abs(self.places - np.arange(self.count)) <= ON_SLICE).all()
        )

    def nearest(self, place: float) -> int:
        """Return which acquired slice lies nearest; of two equally near the lower."""
        # Rounded, so that noise in an affine does not decide between two neighbours.
        return int(np.round(np.abs(self.places - place), 3).argmin())

    def half_distance(self, k: int) -> float:
        """Half the way from an acquired slice to its nearest neighbour, in slices."""
        steps = np.diff(self.places)[max(k - 1, 0) : k + 1]
        return float(steps.min()) / 2 if steps.size else 0.5

    def takers(
        self, heights: NDArray[np.float64], tolerance: float = ON_SLICE
    ) -> list[NDArray[np.int_]] | None:
        """Say which slices of the volume take the mark of each plane drawn on acquired slices.

        Each slice of the volume takes the marks of the acquired slice nearest to it. A plane beyond
        the outermost slices keeps the one place of its own, outside the volume.

        Parameters
        ----------
        heights : (planes,) array
            Places of the planes along the slice axis, in slices of the volume.
        tolerance : float
            How far from an acquired slice a plane may lie, in slices of the volume.

        Returns
        -------
        list of arrays, or None
            Indices of slices, one array per plane; None when a plane lies on no acquired slice.
        """
        source = np.array([self.nearest(index) for index in range(self.count)])
        found = []
        for height in heights:
            if not self.places[0] - _BEYOND <= height <= self.places[-1] + _BEYOND:
                found.append(np.array([round(float(height))]))
                continue
            k = self.nearest(height)
            if abs(self.places[k] - height) > tolerance:
                return None
            found.append(np.flatnonzero(source == k))
        return found
