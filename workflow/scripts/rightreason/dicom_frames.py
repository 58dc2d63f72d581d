"""Arrays on the CT grid as DICOM frames: in the pixel geometry of the series the CT was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.ct_record import CtRecord
from rightreason.dicom_geometry import LPS_TO_RAS
from rightreason.dicom_slices import Slice
from rightreason.dicom_sources import Source
from rightreason.images import Grid, Volume
from rightreason.placement import SeenRegion
from rightreason.slice_axes import along_axes_of
from rightreason.stack_diagnosis import POSITION_TOLERANCE_MM

# Twice what rounding moves a slice: the grid is evened out, the slice is where its header says.
SAME_PLACE_MM = 2 * POSITION_TOLERANCE_MM


@dataclass(frozen=True)
class FramePlane:
    """Where a frame lies, and what of the source it was derived from.

    Attributes
    ----------
    position : tuple of three float
        Centre of its first pixel, LPS mm: the source slice's own ImagePositionPatient where it lies
        on one, else (interpolated, or moved back against tilt) where the CT grid puts it.
    sources : sequence of Source
        The slice that it lies on, or the two that its CT slice was interpolated between.
    preserved : bool
        Whether its pixels are those of its one source, in place and number.
    """

    position: tuple[float, float, float]
    sources: Sequence[Source]
    preserved: bool


@dataclass(frozen=True)
class Frames:
    """The slices of a case's CT that a model saw, as frames of the source series.

    Attributes
    ----------
    first : Slice
        Of the source: orientation, pixel spacing and thickness are every frame's.
    planes : list of FramePlane
        In the order of the seen slices along the CT's slice axis.
    step_mm : float
        Between neighbouring slices of the CT.
    """

    first: Slice
    planes: list[FramePlane]
    step_mm: float
    _ct: CtRecord
    _seen: SeenRegion
    _target: Grid

    @classmethod
    def of(cls, ct: CtRecord, seen: SeenRegion, made_of: Sequence[Sequence[Source]]) -> Frames:
        """Lay the seen slices out.

        Parameters
        ----------
        ct : CtRecord
            The CT, made of DICOM slices.
        seen : SeenRegion
            What the model saw of it.
        made_of : sequence
            From `made_of`: the acquired slices behind each slice of the CT.
        """
        first = made_of[0][0].slice
        target = _target(ct, first)
        blank = np.broadcast_to(np.zeros(1, dtype=np.bool_), ct.grid.shape)
        whole = along_axes_of(Volume(blank, ct.grid), target).grid
        _check(ct, first, whole)
        lps = LPS_TO_RAS @ whole.affine
        same_matrix = whole.shape[:2] == (first.columns, first.rows)
        planes = []
        for k in seen.axes[ct.slice_axis].tolist():
            place, sources = lps[:3, 3] + k * lps[:3, 2], made_of[k]
            own = np.array(sources[0].slice.position)
            on_it = len(sources) == 1 and float(np.abs(place - own).max()) <= SAME_PLACE_MM
            x, y, z = (float(v) for v in (own if on_it else np.round(place, 6) + 0.0))
            planes.append(FramePlane((x, y, z), sources, on_it and same_matrix))
        return cls(first, planes, ct.grid.spacing_mm[ct.slice_axis], ct, seen, target)

    def arrange(self, values: NDArray[Any], unseen: Any) -> NDArray[Any]:
        """Turn an array on the seen region into frames.

        Parameters
        ----------
        values : array
            On the seen region, in the order of the CT's array axes.
        unseen : scalar
            What pixels hold that the model did not see.

        Returns
        -------
        (planes, rows, columns) array
            Of the same type.
        """
        axis = self._ct.slice_axis
        shape = list(self._ct.grid.shape)
        shape[axis] = len(self.planes)
        canvas = np.full(shape, unseen, dtype=values.dtype)
        inside = list(self._seen.axes)
        inside[axis] = np.arange(len(self.planes))
        canvas[np.ix_(*inside)] = values
        grid = Grid((shape[0], shape[1], shape[2]), self._ct.grid.affine)
        turned = along_axes_of(Volume(canvas, grid), self._target).data
        return np.ascontiguousarray(turned.transpose(2, 1, 0))


def _target(ct: CtRecord, first: Slice) -> Grid:
    """Return a grid whose axes run as the source's columns and rows, and as the CT's slices."""
    affine = np.eye(4)
    affine[:3, 0] = LPS_TO_RAS[:3, :3] @ first.orientation[:3]
    affine[:3, 1] = LPS_TO_RAS[:3, :3] @ first.orientation[3:]
    affine[:3, 2] = ct.grid.affine[:3, ct.slice_axis]
    return Grid((1, 1, 1), affine)


def _check(ct: CtRecord, first: Slice, whole: Grid) -> None:
    """Make sure that the turned CT has the source's pixels: same directions, same steps."""
    between_rows, between_columns = first.spacing
    steps = np.stack([
        np.array(first.orientation[:3]) * between_columns,
        np.array(first.orientation[3:]) * between_rows,
    ], axis=1)  # fmt: skip
    found = (LPS_TO_RAS @ whole.affine)[:3, :2]
    off = np.abs(found - steps).max(axis=0) * np.array(whole.shape[:2])
    if off.max() > SAME_PLACE_MM:
        raise ValueError(
            f"The CT of {ct.case} does not have the pixels of its source: they are up to "
            f"{off.max():.2f} mm apart."
        )
