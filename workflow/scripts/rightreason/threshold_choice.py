"""The probability from which a case is called positive, chosen on cases kept for it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNDECIDED = 0.5
"""Where the cases cannot choose."""


def choose_threshold(positive: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """Return the threshold that maximises Youden's J = sensitivity + specificity - 1.

    W. J. Youden, Cancer 1950, 3:32. A case is called positive from the threshold on. Candidates are
    the midpoints between neighbouring probabilities; among equals the one nearest to 0.5, and of
    two that are equally near the lower. It is `UNDECIDED` where the cases have one class only, and
    where no midpoint does better than chance (J of 0 or less): they say nothing then about where
    the classes part.

    Parameters
    ----------
    positive : (n,) array of bool
        True for cases of the positive class.
    probabilities : (n,) array
        Of the positive class, with at most eight significant digits, as tables have them. The
        threshold has as many, so that it parts in the table what it parts here.

    Examples
    --------
    >>> import numpy as np
    >>> choose_threshold(np.array([False, False, True, True]), np.array([0.1, 0.2, 0.4, 0.9]))
    0.3
    """
    values = np.unique(probabilities)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative or len(values) < 2:
        return UNDECIDED
    # Counted in whole cases, since J of equal thresholds may differ in the last bit.
    missed = np.searchsorted(np.sort(probabilities[positive]), values[1:], side="left")
    spared = np.searchsorted(np.sort(probabilities[~positive]), values[1:], side="left")
    youden = spared * n_positive - missed * n_negative
    if youden.max() <= 0:
        return UNDECIDED
    best = np.flatnonzero(youden == youden.max())
    middles = [_between(float(values[k]), float(values[k + 1])) for k in best]
    return min(middles, key=lambda value: (round(abs(value - UNDECIDED), 12), value))


def _between(low: float, high: float) -> float:
    """Return the midpoint in eight digits, or `high` where none lies above `low`."""
    middle = float(f"{(low + high) / 2:.8g}")
    return middle if low < middle <= high else high
