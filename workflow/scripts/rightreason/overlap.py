"""Stage `overlap`: where a model looks, against where each rater and reference marked.

Everything is counted on the CT grid, within the seen region of the model. Policies for an empty
important region A or attended region S follow from the formulas; a quotient whose denominator is
zero is undefined and left blank:

| measure                  | formula                  | empty A | empty S | both  |
|--------------------------|--------------------------|---------|---------|-------|
| `irrelevant_ratio`       | abs(S minus A) / abs(S)  | 1       | blank   | blank |
| `chance_irrelevant_ratio`| 1 - abs(A) / abs(seen)   | 1       | as ever | 1     |
| `coverage`               | abs(S and A) / abs(A)    | blank   | 0       | blank |
| `dice`, `iou`            | the usual                | 0       | 0       | blank |
| `hit`                    | share of maxima in A     | 0       | blank, of a map without evidence |
| `mass_accuracy`          | mass in A / mass         | 0       | blank, of a map without evidence |
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import cut, descending, part_of
from rightreason.errors import InputError
from rightreason.images import Volume, check_same_grid, load, write_whole
from rightreason.inputs import InputRecord
from rightreason.placement import SeenRegion, place
from rightreason.references import References, read_references
from rightreason.shifts import ShiftedChance
from rightreason.tsv import to_tsv

KEYS = ["case", "model", "method", "reference", "binarisation"]
COLUMNS = [
    *KEYS,
    *("label", "probability", "correct"),
    *("seen_voxels", "important_voxels", "attended_voxels", "overlap_voxels", "voxel_mm3"),
    *("irrelevant_ratio", "chance_irrelevant_ratio", "coverage", "dice", "iou"),
    *("hit", "mass_accuracy"),
]
CHANCE_COLUMNS = [*KEYS, "shifts", "low", "high"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """One model's map of one case by one method, and how the model classified the case."""

    case: str
    model: str
    method: str
    label: str
    probability: float
    correct: bool

    def keys(self) -> Row:
        """Return the columns that name this map."""
        return {"case": self.case, "model": self.model, "method": self.method}


def score_case(
    case: str,
    models: Sequence[str],
    methods: Sequence[str],
    maps: Sequence[str],
    records: Sequence[str],
    annotations: str,
    predictions: Sequence[str],
    positive: str,
    settings: Mapping[str, Any],
    table: str,
    chance_table: str,
) -> None:
    """Score every map of one case against every reference.

    Parameters
    ----------
    case : str
        Case id.
    models, methods : sequence of str
        Their names.
    maps : sequence of path
        Saliency maps: all methods of the first model, then of the second, …
    records, predictions : sequence of path
        Of each model: the record of the prepared image it saw, and its table of `predict`.
    annotations : path
        The case's folder under `results/annotate/`.
    positive : str
        The class whose evidence is audited.
    settings : mapping
        Section `overlap` of the config.
    table, chance_table : path
        Outputs.
    """
    rows: list[Row] = []
    chance: list[Row] = []
    references, grid = read_references(Path(annotations))
    paths = iter(maps)
    for model, record_path, prediction in zip(models, records, predictions, strict=True):
        record = InputRecord.read(record_path)
        check_same_grid(record.ct_grid, grid, f"The prepared image of {case}", "its annotations")
        seen = SeenRegion.of(record)
        here = references.within(seen)
        shifted = ShiftedChance.of(here, seen.shape, settings["shifts"], seed=case)
        label, probability = read_prediction(Path(prediction), case)
        correct = (probability >= 0.5) == (label == positive)
        for method in methods:
            audit = Audit(case, model, method, label, probability, correct)
            values = place(load_map(next(paths)), record)
            for row, interval in score_map(audit, values, here, shifted, settings):
                rows.append({**row, "voxel_mm3": grid.voxel_mm3})
                chance.append(interval)
    write_whole(table, to_tsv(COLUMNS, rows))
    write_whole(chance_table, to_tsv(CHANCE_COLUMNS, chance))


def load_map(path: str) -> Volume:
    """Read a saliency map; NaN or infinite values are an error."""
    volume = load(path)
    if not np.isfinite(volume.data).all():
        raise InputError(
            f"The saliency map {path} holds NaN or infinite values, which cannot be scored. Remove "
            "it and run again; if it comes back, look for NaN in the network's weights."
        )
    return volume


