"""A map on the seen region, sorted once, and what it gives the voxels that raters marked.

Only a small part of what a model saw is marked by anyone. Once a map is sorted, the rank of every
marked voxel follows from a binary search, and every measure from those few ranks: the cost is one
sort, then linear in marked voxels and references, and never a loop over thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import Cut, descending, evidence_of
from rightreason.references import References

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RankedMap:
    """The kept part of one map on the seen region.

    Attributes
    ----------
    evidence : (N,) array of float32
        Signed evidence; what is not positive is not attended.
    ranked : (P,) array of float32
        The positive values in falling order.
    mass : float
        Their sum.
    """

    evidence: NDArray[np.float32]
    ranked: NDArray[np.float32]
    mass: float

    @classmethod
    def of(cls, values: NDArray[np.float32], part: str) -> RankedMap:
        """Sort one part of a map."""
        evidence = evidence_of(values.ravel(), part)
        ranked = descending(evidence)
        return cls(evidence, ranked, float(ranked.sum(dtype=np.float64)))

    @property
    def size(self) -> int:
        """Number of seen voxels, N."""
        return self.evidence.size

    @property
    def is_empty(self) -> bool:
        """Whether there is no positive evidence at all."""
        return not self.ranked.size

    def attended(self, region: Cut) -> float:
        """Count the voxels of an attended region, ties as their share."""
        above, including = self.ranks(np.array([region.threshold], dtype=np.float32))
        return float(above[0] + region.tie_share * (including[0] - above[0]))

    def ranks(self, values: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return how many seen voxels lie above each value, and how many do not lie below it.

        Voxels without positive evidence are all tied at zero, and so are values below zero.
        """
        rising = self.ranked[::-1]
        count = self.ranked.size
        above = count - np.searchsorted(rising, values, side="right").astype(np.float64)
        including = count - np.searchsorted(rising, values, side="left").astype(np.float64)
        zero = values <= 0
        above[zero], including[zero] = count, self.size
        return above, including

    def top(self, voxels: float) -> Cut:
        """Cut off the `voxels` largest values, ties (those at zero too) shared."""
        count = self.ranked.size
        if voxels > count:
            return Cut(0.0, (voxels - count) / (self.size - count))
        if voxels <= 0:
            return Cut(float("inf"), 0.0)
        threshold = self.ranked[int(np.ceil(voxels)) - 1]
        above, including = self.ranks(np.array([threshold]))
        return Cut(float(threshold), float((voxels - above[0]) / (including[0] - above[0])))


@dataclass(frozen=True)
class Marks:
    """The marked voxels in the order of a map's evidence, in B placements of that map.

    Attributes
    ----------
    evidence : (B, M) array of float32
        Falling along each row.
    codes : (B, M) array of int
        Which raters marked the voxel (see `References`).
    weights : (B, M) array
        How many voxels each stands for: 1, or more where voxels are a sample.
    """

    evidence: NDArray[np.float32]
    codes: NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, ranked: RankedMap, references: References) -> Marks:
        """Take a map as it is placed: one row, every marked voxel."""
        values = ranked.evidence[references.at]
        return cls.sort(values[None], references.codes, np.ones(len(references.at)))

    @classmethod
    def sort(
        cls, evidence: NDArray[np.float32], codes: NDArray[np.int64], weights: Floats
    ) -> Marks:
        """Order voxels; `evidence` is (B, M), `codes` and `weights` are (M,)."""
        order = np.argsort(-evidence, axis=1)
        return cls(np.take_along_axis(evidence, order, axis=1), codes[order], weights[order])

    @property
    def values(self) -> NDArray[np.float32]:
        """The kept part, (B, M): evidence that is not positive counts as zero."""
        return np.maximum(self.evidence, 0)

    def count(self, amounts: Floats, table: NDArray[np.bool_]) -> Floats:
        """Sum weighted amounts over each column of a table of codes.

        Parameters
        ----------
        amounts : (B, M) array
            Of each voxel.
        table : (codes, K) array of bool
            Which codes belong to each column, for example `Patterns.members`.

        Returns
        -------
        (B, K) array
        """
        rows, codes = len(self.codes), len(table)
        at = self.codes + codes * np.arange(rows)[:, None]
        weighted = (amounts * self.weights).ravel()
        histogram = np.bincount(at.ravel(), weights=weighted, minlength=rows * codes)
        counts: Floats = histogram.reshape(rows, codes).astype(np.float64) @ table
        return counts

    def inside(self, region: Cut) -> Floats:
        """Return how much of each voxel lies in an attended region, (B, M): 0, 1, or a tie's share.

        At a threshold of zero everything without positive evidence is tied.
        """
        return region.share_of(self.values)


def last_of_ties(ordered: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return, for every place of sorted rows (B, M), the last place that holds the same value.

    >>> last_of_ties(np.array([[3, 2, 2, 1]], dtype=np.float32)).tolist()
    [[0, 2, 2, 3]]
    """
    places = np.arange(ordered.shape[1])
    ends = np.ones(ordered.shape, dtype=np.bool_)
    ends[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    marked = np.where(ends, places, ordered.shape[1])
    return np.minimum.accumulate(marked[:, ::-1], axis=1)[:, ::-1]
