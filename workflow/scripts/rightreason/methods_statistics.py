"""The report's methods, continued: the statistics, written from the resolved config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rightreason.sentences import NBSP, join


def intervals(config: Mapping[str, Any]) -> str:
    """Say how every interval was made."""
    summary = config["summary"]
    level = f"{100 * summary['confidence']:g}{NBSP}%"
    return (
        "AUC: area under the ROC curve of the out-of-fold probabilities, pooled over folds, with "
        f"DeLong’s variance, clustered by patient (Obuchowski), and a {level} interval on the "
        "logit scale; Newcombe’s score interval where that variance is zero or undefined. Average "
        "precision: bias-corrected and accelerated (BCa) bootstrap over patients. Accuracy, "
        "sensitivity and specificity: Wilson’s interval, which takes the cases for independent. "
        f"Means of overlap and of agreement: {level} BCa bootstrap over patients (Efron), its "
        "levels expanded for few patients (Hesterberg), with all cases of a patient drawn "
        f"together, {summary['bootstrap']} draws (seed {summary['seed']}); no interval from fewer "
        f"than two patients. Rank correlations: percentiles of the same draws.{_strata(summary)}"
    )


def _strata(summary: Mapping[str, Any]) -> str:
    strata = list(summary["strata"])
    return f" Performance is also tabled by {join(strata)}." if strata else ""


def tests(config: Mapping[str, Any]) -> str:
    """Say how every p was made, and what else was computed of the cohort."""
    summary = config["summary"]
    return (
        "Mean differences (model and model, on the voxels that both saw; model and chance; model "
        "and rater) were tested by changing the signs of a patient’s differences together, "
        "associations of the irrelevant ratio with error, probability and volume by exchanging "
        f"patients: two-sided, exact where there are at most {summary['permutations']} "
        "patterns, else as many at random and the observed one. p was adjusted by Holm’s method "
        "within a family: the comparisons of one kind, pool of sites and subset of cases. Effect "
        "sizes: d_z with Hedges’ correction, 2 AUC − 1, Spearman’s correlation. Agreement: "
        "pairwise Dice and IoU, Fleiss’ kappa and Krippendorff’s alpha over the voxels of the "
        "region or else of what the models saw, sensitivity and specificity against STAPLE; a "
        "rater is named as outlying when the Dice of the pairs with this rater is lower by more "
        "than 0.1, with a simultaneous interval below 0 and by a permutation test."
    )


STATISTICS = (intervals, tests)
