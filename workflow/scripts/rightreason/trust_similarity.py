"""How alike two maps are: Spearman's rank correlation, and the structural similarity index."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

Maps = torch.Tensor
WINDOW = 7
"""Edge of the window of the structural similarity, in voxels, where the map is large enough."""

FLAT = 1e-5
"""A map whose range is at most this part of its largest absolute value is the same everywhere: what
is left are the last bits of interpolating a layer of one voxel."""


def is_flat(values: Maps) -> bool:
    """Return whether a map without NaN is the same everywhere, but for rounding."""
    return bool(values.max() - values.min() <= FLAT * values.abs().max())


def rank_correlation(true: Maps, other: Maps) -> float:
    """Return Spearman's rank correlation of two maps over all of their voxels together.

    Parameters
    ----------
    true, other : tensors of one shape
        Ties have their mid-rank.

    Returns
    -------
    float
        NaN where `true` is the same everywhere or either holds NaN or infinity: there is nothing
        to compare. 0 where only `other` is the same everywhere: nothing of the map is left in it.
    """
    a, b = _numbers(true).ravel(), _numbers(other).ravel()
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or is_flat(true):
        return float("nan")
    if is_flat(other):
        return 0.0
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def structural_similarity(true: Maps, other: Maps) -> float:
    """Return the mean structural similarity of two maps' absolute values.

    Wang et al. 2004, eq. 13, with a uniform window. Each map is first divided by its own largest
    absolute value, so that both run from 0 to at most 1 whatever their units; a map of nothing but
    zeros stays as it is.

    Parameters
    ----------
    true, other : (N, C, *spatial) tensors
        In two or three spatial dimensions; the mean is over windows, channels and samples.

    Returns
    -------
    float
        NaN where `true` is zero everywhere, either holds NaN or infinity, or a side is shorter than
        three voxels.
    """
    from skimage.metrics import structural_similarity as ssim

    a, b = np.abs(_numbers(true)), np.abs(_numbers(other))
    window = min(WINDOW, *a.shape[2:])
    window -= 1 - window % 2
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or not a.any() or window < 3:
        return float("nan")
    a, b = a / a.max(), b / (b.max() or 1.0)
    images = zip(a.reshape(-1, *a.shape[2:]), b.reshape(-1, *b.shape[2:]), strict=True)
    alike: Any = partial(ssim, win_size=window, data_range=1.0)
    return float(np.mean([alike(x, y) for x, y in images]))


def _numbers(maps: Maps) -> NDArray[np.float64]:
    values: NDArray[np.float64] = maps.detach().cpu().double().numpy()
    return values
