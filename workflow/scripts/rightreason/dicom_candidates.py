"""The volumes that the slices of a folder could make: by series and, within it, by geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rightreason.dicom_slices import Slice, kernels_of
from rightreason.stack_diagnosis import POSITION_TOLERANCE_MM, REPEAT_TOLERANCE_MM, heights

_SAME_DIRECTION = 1e-4
_SAME_SPACING_MM = 1e-4


@dataclass(frozen=True)
class Candidate:
    """Slices of one series that share matrix, pixel spacing and orientation.

    Where these hold the same places twice, derived and acquired, or in two kernels or thicknesses,
    each is one of its own.
    """

    slices: list[Slice]

    @property
    def derived(self) -> bool:
        """Whether nothing in it was acquired: a reformat, say."""
        return all(item.series.derived for item in self.slices)

    @property
    def extent_mm(self) -> float:
        """How far the slices reach along their normal: 0 for one slice, and for one scanned often.

        The series that watches contrast arrive is of that kind.
        """
        return float(np.ptp(heights(self.slices)))

    def describe(self, index: int) -> str:
        """Return the line that an error shows for this candidate."""
        first = self.slices[0]
        steps = np.diff(np.sort(heights(self.slices)))
        spacing = f"{np.median(steps[steps >= REPEAT_TOLERANCE_MM]):.4g} mm apart"
        thickness = "?" if first.thickness_mm is None else f"{first.thickness_mm:g}"
        return (
            f"[{index}] '{first.series.description}', kernel {kernels_of(self.slices) or '?'}, "
            f"{len(self.slices)} slices of {first.columns} x {first.rows}, {spacing}, "
            f"{thickness} mm thick{', derived' if self.derived else ''}: "
            f"{first.series.uid}"
        )


def candidates(slices: Sequence[Slice]) -> list[Candidate]:
    """Group slices by series and, within it, by geometry; ordered by series number, then path."""
    groups: list[list[Slice]] = []
    for item in slices:
        if not item.placed:
            continue
        home = next((group for group in groups if alike(group[0], item)), None)
        if home is None:
            groups.append([item])
        else:
            home.append(item)
    groups = [part for group in groups for part in _apart(group) if part]
    groups = [part for group in groups for part in _by_reconstruction(group)]
    groups.sort(key=lambda group: (group[0].series.number, group[0].series.uid, group[0].file))
    return [Candidate(group) for group in groups]


def _apart(group: list[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Set derived slices apart from acquired ones of their series.

    All, where they would make its steps smaller; else those that stand at the place of one.
    """
    acquired = [item for item in group if not item.series.derived]
    derived = [item for item in group if item.series.derived]
    if not acquired or not derived:
        return group, []
    if _least_step(group) < _least_step(acquired) - POSITION_TOLERANCE_MM:
        return acquired, derived
    taken = np.array([item.position for item in acquired])
    copies = {
        id(item)
        for item in derived
        if np.abs(taken - item.position).max(axis=1).min() < REPEAT_TOLERANCE_MM
    }
    return (
        [item for item in group if id(item) not in copies],
        [item for item in group if id(item) in copies],
    )


def _least_step(slices: Sequence[Slice]) -> float:
    """Return the smallest distance between places along the normal; 0 where there is but one."""
    steps = np.diff(np.sort(heights(slices)))
    return float(steps[steps >= REPEAT_TOLERANCE_MM].min(initial=np.inf)) if steps.size else 0.0


def _by_reconstruction(group: list[Slice]) -> list[list[Slice]]:
    """Part reconstructions of one scan, in several kernels or thicknesses, at the same places.

    A scan whose kernel or thickness changes on the way stays whole, and so does one that comes back
    to a few places.
    """
    parts: dict[tuple[object, ...], list[Slice]] = {}
    for item in group:
        parts.setdefault((item.series.kernel, item.thickness_mm), []).append(item)
    places = [
        {tuple(round(number / REPEAT_TOLERANCE_MM) for number in item.position) for item in part}
        for part in parts.values()
    ]
    again = any(2 * len(a & b) >= min(len(a), len(b)) for a, b in combinations(places, 2))
    return list(parts.values()) if again else [group]


def alike(a: Slice, b: Slice) -> bool:
    """Say whether two slices share series, matrix, pixel spacing and orientation."""
    return (
        a.series.uid == b.series.uid
        and (a.rows, a.columns) == (b.rows, b.columns)
        and np.allclose(a.spacing, b.spacing, rtol=0, atol=_SAME_SPACING_MM)
        and np.allclose(a.orientation, b.orientation, rtol=0, atol=_SAME_DIRECTION)
    )
