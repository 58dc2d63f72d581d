"""Average precision of a classifier, with an interval over patients."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.stats import DegenerateDataWarning, bootstrap

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
Patients = NDArray[np.int64]


def average_precision(labels: Labels, scores: Floats, weights: Floats) -> Floats:
    """Return the average precision under each of many weightings of the same cases.

    The sum over distinct scores of precision there times the gain in recall, as
    `sklearn.metrics.average_precision_score` has it; all weightings from one sort.

    Parameters
    ----------
    labels : (n,) array of bool
        True for positive cases.
    scores : (n,) array
        Higher means more positive; equal scores enter together.
    weights : (..., n) array
        How often each case counts.

    Returns
    -------
    (...) array
        NaN where no positive case counts.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    counted = weights[..., order]
    everyone = np.cumsum(counted, axis=-1)[..., last]
    positives = np.cumsum(counted * labels[order], axis=-1)[..., last]
    gained = np.diff(positives, axis=-1, prepend=0.0)
    # A score that nobody has any more gains nothing, whatever precision is said to be there.
    precision = positives / np.maximum(everyone, 1)
    total = positives[..., -1]
    found: Floats = np.divide(
        (gained * precision).sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0
    )
    return found


def average_precision_interval(
    labels: Labels, scores: Floats, patients: Patients, resamples: int, confidence: float, seed: int
) -> tuple[float, float, float]:
    """Return the average precision with its confidence interval, as (value, low, high).

    Bias-corrected accelerated bootstrap over patients (scipy), all cases of a patient together.
    Patients are drawn within strata - with positive cases only, with negative ones only, with
    both - so that every draw has both classes and about the prevalence of the cohort, on which
    average precision depends. A stratum of one patient cannot be drawn from and is drawn together
    with a neighbouring one. Policies:

    - Without a case of each class there is neither value nor interval: without negatives it is 1
      whatever the scores.
    - No interval where a stratum has one patient and no neighbour, nor where all draws are alike: a
      perfect ranking stays perfect in every draw, and limits of no width would claim certainty.

    Parameters
    ----------
    labels, scores : (n,) arrays
        As in `average_precision`.
    patients : (n,) array of int
        Patient of each case, numbered from 0 without gaps.
    resamples, confidence, seed
        Number of draws, for example 0.95, and what the draws are made from.
    """
    unknown = float("nan")
    if labels.all() or not labels.any():
        return unknown, unknown, unknown
    value = float(average_precision(labels, scores, np.ones(len(labels))))
    strata = _strata(labels, patients)
    if min(map(len, strata)) < 2:
        return value, unknown, unknown

    def statistic(*drawn: Patients, axis: int = -1) -> Floats:
        together = np.moveaxis(np.concatenate(drawn, axis=-1), axis, -1)
        weights = _times_drawn(together, int(patients.max()) + 1)[..., patients]
        return average_precision(labels, scores, weights)

    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap(
            strata, statistic, n_resamples=resamples, vectorized=True, axis=-1,
            confidence_level=confidence, method="BCa", rng=np.random.default_rng(seed),
        ).confidence_interval  # fmt: skip
    if not found.low < found.high:
        return value, unknown, unknown
    return value, float(found.low), float(found.high)


def _strata(labels: Labels, patients: Patients) -> list[Patients]:
    """Group patients by the classes of their cases, so that as many as can be are drawn from."""
    positive, negative = set(patients[labels]), set(patients[~labels])
    both = positive & negative
    groups = [positive - both, negative - both]
    if len(both) == 1:
        groups[0] |= both
        both = set()
    for group in groups:
        if both and len(group) == 1:
            both |= group
            group.clear()
    return [np.array(sorted(group), dtype=np.int64) for group in [*groups, both] if group]


def _times_drawn(drawn: Patients, n_patients: int) -> Floats:
    """Count how often each patient is in each draw: (..., drawn) to (..., patients)."""
    rows = drawn.reshape(-1, drawn.shape[-1])
    flat = rows + n_patients * np.arange(len(rows))[:, None]
    counts = np.bincount(flat.ravel(), minlength=len(rows) * n_patients)
    return counts.reshape(*drawn.shape[:-1], n_patients).astype(np.float64)
