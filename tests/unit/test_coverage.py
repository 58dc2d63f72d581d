"""The cohorts that `make coverage` simulates: their truths, by other ways of computing them."""

from __future__ import annotations

import numpy as np
import pytest
from rightreason.auc import auc_variance
from rightreason.statistics import bootstrap_means
from scipy.special import expit, logit
from scipy.stats import bootstrap, norm, rankdata
from scipy.stats import t as student

from benchmarks.coverage import (
    SHAPES,
    bootstrap_t,
    count,
    logit_limits,
    mean_limits,
    standard_errors,
    unexpanded,
)
from benchmarks.simulated_cohorts import (
    AucDesign,
    MeanDesign,
    Ratios,
    Scores,
    auc_cohort,
    generator,
    intraclass_correlation,
    mean_cohort,
    mean_truth,
    midpoints,
    undefined_chance,
)


@pytest.mark.parametrize("name", SHAPES)
def test_ratios_have_the_mean_that_their_name_says(name):
    ratios = SHAPES[name]
    assert ratios.mean() == pytest.approx(float(name.split(",")[0].removeprefix("mean ")))
    values = ratios.quantiles(midpoints(50_000))
    assert values.mean() == pytest.approx(ratios.mean(), abs=1e-4)
    assert values.min() >= 0
    assert values.max() <= 1
    assert (values == 0).mean() == pytest.approx(ratios.at_zero, abs=1e-3)
    assert (values == 1).mean() >= ratios.at_one - 1e-3


def test_cohorts_have_the_patients_and_cases_of_their_design():
    single = MeanDesign("single", Ratios(2, 2))
    values, patients = mean_cohort(single, generator("x", 0))
    assert patients.tolist() == list(range(40))
    assert np.isfinite(values).all()
    again, _ = mean_cohort(single, generator("x", 0))
    other, _ = mean_cohort(single, generator("x", 1))
    assert (again == values).all()
    assert not (other == values).any()
    repeated = MeanDesign("repeated", Ratios(2, 2), patients=3000, repeated=True, undefined=0.2)
    values, patients = mean_cohort(repeated, generator("x", 0))
    counts = np.bincount(patients)
    assert set(counts) == {1, 2, 3}
    assert counts.mean() == pytest.approx(2, abs=0.05)
    assert np.isnan(values).mean() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("informative", [False, True])
def test_truth_of_repeated_cases_is_the_mean_over_the_cases_of_a_huge_cohort(informative):
    design = MeanDesign("huge", Ratios(0.6, 1.4), 60_000, True, 0.5, 0.2, informative)
    values, patients = mean_cohort(design, generator("huge", 0))
    assert np.nanmean(values) == pytest.approx(mean_truth(design), abs=0.003)
    if informative:  # patients with high values have more cases: the mean over cases is higher
        assert mean_truth(design) > 0.32
        sums, counts = np.bincount(patients, np.nan_to_num(values)), np.bincount(
            patients, np.isfinite(values)
        )  # fmt: skip
        of_patients = np.mean(sums[counts > 0] / counts[counts > 0])
        assert of_patients < mean_truth(design) - 0.01
    else:
        assert mean_truth(design) == pytest.approx(0.3, abs=5e-4)


def test_undefined_cases_are_as_frequent_as_said():
    for informative in (False, True):
        design = MeanDesign("x", Ratios(1, 1), undefined=0.2, informative=informative)
        assert undefined_chance(design, midpoints(1000)).mean() == pytest.approx(0.2)


def test_correlation_of_a_patients_cases_is_that_of_uniform_ranks():
    # The ranks of normal values with correlation r correlate with (6 / pi) asin(r / 2).
    design = MeanDesign("uniform", Ratios(1, 1), repeated=True)
    assert intraclass_correlation(design) == pytest.approx(6 / np.pi * np.arcsin(0.25), abs=2e-3)
    alone = MeanDesign("uniform", Ratios(1, 1), repeated=True, correlation=0.0)
    assert intraclass_correlation(alone) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("auc", [0.8, 0.94, 0.98])
@pytest.mark.parametrize("shape", ["binormal", "exponential", "missed"])
def test_scores_have_their_auc_by_numerical_integration(shape, auc):
    scores = Scores(shape, auc)
    rank = midpoints(200_000)
    negatives, positives = scores.negatives(rank), scores.positives(rank)
    assert (np.diff(negatives) > 0).all()
    below = np.searchsorted(negatives, positives) / len(rank)
    assert below.mean() == pytest.approx(auc, abs=1e-5)


def test_missed_positives_score_like_negatives():
    scores = Scores("missed", 0.9)
    assert scores.positives(np.array([0.05]))[0] == pytest.approx(0, abs=1e-9)  # their median


@pytest.mark.parametrize("shape", ["binormal", "exponential", "missed"])
def test_chance_of_a_perfect_cohort_by_simulation(shape):
    scores, m, n = Scores(shape, 0.9), 4, 6
    random = np.random.default_rng(1)
    lowest = scores.positives(random.random((100_000, m))).min(1)
    highest = scores.negatives(random.random((100_000, n))).max(1)
    assert scores.chance_perfect(m, n) == pytest.approx((lowest > highest).mean(), abs=0.006)
    assert scores.chance_perfect(1, 1) == pytest.approx(0.9, abs=1e-4)


