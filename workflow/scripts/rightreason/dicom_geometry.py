"""The geometry of a stack of CT slices, worked out from their headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rightreason.dicom_slices import Slice
from rightreason.errors import InputError
from rightreason.images import Grid

# Headers often round positions to a tenth of a millimetre; what deviates by more is real.
POSITION_TOLERANCE_MM = 0.06
REPEAT_TOLERANCE_MM = 0.01
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Stack:
    """Slices in order along their normal, and the regular grid they make.

    Attributes
    ----------
    slices : list of Slice
        Ordered by position along the normal.
    grid : Grid
        Array axes column, row, slice; the affine leads to RAS+ mm.
    """

    slices: list[Slice]
    grid: Grid

    @property
    def positions(self) -> NDArray[np.float64]:
        """Where the grid puts the first pixel of each slice: (slices, 3), LPS mm."""
        lps = _LPS_TO_RAS @ self.grid.affine
        return np.asarray(lps[:3, 3] + np.outer(np.arange(len(self.slices)), lps[:3, 2]))

    @property
    def rounding_mm(self) -> float:
        """How far a slice's own position is from where the grid puts it, at most."""
        given = np.array([item.position for item in self.slices])
        return float(np.abs(given - self.positions).max())


def stack_slices(case: str, slices: Sequence[Slice]) -> Stack:
    """Order slices along their normal and prove that they make a regular volume.

    Parameters
    ----------
    case : str
        For error sentences.
    slices : sequence of Slice
        At least two, of one matrix, pixel spacing and orientation.

    Raises
    ------
    InputError
        When a position is repeated, slices are missing or unevenly spaced, or the stack is tilted
        or sheared; all of it at once.
    """
    row, column = np.reshape(np.array(slices[0].orientation), (2, 3))
    normal = slices[0].normal
    problems = _direction_problems(row, column)
    if not problems:
        slices = sorted(slices, key=lambda s: (float(np.dot(s.position, normal)), s.file))
        positions = np.array([s.position for s in slices])
        problems = _spacing_problems(slices, positions @ normal)
        problems += _tilt_problems(slices, positions, normal)
    if problems:
        raise InputError.of(
            f"Case {case}: the {len(slices)} slices make no regular volume. Export the series "
            "again, complete and once; or name another one in the column `series`:",
            problems,
        )
    return Stack(list(slices), _grid(slices, positions, row, column))


def _grid(
    slices: Sequence[Slice],
    positions: NDArray[np.float64],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
) -> Grid:
    between_rows, between_columns = slices[0].spacing
    lps = np.eye(4)
    lps[:3, 0] = row * between_columns
    lps[:3, 1] = column * between_rows
    lps[:3, 2] = (positions[-1] - positions[0]) / (len(slices) - 1)
    lps[:3, 3] = positions[0]
    return Grid((slices[0].columns, slices[0].rows, len(slices)), _LPS_TO_RAS @ lps)


def _direction_problems(row: NDArray[np.float64], column: NDArray[np.float64]) -> list[str]:
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > 1e-3 or abs(float(row @ column)) > 1e-3:
        return [
            "the orientation of the slices is not two perpendicular unit vectors: row "
            f"{row.tolist()}, column {column.tolist()}"
        ]
    return []


def _spacing_problems(slices: Sequence[Slice], along: NDArray[np.float64]) -> list[str]:
    """Name repeats, gaps and uneven steps along the normal."""
    steps = np.diff(along)
    problems = []
    repeats = np.flatnonzero(steps < REPEAT_TOLERANCE_MM)
    if repeats.size:
        pairs = [f"{_name(slices[i])} and {_name(slices[i + 1])}" for i in repeats.tolist()]
        problems.append(
            f"{repeats.size} position(s) are taken twice, by slices that differ: {_some(pairs)}"
        )
        steps = steps[steps >= REPEAT_TOLERANCE_MM]
    if not steps.size:
        return problems
    step = _usual(steps)
    multiples = np.rint(steps / step)
    whole = np.abs(steps - multiples * step) <= 2 * POSITION_TOLERANCE_MM
    distinct = along[np.concatenate([[True], np.diff(along) >= REPEAT_TOLERANCE_MM])]
    gaps = np.flatnonzero(whole & (multiples > 1))
    if gaps.size:
        places = [f"{distinct[i]:.2f} and {distinct[i + 1]:.2f} mm" for i in gaps]
        problems.append(
            f"{int((multiples[gaps] - 1).sum())} slice(s) are missing: the slices are {step:g} mm "
            f"apart, but there is none between {_some(places)}"
        )
    elif np.abs(distinct - _even(distinct)).max() > POSITION_TOLERANCE_MM:
        sizes = ", ".join(f"{size:g}" for size in sorted(set(np.round(steps, 2)))[:6])
        problems.append(f"the slices are unevenly spaced: steps of {sizes} mm along the normal")
    return problems


def _tilt_problems(
    slices: Sequence[Slice], positions: NDArray[np.float64], normal: NDArray[np.float64]
) -> list[str]:
    """Name a tilt, whatever the header's own tag says of it, and slices that stand aside."""
    offsets = positions - positions[0]
    aside = offsets - np.outer(offsets @ normal, normal)
    drift = np.linalg.norm(aside, axis=1)
    if drift.max() <= POSITION_TOLERANCE_MM:
        return []
    along = offsets @ normal
    slope = along @ aside / max(float(along @ along), 1e-12)
    if np.linalg.norm(aside - np.outer(along, slope), axis=1).max() <= POSITION_TOLERANCE_MM:
        angle = np.degrees(np.arctan(np.linalg.norm(slope)))
        return [
            f"the gantry was tilted: the stack leans {angle:.1f} degrees from the normal of its "
            f"slices (the header says {slices[0].tilt_deg:g})"
        ]
    worst = int(drift.argmax())
    return [
        f"slices stand aside of one another by up to {drift[worst]:.2f} mm ({_name(slices[worst])})"
    ]


def _usual(steps: NDArray[np.float64]) -> float:
    """Return the step that occurs most often, to a hundredth of a millimetre; the smallest such."""
    sizes, counts = np.unique(np.round(steps, 2), return_counts=True)
    return float(steps[np.abs(steps - sizes[counts.argmax()]) <= 0.01].mean())


def _even(along: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linspace(along[0], along[-1], along.size)


def _name(item: Slice) -> str:
    return item.path.name if item.frame is None else f"frame {item.frame + 1}"


def _some(names: Sequence[str], most: int = 5) -> str:
    shown = "; ".join(names[:most])
    return shown if len(names) <= most else f"{shown}; and {len(names) - most} more"
