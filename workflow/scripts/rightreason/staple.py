"""STAPLE: the consensus that weighs raters by how they agree (through SimpleITK).

Warfield, Zou and Wells, IEEE Trans Med Imaging 2004, doi 10.1109/TMI.2004.828354.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

# Raters who hardly overlap let the estimates creep for thousands of steps.
_MOST_ITERATIONS = 1000
# Voxels that SimpleITK iterates over: 0.02 s an iteration.
_MOST_VOXELS = 1_000_000


@dataclass(frozen=True)
class Staple:
    """The consensus, and each rater's sensitivity and specificity against it.

    Attributes
    ----------
    mask : array of bool
        Where the probability of being truly marked is more than a half; a tie is not marked.
    sensitivity, specificity : mapping of rater to float
        NaN where nothing can be estimated: of one rater, or when nobody marked anything.
    """

    mask: Mask
    sensitivity: Mapping[str, float]
    specificity: Mapping[str, float]


def staple(masks: Mapping[str, Mask]) -> Staple:
    """Estimate the consensus of one case's raters.

    Estimated on the box around everything that was marked, with a margin of one voxel. The share of
    marked voxels is STAPLE's prior, and a rater's specificity is counted over the background: in a
    whole CT, with its millions of voxels that nobody would mark, every rater's specificity is 1,
    each mark counts as true, and the consensus becomes the union (Warfield et al., 2004, on the
    choice of the prior). Figures of specificity are of that box.

    STAPLE (without its spatial prior) knows of a voxel only who marked it. So SimpleITK is given
    voxels sorted by that, and where the box has more than a million, fewer of each kind in the same
    proportions: the same estimates to five decimals, in bounded time and memory.

    Parameters
    ----------
    masks : mapping of rater to array
        All of one shape, of three dimensions.

    Returns
    -------
    Staple
        One rater's consensus is that rater; when nobody marked anything it is empty.
    """
    raters = sorted(masks)
    nothing = dict.fromkeys(raters, float("nan"))
    if len(raters) == 1:
        return Staple(masks[raters[0]].copy(), nothing, nothing)
    consensus = np.zeros(masks[raters[0]].shape, dtype=bool)
    box = _box(masks)
    if box is None:
        return Staple(consensus, nothing, nothing)
    # Slab by slab along the axis on which memory jumps farthest: little at a time, read in a row.
    far = int(np.argmax(masks[raters[0]].strides))
    slabs = [
        (*box[:far], slice(k, k + 1), *box[far + 1 :]) for k in range(box[far].start, box[far].stop)
    ]
    counts: Counter[int] = Counter()
    for slab in slabs:
        kinds, found = np.unique(_codes(masks, raters, slab), return_counts=True)
        counts.update(dict(zip(kinds.tolist(), found.tolist(), strict=True)))
    true, sensitivity, specificity = _estimate(counts, len(raters))
    for slab in slabs:
        consensus[slab] = np.isin(_codes(masks, raters, slab), true)
    return Staple(
        consensus,
        dict(zip(raters, sensitivity, strict=True)),
        dict(zip(raters, specificity, strict=True)),
    )


def _codes(
    masks: Mapping[str, Mask], raters: Sequence[str], slab: tuple[slice, ...]
) -> NDArray[Any]:
    """Describe each voxel by who marked it: bit k is rater k."""
    kind = np.dtype(np.uint16 if len(raters) <= 16 else np.uint64)
    codes: NDArray[Any] = np.zeros(masks[raters[0]][slab].shape, dtype=kind)
    for bit, rater in enumerate(raters):
        codes |= np.left_shift(masks[rater][slab], bit, dtype=kind)
    return codes


def _estimate(
    counts: Mapping[int, int], n_raters: int
) -> tuple[list[int], list[float], list[float]]:
    """Return which kinds of voxels are truly marked, and the raters' figures."""
    import SimpleITK

    kinds = np.array(sorted(counts), dtype=np.uint64)
    sizes = np.array([counts[int(kind)] for kind in kinds], dtype=np.float64)
    scale = min(1.0, _MOST_VOXELS / sizes.sum())
    repeats = np.maximum(np.rint(sizes * scale), 1).astype(int)
    images = []
    for bit in range(n_raters):
        marks = (kinds >> np.uint64(bit) & np.uint64(1)).astype(np.uint8)
        images.append(SimpleITK.GetImageFromArray(np.repeat(marks, repeats)[None]))
    algorithm: Any = SimpleITK.STAPLEImageFilter()
    algorithm.SetForegroundValue(1)
    algorithm.SetMaximumIterations(_MOST_ITERATIONS)
    probability = SimpleITK.GetArrayFromImage(algorithm.Execute(images))[0]
    probability = probability[np.cumsum(repeats) - repeats]
    if np.isnan(probability).any():
        # Everyone marked the whole image: there is no background to learn from.
        probability = (kinds == kinds.max()).astype(np.float64)
    return (
        kinds[probability > 0.5].tolist(),
        [float(value) for value in algorithm.GetSensitivity()],
        [float(value) for value in algorithm.GetSpecificity()],
    )


def _box(masks: Mapping[str, Mask]) -> tuple[slice, ...] | None:
    """Return the box around all marks with a margin of one voxel; None when there are none."""
    union = np.logical_or.reduce(list(masks.values()))
    box = []
    for axis in range(union.ndim):
        others = tuple(other for other in range(union.ndim) if other != axis)
        marked = np.flatnonzero(union.any(axis=others))
        if not marked.size:
            return None
        box.append(slice(max(int(marked[0]) - 1, 0), int(marked[-1]) + 2))
    return tuple(box)
