"""How well the models classify: by site, by stratum and by fold, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from rightreason.auc import auc_components, auc_interval
from rightreason.average_precision import average_precision_interval
from rightreason.calibration import calibration
from rightreason.cohort import Cases, number_patients, site_groups

COLUMNS = [
    "model", "sites", "stratum", "group", "n_cases", "n_patients", "n_positive",
    "auc", "auc_low", "auc_high",
    "average_precision", "average_precision_low", "average_precision_high",
    "threshold",
    "accuracy", "accuracy_low", "accuracy_high",
    "sensitivity", "sensitivity_low", "sensitivity_high",
    "specificity", "specificity_low", "specificity_high",
    "brier", "calibration_intercept", "calibration_slope", "expected_calibration_error",
    "auc_seed_sd",
]  # fmt: skip
POOLED = ("training", "external")
FOLD = "fold"
BLANK = "(blank)"
"""The group of cases that have no value of a stratum."""

Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class _Group:
    """Some cases of a model, one of the table's rows."""

    sites: str
    stratum: str
    group: str
    members: Sequence[str]


def performance_table(
    predictions: Mapping[str, pd.DataFrame],
    seeds: Mapping[str, pd.DataFrame],
    cases: Cases,
    external_sites: Sequence[str],
    positive: str,
    strata: Sequence[str],
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Return a row per model and group of cases.

    The groups are every site and the pooled `training` and `external`; within these two, every
    value of each stratum; within `training`, every fold. Policies:

    - The AUC has the interval of `auc_interval`: clustered DeLong on the logit scale, and at an AUC
      of exactly 1 or 0 Newcombe's score interval, since DeLong's has no width there. It orders the
      cases of several folds by probabilities of several networks.
    - Average precision has that of `average_precision_interval`: BCa, over patients.
    - Accuracy, sensitivity and specificity are those of the class that `predict` called, at the
      threshold of each case; `threshold` is the mean over the group. Their limits are Wilson's
      (JASA 1927, 22:209), which take cases for independent: with several cases per patient they
      are too narrow.
    - Brier score, calibration intercept and slope, and expected error: see `calibration`.
    - `auc_seed_sd` is the standard deviation (n - 1) over seeds of the AUC of each seed's networks
      alone.
    - What a group cannot give is NaN.

    Parameters
    ----------
    predictions : mapping of model to data frame
        As `cohort.read_predictions` gives them, a row per case of `cases`.
    seeds : mapping of model to data frame
        As `cohort.read_seeds` gives them: `case`, `seed`, `probability`.
    cases : mapping of case to mapping
        `patient`, `site`, `label`, and a key for each of `strata`.
    external_sites : sequence of str
        Sites that were never trained on.
    positive : str
        The class whose probability the models give.
    strata : sequence of str
        By whose values there are rows.
    settings : mapping
        `bootstrap` (number of draws), `confidence`, `seed`.

    Returns
    -------
    data frame
        Of `COLUMNS`. `stratum` and `group` are blank in the rows of all cases of a site; cases
        without a value are the group `BLANK`.
    """
    rows = []
    for model, table in predictions.items():
        scored = table.set_index("case")
        by_seed = seeds[model].pivot_table(index="case", columns="seed", values="probability")
        for group in _groups(cases, external_sites, strata, scored["fold"]):
            here = scored.loc[list(group.members)]
            row = {"model": model, "sites": group.sites, "stratum": group.stratum,
                   "group": group.group, **_row(here, cases, positive, settings)}  # fmt: skip
            alone = by_seed.reindex(group.members).to_numpy(dtype=float)
            row["auc_seed_sd"] = _seed_sd((here["label"] == positive).to_numpy(dtype=bool), alone)
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _groups(
    cases: Cases, external_sites: Sequence[str], strata: Sequence[str], folds: pd.Series
) -> Iterator[_Group]:
    sites = site_groups(cases, external_sites)
    for name, members in sites.items():
        yield _Group(name, "", "", members)
    for name in POOLED:
        members = sites.get(name, [])
        for stratum in strata:
            yield from _divided(name, stratum, {c: cases[c][stratum] or BLANK for c in members})
    tested = {case: str(folds[case]) for case in sites["training"] if folds[case] != ""}
    yield from _divided("training", FOLD, tested)


def _divided(sites: str, stratum: str, value_of: Mapping[str, str]) -> Iterator[_Group]:
    """Divide cases by a value; numbers by size, then words, then the cases without one."""

    def place(value: str) -> tuple[bool, int, str]:
        return value == BLANK, int(value) if value.isdecimal() else 10**9, value

    for value in sorted(set(value_of.values()), key=place):
        yield _Group(sites, stratum, value, [c for c, v in value_of.items() if v == value])


def _row(
    table: pd.DataFrame, cases: Cases, positive: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Measure one group, a row of `table` per case."""
    labels = (table["label"] == positive).to_numpy(dtype=bool)
    right = (table["label"] == table["predicted"]).to_numpy(dtype=bool)
    scores = table["probability"].to_numpy(dtype=float)
    patients = number_patients(list(table.index), cases)
    confidence = settings["confidence"]
    fitted = calibration(labels, scores)
    precision = average_precision_interval(
        labels, scores, patients, settings["bootstrap"], confidence, settings["seed"]
    )
    return {
        "n_cases": len(table),
        "n_patients": len(np.unique(patients)),
        "n_positive": int(labels.sum()),
        **_limited("auc", auc_interval(labels, scores, patients, confidence)),
        **_limited("average_precision", precision),
        "threshold": float(table["threshold"].mean()),
        **_limited("accuracy", _share(right, confidence)),
        **_limited("sensitivity", _share(right[labels], confidence)),
        **_limited("specificity", _share(right[~labels], confidence)),
        "brier": fitted.brier,
        "calibration_intercept": fitted.intercept,
        "calibration_slope": fitted.slope,
        "expected_calibration_error": fitted.expected_error,
    }


def _limited(name: str, found: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))


def _share(right: Labels, confidence: float) -> tuple[float, float, float]:
    """Return the share of True with Wilson's limits; NaN of nothing."""
    if not len(right):
        return float("nan"), float("nan"), float("nan")
    count = int(right.sum())
    return count / len(right), *wilson(count, len(right), confidence)


def wilson(count: float, n: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's limits of a share of `n` cases (JASA 1927, 22:209)."""
    low, high = proportion_confint(count, n, alpha=1 - confidence, method="wilson")
    # Rounding leaves a limit of 3e-17 where there is none.
    return float(low) if count > 0 else 0.0, float(high) if count < n else 1.0


def _seed_sd(labels: Labels, by_seed: NDArray[np.float64]) -> float:
    """Spread of the AUC over the columns; NaN of one column."""
    if by_seed.shape[1] < 2:
        return float("nan")
    return float(np.std([auc_components(labels, seed)[0] for seed in by_seed.T], ddof=1))
