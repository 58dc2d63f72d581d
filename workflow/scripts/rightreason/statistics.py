"""Means over the patients of a cohort, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

Floats = NDArray[np.float64]

COLUMNS_AT_ONCE = 512


@dataclass(frozen=True)
class Means:
    """Means of columns with their confidence limits; each an array over columns, NaN unknown."""

    mean: Floats
    low: Floats
    high: Floats


def bootstrap_means(
    values: Floats, patients: NDArray[np.int64], resamples: int, confidence: float, seed: int
) -> Means:
    """Return each column's mean over its defined cases, with a bias-corrected accelerated interval.

    Patients are drawn with replacement, all cases of a patient together, the same draws for every
    column. Efron, Journal of the American Statistical Association 1987, 82:171; with the levels
    expanded for few patients, Hesterberg, The American Statistician 2015, 69:371: a bootstrap
    distribution is too narrow by sqrt((n - 1) / n), and its quantiles are normal ones where
    Student's are due. What it covers: docs/statistics.md. Policies:

    - A column without a defined value has no mean; one with fewer than two patients no interval.
    - A draw without any defined value of a column does not count for that column.
    - A column whose draws are all alike (each patient the same value) has its mean as both limits.

    Parameters
    ----------
    values : (cases, columns) array
        NaN where undefined.
    patients : (cases,) array of int
        Patient of each case, numbered from 0 without gaps.
    resamples : int
        Number of draws.
    confidence : float
        For example 0.95.
    seed : int
        Seed of the draws.

    Returns
    -------
    Means
        Arrays of shape (columns,).
    """
    n_patients = int(patients.max()) + 1 if len(patients) else 0
    if not values.size:
        return Means(*np.full((3, values.shape[1]), np.nan))
    defined = np.isfinite(values)
    sums = sum_by_patient(np.where(defined, values, 0.0), patients)
    counts = sum_by_patient(defined.astype(float), patients)
    draws = draw_patients(n_patients, resamples, seed)
    parts = [
        _interval(sums[:, start:stop], counts[:, start:stop], draws, confidence)
        for start, stop in _stretches(values.shape[1])
    ]
    low, high = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    return Means(_ratio(sums.sum(0), counts.sum(0)), low, high)


def sum_by_patient(values: Floats, patients: NDArray[np.int64]) -> Floats:
    """Add up the rows of each patient, numbered from 0 without gaps: (patients, columns)."""
    order = np.argsort(patients, kind="stable")
    starts = np.flatnonzero(np.diff(patients[order], prepend=-1))
    added: Floats = np.add.reduceat(values[order], starts, axis=0)
    return added


def draw_patients(n_patients: int, resamples: int, seed: int) -> Floats:
    """Return how often each patient is in each draw, (resamples, patients)."""
    drawn = np.random.default_rng(seed).integers(0, n_patients, (resamples, n_patients))
    flat = drawn + n_patients * np.arange(resamples)[:, None]
    counts = np.bincount(flat.ravel(), minlength=resamples * n_patients)
    return counts.reshape(resamples, n_patients).astype(np.float64)


def _stretches(columns: int) -> list[tuple[int, int]]:
    starts = range(0, columns, COLUMNS_AT_ONCE)
    return [(start, min(start + COLUMNS_AT_ONCE, columns)) for start in starts]


def _ratio(sums: Floats, counts: Floats) -> Floats:
    found: Floats = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return found


def _interval(
    sums: Floats, counts: Floats, draws: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """BCa limits of one stretch of columns, from (patients, columns) of sums and counts."""
    mean = _ratio(sums.sum(0), counts.sum(0))
    # Sums of the same values in another order differ in the last bits; comparing with the mean
    # has to see them as equal.
    drawn = np.sort(np.round(_ratio(draws @ sums, draws @ counts), 12), axis=0)
    valid = np.isfinite(drawn).sum(0)
    centre = np.round(mean, 12)
    below = ((drawn < centre).sum(0) + (drawn <= centre).sum(0)) / 2
    share = np.clip(below, 0.5, np.maximum(valid - 0.5, 0.5)) / np.maximum(valid, 1)
    bias, acceleration = ndtri(share), _acceleration(sums, counts)
    patients = (counts > 0).sum(0)
    limits = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        level = corrected(bias, acceleration, expanded(tail, patients))
        limits.append(np.where(patients < 2, np.nan, _quantile(drawn, valid, level)))
    return limits[0], limits[1]


def expanded(tail: float, patients: NDArray[np.int64]) -> Floats:
    """Return the normal quantile at which a bootstrap of so many patients is read for a tail."""
    number = np.maximum(patients, 2)
    found: Floats = stdtrit(number - 1, tail) * np.sqrt(number / (number - 1))
    return found


def corrected(bias: Floats, acceleration: Floats, quantile: Floats) -> Floats:
    """Return the level of BCa; beyond the pole of its formula, the end that it runs towards."""
    shifted = bias + quantile
    room = 1 - acceleration * shifted
    beyond = np.sign(shifted) * np.inf
    found: Floats = ndtr(bias + np.divide(shifted, room, out=beyond, where=room > 0))
    return found


def _acceleration(sums: Floats, counts: Floats) -> Floats:
    """Skewness of the jackknife over the patients that have a defined value."""
    has = counts > 0
    without = _ratio(sums.sum(0) - sums, counts.sum(0) - counts)
    without = np.where(has & np.isfinite(without), without, 0.0)
    centre = _ratio(without.sum(0), has.sum(0).astype(float))
    gap = np.where(has, centre - without, 0.0)
    cubes, squares = (gap**3).sum(0), (gap**2).sum(0)
    # Squares this small are rounding: the patients are all alike.
    return _ratio(cubes, np.where(squares > 1e-24, 6 * squares**1.5, np.inf))


def _quantile(ordered: Floats, valid: NDArray[np.int64], level: Floats) -> Floats:
    """Quantile of each column at its own level, linear between order statistics, NaN at the end."""
    at = np.clip(level, 0, 1) * np.maximum(valid - 1, 0)
    lower = np.floor(at).astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(valid - 1, 0))
    columns = np.arange(ordered.shape[1])
    start = ordered[lower, columns]
    found: Floats = start + (at - lower) * (ordered[upper, columns] - start)
    return found
