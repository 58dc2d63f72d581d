"""The report's warnings: what of the study does not carry a conclusion."""

from __future__ import annotations

import numpy as np

from rightreason.report_data import Study
from rightreason.sentences import count

FEW = 20
"""Fewer cases than this get a warning: their intervals are wide and themselves uncertain."""


def warnings(study: Study) -> list[str]:
    """Say what does not carry a conclusion."""
    found = []
    if study.verdicts.empty:
        return [f"No {study.positive} case is annotated: nothing can be said of where models look."]
    if len(study.raters) == 1:
        found.append(
            f"Only one rater ({study.raters[0]}) annotated: majority, union, intersection and "
            "staple are this rater’s marks, and how far raters differ is unknown."
        )
    lost = [warning for model in study.models if (warning := _lost(study, model))]
    return [
        *_too_few(study), *found, *_outliers(study), *_gaps(study), *_against_chance(study), *lost,
        *_performance_warnings(study),
    ]  # fmt: skip


def _too_few(study: Study) -> list[str]:
    sizes = {model: study.measure(model).n for model in study.models}
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


def _outliers(study: Study) -> list[str]:
    """Return what `agreement.tsv` says of raters who stand out: then the row has an interval."""
    table = study.agreement
    named = table[(table["statistic"] == "outlier") & (table["note"] != "")
                  & np.isfinite(table["low"])]  # fmt: skip
    return [f"{row['note']} (Cases of the {row['sites']} sites; the raters’ agreement is under The "
            "cohort.)" for row in named.to_dict("records")]  # fmt: skip


def _against_chance(study: Study) -> list[str]:
    unclear, worse = [], []
    for model in study.models:
        ratio = study.measure(model)
        chance = study.chance(model)
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
