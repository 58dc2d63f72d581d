"""The four raters of the embedded cohort: what each makes of the true finding mask.

`generous` draws around the findings with a margin; `tight` keeps to their core; `hasty` misses the
small ones and the fluid in the airways; `drifting`, the outlier, marks them ever farther to one
side from slice to slice, and sunken blood with them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from rightreason.demo_canvas import Mask

HASTY_MIN_MM2 = 220.0
GENEROUS_MM, DRIFT_MM = 4.0, 14.0

# Neighbours within a slice: raters mark slice by slice.
PLUS = np.zeros((3, 3, 3), dtype=bool)
PLUS[:, 1, 1] = PLUS[1, :, 1] = True


def rate(name: str, truth: Mask, lungs: Mask, dense: Mask, pixel_mm: float) -> Mask:
    """Return one rater's mask.

    Parameters
    ----------
    name : str
        `generous`, `tight`, `hasty` or `drifting`.
    truth : (X, Y, Z) mask
        The true finding; slices along the last axis.
    lungs : (X, Y, Z) mask
        Both lungs.
    dense : (X, Y, Z) mask
        Lung that looks dense for whatever reason.
    pixel_mm : float
        Edge of a pixel in mm.

    Returns
    -------
    (X, Y, Z) mask
        Empty only where `truth` is.
    """
    if name == "generous":
        return _generous(truth, pixel_mm)
    if name == "tight":
        return _tight(truth)
    if name == "hasty":
        return _hasty(truth, lungs, pixel_mm)
    if name == "drifting":
        return _drifting(truth, dense, pixel_mm)
    raise ValueError(f"no rater has the habit {name!r}")


def _generous(truth: Mask, pixel_mm: float) -> Mask:
    """Draw with a margin, one outline around what lies close together, holes and all."""
    steps = max(1, round(GENEROUS_MM / pixel_mm))
    grown = ndimage.binary_dilation(truth, PLUS, iterations=steps)
    return np.asarray(ndimage.binary_fill_holes(grown, PLUS))


def _tight(truth: Mask) -> Mask:
    """Keep the core of each finding, and every other of those too small to have one."""
    core = ndimage.binary_erosion(truth, PLUS)
    labels, _ = ndimage.label(truth, PLUS)
    kept = np.unique(labels[core])
    return np.asarray(core | (truth & ~np.isin(labels, kept) & (labels % 2 == 1)))


def _hasty(truth: Mask, lungs: Mask, pixel_mm: float) -> Mask:
    """Miss areas below 220 mm² in their slice and all that is outside the lungs."""
    seen = truth & lungs
    labels, _ = ndimage.label(seen, PLUS)
    sizes = np.bincount(labels.ravel()) * pixel_mm**2
    sizes[0] = 0
    limit = min(HASTY_MIN_MM2, float(sizes.max()))
    return np.asarray((sizes >= limit)[labels] & seen)


def _drifting(truth: Mask, dense: Mask, pixel_mm: float) -> Mask:
    """Slide to the patient's left from the lowest slice to the highest, and mark dense lung too."""
    n = truth.shape[2]
    marked = truth | (dense & (np.arange(n) % 3 == 0))
    out = np.zeros_like(truth)
    for k in range(n):
        step = round(DRIFT_MM / pixel_mm * k / max(1, n - 1))
        out[step:, :, k] = marked[: truth.shape[0] - step, :, k]
    return out
