"""Masks on DICOM slices, put onto the volume that was made of those slices."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rightreason.acquired import ON_SLICE
from rightreason.ct_record import CtRecord, Vector
from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.mask_placement import TIE, check_change

log = logging.getLogger(__name__)

_MOST_VOXELS = 5e8


class OffSlicesError(InputError):
    """Planes that lie on no slices of the CT."""


@dataclass(frozen=True)
class MarkedPlane:
    """A mask on one slice.

    Attributes
    ----------
    what : str
        Its name in sentences.
    mask : (columns, rows) array of bool
        Marked pixels.
    origin, column_mm, row_mm : (3,) arrays
        RAS+ mm of the centre of pixel (0, 0), and the steps from one column and row to the next.
    """

    what: str
    mask: NDArray[np.bool_]
    origin: Vector
    column_mm: Vector
    row_mm: Vector


def stack_planes(
    planes: Sequence[MarkedPlane],
    ct: CtRecord,
    name: str,
    max_volume_change: float,
    strict: bool = False,
) -> Volume:
    """Put masks of slices onto the lattice of a CT's volume.

    A plane lies on an acquired slice (to a tenth of a slice of the volume), on a slice of the
    volume, or (unless `strict`) within half a slice of an acquired one that no other shares. Each
    slice of the volume takes the mask of the acquired slice nearest to it; in the plane, each voxel
    takes the pixel that its centre, projected along the normal, lies in.

    Parameters
    ----------
    planes : sequence of MarkedPlane
        At most one per height.
    ct : CtRecord
        Where they go.
    name : str
        The file, for sentences.
    max_volume_change : float
        Largest accepted change of the volume, as a fraction; before and after are both counted
        with every slice of the volume that takes a plane.

    strict : bool
        Whether planes must lie on slices to a tenth.

    Returns
    -------
    Volume
        Boolean; its voxels are those of the CT's volume, continued beyond its edges as far as
        there are marks.

    Raises
    ------
    OffSlicesError
        When a plane is not parallel to the CT's slices, or lies between them.
    InputError
        When the volume changes too much, or the planes reach far outside the image.
    """
    planes = [plane for plane in planes if plane.mask.any()]
    if not planes:
        return Volume(np.zeros(ct.grid.shape, dtype=bool), ct.grid)
    homes = _homes(planes, ct, name, strict)
    start, shape = _bounds(planes, homes, ct, name)
    data = np.zeros(shape, dtype=bool)
    before = 0.0
    for plane, home in zip(planes, homes, strict=True):
        area = float(np.linalg.norm(np.cross(plane.column_mm, plane.row_mm)))
        before += np.count_nonzero(plane.mask) * area * max(len(home), 1)
        for index in home:
            own = [slice(None)] * 3
            own[ct.slice_axis] = index - start[ct.slice_axis]
            data[tuple(own)] |= _sample(plane, ct, int(index), start, shape)
    before *= ct.grid.spacing_mm[ct.slice_axis]
    after = float(np.count_nonzero(data)) * ct.grid.voxel_mm3
    if round(before, 1) != round(after, 1):
        log.info("%s: put on the slices of the CT; %.1f mm3 before, %.1f mm3 after",
                 name, before, after)  # fmt: skip
    check_change(before, after, name, max_volume_change)
    shift = np.eye(4)
    shift[:3, 3] = start
    return Volume(data, Grid((shape[0], shape[1], shape[2]), ct.grid.affine @ shift))


def _homes(
    planes: Sequence[MarkedPlane], ct: CtRecord, name: str, strict: bool
) -> list[NDArray[np.int_]]:
    """Return the slices of the volume that take each plane."""
    for plane in planes:
        ends = [
            ct.place(plane.origin + size * step) - ct.place(plane.origin)
            for size, step in zip(plane.mask.shape, (plane.column_mm, plane.row_mm), strict=True)
        ]
        if np.abs(ends).max() > 2 * ON_SLICE:
            raise OffSlicesError(
                f"{name}: {plane.what} is not parallel to the slices of the CT. Export it on the "
                "slices of the CT."
            )
    heights = np.array([ct.place(plane.origin) for plane in planes])
    if ct.stack is not None and (homes := ct.stack.takers(heights)) is not None:
        return homes
    if (np.abs(heights - np.rint(heights)) <= ON_SLICE).all():
        return [np.array([index]) for index in np.rint(heights).astype(int)]
    loose = None if strict or ct.stack is None else ct.stack.takers(heights, 0.5)
    if ct.stack is not None and loose is not None:
        nearest = [ct.stack.nearest(height) for height in heights]
        if len(set(nearest)) == len(nearest):
            return loose
    off = np.abs(heights - np.rint(heights))
    raise OffSlicesError(
        f"{name}: {planes[int(off.argmax())].what} lies between the slices of the CT. Export it "
        "on the slices of the CT."
    )


def _bounds(
    planes: Sequence[MarkedPlane], homes: Sequence[NDArray[np.int_]], ct: CtRecord, name: str
) -> tuple[NDArray[np.int_], tuple[int, ...]]:
    """Return the first index and the shape of the box, in voxels of the CT, that holds all."""
    to_index = np.linalg.inv(ct.grid.affine)
    corners = []
    for plane in planes:
        columns, rows = (np.flatnonzero(plane.mask.any(axis=axis)) for axis in (1, 0))
        corners += [
            plane.origin + c * plane.column_mm + r * plane.row_mm
            for c in (columns[0] - 0.5, columns[-1] + 0.5)
            for r in (rows[0] - 0.5, rows[-1] + 0.5)
        ]
    places = np.array(corners) @ to_index[:3, :3].T + to_index[:3, 3]
    slices = np.concatenate(list(homes))
    if not slices.size:
        slices = np.array([0])
    low, high = np.floor(places.min(axis=0)), np.ceil(places.max(axis=0))
    low[ct.slice_axis], high[ct.slice_axis] = slices.min(), slices.max()
    size = high - low + 1
    if np.prod(size) > _MOST_VOXELS:
        raise InputError(
            f"{name}: the annotation reaches far outside the image; it was drawn on another study."
        )
    return low.astype(int), tuple(int(n) for n in size)


def _sample(
    plane: MarkedPlane, ct: CtRecord, index: int, start: NDArray[np.int_], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return one slice of the box: of each voxel the pixel that its centre lies in."""
    first = start.astype(float)
    first[ct.slice_axis] = index
    corner = ct.grid.affine[:3, :3] @ first + ct.grid.affine[:3, 3] - plane.origin
    axes = [axis for axis in range(3) if axis != ct.slice_axis]
    steps = [np.arange(shape[axis]) for axis in axes]
    pixels = []
    for along in (plane.column_mm, plane.row_mm):
        unit = along / (along @ along)
        a, b = (float(ct.grid.affine[:3, axis] @ unit) for axis in axes)
        at = corner @ unit + a * steps[0][:, None] + b * steps[1][None, :]
        pixels.append(np.floor(at + 0.5 + TIE).astype(int))
    inside = np.logical_and.reduce(
        [(p >= 0) & (p < size) for p, size in zip(pixels, plane.mask.shape, strict=True)]
    )
    found = np.zeros(inside.shape, dtype=bool)
    found[inside] = plane.mask[pixels[0][inside], pixels[1][inside]]
    return found
