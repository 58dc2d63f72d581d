"""Chance and perfection in closed form: a constant map, and the reference itself as the map.

A constant map ties all voxels; since ties are shared, its counts are expectations over a fair
random choice. The same holds of a map that is constant within the case's `region` and zero outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.measures import (
    MAP_MEASURES,
    TOPS,
    VOTES_MEASURES,
    counted,
    levels,
    ratio,
)
from rightreason.ranked import Floats
from rightreason.references import Mask, References
from rightreason.scene import Scene
from rightreason.scores import MapScores

Level = dict[tuple[str, str], Floats]
"""(Binarisation or part, measure) to (R,) or (V,) array; what has no closed form is not there."""


def constant(scene: Scene, found: MapScores, part: str, where: Mask | None = None) -> Level:
    """Score a map that is constant in a part of what was seen, cut to the area of a real map.

    Parameters
    ----------
    scene : Scene
        What it is held against.
    found : MapScores
        The real map's scores: its attended areas are kept (as far as `where` holds as much).
    part : str
        The real map's kept part.
    where : (N,) array of bool, optional
        Where the map is not zero; default everywhere. Where it is nowhere (a region that the model
        did not see) there is no map, and nothing has a chance level.
    """
    references = scene.references
    size = references.size if where is None else int(np.count_nonzero(where))
    if not size:
        return {}
    held = references if where is None else references.part(where)
    inside, important = held.sizes, references.sizes
    density = ratio(inside, np.full_like(inside, size))
    level: Level = {}
    gaps = np.linalg.norm(scene.centre_of_all(where) - scene.centroids, axis=1)
    for name, region in found.regions.items():
        attended = np.minimum(region.attended, size)
        scores = counted(references.size, important, attended, attended * density)
        del scores["relative_area"]
        level |= {(name, measure): values for measure, values in scores.items()}
        level[name, "centroid_distance_mm"] = np.where(region.attended > 0, gaps, np.nan)
    near = [m.mean() if where is None else ratio((m & where).sum(), size) for m in scene.near]
    level[part, "pointing_game"] = np.array(near, dtype=np.float64)
    level[part, "mass_accuracy"] = density
    level[part, "rank_accuracy"] = _rank_accuracy(references.size, size, important, inside)
    caught, missed = inside * density, (important - inside) * important / references.size
    level[part, "average_precision"] = ratio(caught + missed, important)
    negatives = references.size - important
    gap = ratio(inside, important) - ratio(size - inside, negatives)
    level[part, "auroc"] = (1 + gap) / 2
    return level | _votes(references, held, size, part)


def _rank_accuracy(seen: int, size: int, important: Floats, inside: Floats) -> Floats:
    """Of the abs(A) largest: first what the map marks, then (when that is less) the rest."""
    first = np.minimum(important, size) * ratio(inside, np.full_like(inside, size))
    left, outside = np.maximum(important - size, 0), max(seen - size, 1)
    return ratio(first + left * (important - inside) / outside, important)


def _votes(references: References, held: References, size: int, part: str) -> Level:
    votes = references.patterns.votes()
    total = np.bincount(references.codes, minlength=len(votes)) @ votes
    amounts = np.bincount(held.codes, minlength=len(votes)).astype(np.float64)
    level: Level = {}
    if size == references.size:
        # A constant map has no ranks to correlate; one that ends at a border may have.
        level[part, "rank_correlation"] = np.zeros(votes.shape[1])
    shares = ratio(votes.astype(np.float64), np.broadcast_to(total, votes.shape))
    least = amounts @ np.minimum(shares, 1 / size)
    level[part, "weighted_jaccard"] = least / (2 - least)
    for name, table in levels(references).items():
        for percent in TOPS:
            level[part, f"top{percent}_{name}"] = ratio(amounts @ table, float(size))
    return level


def perfect(
    references: References, part: str, binarisations: Mapping[str, Mapping[str, Any]]
) -> Level:
    """Score each reference taken as the map, by the same rules; an empty one is undefined."""
    sizes = references.sizes
    there: NDArray[np.float64] = np.where(sizes > 0, 1.0, np.nan)
    level: Level = {(part, name): there for name in MAP_MEASURES}
    level[part, "auroc"] = np.where(sizes < references.size, there, np.nan)
    voted = np.bincount(references.codes, minlength=len(references.patterns.members))
    level |= {
        (part, name): np.where(voted @ references.patterns.votes() > 0, 1.0, np.nan)
        for name in VOTES_MEASURES
    }
    votes = references.patterns.votes()[np.flatnonzero(voted)]
    vary = [len(set(column[column > 0].tolist())) > 1 for column in votes.T]
    level[part, "rank_correlation"] = np.where(vary, 1.0, np.nan)
    for name, table in levels(references).items():
        for percent in TOPS:
            level[part, f"top{percent}_{name}"] = np.where(voted @ table > 0, 1.0, np.nan)
    for name, rule in binarisations.items():
        share = 100.0 if rule["rule"] != "top" else float(rule["percent"])
        attended = np.minimum(sizes, references.size * share / 100)
        scores = counted(references.size, sizes, attended, attended)
        for measure in ("irrelevant_ratio", "coverage", "dice", "iou"):
            level[name, measure] = scores[measure]
        for measure in ("centroid_distance_mm", "surface_distance_mm", "hausdorff95_mm"):
            level[name, measure] = 0 * there
    return level
