"""Means over patients and their bootstrap intervals."""

from __future__ import annotations

import numpy as np
import pytest
from rightreason.statistics import bootstrap_means
from scipy.stats import bootstrap, norm
from scipy.stats import t as student


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
