from __future__ import annotations

import time

import numpy as np
import pytest
from rightreason.statistics import (
    auc_components,
    auc_interval,
    auc_variance,
    bootstrap_means,
    draw_patients,
    score_interval,
)
from scipy.stats import bootstrap, norm
from scipy.stats import t as student
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


@pytest.mark.parametrize(("seed", "patients"), [(0, 19), (1, 19), (2, 19), (3, 13), (4, 60)])
def test_bootstrap_is_scipys_bca_draw_for_draw_at_the_expanded_level(seed, patients):
    values = np.random.default_rng(seed).beta(0.5, 2, (patients, 3))
    ours = bootstrap_means(values, np.arange(patients), 2000, 0.95, seed)
    # Hesterberg 2015: read where sqrt((n - 1) / n) z equals Student's t.
    expanded = student.ppf(0.975, patients - 1) * np.sqrt(patients / (patients - 1))
    level = 2 * norm.cdf(expanded) - 1
    for column in range(3):
        theirs = bootstrap(
            (values[:, column],), np.mean, n_resamples=2000, method="BCa", axis=-1,
            random_state=np.random.default_rng(seed), vectorized=True, confidence_level=level,
        ).confidence_interval  # fmt: skip
        assert ours.mean[column] == pytest.approx(values[:, column].mean(), abs=1e-12)
        assert ours.low[column] == pytest.approx(theirs.low, abs=1e-9)
        assert ours.high[column] == pytest.approx(theirs.high, abs=1e-9)


def test_levels_expand_by_the_patients_who_have_a_value():
    values = np.random.default_rng(5).random((12, 1))
    missing = np.r_[values, np.full((30, 1), np.nan)]
    few = bootstrap_means(values, np.arange(12), 20_000, 0.95, 1)
    same = bootstrap_means(missing, np.arange(42), 20_000, 0.95, 1)
    # The number drawn now varies about 12, which widens the draws by a few per cent at most.
    assert (same.high - same.low)[0] == pytest.approx((few.high - few.low)[0], rel=0.12)


def test_means_of_many_symmetric_values_have_students_interval():
    values = norm.ppf((np.arange(400) + 0.5) / 400)[:, None]
    found = bootstrap_means(values, np.arange(400), 20_000, 0.95, 1)
    reach = student.ppf(0.975, 399) * values.std(ddof=1) / 20
    assert [*found.low, *found.high] == pytest.approx([-reach, reach], rel=0.03)


def test_a_level_beyond_the_pole_of_bca_is_the_end_of_the_draws():
    values = np.array([[0.0], [0.0], [1.0]])
    found = bootstrap_means(values, np.arange(3), 2000, 0.9999, 1)
    assert [*found.low, *found.high] == [0.0, 1.0]


def test_cases_of_a_patient_are_drawn_together():
    once = np.random.default_rng(0).random((12, 1))
    single = bootstrap_means(once, np.arange(12), 500, 0.95, 7)
    twice = bootstrap_means(np.r_[once, once], np.r_[np.arange(12), np.arange(12)], 500, 0.95, 7)
    assert twice.low == pytest.approx(single.low)
    assert twice.high == pytest.approx(single.high)
    apart = bootstrap_means(np.r_[once, once], np.arange(24), 500, 0.95, 7)
    assert apart.high - apart.low < twice.high - twice.low


def test_undefined_values_are_left_out_of_their_own_column_only():
    values = np.array([[0.0, 1.0], [1.0, np.nan], [np.nan, np.nan], [0.5, np.nan]])
    found = bootstrap_means(values, np.arange(4), 400, 0.9, 1)
    assert found.mean.tolist() == [0.5, 1.0]
    assert found.low[0] < 0.5 < found.high[0]
    assert np.isnan([found.low[1], found.high[1]]).all()  # one patient: no interval
    nothing = bootstrap_means(np.full((3, 1), np.nan), np.arange(3), 50, 0.9, 1)
    assert np.isnan([*nothing.mean, *nothing.low, *nothing.high]).all()
    nobody = bootstrap_means(np.empty((0, 2)), np.empty(0, dtype=np.int64), 50, 0.9, 1)
    assert np.isnan(nobody.mean).all()


def test_equal_values_give_a_point():
    found = bootstrap_means(np.full((7, 1), 0.3), np.arange(7), 300, 0.95, 1)
    assert [*found.mean, *found.low, *found.high] == pytest.approx([0.3] * 3, abs=1e-12)


def test_columns_do_not_depend_on_their_neighbours():
    values = np.random.default_rng(2).random((15, 1100))
    together = bootstrap_means(values, np.arange(15), 100, 0.95, 3)
    alone = bootstrap_means(values[:, [1050]], np.arange(15), 100, 0.95, 3)
    assert together.low[1050] == pytest.approx(alone.low[0], abs=1e-12)


def test_thousands_of_columns_take_seconds():
    values = np.random.default_rng(2).random((150, 3000))
    start = time.perf_counter()
    found = bootstrap_means(values, np.arange(150), 2000, 0.95, 3)
    assert time.perf_counter() - start < 20
    assert np.isfinite(found.low).all()
