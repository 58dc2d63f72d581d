"""Chance by shifting: what a map of this shape and texture scores at random places.

The map is moved cyclically within the seen region, the annotations stay. Only marked voxels need
to be looked up: each shift asks which value of the map came to lie on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rightreason.measures import ranked_measures, votes_measures
from rightreason.ranked import Floats, Marks, RankedMap
from rightreason.references import References
from rightreason.scene import Scene
from rightreason.scores import (
    Binarised,
    ByMeasure,
    MapScores,
    area_scores,
    attended_voxels,
    maxima,
)

# Marked voxels that are looked up for each shift, and maxima: with 4,096, half of them by size, the
# standard error of the union's coverage is at most 1.1 percentage points (that of a reference a
# tenth as large 3), small against the spread of the shifts themselves.
SAMPLE = 4096
MAXIMA = 64


@dataclass(frozen=True)
class Shifts:
    """Random cyclic shifts within one seen region, the same for every map of a case.

    Attributes
    ----------
    offsets : (B, 3) array of int
        How far maps are moved along each axis.
    at : (M, 3) array of int
        The marked voxels that are looked up.
    codes, weights : (M,) arrays
        Their codes, and how many marked voxels each stands for.
    """

    offsets: NDArray[np.int64]
    at: NDArray[np.int64]
    codes: NDArray[np.int64]
    weights: Floats

    @classmethod
    def of(cls, scene: Scene, shifts: int, seed: str) -> Shifts:
        """Draw offsets and sample; the same `seed` gives the same ones on every machine."""
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8])
        generator = np.random.default_rng(number)
        offsets = generator.integers(0, scene.geometry.shape, size=(shifts, 3))
        chosen, weights = _sample(scene.references, generator)
        at = np.stack(np.unravel_index(scene.references.at[chosen], scene.geometry.shape), axis=1)
        return cls(offsets, at, scene.references.codes[chosen], weights)

    def score(self, ranked: RankedMap, scene: Scene, part: str, found: MapScores) -> ByMeasure:
        """Score every shift as the map itself was scored; surface distances apart.

        Returns
        -------
        dict of (binarisation or part, measure) to array of (shifts, references or voters)
        """
        marks = self._marks(ranked, scene)
        whole = {
            **ranked_measures(marks, ranked, scene.references),
            **votes_measures(marks, ranked, scene.references),
            "pointing_game": self._pointing_game(ranked, scene),
        }
        scores: ByMeasure = {(part, name): values for name, values in whole.items()}
        for name, region in found.regions.items():
            areas, _ = area_scores(marks, ranked, scene, region)
            areas["centroid_distance_mm"] = self._centroid_distances(ranked, scene, region)
            scores |= {(name, measure): values for measure, values in areas.items()}
        return scores

    def _marks(self, ranked: RankedMap, scene: Scene) -> Marks:
        """Look up, for each shift, the value that came to lie on each marked voxel."""
        shape = np.array(scene.geometry.shape)
        came_from = (self.at[None] - self.offsets[:, None]) % shape
        flat = np.ravel_multi_index(tuple(np.moveaxis(came_from, 2, 0)), scene.geometry.shape)
        return Marks.sort(ranked.evidence[flat], self.codes, self.weights)

    def _pointing_game(self, ranked: RankedMap, scene: Scene) -> Floats:
        at = maxima(ranked)
        if not at.size:
            return np.full((len(self.offsets), len(scene.near)), np.nan)
        at = at[:: -(-at.size // MAXIMA)]
        places = np.stack(np.unravel_index(at, scene.geometry.shape), axis=1)
        moved = (places[None] + self.offsets[:, None]) % np.array(scene.geometry.shape)
        flat = np.ravel_multi_index(tuple(np.moveaxis(moved, 2, 0)), scene.geometry.shape)
        return np.stack([near[flat].mean(axis=1) for near in scene.near], axis=1)

    def _centroid_distances(self, ranked: RankedMap, scene: Scene, region: Binarised) -> Floats:
        """Move the region's profile along each axis: its centre needs no more than these."""
        centres = {}
        for one in dict.fromkeys(region.cuts):
            voxels, inside = attended_voxels(ranked, one)
            at = np.unravel_index(voxels, scene.geometry.shape)
            axes = zip(scene.geometry.positions, at, self.offsets.T, strict=True)
            centres[one] = np.stack(
                [_moved_means(positions, index, inside, offsets)
                 for positions, index, offsets in axes], axis=1,
            )  # fmt: skip
        gaps = np.stack([centres[one] for one in region.cuts], axis=1) - scene.centroids
        distances: Floats = np.linalg.norm(gaps, axis=2)
        return distances


