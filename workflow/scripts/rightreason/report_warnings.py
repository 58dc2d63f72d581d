"""The report's warnings: what of the study does not carry a conclusion."""

from __future__ import annotations

import numpy as np

from rightreason.report_data import Study, interval
from rightreason.report_elsewhere import trained_elsewhere, unknown_training
from rightreason.report_trust import untrusted
from rightreason.sentences import (
    commas,
    count_cases,
    decimal_interval,
    paragraph,
    percent_interval,
)
from rightreason.told import told
from rightreason.words import _, plural

GUESSING = 0.55
"""An AUC below this is that of a guess, for a reader."""
MUCH_OUTSIDE = 0.25
"""From this share of the irrelevant part on, what lies outside the body is worth a warning."""
LEAST_ALPHA = 0.667
"""Krippendorff's own limit: below it not even tentative conclusions (Content Analysis, 2004)."""
FEW = 20
"""Fewer cases than this get a warning: their intervals are wide and themselves uncertain."""


def warnings(study: Study) -> list[str]:
    """Say what does not carry a conclusion."""
    found = []
    if study.verdicts.empty:
        nothing = _("No {positive} case is annotated: nothing can be said of where models look.")
        known = [
            *unknown_training(study),
            *_failed(study),
            *untrusted(study),
            *_reversed(study),
            *_performance_warnings(study),
        ]
        return [nothing.format(positive=study.positive), *known]
    if len(study.raters) == 1:
        alone = _(
            "Only one rater ({rater}) annotated: majority, union, intersection and staple are this "
            "rater’s marks, and how far raters differ is unknown."
        )
        found.append(alone.format(rater=study.raters[0]))
    lost = [warning for model in study.models if (warning := _lost(study, model))]
    return [
        *unknown_training(study), *_failed(study), *untrusted(study), *_reversed(study),
        *_outside(study), *_too_few(study), *found,
        *_disagreement(study), *_outliers(study), *_gaps(study),
        *_against_chance(study), *lost, *_performance_warnings(study),
    ]  # fmt: skip


def _failed(study: Study) -> list[str]:
    if study.failed.empty:
        return []
    message = _(
        "{cases} could not be used, and everything here is without them: {which} (the reasons are "
        "under The cohort)."
    )
    names = commas(sorted(study.failed["case"]))
    return [message.format(cases=count_cases(len(study.failed)), which=names)]


def _reversed(study: Study) -> list[str]:
    """Name the models that do not tell the classes apart at external sites."""
    if "external" not in study.groups:
        return []
    found = {model: study.auc(model, "external") for model in study.models}
    lost = {
        model: _("{what} ({cases})").format(what=model, cases=decimal_interval(auc))
        for model, auc in found.items() if auc.value < GUESSING
    }  # fmt: skip
    others = set(trained_elsewhere(study.config))
    here = [said for model, said in lost.items() if model not in others]
    elsewhere = [said for model, said in lost.items() if model in others]
    messages = [
        (here, _(
            "At sites they were never trained on, these models tell {positive} no better than by "
            "guessing, or the wrong way round: {models} (AUC)."
        )),
        (elsewhere, _(
            "At the external sites, these models tell {positive} no better than by guessing, or "
            "the wrong way round: {models} (AUC)."
        )),
    ]  # fmt: skip
    return [
        message.format(positive=study.positive, models=commas(named))
        for named, message in messages if named
    ]  # fmt: skip


def _outside(study: Study) -> list[str]:
    """Name the models that attend much to what is no part of the patient."""
    table = study.places
    here = table[(table["sites"] == "training") & (table["place"] == "outside_body")
                 & (table["share"] >= MUCH_OUTSIDE)]  # fmt: skip
    for key, name in study.headline.items():
        here = here[here[key] == name]
    if here.empty:
        return []
    message = _(
        "Much of the irrelevant part lies outside the body, on nothing of the patient: {models}. "
        "Such a model may have learnt a shortcut."
    )
    said = [
        _("{what} ({cases})").format(
            what=row["model"], cases=percent_interval(interval(row, "share"))
        )
        for row in here.to_dict("records")
    ]
    return [message.format(models=commas(said))]


def _too_few(study: Study) -> list[str]:
    sizes = {model: study.measure(model).n for model in study.models}
    few = [
        _("{what} ({cases})").format(what=model, cases=count_cases(n))
        for model, n in sizes.items()
        if n < FEW
    ]
    if not few:
        return []
    message = _(
        "The irrelevant ratios rest on few cases: {models}. With fewer than {few}, intervals are "
        "wide and themselves uncertain: a sketch, not a result."
    )
    return [message.format(models=commas(few), few=FEW)]


