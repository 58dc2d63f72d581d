"""How large a paired difference is, in units of its spread over patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Floats = NDArray[np.float64]


def hedges_dz(differences: Floats, patients: NDArray[np.int64]) -> float:
    """Return the standardised mean of paired differences, over patients, corrected for few.

    d_z = mean / sd of the patients' mean differences (Cohen, Statistical Power Analysis 1988,
    section 2.3.5; Lakens, Frontiers in Psychology 2013, 4:863), times Hedges' exact correction J =
    G(m / 2) / (sqrt(m / 2) G((m - 1) / 2)) with m = patients - 1 (Hedges, Journal of Educational
    Statistics 1981, 6:107). Its denominator is the spread that the test meets, and it exists where
    the other member of a pair, as a constant chance, has hardly any spread.

    Parameters
    ----------
    differences : (cases,) array
        All defined.
    patients : (cases,) array of int
        Patient of each case.

    Returns
    -------
    float
        NaN with fewer than three patients (where J is not defined) or without any spread.
    """
    _, number, counts = np.unique(patients, return_inverse=True, return_counts=True)
    if len(counts) < 3:
        return float("nan")
    means = np.bincount(number, differences) / counts
    spread, free = float(means.std(ddof=1)), len(counts) - 1
    if spread < 1e-12:
        return float("nan")
    correction = np.exp(gammaln(free / 2) - gammaln((free - 1) / 2)) / np.sqrt(free / 2)
    return float(correction * means.mean() / spread)
