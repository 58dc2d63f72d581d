"""How the slices of a stack follow one another: steps, gaps, uneven parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rightreason.dicom_slices import Slice
from rightreason.stack_diagnosis import POSITION_TOLERANCE_MM, heights, some

# A step this many times smaller than the average one is a position that is wrong.
MOST_RESAMPLED = 8
_THICKNESS_TOLERANCE_MM = 0.1
_FEWEST_NUMBERED = 4


@dataclass(frozen=True)
class Spacing:
    """How slices follow one another along the normal.

    Attributes
    ----------
    steps : (slices - 1,) array
        From each slice to the next, mm.
    step : float
        The usual one, mm.
    multiples : (slices - 1,) array of int
        Each step in usual steps, at least 1.
    gaps : array of int
        Which steps leave slices out.
    even : bool
        Whether every slice is where whole usual steps put it.
    rise : int
        2 where instance numbers tell that only every second slice is there, and so on; else 1.
    """

    steps: NDArray[np.float64]
    step: float
    multiples: NDArray[np.intp]
    gaps: NDArray[np.intp]
    even: bool
    rise: int

    @property
    def usual(self) -> str:
        """The usual step for sentences."""
        if self.rise == 1:
            return f"are {self.step:g} mm apart"
        return f"were {self.step:g} mm apart (their instance numbers rise by {self.rise})"


def spacing_of(slices: Sequence[Slice], tolerance_mm: float = POSITION_TOLERANCE_MM) -> Spacing:
    """Measure the steps between at least two slices at different positions."""
    along = heights(slices)
    steps = np.diff(along)
    step = _usual(steps)
    rise = _numbers_rise_by(slices, step)
    step /= rise
    multiples = np.maximum(np.rint(steps / step), 1).astype(np.intp)
    whole = np.abs(steps - multiples * step) <= 2 * POSITION_TOLERANCE_MM
    wide = (multiples > 1) & _thicker(slices, steps, multiples)
    gaps = np.flatnonzero(whole & (multiples > 1) & ~wide)
    count = np.concatenate([[0], np.cumsum(multiples)])
    off = along - (along[0] + count * (along[-1] - along[0]) / count[-1])
    even = bool(np.abs(off).max() <= tolerance_mm and not wide.any())
    return Spacing(steps, step, multiples, gaps, even, rise)


def _usual(steps: NDArray[np.float64]) -> float:
    """Return the mean of the steps near the size that occurs most often (the smallest such)."""
    sizes, counts = np.unique(np.round(steps, 2), return_counts=True)
    most = sizes[counts.argmax()]
    return float(steps[np.abs(steps - most) <= 2 * POSITION_TOLERANCE_MM].mean())


def _numbers_rise_by(slices: Sequence[Slice], step: float) -> int:
    """Return by how much instance numbers rise where that tells of slices missing everywhere.

    Every second (third, ...) slice of a whole series makes a regular stack. What tells is numbers
    that rise by as much throughout, and slices too thin for the steps there are but not for those
    there were.
    """
    numbers = [item.instance_number for item in slices]
    if len(numbers) < _FEWEST_NUMBERED or None in numbers:
        return 1
    rises = {abs(b - a) for a, b in pairwise(n for n in numbers if n is not None)}
    rise = rises.pop() if len(rises) == 1 else 1
    thickness = min((item.thickness_mm or 0.0 for item in slices), default=0.0)
    whole = step / max(rise, 1) <= thickness + _THICKNESS_TOLERANCE_MM < step
    return rise if rise > 1 and whole else 1


def _thicker(
    slices: Sequence[Slice], steps: NDArray[np.float64], multiples: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell the steps of a part that was scanned in thicker slices: none is missing there."""
    thickness = np.array([s.thickness_mm or 0.0 for s in slices])
    of_step = np.maximum(thickness[1:], thickness[:-1])
    usual = np.minimum(thickness[1:], thickness[:-1])[multiples == 1].min(initial=np.inf)
    more = of_step > usual + _THICKNESS_TOLERANCE_MM
    return np.asarray(more & (of_step >= steps - _THICKNESS_TOLERANCE_MM))


def spacing_problems(
    slices: Sequence[Slice], spacing: Spacing, may_interpolate: bool, may_resample: bool
) -> list[str]:
    """Name gaps and uneven steps that may not, or cannot, be corrected."""
    problems, along = [], heights(slices)
    if spacing.gaps.size and not may_interpolate:
        places = [f"{along[i]:.2f} and {along[i + 1]:.2f} mm" for i in spacing.gaps]
        missing = int((spacing.multiples[spacing.gaps] - 1).sum())
        problems.append(
            f"{missing} slice(s) are missing: the slices {spacing.usual}, but there is none "
            f"between {some(places)}; or set `convert: gap: interpolate`"
        )
    if spacing.even:
        return problems
    sizes = ", ".join(f"{size:g}" for size in sorted(set(np.round(spacing.steps, 2).tolist()))[:6])
    uneven = f"the slices are unevenly spaced: steps of {sizes} mm along the normal"
    if not may_resample:
        problems.append(f"{uneven}; or set `convert: uneven_spacing: resample`")
    elif (along[-1] - along[0]) / spacing.steps.min() + 1 > MOST_RESAMPLED * len(slices):
        problems.append(
            f"{uneven}; resampled at the smallest, they would be more than {MOST_RESAMPLED} times "
            "as many: some positions in the headers are wrong"
        )
    return problems
