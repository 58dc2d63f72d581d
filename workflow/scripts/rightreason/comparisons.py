"""Model against model, chance and raters, and what overlap goes with: `comparisons.tsv`.

All by the headline's method, reference and binarisation, and the irrelevant ratio. The estimate of
a comparison is the mean over cases of value less the other's (below 0: the model looks less at what
is irrelevant). A family, over which p is adjusted by Holm's method, is one family name, pool of
sites and subset. For two models the headline's subset is the cases that are in it for both.

| family                   | `against`                       | difference                        |
|--------------------------|---------------------------------|-----------------------------------|
| `model against model`    | the other model                 | on the seen voxels that both have |
| `model against chance`   | `shifted`, `shuffled`, `chance` | value less each level of chance   |
| `model against raters`   | `raters`                        | `fair` less `ceiling`             |
| `what overlap goes with` | `error`, `confidence`, `volume` | none: see `associations`          |

| situation                          | policy                                                    |
|------------------------------------|-----------------------------------------------------------|
| one value of a pair is blank       | the case is left out of that comparison                   |
| no pair, or no such case           | no estimate; `note` says so                               |
| one patient                        | estimate without interval, p, effect size; `note` says so |
| fewer than 6 patients              | `note` gives the smallest p that flips can reach          |
| a difference of zero               | stays in: its sign changes nothing                        |
| all differences zero               | interval 0 to 0, p = 1, no effect size                    |
| equal patterns of signs            | count as at least as extreme as the observed one          |
| several cases of a patient         | drawn, flipped and exchanged together                     |
| no two patients with as many cases | nothing to exchange: no p of an AUC or Spearman           |
| p undefined                        | not in the family that Holm's method counts               |
| ties of ratios                     | AUC: one half; Spearman: mid-ranks                        |
| all ratios equal                   | AUC one half, p = 1; Spearman undefined, with a `note`    |
| fewer than 10 wrong or right       | AUC with a `note` that it is too few to say               |
| fewer than 20 patients             | Spearman with a `note` that it is too few to say          |

Effect sizes: of a mean difference d_z with Hedges' correction (`hedges_dz`), of an AUC the
rank-biserial correlation 2 AUC - 1 (Kerby, Comprehensive Psychology 2014, 3:1), of Spearman the
correlation itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.associations import FAMILY as ASSOCIATIONS
from rightreason.associations import associations
from rightreason.cohort import KEYS, Cases, number_patients, site_groups
from rightreason.effect_size import hedges_dz
from rightreason.permutation import sign_flip_p
from rightreason.statistics import bootstrap_means
from rightreason.summary_words import NO_PAIR, ONE_PATIENT_NO_P, SMALLEST_P

COMPARISON_COLUMNS = ["family", "model", "against", "sites", "subset", *KEYS, "measure"]
COMPARISON_COLUMNS += ["statistic", "n_cases", "n_patients", "estimate", "low", "high", "p"]
COMPARISON_COLUMNS += ["p_holm", "effect_size", "note"]
MEASURE = "irrelevant_ratio"
POOLED_SITES = ("training", "external")
FAMILIES = ("model against model", "model against chance", "model against raters", ASSOCIATIONS)
CHANCES = ("shifted", "shuffled", "chance")
FEWEST = 6
"""Patients: 2 / 2^5 is above 0.05, so that fewer cannot reach it whatever their differences."""

Floats = NDArray[np.float64]
Rows = list[dict[str, Any]]


def comparisons_table(
    overlap: pd.DataFrame,
    pairs: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    cases: Cases,
    external_sites: Sequence[str],
    headline: Mapping[str, str],
    settings: Mapping[str, Any],
) -> pd.DataFrame:
    """Return `comparisons.tsv`.

    Parameters
    ----------
    overlap : data frame
        Rows of the annotated positive cases' overlap tables; needs `case`, `model`, the keys,
        `measure`, `value`, `chance`, `shifted`, `shuffled`, `fair`, `ceiling`, `important_voxels`,
        `voxel_mm3`.
    pairs : data frame
        The same cases' tables of pairs; needs `case`, `model`, `against`, the keys, `measure`,
        `value`, `against_value`.
    predictions : mapping of model to data frame
        Tables of `predict`; need `case`, `label`, `probability`, `predicted`.
    cases : mapping of case to mapping
        `patient` and `site` of every case of the study.
    external_sites : sequence of str
        Sites that were never trained on.
    headline : mapping
        `method`, `reference`, `binarisation`, `subset`.
    settings : mapping
        `bootstrap`, `permutations`, `confidence`, `seed`.

    Returns
    -------
    data frame
        `COMPARISON_COLUMNS`, by family, sites and subset; undefined numbers NaN.
    """
    chosen, paired = _of_headline(overlap, headline), _of_headline(pairs, headline)
    groups = site_groups(cases, external_sites)
    scored = set(chosen["case"])
    pools = {sites: groups[sites] for sites in POOLED_SITES if scored & set(groups.get(sites, ()))}
    rows: Rows = []
    for sites, members in pools.items():
        order = sorted(scored & set(members))
        patients = number_patients(order, cases)
        columns = _differences(chosen, paired, predictions, order)
        found = list(_compared(columns, predictions, order, patients, headline, settings))
        for model, table in predictions.items():
            mine = chosen[chosen["model"] == model].set_index("case").reindex(order)
            found += associations(model, mine, table, patients, settings)
        rows += [{"sites": sites, **row} for row in found]
    for row in rows:
        row.update({key: headline[key] for key in KEYS}, measure=MEASURE)
    return _adjusted(pd.DataFrame(rows, columns=COMPARISON_COLUMNS))


def _of_headline(table: pd.DataFrame, headline: Mapping[str, str]) -> pd.DataFrame:
    chosen = (table[KEYS] == [headline[key] for key in KEYS]).all(axis=1)
    return table[chosen & (table["measure"] == MEASURE)]


def _differences(
    overlap: pd.DataFrame, pairs: pd.DataFrame, models: Sequence[str] | Mapping[str, Any],
    order: Sequence[str],
) -> dict[tuple[str, str, str], Floats]:  # fmt: skip
    """Return the differences over cases, NaN where undefined, by family, model and against."""
    columns: dict[tuple[str, str, str], Floats] = {}
    names = list(models)
    for i, model in enumerate(names):
        for against in names[i + 1 :]:
            both = pairs[(pairs["model"] == model) & (pairs["against"] == against)]
            columns[FAMILIES[0], model, against] = _less(both, "value", "against_value", order)
    for family, levels in ((FAMILIES[1], CHANCES), (FAMILIES[2], ("raters",))):
        for model in names:
            mine = overlap[overlap["model"] == model]
            for level in levels:
                value, other = ("fair", "ceiling") if level == "raters" else ("value", level)
                columns[family, model, level] = _less(mine, value, other, order)
    return columns


def _less(table: pd.DataFrame, value: str, other: str, order: Sequence[str]) -> Floats:
    by_case = table.set_index("case")[[value, other]].reindex(order).to_numpy(dtype=float)
    less: Floats = by_case[:, 0] - by_case[:, 1]
    return less


def _compared(
    columns: Mapping[tuple[str, str, str], Floats], predictions: Mapping[str, pd.DataFrame],
    order: Sequence[str], patients: NDArray[np.int64], headline: Mapping[str, str],
    settings: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Rows of all comparisons, in all cases and in the headline's subset."""
    inside = {
        model: _in_subset(table, order, headline["subset"]) for model, table in predictions.items()
    }
    everyone = np.ones(len(order), dtype=bool)
    for subset in dict.fromkeys(("all", headline["subset"])):
        values = []
        for (_, model, against), column in columns.items():
            kept = everyone if subset == "all" else inside[model] & inside.get(against, everyone)
            values.append(np.where(kept, column, np.nan))
        found = bootstrap_means(
            np.stack(values, axis=1), patients,
            settings["bootstrap"], settings["confidence"], settings["seed"],
        )  # fmt: skip
        limits = zip(found.mean, found.low, found.high, strict=True)
        for key, column, (mean, low, high) in zip(columns, values, limits, strict=True):
            row = dict(zip(("family", "model", "against"), key, strict=True))
            yield {
                **row, "subset": subset, "statistic": "mean difference",
                "estimate": mean, "low": low, "high": high,
            } | _tested(column, patients, settings)  # fmt: skip


