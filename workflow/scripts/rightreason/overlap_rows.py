"""The rows of the tables of `overlap`: every score beside what chance and people give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rightreason.measures import AREA_MEASURES, TESTED, TOP_MEASURES, VOTES_MEASURES
from rightreason.overlap_words import (
    ALL_ALIKE,
    EVERYTHING_MARKED,
    NO_EVIDENCE,
    NOT_MEASURED,
    NOTHING_ATTENDED,
    NOTHING_MARKED,
)
from rightreason.people import MASK, against
from rightreason.ranked import Floats
from rightreason.references import VOTES, References
from rightreason.scores import MapScores

Row = dict[str, Any]
Key = tuple[str, str]

KEYS = ("case", "model", "method", "reference", "binarisation", "measure")
LEVELS = ("perfect", "chance", "gain", "shifted", "shifted_low", "shifted_high",
          "shifted_percentile", "shifted_gain", "shuffled", "donors", "shuffled_gain",
          "region_chance", "region_gain", "fair", "ceiling")  # fmt: skip
COUNTS = ("seen_voxels", "important_voxels", "attended_voxels", "overlap_voxels", "voxel_mm3")
COLUMNS = (*KEYS, "value", "undefined", *LEVELS, *COUNTS)
RATER_COLUMNS = ("case", "seen_by", "left_out", "model", "method", "reference", "binarisation",
                 "measure", "value", "attended_voxels", "seen_voxels")  # fmt: skip
SEED_COLUMNS = ("case", "model", "method", "seed", "reference", "binarisation", "measure", "value")


@dataclass(frozen=True)
class Beside:
    """What stands beside a map's scores, each by (binarisation or part, measure).

    Attributes
    ----------
    perfect, chance, region, fair, ceiling : mapping to (R,) or (1,) array
        What is not there is undefined.
    shifted : mapping to four (R,) or (1,) arrays
        Mean, two percentiles, and the map's own percentile.
    shuffled : mapping to (donors, R) or (donors, 1) array
        The donors' maps.
    """

    perfect: Mapping[Key, Floats]
    chance: Mapping[Key, Floats]
    region: Mapping[Key, Floats] = field(default_factory=dict)
    shifted: Mapping[Key, tuple[Floats, Floats, Floats, Floats]] = field(default_factory=dict)
    shuffled: Mapping[Key, Floats] = field(default_factory=dict)
    fair: Mapping[Key, Floats] = field(default_factory=dict)
    ceiling: Mapping[Key, Floats] = field(default_factory=dict)


def map_rows(
    keys: Mapping[str, str], found: MapScores, references: References, beside: Beside,
    voxel_mm3: float,
) -> Iterator[Row]:  # fmt: skip
    """Yield a row for each measure and reference of one map.

    Parameters
    ----------
    keys : mapping
        `case`, `model`, `method`.
    found : MapScores
        Against the references of all raters.
    references : References
        These references.
    beside : Beside
        What to hold against.
    voxel_mm3 : float
        Volume of a voxel.
    """
    important = references.sizes
    for key, scores in found.values.items():
        binarisation, measure = key
        names = [VOTES] if measure in VOTES_MEASURES else [k.name for k in references.patterns.keys]
        levels = _levels(key, scores[0], beside)
        for i, name in enumerate(names):
            row: Row = {**keys, "reference": name, "binarisation": binarisation, "measure": measure}
            row |= {column: values[i] for column, values in levels.items()}
            row["important_voxels"] = len(references.at) if name == VOTES else important[i]
            area = binarisation in found.regions
            row["attended_voxels"] = found.regions[binarisation].attended[i] if area else None
            row["overlap_voxels"] = found.overlap[binarisation][i] if area else None
            row["seen_voxels"], row["voxel_mm3"] = references.size, voxel_mm3
            row["undefined"] = "" if np.isfinite(row["value"]) else why(row)
            yield row


def _levels(key: Key, own: Floats, beside: Beside) -> dict[str, Floats]:
    """Return every column that is a number of its own for each reference."""
    blank = np.full(own.shape, np.nan)
    perfect, chance = beside.perfect.get(key, blank), beside.chance.get(key, blank)
    region = beside.region.get(key, blank)
    shifted = beside.shifted.get(key, (blank, blank, blank, blank))
    shuffled, donors = _over_donors(beside.shuffled.get(key), blank)
    return {
        "value": own,
        "perfect": perfect,
        "chance": chance,
        "gain": gain(own, chance, perfect),
        "shifted": shifted[0],
        "shifted_low": shifted[1],
        "shifted_high": shifted[2],
        "shifted_percentile": shifted[3],
        "shifted_gain": gain(own, shifted[0], perfect),
        "shuffled": shuffled,
        "donors": donors,
        "shuffled_gain": gain(own, shuffled, perfect),
        "region_chance": region,
        "region_gain": gain(own, region, perfect),
        "fair": beside.fair.get(key, blank),
        "ceiling": beside.ceiling.get(key, blank),
    }


def _over_donors(scores: Floats | None, blank: Floats) -> tuple[Floats, Floats]:
    """Average over the donors whose score is defined, and count them."""
    if scores is None:
        return blank, np.zeros(blank.shape)
    defined = np.isfinite(scores)
    count = defined.sum(axis=0)
    total = np.where(defined, scores, 0.0).sum(axis=0)
    return np.divide(total, count, out=blank.copy(), where=count > 0), count


def gain(value: Floats, chance: Floats, perfect: Floats) -> Floats:
    """Return (value - chance) / (perfect - chance): 0 as good as chance, 1 perfect.

    NaN where a level is undefined or chance is perfect already. The form is that of Cohen's kappa
    (Educ Psychol Meas 1960); of the irrelevant ratio and a constant map it is 1 - ratio / (1 - f).
    """
    room = perfect - chance
    found: Floats = np.divide(
        value - chance, room, out=np.full(value.shape, np.nan), where=np.abs(room) > 1e-12
    )
    return found


def why(row: Mapping[str, Any]) -> str:
    """Say why a value is undefined, in a few words that can be counted over a cohort."""
    area = row["measure"] in AREA_MEASURES
    # First, since the rule `area` attends to nothing because nothing is marked.
    if not row["important_voxels"]:
        return NOTHING_MARKED
    if area and not row["attended_voxels"]:
        return NOTHING_ATTENDED
    if row["measure"] == "rank_correlation":
        return ALL_ALIKE
    if row["measure"] == "auroc" and row["important_voxels"] == row["seen_voxels"]:
        return EVERYTHING_MARKED
    if row["measure"] in TOP_MEASURES or not area:
        return NO_EVIDENCE
    return NOT_MEASURED


def left_out_rows(
    keys: Mapping[str, str], found: MapScores, references: References
) -> Iterator[Row]:
    """Yield what a map scores against all raters but one, for each who is left out.

    Only the measures that a conclusion is tested by; the mean of every measure over who is left out
    stands in the main table (`fair`).
    """
    for (binarisation, measure), scores in found.values.items():
        if measure not in TESTED:
            continue
        attended = found.regions[binarisation].attended
        for i, key in enumerate(references.patterns.keys):
            if key.left_out:
                yield {
                    **keys, "seen_by": keys["model"], "left_out": key.left_out,
                    "reference": key.name, "binarisation": binarisation, "measure": measure,
                    "value": scores[0, i], "attended_voxels": attended[i],
                    "seen_voxels": references.size,
                }  # fmt: skip


def rater_rows(
    case: str, model: str, scores: Mapping[str, MapScores], references: References
) -> Iterator[Row]:
    """Yield what each rater's own marks score against the others, where one model saw."""
    for rater, found in scores.items():
        others, voters = against(rater, references)
        for (binarisation, measure), values in found.values.items():
            votes = measure in VOTES_MEASURES
            for i in voters if votes else others:
                yield {
                    "case": case, "seen_by": model, "left_out": rater, "model": "", "method": "",
                    "reference": VOTES if votes else references.patterns.keys[i].name,
                    "binarisation": binarisation, "measure": measure, "value": values[0, i],
                    "attended_voxels": found.regions[MASK].attended[0],
                    "seen_voxels": references.size,
                }  # fmt: skip


def seed_rows(
    keys: Mapping[str, str], seed: int, found: MapScores, references: References
) -> Iterator[Row]:
    """Yield what the map of one seed's networks scores."""
    for (binarisation, measure), scores in found.values.items():
        if measure in VOTES_MEASURES:
            continue
        for i, key in enumerate(references.patterns.keys):
            yield {
                **keys, "seed": seed, "reference": key.name, "binarisation": binarisation,
                "measure": measure, "value": scores[0, i],
            }  # fmt: skip
