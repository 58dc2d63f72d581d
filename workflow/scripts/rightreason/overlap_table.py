"""`overlap.tsv`: every measure's mean over the cohort, beside chance and the raters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.audited import Audited, Mask
from rightreason.case_tables import COMPANIONS, ROW_KEYS
from rightreason.cells import Cells, Floats, count_patients, mean_of, means_over_patients
from rightreason.summary_words import NO_REASON, WITH_COUNT

BETWEEN_RATERS = ("fair", "ceiling")
COUNTED = {"gain": "n_gain", "shuffled": "n_shuffled", "region_chance": "n_region"}
"""What may be undefined where the value is not (nothing marked, no donor, no region): its count."""
SPREAD = ["mean", "median", "sd", "q25", "q75", "low", "high", "seed_sd"]
OVERLAP_COLUMNS = ["sites", "model", *ROW_KEYS, "subset", "n_cases", "n_patients", "n_undefined"]
OVERLAP_COLUMNS += ["undefined", *SPREAD, *(c for c in COMPANIONS if c not in BETWEEN_RATERS)]
OVERLAP_COLUMNS += [*COUNTED.values(), "n_fair", *BETWEEN_RATERS]


def overlap_table(
    scores: pd.DataFrame, seeds: pd.DataFrame, audited: Audited, settings: Mapping[str, Any]
) -> pd.DataFrame:
    """Summarise each row of the cases' tables over each group of sites and each subset.

    Every statistic is over the cases whose `value` is defined; those of which it is not are counted
    with their reasons. What stands beside a value may be undefined in some of them: `n_gain`,
    `n_shuffled` and `n_region` say over how many cases these columns are. `fair` and `ceiling` are
    over the `n_fair` cases that have both, since only then do they stand side by side. `low` and
    `high` are bias-corrected accelerated limits of resampled patients
    (`statistics.bootstrap_means`), `sd` that of a sample. `seed_sd` is the standard deviation over
    the trainings' means, over the cases that are defined in all of them.

    Parameters
    ----------
    scores, seeds : data frame
        From `case_tables.read_scores` and `read_seeds`.
    audited : Audited
        The cases.
    settings : mapping
        `bootstrap`, `confidence`, `seed`.

    Returns
    -------
    data frame of `OVERLAP_COLUMNS`
        By model, sites and subset, then in the order of the cases' tables.
    """
    parts = [
        part
        for model in audited.right
        for part in _of_model(Cells.of(scores, audited, model, ROW_KEYS), seeds, audited, model,
                              settings)
    ]  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=OVERLAP_COLUMNS)
    return pd.concat(parts, ignore_index=True)[OVERLAP_COLUMNS]


def _of_model(
    cells: Cells, seeds: pd.DataFrame, audited: Audited, model: str, settings: Mapping[str, Any]
) -> list[pd.DataFrame]:
    values, trained = cells.arrange("value"), _seed_values(cells, seeds, audited, model)
    selections = audited.selections(model)
    parts = {
        (sites, subset): {
            **_counts(cells, values, chosen, audited),
            **_spread(values, chosen, audited.groups[sites], audited, settings),
            "seed_sd": _seed_sd(trained, values, chosen),
        }
        for (sites, subset), chosen in selections.items()
    }
    # A column at a time: all of them at once would be as large as the tables.
    for name in COMPANIONS:
        if name not in BETWEEN_RATERS:
            numbers = cells.arrange(name)
            for key, chosen in selections.items():
                defined = np.isfinite(values[chosen])
                parts[key][name] = mean_of(numbers[chosen], defined)
                if name in COUNTED:
                    both = defined & np.isfinite(numbers[chosen])
                    parts[key][COUNTED[name]] = both.sum(0)
    fair, ceiling = (cells.arrange(name) for name in BETWEEN_RATERS)
    both = np.isfinite(fair) & np.isfinite(ceiling)
    for key, chosen in selections.items():
        parts[key]["n_fair"] = both[chosen].sum(0)
        parts[key]["fair"] = mean_of(fair[chosen], both[chosen])
        parts[key]["ceiling"] = mean_of(ceiling[chosen], both[chosen])
    return [
        cells.keys.assign(sites=sites, model=model, subset=subset, **columns)
        for (sites, subset), columns in parts.items()
    ]


def _counts(cells: Cells, values: Floats, chosen: Mask, audited: Audited) -> dict[str, Any]:
    defined = np.isfinite(values[chosen])
    undefined = cells.there()[chosen] & ~defined
    reasons = cells.table["undefined"].cat
    codes = cells.fill(reasons.codes.to_numpy()[cells.rows], -1, np.int32)[chosen]
    phrases: list[list[str]] = [[] for _ in range(undefined.shape[1])]
    for code, word in sorted(enumerate(reasons.categories), key=lambda item: item[1]):
        counted = ((codes == code) & undefined).sum(0)
        for column in np.flatnonzero(counted):
            phrases[column].append(WITH_COUNT.format(reason=word or NO_REASON, n=counted[column]))
    return {
        "n_cases": defined.sum(0),
        "n_patients": count_patients(defined, audited.patients[chosen]),
        "n_undefined": undefined.sum(0),
        "undefined": ["; ".join(phrase) for phrase in phrases],
    }


def _spread(
    values: Floats, chosen: Mask, members: Mask, audited: Audited, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Mean, its interval, and the spread over cases.

    All patients of the sites are drawn, whatever the subset: who is classified correctly is itself
    a matter of who was sampled, and so all subsets and models stand on the same draws.
    """
    inside = np.where(chosen[:, None], values, np.nan)[members]
    means = means_over_patients(inside, audited.patients[members], settings)
    frame = pd.DataFrame(inside)
    quartiles = frame.quantile([0.25, 0.5, 0.75]).to_numpy(dtype=float)
    return {
        "mean": means.mean, "low": means.low, "high": means.high,
        "sd": frame.std().to_numpy(dtype=float),
        "q25": quartiles[0], "median": quartiles[1], "q75": quartiles[2],
    }  # fmt: skip


def _seed_values(
    cells: Cells, seeds: pd.DataFrame, audited: Audited, model: str
) -> NDArray[np.float32] | None:
    """Arrange the values of each training like those of the model: (seeds, cases, keys)."""
    own = seeds.loc[seeds["model"] == model, "seed"]
    names = list(own.cat.remove_unused_categories().cat.categories)
    if not names:
        return None
    column = {key: i for i, key in enumerate(cells.keys.itertuples(index=False, name=None))}
    found = np.full((len(names), *cells.shape), np.nan, dtype=np.float32)
    for number, name in enumerate(names):
        one = Cells.of(seeds[seeds["seed"] == name], audited, model, ROW_KEYS)
        keys = one.keys.itertuples(index=False, name=None)
        found[number][:, [column[key] for key in keys]] = one.arrange("value")
    return found


def _seed_sd(trained: NDArray[np.float32] | None, values: Floats, chosen: Mask) -> Floats:
    if trained is None:
        return np.full(values.shape[1], np.nan)
    both = np.isfinite(values[chosen]) & np.isfinite(trained[:, chosen]).all(0)
    means = np.stack([mean_of(one[chosen].astype(np.float64), both) for one in trained])
    if len(means) < 2:
        return np.full(values.shape[1], np.nan)
    deviation: Floats = means.std(axis=0, ddof=1)
    return deviation
