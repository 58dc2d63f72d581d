"""Filling closed planar contours on the pixels of a CT.

A pixel belongs to a region when its centre lies inside: when a ray from it crosses the contours of
that region an odd number of times. So a contour inside another makes a hole, and a keyhole (one
line that runs in to an inner boundary and back out) does too. A centre exactly on a contour belongs
to the region that lies towards higher column, and higher row, indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rightreason.acquired import ON_SLICE, Stack
from rightreason.errors import InputError
from rightreason.images import Grid, Volume

# In pixels. Contours are written with three decimals or so; a tie is decided on rounded numbers.
_ROUNDING = 1e-3
_MOST_VOXELS = 5e8

Points = NDArray[np.float64]


def fill_contours(
    rois: Mapping[str, Sequence[Points]], ct: Grid, stack: Stack | None = None
) -> Volume:
    """Fill contours slice by slice.

    In the plane, the CT's own pixels are used, beyond the image's edge too. Along the slices, a
    contour that lies on a CT slice (to a tenth of the spacing) fills that slice; when any lies
    between slices, all contours keep planes of their own, as far apart as the closest two. The
    slice axis is the array axis of the CT that the contours are perpendicular to.

    Where the CT has slices that were not acquired but interpolated, contours that all lie on
    acquired slices fill every slice of the volume that their acquired slice is the nearest to.

    Parameters
    ----------
    rois : mapping of str to sequence of (points, 3) arrays
        Contours in RAS+ mm, by the name that error sentences use.
    ct : Grid
        Grid of the CT.
    stack : Stack, optional
        The acquired slices of the CT.

    Returns
    -------
    Volume
        Boolean; the union of the ROIs, on a grid whose axes are parallel to the CT's, slices last.

    Raises
    ------
    InputError
        When a contour is not parallel to the slices, or the planes are not evenly spaced.
    """
    contours = [(name, points) for name in rois for points in rois[name]]
    if not contours:
        return Volume(np.zeros(ct.shape, dtype=bool), ct)
    slices_last = _slices_last(contours, ct)
    to_ct = np.linalg.inv(slices_last)
    placed = [(name, points @ to_ct[:3, :3].T + to_ct[:3, 3]) for name, points in contours]
    first, step, planes = _planes(placed, None if stack is None or stack.even else stack)
    corners = np.array([(p.min(axis=0)[:2], p.max(axis=0)[:2]) for _, p in placed])
    low = np.floor(corners[:, 0].min(axis=0)).astype(int)
    size = np.ceil(corners[:, 1].max(axis=0)).astype(int) - low + 1
    shape = (int(size[0]), int(size[1]), max(int(taken.max()) for taken in planes) + 1)
    if np.prod(shape, dtype=float) > _MOST_VOXELS:
        raise InputError(
            f"{_names(placed)}: the contours reach far outside the image; they were drawn on "
            "another study."
        )
    data = np.zeros(shape, dtype=bool)
    for name in rois:
        crossings = np.zeros((shape[0] + 1, *shape[1:]), dtype=bool)
        for (owner, points), taken in zip(placed, planes, strict=True):
            for plane in taken if owner == name else ():
                _toggle(crossings[:, :, plane], points[:, :2] - low)
        data |= np.logical_xor.accumulate(crossings, axis=0)[:-1]
    own = np.diag([1.0, 1.0, step, 1.0])
    own[:3, 3] = low[0], low[1], first
    return Volume(data, Grid(shape, slices_last @ own))


def fill_polygon(points: Points, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill one polygon on pixels of `shape` by even-odd; points are (column, row) in pixels."""
    crossings = np.zeros((shape[0] + 1, shape[1]), dtype=bool)
    _toggle(crossings, points)
    return np.asarray(np.logical_xor.accumulate(crossings, axis=0)[:-1])


