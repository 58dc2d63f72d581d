"""The human ceiling: each rater scored against the others as a model is, and the fair comparison.

A model is held against the same n - 1 raters as the one who was left out, and averaged over who
that is; only this value stands beside the ceiling. Both averages are over the same raters left out:
those where the model and the rater both have a score (a rater who marked nothing has none).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from rightreason.measures import AREA_MEASURES, VOTES_MEASURES
from rightreason.ranked import Floats, RankedMap
from rightreason.references import References
from rightreason.scene import Scene
from rightreason.scores import ByMeasure, MapScores, score

WHOLE = "positive"
MASK = ""
"""The one binarisation of a mask: its own marks."""


def rater_scores(rater: str, scene: Scene) -> tuple[RankedMap, MapScores]:
    """Score one rater's mask as a model's map is scored, against every reference of a scene."""
    mask = scene.references.rater_mask(rater)
    ranked = RankedMap.of(mask.astype(np.float32), WHOLE)
    return ranked, score(ranked, scene, WHOLE, {MASK: {"rule": "half"}})


def against(rater: str, references: References) -> tuple[list[int], list[int]]:
    """Return whom a rater is held against: positions of references, and of voters.

    The consensus of the others, and each other rater.
    """
    keys = references.patterns.keys
    raters = references.patterns.raters
    others = [
        i for i, key in enumerate(keys)
        if key.left_out == rater or (not key.left_out and key.name in raters and key.name != rater)
    ]  # fmt: skip
    return others, [references.patterns.voters.index(rater)]


def side_by_side(
    values: ByMeasure, scores: Mapping[str, ByMeasure], references: References
) -> tuple[ByMeasure, ByMeasure]:
    """Return a map's `fair` scores and the raters' `ceiling`, over the same raters left out.

    Parameters
    ----------
    values : ByMeasure
        The map's scores, surface distances and all.
    scores : mapping of rater to ByMeasure
        Of `rater_scores`; empty with a single rater.
    references : References
        What all were scored against.

    Returns
    -------
    fair, ceiling : ByMeasure
        By the map's keys, (R,) or (1,) arrays.
    """
    level: ByMeasure = {}
    top: ByMeasure = {}
    for key, own in values.items():
        whose = (MASK if key[1] in AREA_MEASURES else WHOLE, key[1])
        theirs = {rater: of[whose].copy() for rater, of in scores.items() if whose in of}
        own = own.copy()
        for rater, marks in theirs.items():
            at = _without(rater, references, key[1] in VOTES_MEASURES)
            undefined = np.isnan(own[0, at]) | np.isnan(marks[0, at])
            for row in (own[0], marks[0]):
                row[at] = np.where(undefined, np.nan, row[at])
        level |= fair({key: own}, references)
        top |= ceiling({rater: {key: marks} for rater, marks in theirs.items()}, references)
    return level, top


def _without(rater: str, references: References, votes: bool) -> list[int]:
    """Return the positions of the references, or of the votes, of all but one rater."""
    if votes:
        return [references.patterns.voters.index(rater)]
    return [i for i, key in enumerate(references.patterns.keys) if key.left_out == rater]


def fair(values: ByMeasure, references: References) -> ByMeasure:
    """Average a map's scores over who is left out, for each reference of all raters.

    Returns
    -------
    dict of (binarisation or part, measure) to (R,) or (1,) array
        NaN with a single rater. Against one rater a score is fair as it is.
    """
    keys, raters = references.patterns.keys, references.patterns.raters
    found: ByMeasure = {}
    for key, scores in values.items():
        if key[1] in VOTES_MEASURES:
            found[key] = np.array([mean(scores[0, 1:])])
            continue
        own = []
        for i in references.patterns.whole:
            name = keys[i].name
            same = [j for j, k in enumerate(keys) if k.left_out and k.name == name]
            alone = name in raters and len(raters) > 1
            own.append(scores[0, i] if alone else mean(scores[0, same]))
        found[key] = np.array(own)
    return found


def ceiling(scores: Mapping[str, ByMeasure], references: References) -> ByMeasure:
    """Average over the raters what each one scored against the others.

    Parameters
    ----------
    scores : mapping of rater to ByMeasure
        Of `rater_scores`.
    references : References
        What they were scored against.

    Returns
    -------
    dict of (MASK or WHOLE, measure) to (R,) or (1,) array
        For each reference of all raters; empty with a single rater.
    """
    if len(scores) < 2:
        return {}
    keys = references.patterns.keys
    voters = references.patterns.voters
    found: ByMeasure = {}
    for key in next(iter(scores.values())):
        if key[1] in VOTES_MEASURES:
            own = [values[key][0, voters.index(rater)] for rater, values in scores.items()]
            found[key] = np.array([mean(np.array(own))])
            continue
        columns = []
        for i in references.patterns.whole:
            name = keys[i].name
            pairs = [
                values[key][0, j]
                for rater, values in scores.items()
                for j in against(rater, references)[0]
                if keys[j].name == name
            ]
            columns.append(mean(np.array(pairs)))
        found[key] = np.array(columns)
    return found


def mean(values: Floats) -> float:
    """Average what is defined; NaN when nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(values)) if values.size else float("nan")
