"""P values by permutation: a patient's cases are flipped, or exchanged, together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Patients = NDArray[np.int64]

_AT_ONCE = 1000


def sign_flip_p(differences: Floats, patients: Patients, permutations: int, seed: int) -> float:
    """Return the two-sided p of the mean of paired differences, by changes of sign per patient.

    Under the null the two members of a pair are exchangeable within each patient, so that all of a
    patient's differences may change their sign together (Fisher, The Design of Experiments 1935,
    section 21). Exact when there are no more than `permutations` sign patterns; else that many at
    random and the observed one (Phipson and Smyth, Stat Appl Genet Mol Biol 2010, 9:39).

    Parameters
    ----------
    differences : (cases,) array
        All defined.
    patients : (cases,) array of int
        Patient of each case.
    permutations, seed : int
        Number of random sign patterns and their seed.

    Returns
    -------
    float
        NaN with fewer than two patients; 1 when all differences are zero.
    """
    from scipy.stats import permutation_test

    _, number = np.unique(patients, return_inverse=True)
    sums = np.bincount(number, differences)
    if len(sums) < 2:
        return float("nan")
    found = permutation_test(
        (sums,), _sum, permutation_type="samples", vectorized=True, n_resamples=permutations,
        batch=_AT_ONCE, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.pvalue)


def _sum(values: Floats, axis: int) -> Floats:
    total: Floats = values.sum(axis)
    return total


def exchange_p(x: Floats, y: Floats, patients: Patients, permutations: int, seed: int) -> float:
    """Return the two-sided p of the covariance of two columns, by exchanging patients.

    With ranks in place of `x` and a label 0 or 1 in place of `y` it is the p of an AUC; with ranks
    in place of both, of Spearman's correlation. All of a patient's `y` move together to the cases
    of a patient who has as many (whole-block exchangeability: Winkler et al., NeuroImage 2015,
    123:253); what counts is how far the covariance is from its mean over all exchanges. Random ones
    and the observed (Phipson and Smyth, Stat Appl Genet Mol Biol 2010, 9:39).

    Parameters
    ----------
    x, y : (cases,) arrays
        All defined.
    patients : (cases,) array of int
        Patient of each case.
    permutations, seed : int
        Number of random exchanges and their seed.

    Returns
    -------
    float
        NaN where no two patients have equally many cases; 1 when a column is constant.
    """
    rng = np.random.default_rng(seed)
    blocks = _blocks(patients)
    if all(len(block) < 2 for block in blocks):
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    observed, drawn = 0.0, np.zeros(permutations)
    for block in blocks:
        # Row i of the products: the cases of patient i with the values of each patient. Less
        # their mean, so that what no exchange can change (patients with many cases differ from
        # those with few) pulls neither side out.
        products = x[block] @ y[block].T
        products -= products.mean()
        own = np.arange(len(block))
        observed += float(products[own, own].sum())
        for start in range(0, permutations, _AT_ONCE):
            count = min(_AT_ONCE, permutations - start)
            others = rng.permuted(np.tile(own, (count, 1)), axis=1)
            drawn[start : start + count] += products[own, others].sum(1)
    slack = 1e-10 * float(np.sqrt((x @ x) * (y @ y)))
    return float((1 + (np.abs(drawn) >= abs(observed) - slack).sum()) / (1 + permutations))


def _blocks(patients: Patients) -> list[NDArray[np.int64]]:
    """Return the cases of the patients who have equally many, as (patients, cases) arrays."""
    order = np.argsort(patients, kind="stable")
    _, sizes = np.unique(patients, return_counts=True)
    ends = np.cumsum(sizes)
    return [
        np.array([order[end - size : end] for end in ends[sizes == size]])
        for size in np.unique(sizes)
    ]


def lowest_column_p(values: Floats, permutations: int, seed: int) -> Floats:
    """Return for each column the p of a mean so low, were the columns exchangeable in each row.

    Values are exchanged at random within each row, among its defined places. A column's p is the
    share of exchanges in which the lowest mean of all columns is at most this column's mean: so
    it is adjusted for the number of columns (single-step max-T: Westfall and Young,
    Resampling-Based Multiple Testing 1993, section 2.3).

    Parameters
    ----------
    values : (rows, columns) array
        NaN where undefined.
    permutations, seed : int
        Number of random exchanges, beside the observed one, and their seed.

    Returns
    -------
    (columns,) array
        NaN for a column without a value.
    """
    rng = np.random.default_rng(seed)
    defined = np.isfinite(values)
    counts = np.where(defined.any(0), defined.sum(0), np.nan)
    kinds, kind = np.unique(defined, axis=0, return_inverse=True)
    lowest = np.empty(permutations)
    for start in range(0, permutations, _AT_ONCE):
        count = min(_AT_ONCE, permutations - start)
        sums = np.zeros((count, values.shape[1]))
        for number, places in enumerate(kinds):
            rows = values[kind == number][:, places]
            drawn = rng.permuted(np.broadcast_to(rows, (count, *rows.shape)), axis=2)
            sums[:, places] += drawn.sum(1)
        lowest[start : start + count] = np.fmin.reduce(sums / counts, axis=1)
    mean = np.where(defined, values, 0.0).sum(0) / counts
    lower = (lowest[:, None] <= mean + 1e-12).sum(0)
    return np.where(defined.any(0), (1 + lower) / (1 + permutations), np.nan)
