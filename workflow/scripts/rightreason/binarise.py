"""Attended regions: the saliency map after a named binarisation.

A binarisation keeps one part of a signed map (`positive` by default) and cuts it at a threshold.
Voxels exactly at the threshold are *ties*. Where a rule asks for a fixed area, ties share what is
left of it equally: each counts as the same fraction of a voxel. Every count is then the
expectation over a fair random choice among the ties, and a constant map scores what chance scores.

| rule   | attended region S of the kept part p ≥ 0            | constant p > 0 | p = 0 |
|--------|-----------------------------------------------------|----------------|-------|
| `otsu` | p above Otsu's threshold (256 bins over [0, max])   | everything     | empty |
| `half` | p at least half of its maximum                      | everything     | empty |
| `top`  | the largest x % of the seen voxels, where p > 0     | x %, shared    | empty |
| `area` | the largest abs(A) voxels, where p > 0              | abs(A), shared | empty |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cut:
    """An attended region: all values above `threshold`, and a share of each value equal to it.

    A `threshold` of infinity is the empty region.
    """

    threshold: float
    tie_share: float

    def share_of(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how much of each voxel of these values is in the region: 0, 1 or a tie's share."""
        threshold = np.float32(self.threshold)
        share: NDArray[np.float64] = (values > threshold) + self.tie_share * (values == threshold)
        return share

    @property
    def includes_ties(self) -> bool:
        """Whether a region that cannot hold parts of voxels holds its ties: from a half on."""
        return self.tie_share >= 0.5


EMPTY = Cut(float("inf"), 0.0)
BINS = 256
PIECE = 1 << 15


def evidence_of(values: NDArray[np.float32], part: str) -> NDArray[np.float32]:
    """Return the signed evidence whose positive values are the kept part of a map.

    The map itself for `positive`, the map with its sign turned for `negative`, its size for
    `absolute`.
    """
    if part == "positive":
        return values
    return -values if part == "negative" else np.abs(values)


def part_of(
    values: NDArray[np.float32], part: str, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the kept part of a signed map; `out` may be the map itself, where that may go."""
    kept: NDArray[np.float32] = np.maximum(evidence_of(values, part), 0, out=out)
    return kept


def descending(part: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the positive values of a kept part in descending order."""
    return np.sort(part[part > 0])[::-1]


def cut(
    binarisation: Mapping[str, Any], ranked: NDArray[np.float32], seen: int, important: float
) -> Cut:
    """Find where a binarisation cuts a map.

    Parameters
    ----------
    binarisation : mapping
        `rule`, and `percent` for the rule `top`.
    ranked : (P,) array
        The kept part's positive values in the seen region, from `descending`.
    seen : int
        Number of seen voxels.
    important : float
        Number of voxels of A, for the rule `area`.

    Returns
    -------
    Cut
        The attended region.
    """
    if ranked.size == 0:
        return EMPTY
    rule = binarisation["rule"]
    if rule == "half":
        return Cut(float(ranked[0]) / 2, 1.0)
    if rule == "otsu":
        return _otsu(ranked, seen)
    wanted = important if rule == "area" else seen * binarisation["percent"] / 100
    return _largest(ranked, wanted)


def cut_unsorted(
    binarisation: Mapping[str, Any], part: NDArray[np.float32], important: float
) -> Cut:
    """Find what `cut` finds, without sorting the map: for who needs nothing else of its order.

    Parameters
    ----------
    binarisation : mapping
        As for `cut`.
    part : array
        The kept part on the seen region.
    important : float
        Number of voxels of A, for the rule `area`.
    """
    top = float(part.max())
    if top <= 0:
        return EMPTY
    rule = binarisation["rule"]
    if rule == "half":
        return Cut(top / 2, 1.0)
    if rule == "otsu":
        if float(part.min()) == top:
            return Cut(top, 1.0)
        threshold = _best_edge(_count_bins(part, top), top)
        return Cut(float(part[part > 0].min()) if threshold is None else threshold, 1.0)
    wanted = important if rule == "area" else part.size * binarisation["percent"] / 100
    wanted = min(wanted, float(np.count_nonzero(part > 0)))
    if wanted <= 0:
        return EMPTY
    place = part.size - int(np.ceil(wanted))
    threshold = np.partition(part, place, axis=None)[place]
    above, equal = np.count_nonzero(part > threshold), np.count_nonzero(part == threshold)
    return Cut(float(threshold), (wanted - above) / equal)


def _largest(ranked: NDArray[np.float32], wanted: float) -> Cut:
    """Cut off the `wanted` largest values; ties share the last of them."""
    wanted = min(wanted, float(ranked.size))
    if wanted <= 0:
        return EMPTY
    threshold = ranked[int(np.ceil(wanted)) - 1]
    rising = ranked[::-1]
    above = ranked.size - int(np.searchsorted(rising, threshold, side="right"))
    equal = ranked.size - int(np.searchsorted(rising, threshold, side="left")) - above
    return Cut(float(threshold), (wanted - above) / equal)


def _otsu(ranked: NDArray[np.float32], seen: int) -> Cut:
    """Otsu's threshold: the cut of a 256-bin histogram that separates two classes best.

    Source: Otsu, IEEE Trans Syst Man Cybern 1979. The seen voxels without positive value count as
    zeros. The threshold is the upper edge of the last bin of the lower class.
    """
    top = float(ranked[0])
    if ranked.size == seen and float(ranked[-1]) == top:
        return Cut(top, 1.0)
    # The values are sorted already: what lies between two edges is found without a pass over them.
    edges = _edges(top)[1:-1].astype(ranked.dtype)
    inner = np.searchsorted(ranked[::-1], edges, side="left")
    counts = np.diff(inner, prepend=0, append=ranked.size)
    counts[0] += seen - ranked.size
    threshold = _best_edge(counts, top)
    # Where one bin holds everything, the map is as good as constant.
    return Cut(float(ranked[-1]) if threshold is None else threshold, 1.0)


def _edges(top: float) -> NDArray[np.float64]:
    return np.linspace(0.0, top, BINS + 1)


def _count_bins(part: NDArray[np.float32], top: float) -> NDArray[np.intp]:
    """Count the values in each of the bins over [0, top], those at an edge in the upper one."""
    upper = _edges(top)[1:].astype(np.float32)
    upper[-1] = np.inf
    # Arithmetic may err by some last bits; shrunk by more than that, it only errs downwards.
    scale, bins_in_top = np.float32(top), np.float32(BINS * (1 - 1e-6))
    values = part.ravel()
    counts = np.zeros(BINS, dtype=np.intp)
    # In pieces that stay in the processor's cache.
    for start in range(0, values.size, PIECE):
        piece = values[start : start + PIECE]
        bins = (piece / scale * bins_in_top).astype(np.intp)
        bins += piece >= upper[bins]
        counts += np.bincount(bins, minlength=BINS)
    return counts


def _best_edge(counts: NDArray[np.intp], top: float) -> float | None:
    """Return the edge between bins that separates two classes best; None where it does nowhere."""
    edges = _edges(top)
    centres = (edges[:-1] + edges[1:]) / 2
    lower = np.cumsum(counts)[:-1].astype(float)
    upper = counts.sum() - lower
    mass = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = lower * upper * (mass[:-1] / lower - (mass[-1] - mass[:-1]) / upper) ** 2
    if np.isnan(between).all():
        return None
    return float(edges[int(np.nanargmax(between)) + 1])
