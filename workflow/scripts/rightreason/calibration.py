"""Whether probabilities mean what they say: Brier score, logistic recalibration, binned error."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from statsmodels.api import GLM, add_constant
from statsmodels.genmod.families import Binomial
from statsmodels.tools.sm_exceptions import PerfectSeparationError

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]

CLIP = 1e-6
"""Probabilities nearer to 0 or 1 than this count as this near: their logit is infinite."""
LEAST_CASES = 10
"""Cases of each class below which a recalibration is not tried."""
BINS, LEAST_IN_BIN = 10, 5
"""At most so many bins, of at least so many cases."""


@dataclass(frozen=True)
class Calibration:
    """How probabilities agree with labels; NaN where undefined.

    Attributes
    ----------
    brier : float
        Mean of (probability - label)². Brier, Monthly Weather Review 1950, 78:1. 0 is perfect.
    intercept : float
        Calibration in the large: a in logit P(positive) = a + logit(p). Below 0, the model says too
        much; 0 is perfect.
    slope : float
        b in logit P(positive) = a + b logit(p). Below 1, the model is too sure; 1 is perfect.
        Both: Cox, Biometrika 1958, 45:562; Van Calster et al., BMC Medicine 2019, 17:230.
    expected_error : float
        Mean over bins of equal counts, weighted by these, of |mean probability - share of positive
        cases|. Naeini et al., AAAI 2015. It is never below 0, and above it by chance in few cases.
    """

    brier: float
    intercept: float
    slope: float
    expected_error: float


def calibration(labels: Labels, probabilities: Floats) -> Calibration:
    """Compare probabilities with labels.

    Policies:

    - Intercept and slope are blank with fewer than `LEAST_CASES` cases of either class, and where
      the fit does not converge. The slope is also blank where a threshold parts the classes (it
      would be infinite) and where all probabilities are alike. Probabilities are clipped to
      [`CLIP`, 1 - `CLIP`] for both, and for nothing else.
    - The expected error is of `BINS` bins, of fewer where they would have fewer than `LEAST_IN_BIN`
      cases each, and blank where that leaves fewer than two. Cases of equal probability share
      their labels evenly, so that no order of cases decides which bin a label is in.

    Parameters
    ----------
    labels : (n,) array of bool
        True for positive cases.
    probabilities : (n,) array
        From 0 to 1.
    """
    brier = float(np.mean((probabilities - labels) ** 2)) if len(labels) else float("nan")
    error = expected_calibration_error(labels, probabilities)
    if min(int(labels.sum()), int((~labels).sum())) < LEAST_CASES:
        return Calibration(brier, float("nan"), float("nan"), error)
    x = logit(np.clip(probabilities, CLIP, 1 - CLIP))
    intercept = _fit(labels, np.ones((len(x), 1)), x)[-1]
    parted = x[labels].min() >= x[~labels].max() or x[labels].max() <= x[~labels].min()
    slope = float("nan") if parted else _fit(labels, add_constant(x), np.zeros(len(x)))[-1]
    return Calibration(brier, intercept, slope, error)


def _fit(labels: Labels, design: Floats, offset: Floats) -> list[float]:
    """Return the coefficients of a logistic regression; NaN where it finds none."""
    unknown = [float("nan")] * design.shape[1]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            model = GLM(labels.astype(float), design, family=Binomial(), offset=offset)
            found = model.fit(maxiter=200, tol=1e-10)
    except (PerfectSeparationError, np.linalg.LinAlgError, ValueError, Warning):
        return unknown
    # The maximum of the likelihood has a score of zero; anything else is where the search stopped.
    score = design.T @ (labels - found.fittedvalues)
    at_maximum = found.converged and np.abs(score).max() < 1e-4
    return [float(value) for value in found.params] if at_maximum else unknown


def expected_calibration_error(labels: Labels, probabilities: Floats) -> float:
    """Return the mean gap between probability and share of positive cases; see `calibration`."""
    bins = calibration_bins(labels, probabilities)
    if len(bins) < 2:
        return float("nan")
    return float(sum(abs(one.predicted - one.observed) * one.n for one in bins) / len(labels))


@dataclass(frozen=True)
class Bin:
    """Cases of neighbouring probabilities.

    Attributes
    ----------
    n : int
        Their number.
    predicted, observed : float
        Mean probability, and share of positive cases.
    low, high : float
        Smallest and largest probability.
    """

    n: int
    predicted: float
    observed: float
    low: float
    high: float


def calibration_bins(labels: Labels, probabilities: Floats) -> list[Bin]:
    """Part cases into bins of equal counts, by rising probability; see `calibration`.

    Fewer cases than two bins hold are one bin; no case is none.
    """
    count = max(1, min(BINS, len(labels) // LEAST_IN_BIN))
    if not len(labels):
        return []
    _, group = np.unique(probabilities, return_inverse=True)
    shared = (np.bincount(group, labels) / np.bincount(group))[group]
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, count)
    return [
        Bin(len(part), float(probabilities[part].mean()), float(shared[part].mean()),
            float(probabilities[part[0]]), float(probabilities[part[-1]]))
        for part in parts
    ]  # fmt: skip
