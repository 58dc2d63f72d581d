"""The sections of the page and the panels that must be in them."""

from __future__ import annotations

from functools import partial

from rightreason import (
    report_agreement,
    report_cohort,
    report_comparisons,
    report_overlap,
    report_performance,
    report_rater_figures,
    report_stands,
    report_verdicts,
)
from rightreason.limits_text import LIMITS
from rightreason.methods_text import methods
from rightreason.report_blocks import Panel, Section, Text
from rightreason.report_calibration_figure import calibration_plots
from rightreason.report_case_table import case_table
from rightreason.report_cases import cases_of
from rightreason.report_confusion import confusion
from rightreason.report_data import Study
from rightreason.report_distributions import distributions
from rightreason.report_glance import at_a_glance
from rightreason.report_left_out import left_out
from rightreason.report_method_figures import method_against_method
from rightreason.report_provenance import provenance
from rightreason.report_references import references
from rightreason.report_threshold_curves import threshold_curves
from rightreason.report_training import training_curves
from rightreason.report_trust import trust
from rightreason.words import _


def sections(study: Study) -> list[Section]:
    """List the panels that must be there, section by section."""
    return [
        Section("glance", _("At a glance"), [Panel("", at_a_glance)]),
        _models(),
        _looks(),
        _raters(),
        Section("cases", _("Cases"), [
            Panel(_("Every case, to open in the viewer"), case_table),
            *(Panel(_("Model {model}").format(model=model), partial(cases_of, model=model))
              for model in study.models),
        ]),
        Section("cohort", _("The cohort"), [
            Panel(_("Cases and scanners"), report_cohort.cases_and_scanners),
            Panel(_("Corrections and files left out"), report_cohort.corrections),
            Panel(_("Cases that failed"), report_cohort.failed),
            Panel(_("What is undefined or left out"), left_out),
        ]),
        Section("methods", _("Methods"), [
            Panel("", lambda s: [Text(methods(s))]),
            Panel(_("References"), references),
            Panel(_("Versions, seeds, digests, machines and times"), provenance),
        ]),
        Section("limits", _("Limits"), [
            Panel("", lambda _study: [Text([_(limit) for limit in LIMITS], "list")]),
        ]),
    ]  # fmt: skip


def _models() -> Section:
    return Section("models", _("Models"), [
        Panel(_("ROC curves"), report_performance.roc_curves),
        Panel(_("Right and wrong"), confusion),
        Panel(_("By site, stratum and fold"), report_performance.by_group),
        Panel(_("Calibration"), lambda s: [*calibration_plots(s),
                                           *report_performance.calibration(s)]),
        Panel(_("Training"), training_curves),
    ])  # fmt: skip


def _looks() -> Section:
    return Section("looks", _("Where they look"), [
        Panel(_("Whether the maps can be trusted"), trust),
        Panel(_("Case by case"), report_verdicts.scatter),
        Panel(_("Verdicts"), report_verdicts.verdict_counts),
        Panel(_("Each case beside chance"), distributions),
        Panel(_("At every threshold"), threshold_curves),
        Panel(_("Method against method"), method_against_method),
        Panel(_("Where the irrelevant part lies"), report_stands.places),
        Panel(_("One choice at a time"), report_stands.strips),
        Panel(_("By reference, method and threshold"), report_overlap.choices),
        Panel(_("Held against each other, chance and raters"), report_comparisons.differences),
        Panel(_("What overlap goes with"), report_comparisons.associations),
        Panel(_("More measures"), report_overlap.measures),
    ])  # fmt: skip


def _raters() -> Section:
    return Section("raters", _("Raters"), [
        Panel(_("What each rater marked"), lambda s: [*report_cohort.raters(s),
                                                      *report_rater_figures.marked(s)]),
        Panel(_("Agreement between raters"), lambda s: [*report_rater_figures.agreement_matrix(s),
                                                        *report_agreement.agreement(s)]),
    ])  # fmt: skip
