"""`sensitivity.tsv`: whether the conclusion stands when one choice is made otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rightreason.algorithms import LAYER_ALGORITHMS
from rightreason.audited import Audited
from rightreason.case_tables import HEADLINE_MEASURE, VOTES, in_order
from rightreason.cells import Cells, Floats, mean_of, means_over_patients
from rightreason.cohort import KEYS
from rightreason.consensus import CONSENSUS

SENSITIVITY_COLUMNS = ["model", "sites", "choice", "option", "algorithm", "layer", "n_cases"]
SENSITIVITY_COLUMNS += ["mean", "low", "high", "chance", "difference"]


@dataclass(frozen=True)
class Option:
    """The headline with one choice made otherwise, or not; values and chance per case."""

    choice: str
    name: str
    method: str
    values: Floats
    chance: Floats


def sensitivity_table(
    scores: pd.DataFrame, raters: pd.DataFrame, audited: Audited, headline: Mapping[str, str],
    methods: Mapping[str, Mapping[str, Any]], layers: Mapping[str, str | None],
    settings: Mapping[str, Any],
) -> pd.DataFrame:  # fmt: skip
    """Recompute the headline's mean irrelevant ratio with one choice changed at a time.

    Every option stands on the cases of the headline's subset. A rater's absence changes nothing in
    a case which that rater did not annotate, nor under a reference that is another rater: there the
    headline's own value stays. Without the rater who is the reference, or the only rater of a case,
    there is no value. What the options were chosen from stands among them: its difference is 0.

    Parameters
    ----------
    scores, raters : data frame
        From `case_tables.read_scores` and `read_raters`.
    audited : Audited
        The cases.
    headline : mapping
        `method`, `reference`, `binarisation`, `subset`.
    methods : mapping of method to mapping
        `algorithm` and `layer` (None: the model's).
    layers : mapping of model to str or None
        The models' target layers; None: the last convolution.
    settings : mapping
        `bootstrap`, `confidence`, `seed`.

    Returns
    -------
    data frame of `SENSITIVITY_COLUMNS`
        `difference`: the mean of option minus headline over the cases that have both. `chance`,
        the constant map's ratio, is not tabled without a rater and blank there. `layer` is blank
        where the model's last convolution was taken, and where there is no such choice.
    """
    ratio = scores[scores["measure"] == HEADLINE_MEASURE]
    rows = [
        {"model": model, "sites": sites, **row}
        for model in audited.right
        for options in [_options(ratio, raters, audited, model, headline, list(methods))]
        for sites, members in audited.groups.items()
        for row in _rows(options, members, members & audited.subset(model, headline["subset"]),
                         audited, settings)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=[*SENSITIVITY_COLUMNS, "of_method"])
    known = [(methods.get(method, {}), model)
             for method, model in zip(table["of_method"], table["model"], strict=True)]  # fmt: skip
    table["algorithm"] = [method.get("algorithm", "") for method, _ in known]
    table["layer"] = [
        (method.get("layer") or layers.get(model) or "")
        if method.get("algorithm") in LAYER_ALGORITHMS else ""
        for method, model in known
    ]  # fmt: skip
    return table[SENSITIVITY_COLUMNS]


def _options(
    ratio: pd.DataFrame, raters: pd.DataFrame, audited: Audited, model: str,
    headline: Mapping[str, str], methods: Sequence[str],
) -> list[Option]:  # fmt: skip
    cells = Cells.of(ratio, audited, model, KEYS)
    columns = {key: i for i, key in enumerate(cells.keys.itertuples(index=False, name=None))}
    values, chance = cells.arrange("value"), cells.arrange("chance")
    unknown = np.full(len(audited.cases), np.nan)

    def option(choice: str, name: str, **changed: str) -> Option:
        key = tuple({**headline, **changed}[part] for part in KEYS)
        found = columns.get(key)
        both = (unknown, unknown) if found is None else (values[:, found], chance[:, found])
        return Option(choice, name, key[0], *both)

    first = option("headline", "")
    references = [name for name in in_order(list(ratio["reference"].unique())) if name != VOTES]
    named = [name for name in references if name not in CONSENSUS]
    annotated = _who_annotated(ratio, audited, named)
    left_out = [
        Option("left_out", name, first.method,
               _without(name, first.values, raters, annotated[name], audited, model, headline),
               unknown)
        for name in named
    ]  # fmt: skip
    cuts = list(ratio["binarisation"].unique())
    return [
        first, *left_out,
        *(option("reference", name, reference=name) for name in references),
        *(option("binarisation", name, binarisation=name) for name in cuts),
        *(option("method", name, method=name) for name in methods),
    ]  # fmt: skip


def _who_annotated(
    ratio: pd.DataFrame, audited: Audited, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return the cases that each rater looked at: those with a row against that rater."""
    return {
        name: np.isin(audited.cases, ratio.loc[ratio["reference"] == name, "case"].unique())
        for name in names
    }


def _without(
    rater: str, values: Floats, raters: pd.DataFrame, annotated: np.ndarray, audited: Audited,
    model: str, headline: Mapping[str, str],
) -> Floats:  # fmt: skip
    """Return the headline's values without one rater."""
    if headline["reference"] == rater:
        return np.full(len(values), np.nan)
    if headline["reference"] not in CONSENSUS:
        return values
    cells = Cells.of(raters[raters["left_out"] == rater], audited, model, ["measure"])
    found = cells.arrange("value") if cells.shape[1] else np.full((len(values), 1), np.nan)
    return np.where(annotated, found[:, 0], values)


def _rows(
    options: Sequence[Option], members: np.ndarray, chosen: np.ndarray, audited: Audited,
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:  # fmt: skip
    inside = np.stack([np.where(chosen, option.values, np.nan) for option in options], axis=1)
    chance = np.stack([option.chance for option in options], axis=1)
    means = means_over_patients(inside[members], audited.patients[members], settings)
    beside = mean_of(chance, np.isfinite(inside))
    difference = mean_of(inside - inside[:, [0]], np.isfinite(inside))
    return [
        {
            "choice": option.choice, "option": option.name, "of_method": option.method,
            "n_cases": int(np.isfinite(inside[:, i]).sum()), "mean": means.mean[i],
            "low": means.low[i], "high": means.high[i], "chance": beside[i],
            "difference": difference[i],
        }
        for i, option in enumerate(options)
    ]  # fmt: skip