def score_map(
    audit: Audit,
    values: NDArray[np.float32],
    references: References,
    shifted: ShiftedChance,
    settings: Mapping[str, Any],
) -> Iterator[tuple[Row, Row]]:
    """Yield, for each binarisation and reference, the row of measures and that of chance.

    Parameters
    ----------
    audit : Audit
        What the map is.
    values : array
        The signed map on the seen region.
    references : References
        Votes on the same voxels.
    shifted : ShiftedChance
        Random shifts of the attended region.
    settings : mapping
        Section `overlap` of the config.
    """
    for name, binarisation in settings["binarisations"].items():
        part = part_of(values, binarisation["part"]).ravel()
        ranked = descending(part)
        whole_map = _whole_map_measures(part, references)
        # Only the rule `area` cuts differently for each reference.
        groups = (
            [(i,) for i in range(len(references.names))]
            if binarisation["rule"] == "area"
            else [tuple(range(len(references.names)))]
        )
        for group in groups:
            important = references.sizes[group[0]]
            region = cut(binarisation, ranked, part.size, important)
            overlap, attended = _count(part, region.threshold, region.tie_share, references)
            low, high = shifted.interval(part, region)
            for i in group:
                keys = {**audit.keys(), "reference": references.names[i], "binarisation": name}
                row = {
                    **keys,
                    "label": audit.label,
                    "probability": audit.probability,
                    "correct": str(audit.correct).lower(),
                    **area_measures(part.size, references.sizes[i], attended, overlap[i]),
                    "hit": whole_map["hit"][i],
                    "mass_accuracy": whole_map["mass_accuracy"][i],
                }
                interval = {"shifts": shifted.shifts, "low": low[i], "high": high[i]}
                yield row, {**keys, **interval}


def _count(
    part: NDArray[np.float32], threshold: float, tie_share: float, references: References
) -> tuple[NDArray[np.float64], float]:
    """Count abs(S and A) for every reference, and abs(S); ties count as their share."""
    above, equal = part > threshold, part == threshold
    overlap = references.count(above) + tie_share * references.count(equal)
    attended = float(np.count_nonzero(above)) + tie_share * float(np.count_nonzero(equal))
    return overlap, attended


def _whole_map_measures(
    part: NDArray[np.float32], references: References
) -> dict[str, NDArray[np.float64]]:
    """Pointing game and mass accuracy for every reference; NaN of a map without evidence.

    Sources: pointing game, Zhang et al., Int J Comput Vis 2018 (several maxima: the share of them
    in A); relevance mass accuracy, Arras et al., Information Fusion 2022.
    """
    mass = float(part.sum(dtype=np.float64))
    if mass == 0:
        undefined = np.full(len(references.names), np.nan)
        return {"hit": undefined, "mass_accuracy": undefined}
    maxima = part == part.max()
    return {
        "hit": references.count(maxima) / np.count_nonzero(maxima),
        "mass_accuracy": references.count(part > 0, weights=part) / mass,
    }


def area_measures(seen: int, important: float, attended: float, overlap: float) -> Row:
    """Compute the area measures of one attended region and one reference from counts.

    >>> row = area_measures(seen=16, important=4, attended=5, overlap=2)
    >>> row["irrelevant_ratio"], row["coverage"], row["iou"]
    (0.6, 0.5, 0.2857142857142857)
    """
    return {
        "seen_voxels": seen,
        "important_voxels": important,
        "attended_voxels": attended,
        "overlap_voxels": overlap,
        "irrelevant_ratio": _ratio(attended - overlap, attended),
        "chance_irrelevant_ratio": _ratio(seen - important, seen),
        "coverage": _ratio(overlap, important),
        "dice": _ratio(2 * overlap, attended + important),
        "iou": _ratio(overlap, attended + important - overlap),
    }


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def read_prediction(path: Path, case: str) -> tuple[str, float]:
    """Return label and probability of one case from a table of `predict`."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["case"] == case:
                return row["label"], float(row["probability"])
    raise InputError(f"{path} has no row for case {case}; remove it and run again.")
