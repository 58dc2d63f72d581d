"""How far the raters agree, and whether one of them stands out: `agreement.tsv`.

| scope   | statistic               | is                                                         |
|---------|-------------------------|------------------------------------------------------------|
| `pair`  | `dice`, `iou`           | of two raters, mean over the cases that both looked at     |
| `rater` | `mean_dice`             | of the pairs with this rater, mean over cases              |
| `rater` | `staple_sensitivity`, … | against STAPLE's consensus, mean over cases                |
| `rater` | `outlier`               | `mean_dice` less that of the pairs without this rater      |
| `all`   | `mean_dice`             | of all pairs of a case, mean over cases                    |
| `all`   | `fleiss_kappa`          | mean over the cases at which all the study's raters looked |
| `all`   | `krippendorff_alpha`    | mean over the cases at which two or more looked            |
| `all`   | `…_pooled` (of the two) | of those cases' voxels together: large regions weigh more  |

| situation                        | policy                                                     |
|----------------------------------|------------------------------------------------------------|
| two raters both marked nothing   | their Dice and IoU are undefined, not 1                    |
| one of two marked nothing        | 0                                                          |
| nobody marked, or all everywhere | kappa and alpha are undefined: nothing varies              |
| a rater did not look at a case   | it counts for none of the rater's pairs nor Fleiss' kappa; |
|                                  | alpha takes the raters who did look                        |
| no case; one patient             | no value; no interval; `note` says so                      |
| fewer than three raters          | no outlier: of two, nobody can say which                   |

**Naming an outlying rater.** A rater is named (in `note`) when three things hold: the difference is
below -0.1; its interval, which is simultaneous over the raters (Bonferroni: each at 1 - (1 -
confidence) / raters, and so tabled), lies below 0; and the lowest difference among the raters,
with the raters exchanged at random within each patient, is seldom as low (`lowest_column_p`, at 1 -
confidence). By the first two alone, raters who are all alike but fail now and then have one of them
named in up to 19 of 100 studies of three patients and 5 of eight; with the third in at most 4, at
any number of patients (`benchmarks/outlier.py`). It is asked of the pooled sites only: asking it of
every site would be as many chances to name somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.cohort import Cases, number_patients, site_groups
from rightreason.marked_cases import MarkedCases, marked_cases
from rightreason.permutation import lowest_column_p
from rightreason.rater_patterns import fleiss_kappa, krippendorff_alpha, with_and_without
from rightreason.resampling import bca_interval
from rightreason.statistics import bootstrap_means
from rightreason.summary_words import ONE_PATIENT, STANDS_OUT, UNDEFINED_EVERYWHERE

AGREEMENT_COLUMNS = ["sites", "scope", "rater", "against", "statistic", "n_cases", "value"]
AGREEMENT_COLUMNS += ["low", "high", "note"]
POOLED_SITES = ("training", "external")
OUTLYING = -0.1
"""A rater whose Dice with the others is lower than theirs by less than this is not named."""

Floats = NDArray[np.float64]
Key = tuple[str, str, str, str]
"""Scope, rater, against, statistic."""


def agreement_table(
    patterns: pd.DataFrame,
    staple: pd.DataFrame,
    raters: Mapping[str, Sequence[str]],
    cases: Cases,
    external_sites: Sequence[str],
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Return `agreement.tsv`: a row per site or pool, rater or pair, and statistic.

    Parameters
    ----------
    patterns : data frame
        `case`, `marked_by` (raters joined by `+`, blank for none), `voxels`: all rows of the
        annotated positive cases' agreement tables.
    staple : data frame
        `case`, `rater`, `sensitivity`, `specificity`; NaN where undefined.
    raters : mapping of case to sequence of str
        Who looked at each case of `patterns`, whether or not they marked anything.
    cases : mapping of case to mapping
        `patient` and `site` of every case of the study.
    external_sites : sequence of str
        Sites that were never trained on.
    settings : mapping
        `bootstrap`, `permutations`, `confidence`, `seed`.

    Returns
    -------
    data frame
        `AGREEMENT_COLUMNS`; sites without an annotated positive case have no rows.

    Raises
    ------
    InputError
        When a pattern names a rater who did not look at the case.
    """
    marked = marked_cases(patterns, staple, raters)
    rows: list[dict[str, Any]] = []
    for sites, members in site_groups(cases, external_sites).items():
        here = np.isin(marked.order, members)
        if not here.any():
            continue
        chosen = [case for case, inside in zip(marked.order, here, strict=True) if inside]
        patients = number_patients(chosen, cases)
        found = [*_means(marked, here, patients, settings)]
        found += _pooled(marked, here, patients, settings)
        if sites in POOLED_SITES and len(marked.raters) > 2:
            found += _outliers(marked, here, patients, settings)
        rows += [{"sites": sites, **row} for row in found]
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def _means(
    marked: MarkedCases, here: NDArray[np.bool_], patients: NDArray[np.int64],
    settings: Mapping[str, Any],
) -> Iterable[dict[str, Any]]:  # fmt: skip
    """Rows of the statistics that are means over cases."""
    columns = _columns(marked)
    values = np.stack([*columns.values()], axis=1)[here]
    found = bootstrap_means(
        values, patients, settings["bootstrap"], settings["confidence"], settings["seed"]
    )
    limits = zip(found.mean, found.low, found.high, strict=True)
    for key, column, (mean, low, high) in zip(columns, values.T, limits, strict=True):
        yield _row(key, int(np.isfinite(column).sum()), mean, low, high)


