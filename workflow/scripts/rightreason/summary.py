"""Stage `summary`: the cohort's two tables, performance and overlap, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.cohort import (
    KEYS,
    METRICS,
    THRESHOLD,
    Cases,
    number_patients,
    read_overlap,
    read_probabilities,
    site_groups,
)
from rightreason.images import write_whole
from rightreason.statistics import auc_interval, bootstrap_means

PERFORMANCE_COLUMNS = ["model", "site", "n_cases", "n_positive", "auc", "auc_low", "auc_high"]
PERFORMANCE_COLUMNS += ["accuracy", "sensitivity", "specificity"]
SUBSETS = ("all", "correct", "wrong")
OVERLAP_COLUMNS = ["model", "site", *KEYS, "subset", "metric", "n_cases", "mean", "median"]
OVERLAP_COLUMNS += ["low", "high"]

Floats = NDArray[np.float64]


def summarise(
    overlap_tables: Sequence[Path],
    predictions: Mapping[str, Path],
    cases: Cases,
    external_sites: Sequence[str],
    positive: str,
    settings: Mapping[str, Any],
    performance: Path,
    overlap: Path,
) -> None:
    """Write `performance.tsv` and `overlap.tsv`.

    Parameters
    ----------
    overlap_tables : sequence of path
        One table of `overlap` per annotated case.
    predictions : mapping of model to path
        Tables of `predict`; the models appear in this order.
    cases : mapping of case to mapping
        `patient`, `site` and `label` of every case.
    external_sites : sequence of str
        Sites that were never trained on.
    positive : str
        The class whose probability the models give and whose evidence is audited.
    settings : mapping
        `bootstrap` (number of draws), `confidence`, `seed`.
    performance, overlap : path
        Outputs. Undefined values are blank.

    Raises
    ------
    InputError
        When a table does not hold the cases it should.
    """
    scored = {model: read_probabilities(path, cases) for model, path in predictions.items()}
    groups = site_groups(cases, external_sites)
    rows = [
        _performance(model, site, members, scored[model], cases, positive, settings["confidence"])
        for model in predictions
        for site, members in groups.items()
    ]
    _write(performance, pd.DataFrame(rows, columns=PERFORMANCE_COLUMNS))
    table = read_overlap(overlap_tables, cases, positive)
    parts = [
        _overlap(model, site, members, table[table["model"] == model], cases, settings)
        for model in predictions
        for site, members in groups.items()
    ]
    _write(overlap, pd.concat(parts, ignore_index=True))


def _performance(
    model: str, site: str, members: Sequence[str], scored: Mapping[str, float], cases: Cases,
    positive: str, confidence: float,
) -> dict[str, Any]:  # fmt: skip
    """One row of `performance.tsv`."""
    labels = np.array([cases[case]["label"] == positive for case in members], dtype=bool)
    scores = np.array([scored[case] for case in members], dtype=float)
    auc, low, high = auc_interval(labels, scores, number_patients(members, cases), confidence)
    right = (scores >= THRESHOLD) == labels
    return {
        "model": model,
        "site": site,
        "n_cases": len(members),
        "n_positive": int(labels.sum()),
        "auc": auc,
        "auc_low": low,
        "auc_high": high,
        "accuracy": right.mean() if len(right) else np.nan,
        "sensitivity": right[labels].mean() if labels.any() else np.nan,
        "specificity": right[~labels].mean() if not labels.all() else np.nan,
    }


def _overlap(
    model: str, site: str, members: Sequence[str], table: pd.DataFrame, cases: Cases,
    settings: Mapping[str, Any],
) -> pd.DataFrame:  # fmt: skip
    """Rows of `overlap.tsv` for one model and site, from the model's rows of all cases."""
    keys = list(table[KEYS].drop_duplicates().itertuples(index=False, name=None))
    here = table[table["case"].isin(members)]
    scored = sorted(here["case"].unique())
    correct = here.drop_duplicates("case").set_index("case")["correct"].reindex(scored) == "true"
    subsets = _subsets(_cube(here, scored, keys), correct.to_numpy(dtype=bool))
    values = np.concatenate(subsets, axis=1)
    values = values.reshape(len(scored), len(SUBSETS) * len(keys) * len(METRICS))
    found = bootstrap_means(
        values, number_patients(scored, cases),
        settings["bootstrap"], settings["confidence"], settings["seed"],
    )  # fmt: skip
    rows = [
        (model, site, *key, subset, metric)
        for subset in SUBSETS for key in keys for metric in METRICS
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=OVERLAP_COLUMNS[:7]).assign(
        n_cases=np.isfinite(values).sum(0),
        mean=found.mean,
        median=pd.DataFrame(values).median().to_numpy(dtype=float),
        low=found.low,
        high=found.high,
    )


def _cube(table: pd.DataFrame, scored: Sequence[str], keys: Sequence[tuple[str, ...]]) -> Floats:
    """Arrange the measures as (cases, keys, metrics); NaN where a table has no such row."""
    case_number = {case: i for i, case in enumerate(scored)}
    key_number = {key: i for i, key in enumerate(keys)}
    cube = np.full((len(scored), len(keys), len(METRICS)), np.nan)
    rows = [case_number[case] for case in table["case"]]
    columns = [key_number[key] for key in table[KEYS].itertuples(index=False, name=None)]
    cube[rows, columns] = table[METRICS].to_numpy(dtype=float)
    # The chance value stands beside the ratio: both are averaged over the same cases.
    chance, ratio = METRICS.index("chance_irrelevant_ratio"), METRICS.index("irrelevant_ratio")
    cube[:, :, chance][np.isnan(cube[:, :, ratio])] = np.nan
    return cube


def _subsets(cube: Floats, correct: NDArray[np.bool_]) -> list[Floats]:
    """Return the cube for each of `SUBSETS`, NaN for the cases that are not in it."""
    masks = (np.ones_like(correct), correct, ~correct)
    return [np.where(mask[:, None, None], cube, np.nan) for mask in masks]


def _write(path: Path, table: pd.DataFrame) -> None:
    text = table.to_csv(sep="\t", index=False, float_format="%.6g", lineterminator="\n")
    write_whole(path, text.encode())