def _in_subset(table: pd.DataFrame, order: Sequence[str], subset: str) -> NDArray[np.bool_]:
    rows = table.set_index("case").loc[list(order)]
    right = (rows["predicted"] == rows["label"]).to_numpy(dtype=bool)
    kept: NDArray[np.bool_] = {"all": right | ~right, "correct": right, "wrong": ~right}[subset]
    return kept


def _tested(
    differences: Floats, patients: NDArray[np.int64], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return counts, p, effect size and note of one column of differences."""
    defined = np.isfinite(differences)
    values, of = differences[defined], patients[defined]
    n_patients = len(np.unique(of))
    note = ""
    if not n_patients:
        note = NO_PAIR
    elif n_patients == 1:
        note = ONE_PATIENT_NO_P
    elif n_patients < FEWEST:
        note = SMALLEST_P.format(n=n_patients, p=f"{2 / 2**n_patients:g}")
    return {
        "n_cases": len(values),
        "n_patients": n_patients,
        "p": sign_flip_p(values, of, settings["permutations"], settings["seed"]),
        "effect_size": hedges_dz(values, of),
        "note": note,
    }


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """Fill in `p_holm` within each family and order the rows by family."""
    from statsmodels.stats.multitest import multipletests

    table["p_holm"] = np.nan
    for _, rows in table[table["p"].notna()].groupby(["family", "sites", "subset"]):
        _, adjusted, _, _ = multipletests(rows["p"].to_numpy(dtype=float), method="holm")
        table.loc[rows.index, "p_holm"] = adjusted
    rank = table["family"].map({family: i for i, family in enumerate(FAMILIES)})
    order = np.argsort(rank.to_numpy(dtype=int), kind="stable")
    return table.iloc[order].reset_index(drop=True)
