"""The measures of overlap, and what each says where it cannot say much.

Seen voxels N, of which the reference marks A; a map's kept part p ≥ 0 with P positive values; its
attended region S after a binarisation, ties as their share. Undefined is NaN (blank in tables).

| measure | formula | A empty | S empty, P = 0 | A all seen | constant | perfect |
|---|---|---|---|---|---|---|
| `irrelevant_ratio` | abs(S minus A) / abs(S) | 1 | blank | 0 | 1 - f | 0 |
| `coverage` | abs(S and A) / abs(A) | blank | 0 | abs(S) / N | as S | 1 (*) |
| `dice`, `iou` | the usual | 0; both: blank | 0 | as ever | as S | 1 (*) |
| `relative_area` | abs(S) / N | as ever | 0 | as ever | as S | none |
| `centroid_distance_mm` | of the centroids of S and A | blank | blank | as ever | as S | 0 |
| `surface_distance_mm` | mean, both surfaces' points | blank | blank | as ever | blank | 0 |
| `hausdorff95_mm` | larger of both ways' 95 % | blank | blank | as ever | blank | 0 |
| `pointing_game` | maxima within tolerance of A | 0 | blank | 1 | dilated f | 1 |
| `mass_accuracy` | mass of p in A / mass of p | 0 | blank | 1 | f | 1 |
| `rank_accuracy` | the abs(A) largest p: in A | blank | blank | 1 | f | 1 |
| `average_precision` | steps of recall, ties together | blank | blank | 1 | f | 1 |
| `auroc` | P(p in A > p outside), ties half | blank | blank | blank | 1/2 | 1 |
| `rank_correlation` | Spearman of evidence and votes | blank | blank | as ever | 0 | 1 |
| `weighted_jaccard` | sum of minima / sum of maxima | blank | blank | as ever | formula | 1 |
| `topX_any`, `_half`, `_all` | the X % largest p > 0: in A | 0 | blank | 1 | f | 1 |

f = abs(A) / N. (*) By the rule `top`, which fixes abs(S) = w, a reference larger than w is itself
cut: coverage w / abs(A), and Dice and IoU accordingly. `rank_correlation` is taken within the union
of the raters' marks, and blank where votes or evidence are all alike there (a single rater; a flat
map); its chance is 0. With one rater there is nobody to leave out: no `fair` and no `ceiling`.
Surface distances are of whole voxels: ties lie in S when their share is a half or more. A `region`
that is everything seen gives the same second chance as the first.

Sources: pointing game, Zhang et al., Int J Comput Vis 2018; relevance mass and rank accuracy, Arras
et al., Information Fusion 2022; weighted Jaccard, Ioffe, IEEE ICDM 2010; average precision and
AUROC as in scikit-learn; surface distances as in MONAI.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import Cut
from rightreason.ranked import Floats, Marks, RankedMap, last_of_ties
from rightreason.references import References

COUNTED = ("irrelevant_ratio", "coverage", "dice", "iou", "relative_area")
DISTANCES = ("surface_distance_mm", "hausdorff95_mm")
AREA_MEASURES = (*COUNTED, "centroid_distance_mm", *DISTANCES)
RANKED_MEASURES = ("mass_accuracy", "rank_accuracy", "average_precision", "auroc")
MAP_MEASURES = ("pointing_game", *RANKED_MEASURES)
TESTED = ("irrelevant_ratio", "coverage", "dice")
"""The measures that a conclusion is tested by: rater by rater, model against model."""
TOPS = (1, 5, 10)
LEVELS = ("any", "half", "all")
TOP_MEASURES = tuple(f"top{percent}_{level}" for percent in TOPS for level in LEVELS)
VOTES_MEASURES = ("rank_correlation", "weighted_jaccard", *TOP_MEASURES)

Scores = dict[str, Floats]
"""Measure to array of (placements, references)."""


def ratio(part: Floats | float, whole: Floats | float) -> Floats:
    """Divide; NaN where the denominator is zero."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    found: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return found


