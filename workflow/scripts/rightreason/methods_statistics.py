"""The report's methods, continued: the statistics, written from the resolved config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rightreason.citations import References
from rightreason.sentences import join, level, paragraph
from rightreason.words import _

OF_INTERVALS = ("delong", "obuchowski", "newcombe", "wilson", "efron", "hesterberg")
OF_TESTS = ("holm", "hedges", "fleiss", "krippendorff")


def intervals(config: Mapping[str, Any], works: References) -> str:
    """Say how every interval was made."""
    summary = config["summary"]
    return paragraph(
        _(
            "AUC: area under the ROC curve of the probabilities (of networks trained here those "
            "out of fold, pooled over folds), with DeLong’s variance{delong}, clustered by "
            "patient (Obuchowski{obuchowski}), and a {level} interval on the logit scale; "
            "Newcombe’s score interval{newcombe} where that variance is zero or undefined. "
            "Average precision: bias-corrected and accelerated (BCa) bootstrap over patients. "
            "Accuracy, sensitivity and specificity: Wilson’s interval{wilson}, which takes the "
            "cases for independent. Means of overlap and of agreement: {level} BCa bootstrap over "
            "patients (Efron{efron}), its levels expanded for few patients "
            "(Hesterberg{hesterberg}), with all cases of a patient drawn together, {draws} draws "
            "(seed {seed}); no interval from fewer than two patients. Rank correlations: "
            "percentiles of the same draws."
        ).format(
            level=level(config),
            draws=summary["bootstrap"],
            seed=summary["seed"],
            **{key: works.cite(key) for key in OF_INTERVALS},
        ),
        _strata(summary),
    )


def _strata(summary: Mapping[str, Any]) -> str:
    strata = list(summary["strata"])
    said = _("Performance is also tabled by {strata}.").format(strata=join(strata))
    return said if strata else ""


def tests(config: Mapping[str, Any], works: References) -> str:
    """Say how every p was made, and what else was computed of the cohort."""
    return _(
        "Mean differences (model and model, on the voxels that both saw; model and chance; model "
        "and rater) were tested by changing the signs of a patient’s differences together, "
        "associations of the irrelevant ratio with error, probability and volume by exchanging "
        "patients: two-sided, exact where there are at most {permutations} patterns, else as many "
        "at random and the observed one. p was adjusted by Holm’s method{holm} within a family: "
        "the comparisons of one kind, pool of sites and subset of cases. Effect sizes: d_z with "
        "Hedges’ correction{hedges}, 2 AUC − 1, Spearman’s correlation. Agreement: pairwise Dice "
        "and IoU, Fleiss’ kappa{fleiss} and Krippendorff’s alpha{krippendorff} over the voxels of "
        "the region or else of what the models saw, sensitivity and specificity against STAPLE; a "
        "rater is named as outlying when the Dice of the pairs with this rater is lower by more "
        "than 0.1, with a simultaneous interval below 0 and by a permutation test."
    ).format(
        permutations=config["summary"]["permutations"],
        **{key: works.cite(key) for key in OF_TESTS},
    )


STATISTICS = (intervals, tests)
