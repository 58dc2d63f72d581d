"""The report's first sentences, made from the study's numbers, a model at a time."""

from __future__ import annotations

import numpy as np

from rightreason.report_data import Beside, Interval, Study
from rightreason.report_elsewhere import trained_elsewhere
from rightreason.sentences import (
    audited,
    count_cases,
    decimal_interval,
    paragraph,
    percent,
    percent_interval,
)
from rightreason.words import _, mark

SHARES = {
    "union": mark("Of what it attends to, {ratio} lies where no rater marked a finding; {beside}."),
    "majority": mark(
        "Of what it attends to, {ratio} lies where no majority of the raters marked a finding; "
        "{beside}."
    ),
    "intersection": mark(
        "Of what it attends to, {ratio} lies where the raters did not all mark a finding; {beside}."
    ),
    "staple": mark(
        "Of what it attends to, {ratio} lies outside the consensus of the raters (STAPLE); "
        "{beside}."
    ),
}
OF_RATER = mark("Of what it attends to, {ratio} lies outside what rater {rater} marked; {beside}.")
MEANINGS = {
    "union": mark(
        "The irrelevant ratio is the share of it that lies where no rater marked a finding."
    ),
    "majority": mark(
        "The irrelevant ratio is the share of it that lies where no majority of the raters marked "
        "a finding."
    ),
    "intersection": mark(
        "The irrelevant ratio is the share of it that lies where the raters did not all mark a "
        "finding."
    ),
    "staple": mark(
        "The irrelevant ratio is the share of it that lies outside the consensus of the raters "
        "(STAPLE)."
    ),
}
MEANING_OF_RATER = mark(
    "The irrelevant ratio is the share of it that lies outside what rater {rater} marked."
)
"""By reference, so that the words are true of it."""


def irrelevant(reference: str) -> str:
    """Say what the irrelevant ratio is a share of, so that the words are true of the reference."""
    return _(MEANINGS.get(reference, MEANING_OF_RATER)).format(rater=reference)


def headline(study: Study, model: str) -> str:
    """Say how well a model classifies and where it looks, in a few plain sentences."""
    ratio, beside = study.measure(model), study.beside(model)
    if not ratio.n:
        nowhere = _(
            "Where it looks cannot be said: none of the {cases} at the training sites is annotated "
            "and has an attended region."
        ).format(cases=audited(study))
        return paragraph(_tells(study, model), nowhere)
    return paragraph(
        _tells(study, model),
        _attends(study, model, ratio, beside),
        _same_marks(study, model, beside, ratio.n),
    )


def _tells(study: Study, model: str) -> str:
    """Say that a model classifies, or (where its AUC may be 0.5) that it does not."""
    auc = study.auc(model, "training")
    if np.isnan(auc.value):
        message = _("{model} has no AUC: the training sites hold cases of one class only.")
    elif auc.low > 0.5:
        message = _("{model} tells {positive} with AUC {auc}.")
    else:
        message = _("{model} was to tell, and cannot be shown to tell, {positive} with AUC {auc}.")
    return message.format(model=model, positive=study.positive, auc=decimal_interval(auc))


def _attends(study: Study, model: str, ratio: Interval, beside: Beside) -> str:
    reference, shown = study.headline["reference"], percent_interval(ratio)
    if np.isnan(ratio.low):
        shown = _("{ratio} (one patient: no interval)").format(ratio=shown)
    compared = (
        _("a map placed at random would give {chance}, another rater {rater}")
        if beside.known
        else _("a map placed at random would give {chance}")
    ).format(chance=percent(study.chance(model)), rater=percent(beside.ceiling))
    share = _(SHARES.get(reference, OF_RATER))
    return share.format(ratio=shown, rater=reference, beside=compared)


def _same_marks(study: Study, model: str, beside: Beside, n_cases: int) -> str:
    """Say what the model has against the marks that the rater is held against, and both areas."""
    if not beside.known:
        return ""
    area = study.beside(model, "relative_area")
    ratio = (
        _("Held against the same marks as that rater (in {cases}), the model has {fair} there")
        if beside.n < n_cases
        else _("Held against the same marks as that rater, the model has {fair} there")
    ).format(cases=count_cases(beside.n), fair=percent(beside.fair))
    areas = (
        _("it attends to {own} of what it saw, a rater marks {rater} (in {cases})")
        if area.n != beside.n
        else _("it attends to {own} of what it saw, a rater marks {rater}")
    ).format(own=percent(area.fair), rater=percent(area.ceiling), cases=count_cases(area.n))
    return _("{ratio}; {areas}.").format(ratio=ratio, areas=areas)


def elsewhere(study: Study, model: str) -> str:
    """Say the same of the external sites; empty when there are none."""
    if not study.members("external"):
        return ""
    auc = decimal_interval(study.auc(model, "external"))
    ratio = study.measure(model, sites="external")
    if model in trained_elsewhere(study.config):
        return _of_external_sites(study, auc, ratio)
    if not ratio.n:
        return _(
            "At sites it was never trained on: AUC {auc}; no ratio, for want of annotated, {cases}."
        ).format(auc=auc, cases=audited(study))
    return _(
        "At sites it was never trained on: AUC {auc}, irrelevant ratio {ratio} ({cases})."
    ).format(auc=auc, ratio=percent_interval(ratio), cases=count_cases(ratio.n))


def _of_external_sites(study: Study, auc: str, ratio: Interval) -> str:
    """Say it of a network that may have been trained anywhere."""
    if not ratio.n:
        return _(
            "At the external sites: AUC {auc}; no ratio, for want of annotated, {cases}."
        ).format(auc=auc, cases=audited(study))
    return _("At the external sites: AUC {auc}, irrelevant ratio {ratio} ({cases}).").format(
        auc=auc, ratio=percent_interval(ratio), cases=count_cases(ratio.n)
    )
