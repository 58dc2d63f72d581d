"""The report's words: numbers as text, and sentences made from the study's numbers."""

from __future__ import annotations

import numpy as np

from rightreason.report_data import Interval, Study

NBSP = "\u00a0"
UNDEFINED = "–"
FEW = 20
"""Fewer cases than this get a warning: their intervals are wide and themselves uncertain."""

OUTSIDE = {
    "union": "lies where no rater marked a finding",
    "majority": "lies where no majority of the raters marked a finding",
    "intersection": "lies where the raters did not all mark a finding",
    "staple": "lies outside the consensus of the raters (STAPLE)",
}
SUBSET = {"all": "", "correct": "correctly classified ", "wrong": "wrongly classified "}
PLACE = {"training": "the training sites", "external": "the external sites"}
MEASURES = {
    "irrelevant_ratio": "irrelevant ratio",
    "chance_irrelevant_ratio": "irrelevant ratio of chance",
    "coverage": "coverage",
    "dice": "Dice",
    "iou": "IoU",
    "hit": "maximum inside (pointing game)",
    "mass_accuracy": "saliency mass inside",
}


def decimal(value: float) -> str:
    """Format an AUC or another value from 0 to 1: `0.97`; a dash when undefined."""
    return UNDEFINED if np.isnan(value) else f"{value:.2f}"


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


def count(n: int, one: str, many: str | None = None) -> str:
    """Format a number of things: `1 case`, `2 cases`."""
    return f"{n}{NBSP}{one if n == 1 else many or one + 's'}"


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
    """Say how well a model classifies and where it looks, in one or two plain sentences."""
    auc = study.auc(model, "training")
    ratio = study.measure(model, "irrelevant_ratio")
    chance = study.measure(model, "chance_irrelevant_ratio")
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
    return (
        f"{first} Of what it attends to, {percent_interval(ratio)}{lone} "
        f"{outside(study.headline['reference'])}; a map placed at random would give "
        f"{percent(chance.value)}."
    )


def elsewhere(study: Study, model: str) -> str:
    """Say the same of the external sites; empty when there are none."""
    if not study.members("external"):
        return ""
    auc = study.auc(model, "external")
    ratio = study.measure(model, "irrelevant_ratio", "external")
    first = f" At sites it was never trained on: AUC {decimal_interval(auc)}"
    if not ratio.n:
        return f"{first}; no ratio, for want of annotated, {audited(study)}."
    return f"{first}, irrelevant ratio {percent_interval(ratio)} ({count(ratio.n, 'case')})."


def warnings(study: Study) -> list[str]:
    """Say what does not carry a conclusion."""
    found = []
    if not study.rows.shape[0]:
        return [f"No {study.positive} case is annotated: nothing can be said of where models look."]
    if len(study.raters) == 1:
        found.append(
            f"Only one rater ({study.raters[0]}) annotated: majority, union, intersection and "
            "staple are this rater’s marks, and how far raters differ is unknown."
        )
    lost = [warning for model in study.models if (warning := _lost(study, model))]
    return [
        *_too_few(study), *found, *_gaps(study), *_against_chance(study), *lost,
        *_performance_warnings(study),
    ]  # fmt: skip


def _too_few(study: Study) -> list[str]:
    sizes = {model: study.measure(model, "irrelevant_ratio").n for model in study.models}
    few = [f"{model} ({count(n, 'case')})" for model, n in sizes.items() if n < FEW]
    if not few:
        return []
    return [
        f"The irrelevant ratios rest on few cases: {', '.join(few)}. With fewer than {FEW}, "
        "intervals are wide and themselves uncertain: a sketch, not a result."
    ]


def _gaps(study: Study) -> list[str]:
    return [
        f"Rater {rater} marked far fewer slices than the others in {count(len(rows), 'case')} of "
        f"{(study.marks['rater'] == rater).sum()} (named under The cohort); what is missing there "
        "counts as not marked."
        for rater, rows in study.gaps.groupby("rater")
    ]


def _against_chance(study: Study) -> list[str]:
    unclear, worse = [], []
    for model in study.models:
        ratio = study.measure(model, "irrelevant_ratio")
        chance = study.measure(model, "chance_irrelevant_ratio").value
        if ratio.low > chance:
            worse.append(model)
        elif ratio.high >= chance:
            unclear.append(model)
    found = []
    if unclear:
        found.append(
            "Irrelevant ratio not to be told from that of a map placed at random: "
            f"{', '.join(unclear)}."
        )
    if worse:
        found.append(
            f"Attending to the findings less than a map placed at random would: {', '.join(worse)}."
        )
    return found


def _lost(study: Study, model: str) -> str:
    table = study.verdicts
    here = table[(table["model"] == model) & table["case"].isin(study.members("training"))]
    empty = int((here["attended_voxels"] == 0).sum())
    if not empty:
        return ""
    return (
        f"{model}: {empty} of {count(len(here), 'annotated positive case')} at the training sites "
        "attend to nothing; they have no irrelevant ratio and are in no mean."
    )


def _performance_warnings(study: Study) -> list[str]:
    members = study.members("training")
    n_positive = sum(study.cases[case]["label"] == study.positive for case in members)
    smaller = min(n_positive, len(members) - n_positive)
    found = []
    if smaller < FEW:
        found.append(
            f"The training sites have {n_positive} {study.positive} and "
            f"{count(len(members) - n_positive, 'other case')}: an AUC from so few is a rough one."
        )
    guessing = [m for m in study.models if study.auc(m, "training").low <= 0.5]
    if guessing:
        found.append(
            f"{', '.join(guessing)}: an AUC that cannot be told from 0.5. Such a model does not "
            "classify, and where it looks explains nothing."
        )
    extreme = [m for m in study.models if study.auc(m, "training").value in (0.0, 1.0)]
    if extreme:
        found.append(
            f"{', '.join(extreme)}: an AUC of exactly 0 or 1 has no spread of its own; the "
            "interval is Newcombe’s score interval, which asks what AUC could still give it."
        )
    return found
