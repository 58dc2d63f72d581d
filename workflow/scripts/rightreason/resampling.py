"""Intervals by drawing patients, all of their cases together, for statistics that are no means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from rightreason.statistics import corrected, draw_patients, expanded

Floats = NDArray[np.float64]

# Sums of the same values in another order differ in the last bits.
_DIGITS = 12


def bca_interval(
    statistic: Callable[[Floats], Floats],
    n_patients: int,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated limits of a statistic, as (low, high).

    Efron, Journal of the American Statistical Association 1987, 82:171; the acceleration is the
    jackknife's over patients, and the levels are expanded for few patients as those of
    `statistics.bootstrap_means`. Draws in which the statistic is undefined do not count.

    Parameters
    ----------
    statistic : callable
        Takes how often each patient is in each draw, (draws, patients), and returns one value per
        draw, NaN where undefined.
    n_patients, resamples, seed : int
        The draws are those of `statistics.bootstrap_means` with the same three numbers.
    confidence : float
        For example 0.95.

    Returns
    -------
    tuple of two float
        NaN with fewer than two patients or where the statistic itself is undefined.
    """
    drawn = _drawn(statistic, n_patients, resamples, seed)
    if not drawn.size:
        return float("nan"), float("nan")
    centre = np.round(statistic(np.ones((1, n_patients)))[0], _DIGITS)
    below = (np.searchsorted(drawn, centre) + np.searchsorted(drawn, centre, "right")) / 2
    bias = ndtri(np.clip(below, 0.5, drawn.size - 0.5) / drawn.size)
    acceleration = np.array([_acceleration(statistic(1 - np.eye(n_patients)))])
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    size = np.array([n_patients])
    levels = [float(corrected(bias, acceleration, expanded(tail, size))[0]) for tail in tails]
    low, high = np.quantile(drawn, levels)
    return float(low), float(high)


def percentile_interval(
    statistic: Callable[[Floats], Floats],
    n_patients: int,
    resamples: int,
    confidence: float,
    seed: int,
) -> tuple[float, float]:
    """Return the percentile limits of a statistic, as (low, high).

    Efron and Tibshirani, An Introduction to the Bootstrap 1993, chapter 13. Of a rank correlation
    of 10 to 40 patients, the nominal 95 % hold the truth 94 to 97 % of the time
    (`benchmarks/rank_correlation.py`). Parameters and policies are those of `bca_interval`.
    """
    drawn = _drawn(statistic, n_patients, resamples, seed)
    if not drawn.size:
        return float("nan"), float("nan")
    low, high = np.quantile(drawn, np.array([1 - confidence, 1 + confidence]) / 2)
    return float(low), float(high)


def _drawn(
    statistic: Callable[[Floats], Floats], n_patients: int, resamples: int, seed: int
) -> Floats:
    """Sorted values of the draws; none where there is nothing to draw or to estimate."""
    if n_patients < 2 or not np.isfinite(statistic(np.ones((1, n_patients)))[0]):
        return np.empty(0)
    drawn = statistic(draw_patients(n_patients, resamples, seed))
    return np.sort(np.round(drawn[np.isfinite(drawn)], _DIGITS))


def _acceleration(left_out: Floats) -> float:
    """A sixth of the skewness of the jackknife values, from the value without each patient."""
    left_out = left_out[np.isfinite(left_out)]
    gap = left_out.mean() - left_out if left_out.size else np.zeros(1)
    squares = (gap**2).sum()
    # Squares this small are rounding: the patients are all alike.
    return float((gap**3).sum() / (6 * squares**1.5)) if squares > 1e-24 else 0.0


def weighted_spearman(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Return Spearman's correlation for each row of weights, as if a case stood there that often.

    Parameters
    ----------
    x, y : (cases,) arrays
        All defined; ties have their mid-rank.
    weights : (rows, cases) array
        How often each case counts.

    Returns
    -------
    (rows,) array
        NaN where either column is constant.
    """
    total = weights.sum(1, keepdims=True)
    centred = []
    for values in (x, y):
        ranks = _weighted_ranks(values, weights)
        mean = (weights * ranks).sum(1, keepdims=True) / np.maximum(total, 1)
        centred.append(ranks - mean)
    covariance, first, second = (
        (weights * a * b).sum(1)
        for a, b in ((centred[0], centred[1]), (centred[0], centred[0]), (centred[1], centred[1]))
    )
    scale = first * second
    found: Floats = np.divide(
        covariance, np.sqrt(scale), out=np.full(len(weights), np.nan), where=scale > 1e-9
    )
    return found


def _weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """Mid-ranks (rows, cases), less one half, of values that stand there `weights` times."""
    distinct, group = np.unique(values, return_inverse=True)
    member = np.zeros((len(values), len(distinct)))
    member[np.arange(len(values)), group] = 1
    counts = weights @ member
    ranks: Floats = (np.cumsum(counts, axis=1) - counts / 2)[:, group]
    return ranks