def _columns(marked: MarkedCases) -> dict[Key, Floats]:
    """Return the values over cases of each statistic that is a mean."""
    names = marked.raters
    columns: dict[Key, Floats] = {}
    first, second = np.triu_indices(len(names), 1)
    for statistic, pairs in (("dice", marked.dice), ("iou", marked.iou)):
        for i, j in zip(first.tolist(), second.tolist(), strict=True):
            columns["pair", names[i], names[j], statistic] = pairs[:, i, j]
    others = np.where(np.eye(len(names), dtype=bool), np.nan, marked.dice)
    for k, name in enumerate(names):
        columns["rater", name, "", "mean_dice"] = _mean(others[:, k])
        columns["rater", name, "", "staple_sensitivity"] = marked.sensitivity[:, k]
        columns["rater", name, "", "staple_specificity"] = marked.specificity[:, k]
    kappa = np.where(marked.complete, fleiss_kappa(marked.tallies), np.nan)
    columns["all", "", "", "mean_dice"] = _mean(marked.dice[:, first, second])
    columns["all", "", "", "fleiss_kappa"] = kappa
    columns["all", "", "", "krippendorff_alpha"] = krippendorff_alpha(marked.tallies)
    return columns


def _mean(values: Floats) -> Floats:
    """Mean over the last axis of the defined values."""
    defined = np.isfinite(values)
    count = defined.sum(-1)
    total = np.where(defined, values, 0.0).sum(-1)
    found: Floats = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return found


def _pooled(
    marked: MarkedCases, here: NDArray[np.bool_], patients: NDArray[np.int64],
    settings: Mapping[str, Any],
) -> Iterable[dict[str, Any]]:  # fmt: skip
    """Rows of kappa and alpha over the voxels of all cases together."""
    tallies, complete = marked.tallies[here], marked.complete[here]
    compared = tallies.sum(1) > 0
    for name, statistic, used in (
        ("fleiss_kappa_pooled", fleiss_kappa, complete & compared),
        ("krippendorff_alpha_pooled", krippendorff_alpha, compared),
    ):
        _, number = np.unique(patients[used], return_inverse=True)
        sums = np.zeros((len(np.unique(number)), 3))
        np.add.at(sums, number, tallies[used])
        low, high = bca_interval(
            partial(_of_draws, statistic, sums), len(sums),
            settings["bootstrap"], settings["confidence"], settings["seed"],
        )  # fmt: skip
        value = float(statistic(sums.sum(0)))
        yield _row(("all", "", "", name), int(used.sum()), value, low, high)


def _of_draws(statistic: Callable[[Floats], Floats], sums: Floats, counts: Floats) -> Floats:
    return statistic(counts @ sums)


def _outliers(
    marked: MarkedCases, here: NDArray[np.bool_], patients: NDArray[np.int64],
    settings: Mapping[str, Any],
) -> Iterable[dict[str, Any]]:  # fmt: skip
    """Rows that compare each rater's agreement with that of the others; see the module."""
    names, apart = marked.raters, with_and_without(marked.dice[here])
    confidence = 1 - (1 - settings["confidence"]) / len(names)
    found = bootstrap_means(apart, patients, settings["bootstrap"], confidence, settings["seed"])
    of_patients = np.stack([_mean(apart[patients == i].T) for i in np.unique(patients)])
    chance = lowest_column_p(of_patients, settings["permutations"], settings["seed"])
    for i, name in enumerate(names):
        mean, low, high = found.mean[i], found.low[i], found.high[i]
        row = _row(("rater", name, "", "outlier"), int(np.isfinite(apart[:, i]).sum()), mean, low,
                   high)  # fmt: skip
        if mean < OUTLYING and high < 0 and chance[i] <= 1 - settings["confidence"]:
            row["note"] = STANDS_OUT.format(rater=name, difference=f"{-mean:.2f}")
        yield row


def _row(key: Key, n_cases: int, value: float, low: float, high: float) -> dict[str, Any]:
    note = ""
    if np.isnan(value):
        note = UNDEFINED_EVERYWHERE
    elif np.isnan(low):
        note = ONE_PATIENT
    names = ("scope", "rater", "against", "statistic")
    values = {"n_cases": n_cases, "value": value, "low": low, "high": high, "note": note}
    return dict(zip(names, key, strict=True)) | values
