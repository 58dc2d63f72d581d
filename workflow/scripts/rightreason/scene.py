"""What a map is scored against: the references on one model's seen voxels, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rightreason.dilation import dilated
from rightreason.distances import SeenGeometry
from rightreason.inputs import InputRecord
from rightreason.placement import SeenRegion
from rightreason.references import CodedImage, Mask, References


@dataclass(frozen=True)
class Scene:
    """The references of one case as one model saw them.

    Attributes
    ----------
    references : References
        On the seen voxels.
    geometry : SeenGeometry
        Where these lie.
    tolerance_mm : float
        Of the pointing game.
    region : (N,) array of bool, or None
        Where the case's `region` is.
    """

    references: References
    geometry: SeenGeometry
    tolerance_mm: float
    region: Mask | None

    @classmethod
    def of(
        cls, coded: CodedImage, record: InputRecord, region: Mask | None, tolerance_mm: float
    ) -> Scene:
        """Take a case's references, and its region on the CT grid, to one model's seen voxels."""
        seen = SeenRegion.of(record)
        inside = None if region is None else seen.take(region).ravel()
        return cls(coded.within(seen), SeenGeometry.of(record), tolerance_mm, inside)

    def of_all_raters(self) -> Scene:
        """Leave out the references that leave a rater out; what was made already is kept."""
        lean = Scene(self.references.of_all_raters(), self.geometry, self.tolerance_mm, self.region)
        whole = self.references.patterns.whole
        lean.__dict__["near"] = [self.near[i] for i in whole]
        lean.__dict__["centroids"] = self.centroids[whole]
        return lean

    @cached_property
    def near(self) -> list[Mask]:
        """The voxels within the tolerance of each reference; equal references share one array."""
        made = {
            i: dilated(self.references.mask(i), self.geometry, self.tolerance_mm).ravel()
            for i in dict.fromkeys(self.equals)
        }
        return [made[i] for i in self.equals]

    @cached_property
    def equals(self) -> list[int]:
        """For each reference the first one that holds the same voxels here."""
        there = np.unique(self.references.codes)
        columns = self.references.patterns.members[there].T
        first: dict[bytes, int] = {}
        return [first.setdefault(column.tobytes(), i) for i, column in enumerate(columns)]

    @cached_property
    def centroids(self) -> NDArray[np.float64]:
        """Centre of each reference in mm, (R, 3); NaN of an empty one."""
        found = [self.centre(np.flatnonzero(self.references.mask(i)))
                 for i in range(len(self.references.patterns.keys))]  # fmt: skip
        return np.array(found)

    def centre(
        self, voxels: NDArray[np.int64], weights: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the centre of mass of some voxels (flat indices) in mm; NaN without mass."""
        total = float(voxels.size if weights is None else weights.sum())
        if total <= 0:
            return np.full(3, np.nan)
        at = np.unravel_index(voxels, self.geometry.shape)
        sums = [
            positions[index].sum() if weights is None else positions[index] @ weights
            for positions, index in zip(self.geometry.positions, at, strict=True)
        ]
        return np.array(sums) / total

    def centre_of_all(self, where: Mask | None = None) -> NDArray[np.float64]:
        """Return the centre of everything seen, or of a part of it, in mm."""
        if where is None:
            return np.array([positions.mean() for positions in self.geometry.positions])
        return self.centre(np.flatnonzero(where))
