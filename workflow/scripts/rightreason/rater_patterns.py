"""Agreement of raters on the voxels of one case, from how often each pattern of marks occurs.

A pattern says who marked a voxel; a case of four raters has at most 16 of them, whatever its
millions of voxels. The libraries (`statsmodels.stats.inter_rater`, `krippendorff`) want a row per
voxel; the formulas here weigh each pattern by its voxels and give the same values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]


def pairwise(marks: Marks, voxels: Floats) -> tuple[Floats, Floats]:
    """Return the Dice coefficient and the IoU of each pair of raters.

    Dice = 2 |A n B| / (|A| + |B|); IoU = |A n B| / |A u B| (Dice, Ecology 1945, 26:297; Jaccard,
    New Phytologist 1912, 11:37). NaN where both marked nothing; 0 where one did.

    Parameters
    ----------
    marks : (patterns, raters) array of bool
        Who marked the voxels of each pattern.
    voxels : (patterns,) array
        Their number.

    Returns
    -------
    dice, iou : (raters, raters) arrays

    Examples
    --------
    One voxel that both marked, one that only the first did, eight that nobody did.

    >>> marks = np.array([[True, True], [True, False], [False, False]])
    >>> dice, iou = pairwise(marks, np.array([1.0, 1.0, 8.0]))
    >>> round(float(dice[0, 1]), 4), float(iou[0, 1])
    (0.6667, 0.5)
    """
    weighted = marks * voxels[:, None]
    both = weighted.T @ marks.astype(float)
    sizes = np.diag(both)
    sums = sizes[:, None] + sizes
    nothing = np.full(both.shape, np.nan)
    dice: Floats = np.divide(2 * both, sums, out=nothing.copy(), where=sums > 0)
    iou: Floats = np.divide(both, sums - both, out=nothing, where=sums > 0)
    return dice, iou


def tally(marks: Marks, voxels: Floats) -> Floats:
    """Count marks, non-marks and disagreement: what `fleiss_kappa` and `alpha` are made of.

    Tallies of cases may be added, whatever the number of raters of each: the result is the tally
    of their voxels together.

    Parameters
    ----------
    marks, voxels : arrays
        As in `pairwise`.

    Returns
    -------
    (3,) array
        Number of judgements that mark and that do not; and the observed disagreement: per voxel,
        the number of ordered pairs of judgements that differ, over the judgements less one. Zeros
        for fewer than two raters, whose judgements can be compared with none.
    """
    n_raters = marks.shape[1]
    if n_raters < 2:
        return np.zeros(3)
    marked = marks.sum(1)
    against = n_raters - marked
    disagreement = 2 * marked * against / (n_raters - 1)
    return np.array([voxels @ marked, voxels @ against, voxels @ disagreement], dtype=np.float64)


def fleiss_kappa(tallies: Floats) -> Floats:
    """Return Fleiss' kappa of each tally (of cases with equally many raters).

    Fleiss, Psychological Bulletin 1971, 76:378. With two categories, 1 - P equals the disagreement
    over the judgements, and 1 - P_e is 2 p (1 - p).

    Parameters
    ----------
    tallies : (..., 3) array
        From `tally`.

    Returns
    -------
    (...,) array
        NaN where every judgement is the same: chance alone would agree fully.
    """
    return _corrected(tallies, 0)


def krippendorff_alpha(tallies: Floats) -> Floats:
    """Return Krippendorff's nominal alpha of each tally; raters may be missing from cases.

    Krippendorff, Content Analysis, 4th ed. 2018, chapter 12: kappa's expected disagreement, but of
    judgements drawn without replacement.

    Parameters and the undefined are those of `fleiss_kappa`.
    """
    return _corrected(tallies, 1)


def _corrected(tallies: Floats, drawn: int) -> Floats:
    marked, against, disagreement = np.moveaxis(tallies, -1, 0)
    expected = 2 * marked * against
    observed = disagreement * (marked + against - drawn)
    ratio = np.divide(observed, expected, out=np.full(marked.shape, np.nan), where=expected > 0)
    found: Floats = 1 - ratio
    return found


def with_and_without(dice: Floats) -> Floats:
    """Return for each rater the mean Dice of the pairs with the rater less that of the others.

    Parameters
    ----------
    dice : (cases, raters, raters) array
        From `pairwise`; NaN where undefined or where a rater did not look.

    Returns
    -------
    (cases, raters) array
        NaN where either kind of pair has no defined value.
    """
    n_raters = dice.shape[1]
    first, second = np.triu_indices(n_raters, 1)
    pairs = dice[:, first, second]
    member = np.zeros((len(first), n_raters))
    member[np.arange(len(first)), first] = member[np.arange(len(first)), second] = 1
    defined = np.isfinite(pairs)
    sums, counts = np.where(defined, pairs, 0.0), defined.astype(float)

    def mean(of: Floats) -> Floats:
        number = counts @ of
        found: Floats = np.divide(
            sums @ of, number, out=np.full(number.shape, np.nan), where=number > 0
        )
        return found

    looked = np.where(counts @ member > 0, 1.0, np.nan)
    found: Floats = (mean(member) - mean(1 - member)) * looked
    return found
