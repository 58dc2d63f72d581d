"""Stage `threshold`: from which probability on a case is called positive, fold by fold.

The threshold of a fold is chosen on its inner validation cases, by the networks of that fold. So
neither a test case nor an external one has a say in what it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rightreason.committee import Committee
from rightreason.probabilities import Fold, judge
from rightreason.threshold_choice import choose_threshold
from rightreason.threshold_table import write_thresholds
from rightreason.tsv import as_written, to_tsv
from rightreason.whole import write_whole

VALIDATION_COLUMNS = ("fold", "case", "label", "probability")


def choose_thresholds(
    images: Mapping[str, Path],
    committees: Mapping[Fold, Committee],
    validation: Mapping[int, Sequence[str]],
    labels: Mapping[str, str],
    classes: Sequence[str],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Mapping[str, Path],
) -> None:
    """Write the threshold of every fold, and what it was chosen by.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images of the validation cases. A case that has none is left out.
    committees : mapping of fold to committee
        The networks that were trained without that fold, by seed.
    validation : mapping of fold to cases
        The inner validation cases of every fold.
    labels : mapping of case to str
        One of `classes`.
    classes : sequence of two str
        The negative class and the positive one.
    model, settings
        As for `probabilities.judge`.
    out : mapping of name to path
        Tables (TSV): `validation` with `VALIDATION_COLUMNS`, probabilities as means over seeds, and
        `thresholds`, a table of `threshold_table`, each by `choose_threshold`. Its last row, with a
        blank fold, is the mean of the folds' thresholds: an external case is called by it.

    Raises
    ------
    InputError
        As `probabilities.judge`.
    """
    wanted = [(c, fold) for fold, cases in validation.items() for c in cases if c in images]
    found = judge(images, wanted, committees, model, settings)
    judges = [
        {"fold": fold, "case": case, "label": labels[case], "probability": _mean(by_seed)}
        for (case, fold), by_seed in found.items()
    ]
    chosen: dict[Fold, float] = {fold: _of_fold(judges, fold, classes[1]) for fold in validation}
    chosen[None] = _mean(list(chosen.values()))
    write_whole(out["validation"], to_tsv(VALIDATION_COLUMNS, judges))
    write_thresholds(chosen, out["thresholds"])


def _mean(values: Sequence[float]) -> float:
    """Return the mean in the digits of the table: who reads it finds the same classes."""
    return as_written(float(np.mean(values)))


def _of_fold(judges: Sequence[Mapping[str, Any]], fold: int, positive: str) -> float:
    here = [row for row in judges if row["fold"] == fold]
    labels = np.array([row["label"] == positive for row in here], dtype=bool)
    return choose_threshold(labels, np.array([row["probability"] for row in here], dtype=float))
