"""The AUC of a classifier, with intervals that know of patients with several cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def auc_components(labels: NDArray[np.bool_], scores: Floats) -> tuple[float, Floats, Floats]:
    """Return the AUC and its structural components.

    Parameters
    ----------
    labels : (n,) array of bool
        True for positive cases.
    scores : (n,) array
        Higher means more positive; ties count one half.

    Returns
    -------
    auc : float
        NaN when a class is absent.
    positives, negatives : arrays
        Per positive case, the share of negative cases it beats; per negative case, the share of
        positive cases that beat it. Each has mean `auc`. From mid-ranks: Sun and Xu, IEEE Signal
        Processing Letters 2014, 21:1389.
    """
    m, n = int(labels.sum()), int((~labels).sum())
    if not m or not n:
        return float("nan"), np.full(m, np.nan), np.full(n, np.nan)
    ranks = rankdata(scores)
    positives = (ranks[labels] - rankdata(scores[labels])) / n
    negatives = 1 - (ranks[~labels] - rankdata(scores[~labels])) / m
    return float(positives.mean()), positives, negatives


def auc_variance(labels: NDArray[np.bool_], scores: Floats, patients: NDArray[np.int64]) -> float:
    """Return the variance of the AUC when a patient may have several cases.

    Obuchowski, Biometrics 1997, 53:567; with one case per patient it is the variance of DeLong,
    DeLong and Clarke-Pearson, Biometrics 1988, 44:837. NaN when either class comes from fewer than
    two patients.

    Parameters
    ----------
    labels, scores : (n,) arrays
        As in `auc_components`.
    patients : (n,) array of int
        Patient of each case, numbered from 0.
    """
    auc, positives, negatives = auc_components(labels, scores)
    m, n = len(positives), len(negatives)
    size = int(patients.max()) + 1 if len(patients) else 0
    of_positive, of_negative = patients[labels], patients[~labels]
    either = len(np.unique(patients))
    with_positive, with_negative = len(np.unique(of_positive)), len(np.unique(of_negative))
    if min(with_positive, with_negative) < 2:
        return float("nan")
    a = np.bincount(of_positive, positives - auc, minlength=size)
    b = np.bincount(of_negative, negatives - auc, minlength=size)
    within_positive = with_positive / (with_positive - 1) * (a @ a) / m**2
    within_negative = with_negative / (with_negative - 1) * (b @ b) / n**2
    between = either / (either - 1) * (a @ b) / (m * n)
    return float(within_positive + within_negative + 2 * between)


def auc_interval(
    labels: NDArray[np.bool_], scores: Floats, patients: NDArray[np.int64], confidence: float
) -> tuple[float, float, float]:
    """Return the AUC with its confidence interval, as (auc, low, high).

    The interval is symmetric on the logit scale, with the variance of `auc_variance`. Where that
    variance is zero or undefined (an AUC of exactly 1 or 0, scores that are all equal, a class of
    one patient) it is `score_interval`, with the number of patients of each class as its size:
    a perfect separation of few cases is no proof of a perfect model.

    Parameters
    ----------
    labels, scores, patients : (n,) arrays
        As in `auc_variance`.
    confidence : float
        For example 0.95.

    Returns
    -------
    tuple of three float
        NaN when a class is absent.
    """
    auc, _, _ = auc_components(labels, scores)
    if np.isnan(auc):
        return auc, auc, auc
    variance = auc_variance(labels, scores, patients)
    if auc in (0.0, 1.0) or not variance > 1e-12:
        sizes = [len(np.unique(patients[which])) for which in (labels, ~labels)]
        return (auc, *score_interval(auc, sizes[0], sizes[1], confidence))
    reach = ndtri((1 + confidence) / 2) * np.sqrt(variance) / (auc * (1 - auc))
    return auc, float(expit(logit(auc) - reach)), float(expit(logit(auc) + reach))


def score_interval(auc: float, m: int, n: int, confidence: float) -> tuple[float, float]:
    """Return the score interval of an AUC from `m` positives and `n` negatives, as (low, high).

    Newcombe's method 5, Statistics in Medicine 2006, 25:559: the values whose model-based standard
    error (Hanley and McNeil, Radiology 1982, 143:29) just reaches the estimate. It takes no
    variance from the data, so it holds at an AUC of 1.
    """
    return (
        _score_limit_below(auc, m, n, confidence),
        1 - _score_limit_below(1 - auc, m, n, confidence),
    )


def _score_limit_below(auc: float, m: int, n: int, confidence: float) -> float:
    z2, others = ndtri((1 + confidence) / 2) ** 2, (m + n) / 2 - 1

    def beyond(value: float) -> float:
        spread = 1 + others * ((1 - value) / (2 - value) + value / (1 + value))
        return float((auc - value) ** 2 - z2 * value * (1 - value) * spread / (m * n))

    if auc <= 0:
        return 0.0
    # The estimate itself is a root when it is 1; the one sought lies below it.
    return float(brentq(beyond, 0, auc - 1e-9))