def test_auc_cohorts_have_the_patients_and_labels_of_their_design():
    scores = Scores("binormal", 0.8)
    labels, values, patients = auc_cohort(AucDesign(scores, m=5, n=7), generator("x", 0))
    assert patients.tolist() == list(range(12))
    assert labels.tolist() == [True] * 5 + [False] * 7
    assert len(values) == 12
    design = AucDesign(scores, "repeated", 400, 400)
    labels, values, patients = auc_cohort(design, generator("x", 0))
    of_patient = [set(labels[patients == patient]) for patient in range(800)]
    assert all(len(found) == 1 for found in of_patient)
    assert set(np.bincount(patients)) == {1, 2, 3}
    # Correlated cases: the patients are fewer than the cases, and the variance knows.
    assert auc_variance(labels, values, patients) > auc_variance(
        labels, values, np.arange(len(labels))
    )
    labels, _, patients = auc_cohort(AucDesign(scores, "mixed", 400, 400), generator("x", 0))
    assert any(len(set(labels[patients == patient])) == 2 for patient in range(800))
    assert labels.mean() == pytest.approx(0.5, abs=0.05)


def test_the_latent_correlation_of_a_patients_scores_is_the_designs():
    design = AucDesign(Scores("binormal", 0.8), "repeated", 2000, 20_000)
    labels, scores, patients = auc_cohort(design, generator("x", 0))
    scores, patients = scores[~labels], patients[~labels]
    first = np.flatnonzero(np.diff(patients) == 0)
    assert np.corrcoef(scores[first], scores[first + 1])[0, 1] == pytest.approx(0.5, abs=0.02)


def test_coverage_and_misses_are_counted_by_hand():
    limits = np.array([[0.1, 0.3], [0.5, 0.7], [0.5, 0.9], [0.4, 0.5], [np.nan, np.nan]])
    coverage, over, under, width = count(limits, 0.45)
    assert (coverage, over, under) == (20, 40, 20)
    assert width == pytest.approx((0.2 + 0.2 + 0.4 + 0.1) / 4)


def test_the_interval_without_expansion_is_scipys_bca():
    values = np.random.default_rng(1).beta(0.6, 1.4, 23)
    found = bootstrap_means(values[:, None], np.arange(23), 2000, unexpanded(23), 1)
    theirs = bootstrap(
        (values,), np.mean, n_resamples=2000, method="BCa", random_state=np.random.default_rng(1)
    ).confidence_interval
    assert found.low[0] == pytest.approx(theirs.low, abs=1e-9)
    assert found.high[0] == pytest.approx(theirs.high, abs=1e-9)


def test_standard_error_of_single_cases_is_that_of_a_mean():
    values = np.random.default_rng(1).random(30)
    means, errors = standard_errors(values, np.ones(30), np.ones((1, 30)))
    assert means[0] == pytest.approx(values.mean())
    assert errors[0] == pytest.approx(values.std() / np.sqrt(30))
    # A draw: patient 0 three times, patient 1 once, nobody else.
    draw = np.r_[3.0, 1.0, np.zeros(28)][None]
    drawn = np.r_[values[[0, 0, 0, 1]]]
    means, errors = standard_errors(values, np.ones(30), draw)
    assert means[0] == pytest.approx(drawn.mean())
    assert errors[0] == pytest.approx(drawn.std() / 2)


def test_students_and_logit_intervals_of_a_simulated_cohort_by_hand():
    design = MeanDesign("x", Ratios(0.6, 1.4), patients=15)
    values, _ = mean_cohort(design, generator("x", 3))
    mean, _, _, students, on_logit, _ = mean_limits(design, 3)
    by_scipy = student.interval(0.95, 14, values.mean(), values.std(ddof=1) / np.sqrt(15))
    assert mean == pytest.approx(values.mean())
    assert students == pytest.approx(by_scipy)
    reach = (by_scipy[1] - mean) / (mean * (1 - mean))
    assert on_logit == pytest.approx((expit(logit(mean) - reach), expit(logit(mean) + reach)))
    assert logit_limits(1.0, 0.1) == (1.0, 1.0)


def test_bootstrap_t_of_a_large_symmetric_cohort_is_students():
    values = 0.5 + norm.ppf((np.arange(300) + 0.5) / 300) / 10
    error = values.std(ddof=1) / np.sqrt(300)
    low, high = bootstrap_t(values, np.ones(300), float(error), 1)
    reach = student.ppf(0.975, 299) * error
    assert (low, high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=0.1 * reach)


def test_scores_of_the_shapes_are_free_of_ties():
    rank = np.random.default_rng(0).random(500)
    for shape in ("binormal", "exponential", "missed"):
        scores = Scores(shape, 0.94)
        both = np.r_[scores.positives(rank[:250]), scores.negatives(rank[250:])]
        assert (np.sort(rankdata(both)) == np.arange(1, 501)).all()
