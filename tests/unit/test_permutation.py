from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from rightreason.permutation import exchange_p, lowest_column_p, sign_flip_p
from scipy.stats import kstest, pearsonr, permutation_test, rankdata, spearmanr


def test_sign_flips_by_hand():
    # 1, 2, 3: of eight patterns only +++ reaches a sum of 6, only --- one of -6.
    assert sign_flip_p(np.array([1.0, 2, 3]), np.arange(3), 99, 0) == 0.25
    # 3, -1, 1: the sum 3 is reached by +-+, ++- (3) and +++ (5), and by their mirrors.
    assert sign_flip_p(np.array([3.0, -1, 1]), np.arange(3), 99, 0) == pytest.approx(0.75)


def every_flip(differences, patients):
    """The share of all sign patterns of the patients that are as extreme."""
    names = np.unique(patients)
    sums = np.array([differences[patients == name].sum() for name in names])
    totals = [abs(np.dot(signs, sums)) for signs in product((-1, 1), repeat=len(names))]
    return np.mean(np.array(totals) >= abs(sums.sum()) - 1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_few_patients_are_flipped_in_every_way_with_all_their_cases(seed):
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, 8, 15) * 3  # numbers with gaps
    differences = np.round(rng.normal(0.4, 1, 15), 1)  # ties
    found = sign_flip_p(differences, patients, 999, seed)
    assert found == pytest.approx(every_flip(differences, patients), abs=1e-12)


def test_copies_of_a_patients_case_add_no_evidence():
    differences = np.random.default_rng(3).normal(1, 1, 9)
    once = sign_flip_p(differences, np.arange(9), 999, 0)
    assert sign_flip_p(np.tile(differences, 3), np.tile(np.arange(9), 3), 999, 0) == once
    assert sign_flip_p(np.tile(differences, 3), np.arange(27), 999, 0) < once


def test_many_patients_by_random_flips_come_close_to_the_exact():
    differences = np.random.default_rng(1).normal(0.3, 1, 12)
    random, exact = (sign_flip_p(differences, np.arange(12), size, 5) for size in (4000, 9999))
    assert exact == every_flip(differences, np.arange(12))
    assert random == pytest.approx(exact, abs=0.03)


def test_nothing_to_flip():
    assert sign_flip_p(np.zeros(20), np.arange(20), 999, 0) == 1
    assert sign_flip_p(np.zeros(4), np.arange(4), 999, 0) == 1
    assert np.isnan(sign_flip_p(np.ones(5), np.zeros(5, dtype=np.int64), 999, 0))
    assert np.isnan(sign_flip_p(np.empty(0), np.empty(0, dtype=np.int64), 999, 0))


def test_exchange_of_single_cases_is_scipys_test_of_pairings():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 30))
    y = y + 0.3 * x
    theirs = permutation_test(
        (x,), lambda values: pearsonr(values, y).statistic, permutation_type="pairings",
        vectorized=False, n_resamples=999, rng=np.random.default_rng(0),
    ).pvalue  # fmt: skip
    assert exchange_p(x, y, np.arange(30), 9999, 0) == pytest.approx(theirs, abs=0.03)


def test_exchange_against_every_permutation():
    rng = np.random.default_rng(4)
    x, y = np.round(rng.normal(size=(2, 6)), 1)
    x, y = rankdata(x), rankdata(y + 0.1 * x)
    observed = abs(spearmanr(x, y).statistic)
    every = [abs(spearmanr(x, order).statistic) for order in permutations(y)]
    exact = np.mean(np.array(every) >= observed - 1e-9)
    assert exchange_p(x, y, np.arange(6), 40_000, 1) == pytest.approx(exact, abs=0.01)


def test_exchange_moves_a_patients_cases_together():
    # Two patients of two cases and two of one: each pair swaps or stays, so four arrangements.
    patients = np.array([5, 5, 7, 7, 8, 9])
    x, y = np.array([1.0, 2, 5, 7, 3, 4]), np.array([2.0, 1, 6, 9, 1, 4])
    centred = x - x.mean(), y - y.mean()
    totals = np.array(
        [
            centred[0] @ centred[1][[*pair, *single]]
            for pair in ((0, 1, 2, 3), (2, 3, 0, 1))
            for single in ((4, 5), (5, 4))
        ]
    )
    distances = abs(totals - totals.mean())
    exact = np.mean(distances >= distances[0] - 1e-9)
    assert exchange_p(x, y, patients, 20_000, 0) == pytest.approx(exact, abs=0.02)


def test_what_no_exchange_can_change_hides_nothing():
    # Patients with two cases lie high in both columns; among their equals the ratio goes with y.
    rng = np.random.default_rng(0)
    patients = np.r_[np.arange(20), np.repeat(np.arange(20, 30), 2)]
    y = rng.normal(size=40)
    x, many = y + rng.normal(0, 0.3, 40), np.r_[np.zeros(20), np.full(20, 9.0)]
    assert exchange_p(x + many, y + many, patients, 999, 0) == 1 / 1000
    assert exchange_p(x - many, y + many, patients, 999, 0) == 1 / 1000


def test_nothing_to_exchange():
    assert np.isnan(exchange_p(np.arange(3.0), np.arange(3.0), np.array([0, 1, 1]), 99, 0))
    assert np.isnan(exchange_p(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), 99, 0))
    assert exchange_p(np.ones(9), np.arange(9.0), np.arange(9), 999, 0) == 1


def test_lowest_column_against_every_exchange():
    values = np.array([[0.1, -0.3, 0.2], [0.0, -0.2, 0.3], [0.4, -0.5, np.nan]])
    arranged = product(
        permutations([0.1, -0.3, 0.2]), permutations([0.0, -0.2, 0.3]), permutations([0.4, -0.5])
    )
    lowest = []
    for first, second, third in arranged:
        table = np.array([first, second, [*third, np.nan]])
        lowest.append(np.nanmean(table, axis=0).min())
    exact = [np.mean(np.array(lowest) <= mean + 1e-9) for mean in np.nanmean(values, axis=0)]
    assert lowest_column_p(values, 20_000, 0) == pytest.approx(exact, abs=0.01)


def test_lowest_column_without_values():
    found = lowest_column_p(np.array([[np.nan, 0.1, 0.2], [np.nan, 0.3, 0.1]]), 99, 0)
    assert np.isnan(found[0])
    assert found[1] > 0.4
    assert np.isnan(lowest_column_p(np.full((2, 3), np.nan), 99, 0)).all()


def test_p_is_uniform_under_the_null_and_only_by_patient():
    """A small form of `benchmarks/permutation.py`: 200 cohorts of 20 patients with 1-4 cases."""
    rng = np.random.default_rng(0)
    together, apart = [], []
    for k in range(200):
        of = np.repeat(np.arange(20), rng.integers(1, 5, 20))
        differences = rng.normal(size=20)[of] + rng.normal(0, 0.3, len(of))
        together.append(sign_flip_p(differences, of, 499, k))
        apart.append(sign_flip_p(differences, np.arange(len(of)), 499, k))
    assert kstest(together, "uniform").pvalue > 0.01
    assert np.mean(np.array(apart) <= 0.05) > 0.12