def counted(seen: int, important: Floats, attended: Floats | float, overlap: Floats) -> Scores:
    """Compute the area measures that follow from counts.

    Parameters
    ----------
    seen : int
        N.
    important : (R,) array
        abs(A) of each reference.
    attended : float or (R,) array
        abs(S).
    overlap : (..., R) array
        abs(S and A).

    Examples
    --------
    >>> found = counted(16, np.array([4.0]), 5.0, np.array([2.0]))
    >>> [round(float(found[name][0]), 3) for name in COUNTED]
    [0.6, 0.5, 0.444, 0.286, 0.312]
    """
    return {
        "irrelevant_ratio": ratio(attended - overlap, attended),
        "coverage": ratio(overlap, important),
        "dice": ratio(2 * overlap, attended + important),
        "iou": ratio(overlap, attended + important - overlap),
        "relative_area": np.broadcast_to(np.asarray(attended, float) / seen, overlap.shape),
    }


def overlaps(marks: Marks, cuts: list[Cut], members: NDArray[np.bool_]) -> Floats:
    """Count abs(S and A) for each reference and its cut, (B, R); equal cuts are counted once."""
    found = np.zeros((len(marks.codes), members.shape[1]))
    for region in dict.fromkeys(cuts):
        of = [i for i, other in enumerate(cuts) if other == region]
        found[:, of] = marks.count(marks.inside(region), members[:, of])
    return found


def ranked_measures(marks: Marks, ranked: RankedMap, references: References) -> Scores:
    """Compute `RANKED_MEASURES` of B placements against every reference, each (B, R)."""
    shape = (len(marks.codes), len(references.patterns.keys))
    if ranked.is_empty:
        return {name: np.full(shape, np.nan) for name in RANKED_MEASURES}
    members, important = references.patterns.members, references.sizes
    above, including = ranked.ranks(marks.values)
    mass = marks.count(marks.values.astype(np.float64), members)
    cuts = [ranked.top(float(size)) for size in important]
    return {
        "mass_accuracy": mass / ranked.mass,
        "rank_accuracy": ratio(overlaps(marks, cuts, members), important),
        "average_precision": _average_precision(marks, including, members, important),
        "auroc": _auroc(marks, (above + including) / 2, ranked.size, members, important),
    }


def _average_precision(
    marks: Marks, including: Floats, members: NDArray[np.bool_], important: Floats
) -> Floats:
    """Sum precision over the steps of recall, ties taken together as scikit-learn does."""
    ends = last_of_ties(marks.values)
    found = np.full((len(marks.codes), len(important)), np.nan)
    for i, size in enumerate(important):
        if size > 0:
            hits = marks.weights * members[marks.codes, i]
            caught = np.take_along_axis(np.cumsum(hits, axis=1), ends, axis=1)
            found[:, i] = (hits * caught / including).sum(axis=1) / size
    return found


def _auroc(
    marks: Marks, middle: Floats, seen: int, members: NDArray[np.bool_], important: Floats
) -> Floats:
    """Mann and Whitney's statistic from `middle`, the number of voxels above, ties half."""
    higher = marks.count(seen - middle, members)
    pairs = important * (seen - important)
    return ratio(np.broadcast_to(higher - important**2 / 2, higher.shape), pairs)


def votes_measures(marks: Marks, ranked: RankedMap, references: References) -> Scores:
    """Compute `VOTES_MEASURES` of B placements against the votes, each (B, V).

    V counts whose votes: those of all raters, then those of all but each (`Patterns.voters`).
    """
    votes = references.patterns.votes()
    shape = (len(marks.codes), votes.shape[1])
    if ranked.is_empty:
        return {name: np.full(shape, np.nan) for name in VOTES_MEASURES}
    sizes = np.bincount(references.codes, minlength=len(votes)).astype(np.float64)
    total = sizes @ votes
    found = {
        "rank_correlation": np.stack(
            [_spearman(marks, votes[:, i]) for i in range(votes.shape[1])], axis=1
        ),
        "weighted_jaccard": np.stack(
            [_jaccard(marks, ranked.mass, votes[:, i], total[i]) for i in range(votes.shape[1])],
            axis=1,
        ),
    }
    return found | _tops(marks, ranked, levels(references))


