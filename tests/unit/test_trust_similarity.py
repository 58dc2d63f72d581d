"""Rank correlation and structural similarity against scipy, scikit-image and hand-counted cases."""

import math

import numpy as np
import pytest
import torch
from rightreason.trust_similarity import rank_correlation, structural_similarity
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity as peer


def maps(seed, shape=(2, 1, 12, 10)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_rank_correlation_is_spearmans():
    a, b = maps(0), maps(1)
    b = (b + a).round(decimals=1)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)


def test_only_the_order_counts():
    a = maps(0)
    assert rank_correlation(a, a.exp() * 7) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)


def test_a_map_with_nothing_in_it_has_nothing_to_compare():
    a, flat = maps(0), torch.full((2, 1, 12, 10), 3.0)
    broken = a.clone()
    broken[0, 0, 0, 0] = math.nan
    assert math.isnan(rank_correlation(flat, a))
    assert math.isnan(rank_correlation(a, broken))
    assert math.isnan(rank_correlation(broken, a))


def test_the_last_bits_of_a_flat_map_are_no_order():
    flat = 3 + 1e-6 * maps(2)
    assert flat.min() != flat.max()
    assert math.isnan(rank_correlation(flat, maps(0)))
    assert rank_correlation(maps(0), flat) == 0
    assert not math.isnan(rank_correlation(3 + 1e-3 * maps(2), maps(0)))


def test_nothing_is_left_in_a_map_that_became_flat():
    assert rank_correlation(maps(0), torch.zeros(2, 1, 12, 10)) == 0
    assert structural_similarity(maps(0), torch.zeros(2, 1, 12, 10)) < 0.1


def test_the_similarity_is_that_of_maps_scaled_to_one():
    a, b = maps(0), maps(1)
    x, y = np.abs(a.numpy()), np.abs(b.numpy())
    x, y = x / x.max(), y / y.max()
    expected = np.mean([peer(x[i, 0], y[i, 0], data_range=1, win_size=7) for i in range(2)])
    assert structural_similarity(a, b) == pytest.approx(expected, abs=1e-6)
    assert structural_similarity(a, -5 * a) == pytest.approx(1)


def test_a_volume_is_compared_as_a_volume():
    a, b = maps(0, (1, 1, 5, 8, 9)), maps(1, (1, 1, 5, 8, 9))
    x, y = np.abs(a.numpy())[0, 0], np.abs(b.numpy())[0, 0]
    expected = peer(x / x.max(), y / y.max(), data_range=1, win_size=5)
    assert structural_similarity(a, b) == pytest.approx(expected, abs=1e-6)


def test_a_map_of_two_voxels_across_has_no_structure():
    assert math.isnan(structural_similarity(maps(0, (1, 1, 2, 9)), maps(1, (1, 1, 2, 9))))
    assert math.isnan(structural_similarity(torch.zeros(1, 1, 9, 9), maps(1, (1, 1, 9, 9))))
