"""The scores of one map against every reference of a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import Cut, cut
from rightreason.measures import (
    VOTES_MEASURES,
    Scores,
    counted,
    overlaps,
    ranked_measures,
    votes_measures,
)
from rightreason.ranked import Floats, Marks, RankedMap
from rightreason.scene import Scene

Key = tuple[str, str]
"""Binarisation (or the kept part, of a map as a whole) and measure."""

ByMeasure = dict[Key, Floats]
"""Each an array of (placements, references), or (placements, voters) of the votes measures."""


@dataclass(frozen=True)
class Binarised:
    """An attended region of each reference (they differ by the rule `area` only).

    Attributes
    ----------
    cuts : list of Cut
        One for each reference.
    attended : (R,) array
        abs(S).
    """

    cuts: list[Cut]
    attended: Floats

    def of(self, references: Sequence[int]) -> Binarised:
        """Keep the regions of some references."""
        return Binarised([self.cuts[i] for i in references], self.attended[list(references)])


def binarise(ranked: RankedMap, rule: Mapping[str, Any], important: Floats) -> Binarised:
    """Cut a map by a rule of the config, for each reference of `important` voxels."""
    if rule["rule"] == "area":
        cuts = [cut(rule, ranked.ranked, ranked.size, float(size)) for size in important]
    else:
        cuts = [cut(rule, ranked.ranked, ranked.size, 0.0)] * len(important)
    sizes = {region: ranked.attended(region) for region in dict.fromkeys(cuts)}
    return Binarised(cuts, np.array([sizes[region] for region in cuts]))


@dataclass(frozen=True)
class MapScores:
    """What one part of a map scores where it lies.

    Attributes
    ----------
    values : ByMeasure
        With one placement.
    regions : mapping of binarisation to Binarised
        The attended regions.
    overlap : mapping of binarisation to (R,) array
        abs(S and A).
    """

    values: ByMeasure
    regions: dict[str, Binarised]
    overlap: dict[str, Floats]

    def of_all_raters(self, scene: Scene) -> MapScores:
        """Leave out the references and votes that leave a rater out; `scene` is what was scored."""
        whole = scene.references.patterns.whole
        values = {
            key: scores[:, :1] if key[1] in VOTES_MEASURES else scores[:, whole]
            for key, scores in self.values.items()
        }
        return MapScores(
            values,
            {name: region.of(whole) for name, region in self.regions.items()},
            {name: counts[whole] for name, counts in self.overlap.items()},
        )


def score(
    ranked: RankedMap, scene: Scene, part: str, binarisations: Mapping[str, Mapping[str, Any]]
) -> MapScores:
    """Score the kept part of a map by all measures but surface distances.

    Parameters
    ----------
    ranked : RankedMap
        The part, sorted.
    scene : Scene
        What it is held against.
    part : str
        Its name: stands for the binarisation of measures of the whole map.
    binarisations : mapping of name to mapping
        Those of this part.
    """
    marks = Marks.of(ranked, scene.references)
    whole = {
        **ranked_measures(marks, ranked, scene.references),
        **votes_measures(marks, ranked, scene.references),
        "pointing_game": pointing_game(ranked, scene)[None],
    }
    found = MapScores({(part, name): values for name, values in whole.items()}, {}, {})
    for name, rule in binarisations.items():
        region = binarise(ranked, rule, scene.references.sizes)
        scores, overlap = area_scores(marks, ranked, scene, region)
        scores["centroid_distance_mm"] = centroid_distances(ranked, scene, region)[None]
        found.values.update({(name, measure): values for measure, values in scores.items()})
        found.regions[name], found.overlap[name] = region, overlap[0]
    return found


def area_scores(
    marks: Marks, ranked: RankedMap, scene: Scene, region: Binarised
) -> tuple[Scores, Floats]:
    """Return the counted measures of an attended region, and abs(S and A), for B placements."""
    members = scene.references.patterns.members
    overlap = overlaps(marks, region.cuts, members)
    return counted(ranked.size, scene.references.sizes, region.attended, overlap), overlap


def maxima(ranked: RankedMap) -> NDArray[np.int64]:
    """Return the flat indices of the largest values; none of a map without evidence."""
    if ranked.is_empty:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(ranked.evidence == ranked.ranked[0])


def pointing_game(ranked: RankedMap, scene: Scene) -> Floats:
    """Return, for each reference, the share of maxima that lie within the tolerance of it."""
    at = maxima(ranked)
    if not at.size:
        return np.full(len(scene.near), np.nan)
    return np.array([near[at].mean() for near in scene.near])


def attended_voxels(ranked: RankedMap, region: Cut) -> tuple[NDArray[np.int64], Floats]:
    """Return the voxels of an attended region by flat index, and how much of each is in it."""
    at = np.flatnonzero(ranked.evidence >= np.float32(region.threshold))
    return at, region.share_of(ranked.evidence[at])


def centroid_distances(ranked: RankedMap, scene: Scene, region: Binarised) -> Floats:
    """Return the distance in mm between the centres of S and of each reference, (R,)."""
    centres = {c: scene.centre(*attended_voxels(ranked, c)) for c in dict.fromkeys(region.cuts)}
    gaps = np.array([centres[c] for c in region.cuts]) - scene.centroids
    distances: Floats = np.linalg.norm(gaps, axis=1)
    return distances
