"""The report's words: numbers as text, and sentences made from the study's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rightreason.report_data import Beside, Interval, Study

NBSP = "\u00a0"
UNDEFINED = "–"

OUTSIDE = {
    "union": "lies where no rater marked a finding",
    "majority": "lies where no majority of the raters marked a finding",
    "intersection": "lies where the raters did not all mark a finding",
    "staple": "lies outside the consensus of the raters (STAPLE)",
}
SUBSET = {"all": "", "correct": "correctly classified ", "wrong": "wrongly classified "}


def decimal(value: float) -> str:
    """Format an AUC or another value from 0 to 1: `0.97`; a dash when undefined."""
    return UNDEFINED if np.isnan(value) else f"{value:z.2f}".replace("-", "\u2212")


def number(value: float) -> str:
    """Format a number with a true minus sign."""
    return f"{value:g}".replace("-", "\u2212")


def percent(value: float, unit: bool = True) -> str:
    """Format a ratio in percent: `41 %`, with one decimal near the ends where it matters."""
    if np.isnan(value):
        return UNDEFINED
    shown = 100 * value
    if 0 < shown < 0.1 or 99.9 < shown < 100:
        text = "<0.1" if shown < 1 else ">99.9"
    else:
        text = f"{shown:.1f}" if 0 < shown < 1 or 99 < shown < 100 else f"{shown:.0f}"
    return f"{text}{NBSP}%" if unit else text


def decimal_interval(found: Interval) -> str:
    """Format as `0.97 [0.94, 0.99]`."""
    if np.isnan(found.low):
        return decimal(found.value)
    return f"{decimal(found.value)}{NBSP}[{decimal(found.low)},{NBSP}{decimal(found.high)}]"


def percent_interval(found: Interval) -> str:
    """Format as `41 % [36, 46]`."""
    if np.isnan(found.low):
        return percent(found.value)
    low, high = percent(found.low, unit=False), percent(found.high, unit=False)
    return f"{percent(found.value)}{NBSP}[{low},{NBSP}{high}]"


def shown(found: Interval, kind: str) -> str:
    """Format an estimate of a kind: `percent`, `decimal` or `mm`."""
    if kind == "percent":
        return percent_interval(found)
    return decimal_interval(found) if kind == "decimal" else millimetres_interval(found)


def value(number: float, kind: str) -> str:
    """Format a value of a kind: `percent`, `decimal` or `mm`."""
    return shown(Interval(number, np.nan, np.nan, 0), kind)


def millimetres_interval(found: Interval) -> str:
    """Format as `12.3 mm [8.1, 17.0]`."""
    if np.isnan(found.value):
        return UNDEFINED
    text = f"{found.value:.1f}{NBSP}mm"
    if np.isnan(found.low):
        return text
    return f"{text}{NBSP}[{found.low:.1f},{NBSP}{found.high:.1f}]"


def points(value: float, unit: bool = True) -> str:
    """Format a difference of ratios in percentage points, with its sign: `−12.0 points`."""
    if np.isnan(value):
        return UNDEFINED
    text = f"{100 * value:+z.1f}".replace("-", "\u2212")
    return f"{text}{NBSP}points" if unit else text


def probability(p: float) -> str:
    """Format a p value: `0.012`, `<0.001`."""
    if np.isnan(p):
        return UNDEFINED
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def signed(value: float) -> str:
    """Format a coefficient with its sign: `−0.31`."""
    return UNDEFINED if np.isnan(value) else f"{value:+z.2f}".replace("-", "\u2212")


def signed_interval(found: Interval) -> str:
    """Format as `−0.31 [−0.52, −0.07]`."""
    if np.isnan(found.low):
        return signed(found.value)
    return f"{signed(found.value)}{NBSP}[{signed(found.low)},{NBSP}{signed(found.high)}]"


def ordinal(value: float) -> str:
    """Format a percentile: `5th`, `95th`, `2.5th`, `1st`."""
    text = f"{value:g}"
    teens = text[-2:] in {"11", "12", "13"}
    ending = {"1": "st", "2": "nd", "3": "rd"}.get(text[-1], "th")
    return text + ("th" if teens or "." in text else ending)


def chance_words(config: Mapping[str, Any]) -> str:
    """Name the interval of a case's chance: `5th to 95th percentile`."""
    low, high = config["overlap"]["percentiles"]
    return f"{ordinal(low)} to {ordinal(high)} percentile"


def count(n: int, one: str, many: str | None = None) -> str:
    """Format a number of things: `1 case`, `2 cases`."""
    return f"{n}{NBSP}{one if n == 1 else many or one + 's'}"


def join(parts: Iterable[str]) -> str:
    """Join with commas and, before the last part, `and`."""
    listed = list(parts)
    if len(listed) < 2:
        return "".join(listed)
    return ", ".join(listed[:-1]) + " and " + listed[-1]


def outside(reference: str) -> str:
    """Say where the irrelevant part lies, so that the words are true of the reference."""
    return OUTSIDE.get(reference, f"lies outside what rater {reference} marked")


def audited(study: Study) -> str:
    """Name the cases of the headline, for example `correctly classified drowning cases`."""
    return f"{SUBSET[study.headline['subset']]}{study.positive} cases"


def tells(auc: Interval) -> str:
    """Say that a model classifies, or (where its AUC may be 0.5) that it does not."""
    return "tells" if auc.low > 0.5 else "was to tell, and cannot be shown to tell,"


def headline(study: Study, model: str) -> str:
    """Say how well a model classifies and where it looks, in a few plain sentences."""
    auc = study.auc(model, "training")
    ratio, beside = study.measure(model), study.beside(model)
    first = (
        f"{model} {tells(auc)} {study.positive} with AUC {decimal_interval(auc)}."
        if not np.isnan(auc.value)
        else f"{model} has no AUC: the training sites hold cases of one class only."
    )
    if not ratio.n:
        return (
            f"{first} Where it looks cannot be said: none of the {audited(study)} at the training "
            "sites is annotated and has an attended region."
        )
    lone = " (one patient: no interval)" if np.isnan(ratio.low) else ""
    rater = f", another rater {percent(beside.ceiling)}" if beside.known else ""
    return (
        f"{first} Of what it attends to, {percent_interval(ratio)}{lone} "
        f"{outside(study.headline['reference'])}; a map placed at random would give "
        f"{percent(study.chance(model))}{rater}.{_same_marks(study, model, beside, ratio.n)}"
    )


def _same_marks(study: Study, model: str, beside: Beside, n_cases: int) -> str:
    """Say what the model has against the marks that the rater is held against, and both areas."""
    if not beside.known:
        return ""
    area = study.beside(model, "relative_area")
    fewer = f" (in {count(beside.n, 'case')})" if beside.n < n_cases else ""
    more = f" (in {count(area.n, 'case')})" if area.n != beside.n else ""
    return (
        f" Held against the same marks as that rater{fewer}, the model has "
        f"{percent(beside.fair)} there; it attends to {percent(area.fair)} of what it saw, a rater "
        f"marks {percent(area.ceiling)}{more}."
    )


def elsewhere(study: Study, model: str) -> str:
    """Say the same of the external sites; empty when there are none."""
    if not study.members("external"):
        return ""
    auc = study.auc(model, "external")
    ratio = study.measure(model, sites="external")
    first = f" At sites it was never trained on: AUC {decimal_interval(auc)}"
    if not ratio.n:
        return f"{first}; no ratio, for want of annotated, {audited(study)}."
    return f"{first}, irrelevant ratio {percent_interval(ratio)} ({count(ratio.n, 'case')})."