def levels(references: References) -> dict[str, NDArray[np.bool_]]:
    """Say which codes hold marks of at least one, at least half, and all voters, (codes, V)."""
    votes = references.patterns.votes()
    n = len(references.patterns.raters)
    voters = np.array([n] + [n - 1] * (votes.shape[1] - 1))
    marked = votes > 0
    return {
        "any": marked,
        "half": marked & (2 * votes >= voters),
        "all": marked & (votes == voters),
    }


def _tops(marks: Marks, ranked: RankedMap, tables: Mapping[str, NDArray[np.bool_]]) -> Scores:
    found = {}
    for percent in TOPS:
        wanted = min(ranked.size * percent / 100, float(ranked.ranked.size))
        region = ranked.top(wanted)
        inside = marks.inside(region)
        for level, table in tables.items():
            found[f"top{percent}_{level}"] = marks.count(inside, table) / wanted
    return found


def _spearman(marks: Marks, votes: NDArray[np.int64]) -> Floats:
    """Rank correlation of evidence and votes where there are votes, (B,); weighted mid-ranks."""
    here = votes[marks.codes]
    weights = marks.weights * (here > 0)
    total = weights.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        return np.full(len(total), np.nan)
    ends = last_of_ties(marks.evidence)
    cumulative = np.take_along_axis(np.cumsum(weights, axis=1), ends, axis=1)
    # Falling order: the group's last place has the total up to its end; half of its own is taken.
    rank = total - cumulative + _of_group(weights, ends) / 2
    levels_there = np.unique(votes[votes > 0])
    amounts = np.stack([(weights * (here == level)).sum(axis=1) for level in levels_there], axis=1)
    middles: Floats = np.cumsum(amounts, axis=1, dtype=np.float64) - amounts / 2
    vote_rank = np.take_along_axis(
        middles, np.searchsorted(levels_there, np.maximum(here, levels_there[0])), axis=1
    )
    return _correlation(rank, vote_rank, weights / total)


def _of_group(weights: Floats, ends: NDArray[np.int64]) -> Floats:
    """Return the total weight of each place's group of ties."""
    rows, places = weights.shape
    at = ends + places * np.arange(rows)[:, None]
    sums = np.bincount(at.ravel(), weights=weights.ravel(), minlength=rows * places)
    of_end = sums.reshape(rows, places).astype(np.float64)
    groups: Floats = np.take_along_axis(of_end, ends, axis=1)
    return groups


def _correlation(a: Floats, b: Floats, weights: Floats) -> Floats:
    """Pearson's correlation along rows, with weights that sum to one."""
    a = a - (a * weights).sum(axis=1, keepdims=True)
    b = b - (b * weights).sum(axis=1, keepdims=True)
    spread = np.sqrt((weights * a * a).sum(axis=1) * (weights * b * b).sum(axis=1))
    # Ranks are halves of whole numbers: a spread this small is rounding of a constant.
    return ratio((weights * a * b).sum(axis=1), np.where(spread > 1e-9, spread, 0.0))


def _jaccard(marks: Marks, mass: float, votes: NDArray[np.int64], total: float) -> Floats:
    """Weighted Jaccard of map and votes, each summing to 1, (B,)."""
    if total <= 0:
        return np.full(len(marks.codes), np.nan)
    least = np.minimum(marks.values / mass, votes[marks.codes] / total)
    shared: Floats = (least * marks.weights).sum(axis=1)
    # Two distributions: minima and maxima sum to 2 together.
    return shared / (2 - shared)
