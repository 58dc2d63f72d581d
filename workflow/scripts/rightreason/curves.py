"""The whole threshold curve of a map: the area measures at 100 attended-area fractions."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.measures import Scores, counted
from rightreason.ranked import Marks, RankedMap
from rightreason.references import References

FRACTIONS: NDArray[np.float64] = np.arange(1, 101) / 100
CURVES = ("irrelevant_ratio", "coverage", "dice")


def curves(ranked: RankedMap, marks: Marks, references: References) -> Scores:
    """Compute `CURVES` against every reference of all raters, each (references, 100).

    At each fraction of the seen voxels the attended region is the map's largest values, ties
    shared. Fractions that the positive values do not reach are NaN. One pass over the sorted marked
    voxels serves all fractions and references.

    Parameters
    ----------
    ranked : RankedMap
        The map.
    marks : Marks
        Its values at the marked voxels: one placement.
    references : References
        On the same voxels.
    """
    whole = references.patterns.whole
    members, important = references.patterns.members[:, whole], references.sizes[whole]
    attended = FRACTIONS * ranked.size
    reached = attended <= ranked.ranked.size
    overlap = np.full((len(FRACTIONS), len(whole)), np.nan)
    if reached.any():
        overlap[reached] = _overlap(ranked, marks, members, attended[reached])
    size = np.where(reached, attended, np.nan)[:, None]
    found = counted(ranked.size, important, size, overlap)
    return {name: found[name].T for name in CURVES}


def _overlap(
    ranked: RankedMap, marks: Marks, members: NDArray[np.bool_], attended: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Count the overlap at each attended size, (sizes, references)."""
    thresholds = ranked.ranked[np.ceil(attended).astype(np.int64) - 1]
    above, including = ranked.ranks(thresholds)
    share = (attended - above) / (including - above)
    rising = marks.values[0, ::-1]
    count = rising.size
    ends_above = count - np.searchsorted(rising, thresholds, side="right")
    ends_including = count - np.searchsorted(rising, thresholds, side="left")
    bounds, back = np.unique(np.concatenate([ends_above, ends_including]), return_inverse=True)
    # Each marked voxel is counted once, in the stretch of the sorted list that it lies in.
    stretch = np.searchsorted(bounds, np.arange(count), side="right")
    codes = len(members)
    histogram = np.bincount(stretch * codes + marks.codes[0], minlength=(len(bounds) + 1) * codes)
    rising_counts = np.cumsum(histogram.reshape(-1, codes), axis=0, dtype=np.float64)
    up_to = rising_counts[: len(bounds)] @ members
    at_above, at_including = up_to[back[: len(attended)]], up_to[back[len(attended) :]]
    overlap: NDArray[np.float64] = at_above + share[:, None] * (at_including - at_above)
    return overlap


def pack(references: Sequence[str], of_maps: Mapping[str, Scores]) -> bytes:
    """Write the curves of several maps as one compressed archive of plain arrays (`.npz`).

    It holds `maps` (M,), `references` (R,), `fractions` (100,), and each of `CURVES` as a float32
    array (M, R, 100).
    """
    arrays: dict[str, Any] = {
        "maps": np.array(list(of_maps), dtype=np.str_),
        "references": np.array(references, dtype=np.str_),
        "fractions": FRACTIONS,
    }
    for name in CURVES:
        arrays[name] = np.stack([found[name] for found in of_maps.values()]).astype(np.float32)
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()