def _gaps(study: Study) -> list[str]:
    message = _(
        "Rater {rater} marked far fewer slices than the others in {cases} of {all} (named under "
        "Raters); what is missing there counts as not marked."
    )
    return [
        message.format(
            rater=rater, cases=count_cases(len(rows)), all=(study.marks["rater"] == rater).sum()
        )
        for rater, rows in study.gaps.groupby("rater")
    ]


def _disagreement(study: Study) -> list[str]:
    table = study.agreement
    found = table[(table["statistic"] == "krippendorff_alpha_pooled")
                  & (table["sites"] == "training") & (table["value"] < LEAST_ALPHA)]  # fmt: skip
    message = _(
        "The raters agree too little to carry a firm conclusion: Krippendorff’s alpha is {alpha} "
        "over all voxels of the training sites, where {least} is the least for a tentative one. A "
        "model cannot agree with all of them; see Raters."
    )
    return [
        message.format(alpha=decimal_interval(interval(row, "value")), least=LEAST_ALPHA)
        for row in found.to_dict("records")
    ]


def _outliers(study: Study) -> list[str]:
    """Return what `agreement.tsv` says of raters who stand out: then the row has an interval."""
    table = study.agreement
    named = table[(table["statistic"] == "outlier") & (table["note"] != "")
                  & np.isfinite(table["low"])]  # fmt: skip
    where = {
        "training": _("(Cases of the training sites; the raters’ agreement is under Raters.)"),
        "external": _("(Cases of the external sites; the raters’ agreement is under Raters.)"),
    }
    return [paragraph(told(row["note"]), where[row["sites"]]) for row in named.to_dict("records")]


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
        message = _(
            "Irrelevant ratio not to be told from that of a map placed at random: {models}."
        )
        found.append(message.format(models=commas(unclear)))
    if worse:
        message = _("Attending to the findings less than a map placed at random would: {models}.")
        found.append(message.format(models=commas(worse)))
    return found


def _lost(study: Study, model: str) -> str:
    table = study.verdicts
    here = table[(table["model"] == model) & table["case"].isin(study.members("training"))]
    empty = int((here["attended_voxels"] == 0).sum())
    if not empty:
        return ""
    return plural(
        "{model}: {n} of {all} annotated positive case at the training sites attend to nothing; "
        "they have no irrelevant ratio and are in no mean.",
        "{model}: {n} of {all} annotated positive cases at the training sites attend to nothing; "
        "they have no irrelevant ratio and are in no mean.",
        len(here),
    ).format(model=model, n=empty, all=len(here))


def _performance_warnings(study: Study) -> list[str]:
    members = study.members("training")
    n_positive = sum(study.cases[case]["label"] == study.positive for case in members)
    smaller = min(n_positive, len(members) - n_positive)
    found = []
    if smaller < FEW:
        other = len(members) - n_positive
        message = plural(
            "The training sites have {n} {positive} and {other} other case: an AUC from so few is "
            "a rough one.",
            "The training sites have {n} {positive} and {other} other cases: an AUC from so few is "
            "a rough one.",
            other,
        )
        found.append(message.format(n=n_positive, positive=study.positive, other=other))
    aucs = {model: study.auc(model, "training") for model in study.models}
    inverted = [model for model, auc in aucs.items() if auc.high < 0.5]
    if inverted:
        message = _(
            "{models}: an AUC below 0.5. Such a model ranks the classes the wrong way round, and "
            "where it looks explains nothing."
        )
        found.append(message.format(models=commas(inverted)))
    guessing = [model for model, auc in aucs.items() if auc.low <= 0.5 <= auc.high]
    if guessing:
        message = _(
            "{models}: an AUC that cannot be told from 0.5. Such a model does not classify, and "
            "where it looks explains nothing."
        )
        found.append(message.format(models=commas(guessing)))
    extreme = [model for model, auc in aucs.items() if auc.value in (0.0, 1.0)]
    if extreme:
        message = _(
            "{models}: an AUC of exactly 0 or 1 has no spread of its own; the interval is "
            "Newcombe’s score interval, which asks what AUC could still give it."
        )
        found.append(message.format(models=commas(extreme)))
    return found
