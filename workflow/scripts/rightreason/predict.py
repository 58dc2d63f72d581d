"""Stage `predict`: each case's probability by networks that never saw its patient; its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rightreason.committee import Committee
from rightreason.errors import InputError
from rightreason.probabilities import Fold, judge
from rightreason.threshold_table import read_thresholds
from rightreason.tsv import as_written, to_tsv
from rightreason.whole import write_whole

COLUMNS = ("case", "site", "fold", "label", "probability", "threshold", "predicted")
SEED_COLUMNS = ("case", "seed", "probability")

Rows = Sequence[Mapping[str, Any]]


def predict_cases(
    images: Mapping[str, Path],
    committees: Mapping[Fold, Committee],
    rows: Rows,
    thresholds: Path,
    classes: Sequence[str],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Mapping[str, Path],
) -> None:
    """Write the probability of the positive class for some cases, and the class each is called.

    A case's probability is the mean over its networks, and it is called positive from the threshold
    of its fold on. No case makes a difference to another's row: any division of a cohort gives the
    same rows.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images.
    committees : mapping of fold to committee
        Out of fold one network per seed; None, for cases in no fold, has those of all folds, or
        those that were trained elsewhere.
    rows : sequence of mappings
        `case`, `site`, `fold` (None for a case in no fold), `label`: one row of the table each, in
        this order. A case without an image is left out; no case at all gives empty tables.
    thresholds : path
        A table of `threshold_table`.
    classes : sequence of two str
        The negative class and the positive one.
    model, settings
        As for `probabilities.judge`.
    out : mapping of name to path
        Tables (TSV): `table` with `COLUMNS`, `seeds` with `SEED_COLUMNS` (means over the case's
        networks of that seed).

    Raises
    ------
    InputError
        As `probabilities.judge`, and when a fold has no threshold.
    """
    rows = [row for row in rows if row["case"] in images]
    limits = _limits(thresholds, rows)
    wanted = [(row["case"], row["fold"]) for row in rows]
    by_seed = judge(images, wanted, committees, model, settings)
    table = [
        _row(row, values, limits[row["fold"]], classes)
        for row, values in zip(rows, by_seed.values(), strict=True)
    ]
    seeds = [
        {"case": case, "seed": seed, "probability": value}
        for (case, _), values in by_seed.items()
        for seed, value in enumerate(values)
    ]
    write_whole(out["seeds"], to_tsv(SEED_COLUMNS, seeds))
    write_whole(out["table"], to_tsv(COLUMNS, table))


def _limits(path: Path, rows: Rows) -> dict[Fold, float]:
    limits = read_thresholds(path)
    lacking = {row["fold"] for row in rows} - set(limits)
    if lacking:
        raise InputError(
            f"{path} has no threshold for the folds {', '.join(sorted(map(str, lacking)))}: it is "
            "of another study. Remove it and run again: it is made anew."
        )
    return limits


def _row(
    row: Mapping[str, Any], by_seed: Sequence[float], threshold: float, classes: Sequence[str]
) -> dict[str, Any]:
    # In the digits of the table: who reads it finds the same classes by the same thresholds.
    probability = as_written(float(np.mean(by_seed)))
    predicted = classes[int(probability >= threshold)]
    return {**row, "probability": probability, "threshold": threshold, "predicted": predicted}