def _moved_means(
    positions: Floats, index: NDArray[np.int64], weights: Floats, offsets: NDArray[np.int64]
) -> Floats:
    """Return the mean position along one axis after each cyclic shift, (B,); NaN without mass."""
    profile = np.bincount(index, weights=weights, minlength=len(positions))
    total = profile.sum()
    if total <= 0:
        return np.full(len(offsets), np.nan)
    places = (np.arange(len(positions))[None] + offsets[:, None]) % len(positions)
    means: Floats = positions[places] @ profile / total
    return means


def _sample(
    references: References, generator: np.random.Generator
) -> tuple[NDArray[np.int64], Floats]:
    """Choose marked voxels of every code, and weigh them."""
    kinds, counts = np.unique(references.codes, return_counts=True)
    chosen, weights = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
    for kind, count, room in zip(kinds, counts, _room(counts), strict=True):
        there = np.flatnonzero(references.codes == kind)
        if count > room:
            there = np.sort(generator.choice(there, room, replace=False))
        chosen.append(there)
        weights.append(np.full(len(there), count / len(there)))
    return np.concatenate(chosen), np.concatenate(weights)


def _room(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Divide `SAMPLE` among codes: half of it evenly, so that none is missed, the rest by size."""
    evenly = max(SAMPLE // (2 * max(len(counts), 1)), 1)
    least = np.minimum(counts, evenly)
    left, spare = counts - least, max(SAMPLE - int(least.sum()), 0)
    if left.sum() <= spare:
        return counts
    room: NDArray[np.int64] = least + left * spare // left.sum()
    return room


def percentile_of(value: Floats, shifted: Floats) -> Floats:
    """Return the share of shifts below a value in percent, ties half; NaN where undefined.

    Parameters
    ----------
    value : (K,) array
        The map's own scores.
    shifted : (B, K) array
        Those of its shifts.
    """
    # A sample's sums and the map's own differ in the last bits where they mean the same.
    own, others = np.round(value, 9), np.round(shifted, 9)
    defined = np.isfinite(others)
    below = ((others < own) + 0.5 * (others == own)) * defined
    count = defined.sum(axis=0)
    share = np.divide(
        100 * below.sum(axis=0), count, out=np.full(value.shape, np.nan), where=count > 0
    )
    return np.where(np.isfinite(value), share, np.nan)


def limits_of(shifted: Floats, percentiles: tuple[float, float]) -> tuple[Floats, Floats, Floats]:
    """Return mean and two percentiles over the shifts, each (K,); NaN where nothing is defined."""
    undefined = ~np.isfinite(shifted).all(axis=0)
    settled = np.where(undefined, 0.0, shifted)
    low, high = np.percentile(settled, percentiles, axis=0)
    mean = settled.mean(axis=0)
    return (
        np.where(undefined, np.nan, mean),
        np.where(undefined, np.nan, low),
        np.where(undefined, np.nan, high),
    )


def summarise(
    found: MapScores, shifted: ByMeasure, percentiles: tuple[float, float]
) -> Mapping[tuple[str, str], tuple[Floats, Floats, Floats, Floats]]:
    """Return mean, two percentiles, and the map's own percentile, for every score."""
    return {
        key: (*limits_of(scores, percentiles), percentile_of(found.values[key][0], scores))
        for key, scores in shifted.items()
    }
