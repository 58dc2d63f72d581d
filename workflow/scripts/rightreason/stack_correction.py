"""How a regular volume follows from slices that are tilted, unevenly spaced or missing.

Linear interpolation throughout: within the plane against tilt, along the normal for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import convert_words as words
from rightreason.dicom_slices import Slice
from rightreason.images import GRID_TOLERANCE_MM, Grid
from rightreason.slice_spacing import Spacing
from rightreason.stack_diagnosis import POSITION_TOLERANCE_MM, Lean, heights

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_WHOLE_PIXEL = 1e-4


@dataclass(frozen=True)
class Correction:
    """A plan: where each acquired slice goes in the plane, and what each new slice is made of.

    Attributes
    ----------
    shifts : (acquired, 2) array
        Drift of each slice in columns and rows, in pixels of the first slice.
    lower, upper : (slices,) array of int
        The acquired slices below and above each slice of the volume; equal where it is one.
    weight : (slices,) array
        Share of the upper one.
    step : float
        Between slices of the volume, mm.
    tilt : str
        Its degrees, in words; empty when there is none.
    resampled : str
        What is said of uneven spacing; empty when the acquired slices stay.
    """

    shifts: NDArray[np.float64]
    lower: NDArray[np.intp]
    upper: NDArray[np.intp]
    weight: NDArray[np.float64]
    step: float
    tilt: str = ""
    resampled: str = ""

    @classmethod
    def none(cls, slices: Sequence[Slice]) -> Correction:
        """Plan to leave the slices as they are."""
        index = np.arange(len(slices))
        extent = float(np.ptp(heights(slices)))
        step = extent / (len(slices) - 1)
        return cls(np.zeros((len(slices), 2)), index, index, np.zeros(len(slices)), step)

    @property
    def corner(self) -> tuple[int, int]:
        """Column and row, in pixels of the first slice, where the extended matrix begins."""
        column, row = np.floor(self.shifts.min(axis=0)).astype(int).tolist()
        return column, row

    def size(self, columns: int, rows: int) -> tuple[int, int, int]:
        """Return the shape of the volume: columns, rows, slices."""
        more = np.ceil(self.shifts.max(axis=0)).astype(int) - self.corner
        return columns + int(more[0]), rows + int(more[1]), len(self.lower)

    def grid(self, first: Slice) -> Grid:
        """Return the grid of the volume: axes column, row, slice; perpendicular."""
        between_rows, between_columns = first.spacing
        lps = np.eye(4)
        lps[:3, 0] = np.array(first.orientation[:3]) * between_columns
        lps[:3, 1] = np.array(first.orientation[3:]) * between_rows
        lps[:3, 2] = first.normal * self.step
        lps[:3, 3] = first.position + lps[:3, :2] @ self.corner
        return Grid(self.size(first.columns, first.rows), _LPS_TO_RAS @ lps)

    def notes(self, fill: float, places: Sequence[float]) -> list[str]:
        """Say what was corrected.

        Parameters
        ----------
        fill : float
            The value of what no slice covers.
        places : sequence of float
            Where each slice of the volume is, for the sentence on gaps.
        """
        said = []
        if self.tilt:
            said.append(words.TILT.format(degrees=self.tilt, fill=f"{fill:g}"))
        made = [f"{places[k]:g}" for k in np.flatnonzero(self.weight).tolist()]
        if self.resampled:
            said.append(self.resampled)
        elif made:
            template = words.MORE_GAPS if made[3:] else words.GAPS if made[1:] else words.ONE_GAP
            shown = ", ".join(made[:3])
            said.append(template.format(n=len(made), places=shown, more=len(made) - 3))
        return said

    def apply(self, acquired: NDArray[Any]) -> NDArray[Any]:
        """Make the volume.

        Parameters
        ----------
        acquired : (columns, rows, acquired slices) array
            HU, int16 or float32.

        Returns
        -------
        (columns, rows, slices) array
            Of the same type, whole numbers rounded; what no slice covers has the smallest value.
        """
        shape = self.size(*acquired.shape[:2])
        fill = acquired.min()

        @lru_cache(maxsize=2)
        def placed(index: int) -> NDArray[np.float64]:
            canvas = np.full(shape[:2], float(fill))
            shift = self.shifts[index] - self.corner
            _draw(canvas, acquired[:, :, index], (float(shift[0]), float(shift[1])))
            return canvas

        volume = np.empty(shape, dtype=acquired.dtype)
        for k, (low, high, share) in enumerate(
            zip(self.lower.tolist(), self.upper.tolist(), self.weight.tolist(), strict=True)
        ):
            values = placed(low)
            if share:
                values = (1 - share) * values + share * placed(high)
            volume[:, :, k] = np.rint(values) if volume.dtype.kind == "i" else values
        return volume


def _draw(canvas: NDArray[np.float64], picture: NDArray[Any], at: tuple[float, float]) -> None:
    """Add a picture to an even canvas at a fractional place, by linear interpolation."""
    ground = float(canvas[0, 0])
    above = picture.astype(np.float64) - ground
    whole = np.floor(at).astype(int)
    parts = at - whole
    for i, column_share in enumerate((1 - parts[0], parts[0])):
        for j, row_share in enumerate((1 - parts[1], parts[1])):
            if column_share * row_share:
                left, top = whole[0] + i, whole[1] + j
                place = canvas[left : left + above.shape[0], top : top + above.shape[1]]
                place += above * (column_share * row_share)


def tilt_shifts(correction: Correction, slices: Sequence[Slice], lean: Lean) -> Correction:
    """Plan to move each slice back in its plane by as much as it drifted."""
    between_rows, between_columns = slices[0].spacing
    axes = np.reshape(slices[0].orientation, (2, 3))
    drift = lean.aside @ axes.T
    drift[:, np.ptp(drift, axis=0) <= POSITION_TOLERANCE_MM] = 0
    shifts = drift / (between_columns, between_rows)
    nearest = np.rint(shifts)
    shifts = np.where(np.abs(shifts - nearest) <= _WHOLE_PIXEL, nearest, shifts)
    return replace(correction, shifts=shifts, tilt=lean.angle)


def missing_filled(correction: Correction, slices: Sequence[Slice], spacing: Spacing) -> Correction:
    """Plan to interpolate the missing slices between their neighbours; the others stay."""
    if not spacing.gaps.size:
        return correction
    count = np.concatenate([[0], np.cumsum(spacing.multiples)])
    along = heights(slices)
    step = float(along[-1] - along[0]) / int(count[-1])
    return _between(correction, count.astype(float), np.arange(count[-1] + 1.0), step, 1e-6)


def evenly_resampled(
    correction: Correction, slices: Sequence[Slice], spacing: Spacing
) -> Correction:
    """Plan to interpolate at the smallest step, or as little less as ends on the last slice."""
    along = heights(slices)
    extent = float(along[-1] - along[0])
    least = float(spacing.steps.min())
    count = int(np.ceil(extent / least - 2 * GRID_TOLERANCE_MM / least)) + 1
    step = extent / (count - 1)
    targets = along[0] + step * np.arange(count)
    planned = _between(correction, along, targets, step, GRID_TOLERANCE_MM)
    most = float(spacing.steps.max())
    said = words.UNEVEN.format(n=len(slices), low=f"{least:.3g}", high=f"{most:.3g}", count=count,
                               step=f"{step:.3g}")  # fmt: skip
    return replace(planned, resampled=said)


def _between(
    correction: Correction,
    at: NDArray[np.float64],
    targets: NDArray[np.float64],
    step: float,
    same: float,
) -> Correction:
    """Plan each target from the acquired slices `at` either side, or from the one that is there."""
    upper = np.clip(np.searchsorted(at, targets, side="right"), 1, len(at) - 1)
    lower = upper - 1
    weight = (targets - at[lower]) / (at[upper] - at[lower])
    upper = np.where(np.abs(targets - at[lower]) <= same, lower, upper)
    lower = np.where(np.abs(targets - at[upper]) <= same, upper, lower)
    weight = np.where(lower == upper, 0.0, weight)
    return replace(correction, lower=lower, upper=upper, weight=weight, step=step)
