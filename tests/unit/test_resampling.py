from __future__ import annotations

import numpy as np
import pytest
from rightreason.effect_size import hedges_dz
from rightreason.resampling import bca_interval, percentile_interval, weighted_spearman
from rightreason.statistics import bootstrap_means
from scipy.stats import bootstrap, spearmanr

from tests.unit.overlap_fakes import expanded_level


def pairs(seed: int, n: int = 25) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return np.round(x, 1), np.round(0.5 * x + rng.normal(size=n), 1)  # rounded: ties


def scipys(seed: int, method: str):
    x, y = pairs(seed)

    def statistic(drawn, axis):
        flat = drawn.reshape(-1, drawn.shape[-1])
        return np.array([spearmanr(x[i], y[i]).statistic for i in flat]).reshape(drawn.shape[:-1])

    return bootstrap(
        (np.arange(25),), statistic, n_resamples=500, method=method, axis=-1, vectorized=True,
        rng=np.random.default_rng(seed),
        confidence_level=expanded_level(25) if method == "BCa" else 0.95,
    ).confidence_interval  # fmt: skip


@pytest.mark.parametrize(
    ("interval", "method"), [(bca_interval, "BCa"), (percentile_interval, "percentile")]
)
def test_limits_of_a_rank_correlation_are_scipys_draw_for_draw(interval, method):
    x, y = pairs(3)
    low, high = interval(lambda counts: weighted_spearman(x, y, counts), 25, 500, 0.95, 3)
    theirs = scipys(3, method)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_bca_of_a_mean_is_bootstrap_means():
    values = np.random.default_rng(0).beta(0.5, 2, 30)
    ours = bca_interval(lambda counts: counts @ values / counts.sum(1), 30, 999, 0.9, 4)
    theirs = bootstrap_means(values[:, None], np.arange(30), 999, 0.9, 4)
    assert ours == pytest.approx((theirs.low[0], theirs.high[0]), abs=1e-9)


@pytest.mark.parametrize("interval", [bca_interval, percentile_interval])
def test_no_limits_of_the_undefined(interval):
    assert np.isnan(interval(lambda counts: counts.sum(1), 1, 99, 0.95, 0)).all()
    assert np.isnan(interval(lambda counts: np.full(len(counts), np.nan), 5, 99, 0.95, 0)).all()
    assert interval(lambda counts: counts.sum(1), 5, 99, 0.95, 0) == (5, 5)
    # Undefined where patient 0 is not drawn: those draws do not count.
    low, high = interval(lambda c: np.where(c[:, 0] > 0, c[:, 0], np.nan), 5, 999, 0.95, 0)
    assert 1 <= low <= high


@pytest.mark.parametrize("seed", range(4))
def test_weights_are_repetitions(seed):
    x, y = pairs(seed)
    weights = np.random.default_rng(seed).integers(0, 3, (6, 25))
    found = weighted_spearman(x, y, weights.astype(float))
    for row, value in zip(weights, found, strict=True):
        expanded = np.repeat(np.arange(25), row)
        assert value == pytest.approx(spearmanr(x[expanded], y[expanded]).statistic, abs=1e-12)


def test_a_constant_column_has_no_rank_correlation():
    assert np.isnan(weighted_spearman(np.ones(4), np.arange(4.0), np.ones((1, 4)))).all()
    assert np.isnan(weighted_spearman(np.empty(0), np.empty(0), np.ones((2, 0)))).all()


def test_effect_size_by_hand():
    # 1, 2, 3: mean 2, sd 1; with two degrees of freedom J = G(1) / (1 x G(1/2)) = 1 / sqrt(pi).
    assert hedges_dz(np.array([1.0, 2, 3]), np.arange(3)) == pytest.approx(2 / np.sqrt(np.pi))
    # Patients of means 1, 2, 3, however many cases they have.
    differences, patients = np.array([0.0, 2, 2, 3, 3]), np.array([4, 4, 7, 9, 9])
    assert hedges_dz(differences, patients) == pytest.approx(2 / np.sqrt(np.pi))
    # The usual approximation of J: 1 - 3 / (4 m - 1).
    many = np.random.default_rng(0).normal(0.5, 1, 30)
    rough = many.mean() / many.std(ddof=1) * (1 - 3 / (4 * 29 - 1))
    assert hedges_dz(many, np.arange(30)) == pytest.approx(rough, rel=1e-3)


def test_no_effect_size_of_few_or_equal_patients():
    assert np.isnan(hedges_dz(np.array([1.0, 2]), np.arange(2)))
    assert np.isnan(hedges_dz(np.zeros(9), np.arange(9)))
    assert np.isnan(hedges_dz(np.full(9, 0.1), np.arange(9)))