def _slices_last(contours: Sequence[tuple[str, Points]], ct: Grid) -> NDArray[np.float64]:
    """Return the CT's affine with its axes reordered: two in the contours' plane, one across."""
    to_ct = np.linalg.inv(ct.affine)[:3, :3]
    extents = np.array([np.ptp(points @ to_ct.T, axis=0) for _, points in contours]).max(axis=0)
    across = int(extents.argmin())
    if extents[across] > 2 * ON_SLICE:
        raise InputError(
            f"{_names(contours)}: there are contours that are not parallel to the slices of the "
            f"CT; they run through {extents[across]:.1f} slices. Export them drawn on its slices."
        )
    order = [axis for axis in range(3) if axis != across] + [across, 3]
    return np.asarray(ct.affine[:, order])


def _names(contours: Sequence[tuple[str, Points]]) -> str:
    return ", ".join(sorted({name for name, _ in contours}))


def _planes(
    placed: Sequence[tuple[str, Points]], stack: Stack | None
) -> tuple[float, float, list[NDArray[np.int_]]]:
    """Return the first plane and the step between planes, in slices, and each contour's planes."""
    names = _names(placed)
    heights = np.array([points[:, 2].mean() for _, points in placed])
    if stack is not None and (taken := stack.takers(heights)) is not None:
        _refuse_skipped(np.unique([stack.nearest(height) for height in heights]), names)
        lowest = min(int(slices.min()) for slices in taken)
        return float(lowest), 1.0, [slices - lowest for slices in taken]
    nearest = np.rint(heights)
    if np.abs(heights - nearest).max() <= ON_SLICE:
        _refuse_skipped(np.unique(nearest), names)
        first = float(nearest.min())
        return first, 1.0, _single(nearest - first)
    first = float(heights.min())
    steps = np.diff(np.unique(np.round(heights, 2)))
    steps = steps[steps > ON_SLICE]
    step = float(steps.min()) if steps.size else 1.0
    planes = np.rint((heights - first) / step)
    step = float((heights.max() - first) / planes.max()) if planes.max() else step
    if np.abs(heights - first - planes * step).max() > ON_SLICE:
        raise InputError(
            f"{names}: the contours lie between the slices of the CT, and not evenly spaced. "
            "Export them drawn on the CT's slices."
        )
    return first, step, _single(planes)


def _single(planes: Points) -> list[NDArray[np.int_]]:
    return [np.array([plane]) for plane in planes.astype(int)]


def _refuse_skipped(slices: Points, names: str) -> None:
    """Refuse contours on every second (third, ...) slice: the volume between is not theirs."""
    steps = np.unique(np.diff(slices))
    if len(slices) >= 4 and len(steps) == 1 and steps[0] > 1:
        raise InputError(
            f"{names}: there are contours on every {int(steps[0])}. slice of the CT and none "
            "between. Interpolate them where they were drawn, or give the CT they were drawn on."
        )


def _toggle(crossings: NDArray[np.bool_], points: Points) -> None:
    """Mark where the edges of one polygon cross the rows of pixel centres.

    Parameters
    ----------
    crossings : (columns + 1, rows) array of bool
        Toggled in place at the first pixel centre at or beyond each crossing.
    points : (points, 2) array
        Column and row of each corner, in pixels.
    """
    points = np.round(points / _ROUNDING) * _ROUNDING
    ends = np.roll(points, -1, axis=0)
    upper = np.where((points[:, 1] <= ends[:, 1])[:, None], points, ends)
    lower = np.where((points[:, 1] <= ends[:, 1])[:, None], ends, points)
    first = np.ceil(upper[:, 1] - _ROUNDING / 2).astype(int)
    counts = np.ceil(lower[:, 1] - _ROUNDING / 2).astype(int) - first
    edges = np.repeat(np.arange(len(points)), counts)
    rows = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts - first, counts)
    along = (rows - upper[edges, 1]) / (lower[edges, 1] - upper[edges, 1])
    columns = upper[edges, 0] + along * (lower[edges, 0] - upper[edges, 0])
    np.logical_xor.at(crossings, (np.ceil(columns - _ROUNDING / 2).astype(int), rows), True)
