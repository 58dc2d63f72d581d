"""Two models on the seen voxels that both have: their maps cut anew there, the same references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.inputs import InputRecord
from rightreason.measures import TESTED, counted, overlaps
from rightreason.placement import SeenRegion
from rightreason.ranked import Floats, Marks, RankedMap
from rightreason.references import Mask, References
from rightreason.scores import binarise

COLUMNS = ("case", "model", "against", "method", "reference", "binarisation", "measure", "value",
           "against_value", "common_voxels")  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What one model saw of a case: its maps by method, and the references there.

    Attributes
    ----------
    record : InputRecord
        What entered the model.
    maps : mapping of method to array
        On the seen region.
    references : References
        Of all raters.
    """

    record: InputRecord
    maps: Mapping[str, NDArray[np.float32]]
    references: References


def pair_rows(
    case: str, models: Mapping[str, Seen], binarisations: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each pair of models, method, binarisation, reference and measure."""
    for (model, one), (against, other) in combinations(models.items(), 2):
        here, there = common(one.record, other.record)
        references = one.references.part(here)
        for method in one.maps:
            own_scores = _scores(one.maps[method], here, references, binarisations)
            their_scores = _scores(other.maps[method], there, references, binarisations)
            for name in binarisations:
                own, others = own_scores[name], their_scores[name]
                for measure in TESTED:
                    for i, key in enumerate(references.patterns.keys):
                        yield {
                            "case": case, "model": model, "against": against, "method": method,
                            "reference": key.name, "binarisation": name, "measure": measure,
                            "value": own[measure][i], "against_value": others[measure][i],
                            "common_voxels": references.size,
                        }  # fmt: skip


def common(one: InputRecord, other: InputRecord) -> tuple[Mask, Mask]:
    """Mark, in each of two seen regions (flattened), the voxels of the CT that both hold.

    Both marks name the same voxels in the same order.
    """
    first, second = SeenRegion.of(one), SeenRegion.of(other)
    shared = [np.intersect1d(a, b) for a, b in zip(first.axes, second.axes, strict=True)]
    marks = []
    for seen in (first, second):
        held = [np.isin(axis, both) for axis, both in zip(seen.axes, shared, strict=True)]
        marks.append(
            (held[0][:, None, None] & held[1][None, :, None] & held[2][None, None, :]).ravel()
        )
    return marks[0], marks[1]


def _scores(
    values: NDArray[np.float32], where: Mask, references: References,
    binarisations: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Floats]]:  # fmt: skip
    """Score a map on the common voxels by each binarisation; it is sorted once for each part."""
    if not references.size:
        blank = np.full(len(references.patterns.keys), np.nan)
        return {name: dict.fromkeys(TESTED, blank) for name in binarisations}
    common_values = values.ravel()[where]
    sorted_parts: dict[str, tuple[RankedMap, Marks]] = {}
    scores = {}
    for name, rule in binarisations.items():
        if rule["part"] not in sorted_parts:
            ranked = RankedMap.of(common_values, rule["part"])
            sorted_parts[rule["part"]] = ranked, Marks.of(ranked, references)
        ranked, marks = sorted_parts[rule["part"]]
        region = binarise(ranked, rule, references.sizes)
        overlap = overlaps(marks, region.cuts, references.patterns.members)
        found = counted(ranked.size, references.sizes, region.attended, overlap)
        scores[name] = {measure: found[measure][0] for measure in TESTED}
    return scores
