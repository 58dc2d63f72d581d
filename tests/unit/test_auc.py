"""The AUC and its intervals: scikit-learn's, a bootstrap's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from rightreason.auc import auc_components, auc_interval, auc_variance, score_interval
from rightreason.statistics import draw_patients
from sklearn.metrics import roc_auc_score


def cohort(seed: int, m: int = 17, n: int = 23) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.r_[np.ones(m, bool), np.zeros(n, bool)]
    scores = np.round(rng.normal(labels * 1.2, 1), 1)  # rounded: ties
    return labels, scores


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_scikit_learns(seed):
    labels, scores = cohort(seed)
    auc, _, _ = auc_components(labels, scores)
    assert auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_auc_by_hand():
    # Positives 3, 1; negatives 2, 1: pairs 3>2, 3>1, 1<2, 1=1 -> (1 + 1 + 0 + 1/2) / 4.
    labels, scores = np.array([True, True, False, False]), np.array([3.0, 1, 2, 1])
    auc, positives, negatives = auc_components(labels, scores)
    assert auc == 0.625
    assert positives.tolist() == [1.0, 0.25]
    assert negatives.tolist() == [0.5, 0.75]


def pairwise_delong(labels, scores):
    """DeLong's variance pair by pair, from the definition."""
    x, y = scores[labels], scores[~labels]
    wins = (x[:, None] > y).astype(float) + 0.5 * (x[:, None] == y)
    return wins.mean(1).var(ddof=1) / len(x) + wins.mean(0).var(ddof=1) / len(y)


@pytest.mark.parametrize("seed", range(5))
def test_variance_is_delongs_when_each_patient_has_one_case(seed):
    labels, scores = cohort(seed)
    ours = auc_variance(labels, scores, np.arange(len(labels)))
    assert ours == pytest.approx(pairwise_delong(labels, scores), rel=1e-12)


def test_variance_agrees_with_a_bootstrap_over_patients_with_two_cases_each():
    rng = np.random.default_rng(3)
    own = rng.normal(0, 1, 60)
    labels = np.r_[np.ones(60, bool), np.zeros(60, bool)]
    patients = np.r_[np.arange(60), np.arange(60)]
    scores = np.r_[own + rng.normal(1, 0.5, 60), own + rng.normal(0, 0.5, 60)]
    clustered = auc_variance(labels, scores, patients)
    drawn = []
    for counts in draw_patients(60, 1000, 1).astype(int):
        rows = np.repeat(np.arange(60), counts)
        rows = np.r_[rows, rows + 60]
        drawn.append(roc_auc_score(labels[rows], scores[rows]))
    assert clustered == pytest.approx(np.var(drawn), rel=0.15)
    # The two cases of a patient rise and fall together: ignoring that overstates the variance.
    assert auc_variance(labels, scores, np.arange(120)) > 1.5 * clustered


def test_interval_on_the_logit_scale_by_hand():
    labels, scores = cohort(1)
    patients = np.arange(len(labels))
    auc, low, high = auc_interval(labels, scores, patients, 0.95)
    reach = 1.959963985 * np.sqrt(pairwise_delong(labels, scores)) / (auc * (1 - auc))
    middle = np.log(auc / (1 - auc))
    assert low == pytest.approx(1 / (1 + np.exp(-(middle - reach))), abs=1e-9)
    assert high == pytest.approx(1 / (1 + np.exp(-(middle + reach))), abs=1e-9)
    assert 0 < low < auc < high < 1


def test_perfect_separation_has_an_interval_that_narrows_with_the_cohort():
    limits = []
    for size in (3, 20, 150):
        labels = np.r_[np.ones(size, bool), np.zeros(size, bool)]
        auc, low, high = auc_interval(labels, labels * 1.0, np.arange(2 * size), 0.95)
        assert (auc, high) == (1.0, 1.0)
        limits.append(low)
        _, _, mirrored = auc_interval(~labels, labels * 1.0, np.arange(2 * size), 0.95)
        assert mirrored == pytest.approx(1 - low, abs=1e-9)
    assert limits[0] < limits[1] < limits[2] < 1
    assert 0.8 < limits[1] < 0.9


def test_score_limits_put_the_estimate_at_their_standard_error():
    m, n, auc = 12, 30, 0.9
    for limit in score_interval(auc, m, n, 0.95):
        q1, q2 = limit / (2 - limit), 2 * limit**2 / (1 + limit)
        size = (m + n) / 2 - 1  # Newcombe: the same for both classes
        variance = limit * (1 - limit) + size * (q1 + q2 - 2 * limit**2)
        assert abs(auc - limit) / np.sqrt(variance / (m * n)) == pytest.approx(1.959964, abs=1e-5)


def test_auc_of_one_class_is_undefined_and_equal_scores_tell_nothing():
    ones = np.ones(4, bool)
    assert np.isnan(auc_interval(ones, np.arange(4.0), np.arange(4), 0.95)).all()
    labels = np.array([True, True, True, False, False, False])
    auc, low, high = auc_interval(labels, np.zeros(6), np.arange(6), 0.95)
    assert auc == 0.5
    assert low < 0.2
    assert high > 0.8
