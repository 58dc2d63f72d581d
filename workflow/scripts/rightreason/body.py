"""The body in CT slices: with the air inside it, without table, blanket, or folds of a body bag.

Slices are treated one by one, since seen slices may lie far apart, at a pixel size of 1 to 2 mm:

1. what is denser than -200 HU (near fat, so that a gap narrower than a pixel still parts the skin
   from what lies against it), with its specks filled;
2. less what is thin: skin of a bag, sheets, the shell of a table;
3. with holes filled: lungs, bowel, air in sinuses;
4. cut at narrow necks, of which the thick parts are kept. What a kept part lost in the cut comes
   back, and so does a rim of one pixel where it is denser than -500 HU, halfway to air.

An arm has a third of the chest's half thickness, and stays; a heap of wet bag has a fifth or less,
and does not; nor does a hand. The half thickness of the body is the radius of the largest disc
inside it in any slice. What the edge of the image cuts off counts as going on for 15 mm beyond it.
Air that opens to the outside within a slice, as in a nostril, is outside, and so is a lung that the
edge cuts open.

| part  | is what no disc fits in of radius | of the half thickness | at most |
|-------|-----------------------------------|-----------------------|---------|
| thin  | `THIN`                            | 4 %                   | 4 mm    |
| neck  | `NECK`                            | 8 %                   | 8 mm    |
| thick | (the opposite)                    | 25 %                  | 25 mm   |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Pixel = tuple[float, float]

DENSE_HU, RIM_HU = -200.0, -500.0
SPECK_MM2 = 20.0
PIXEL_MM = 2.0
FULL_MM = 100.0
"""Half thickness from which on a body counts as full-grown."""
THIN, NECK, THICK, BEYOND = 0.04, 0.08, 0.25, 0.15


def body_of(ct: NDArray[Any], stack_axis: int, spacing_mm: Sequence[float]) -> Mask:
    """Mark the body in slices of a CT.

    Parameters
    ----------
    ct : (X, Y, Z) array
        HU; whole slices, any number of them at any distances.
    stack_axis : int
        The axis across slices.
    spacing_mm : three floats
        Voxel size along the array axes; that along the stack is not used.

    Returns
    -------
    (X, Y, Z) array of bool
        The body; nothing where nothing is dense.
    """
    from scipy import ndimage

    x, y = (mm for axis, mm in enumerate(spacing_mm) if axis != stack_axis)
    by = (max(1, int(PIXEL_MM / x)), max(1, int(PIXEL_MM / y)))
    pixel = (by[0] * x, by[1] * y)
    margin = [round(BEYOND * FULL_MM / mm) for mm in pixel]
    slices = np.moveaxis(ct, stack_axis, 0)
    edges = [(m, m) for m in margin]
    inside = tuple(slice(m, None) for m in margin)
    planes = [np.pad(_shrink(plane, by), edges, "edge") for plane in slices]
    dense = [_without_specks(plane > DENSE_HU, pixel) for plane in planes]
    half = min(FULL_MM, max(float(_depth(_fill(plane), pixel).max()) for plane in dense))
    out = np.zeros(slices.shape, dtype=np.bool_)
    _, rows, columns = slices.shape
    for k, (plane, solid) in enumerate(zip(planes, dense, strict=True)):
        body = _body_of_slice(solid, half, pixel)
        body = body | (ndimage.binary_dilation(body) & (plane > RIM_HU))
        inner = body[inside].repeat(by[0], 0).repeat(by[1], 1)
        out[k] = inner[:rows, :columns]
    return np.moveaxis(out, 0, stack_axis)


def _shrink(plane: NDArray[Any], by: tuple[int, int]) -> NDArray[np.float32]:
    """Return the means of blocks of pixels; the last ones are filled up with the edge."""
    if by == (1, 1):
        return plane.astype(np.float32)
    fill = [(0, -size % n) for size, n in zip(plane.shape, by, strict=True)]
    blocks = np.pad(plane, fill, "edge")
    shape = blocks.shape[0] // by[0], by[0], blocks.shape[1] // by[1], by[1]
    return np.asarray(blocks.reshape(shape).mean(axis=(1, 3), dtype=np.float32))


def _without_specks(dense: Mask, pixel_mm: Pixel) -> Mask:
    """Fill holes of a few pixels: noise in fat must not look like many thin walls."""
    from scipy import ndimage

    holes, _ = ndimage.label(~dense)
    small = np.bincount(holes.ravel()) * pixel_mm[0] * pixel_mm[1] < SPECK_MM2
    small[0] = False
    filled: Mask = dense | small[holes]
    return filled


def _body_of_slice(dense: Mask, half_mm: float, pixel_mm: Pixel) -> Mask:
    """Return the body in one slice, given the half thickness of the body in any slice."""
    from scipy import ndimage

    thin, neck, thick = (share * half_mm for share in (THIN, NECK, THICK))
    solid = _fill(_within(_depth(dense, pixel_mm) > thin, thin, pixel_mm))
    depth = _depth(solid, pixel_mm)
    parts, count = ndimage.label(depth > neck)
    if count == 0:
        return np.zeros_like(solid)
    kept = ndimage.maximum(depth, parts, np.arange(count + 1)) >= thick
    kept[0] = False
    away, at = ndimage.distance_transform_edt(parts == 0, sampling=pixel_mm, return_indices=True)
    # Each pixel belongs to the part next to it, and so never to a kept one across a cut neck.
    body: Mask = solid & kept[parts[tuple(at)]] & (away <= 2 * neck)
    return body


def _fill(plane: Mask) -> Mask:
    from scipy import ndimage

    filled: Mask = ndimage.binary_fill_holes(plane)
    return filled


def _depth(plane: Mask, pixel_mm: Pixel) -> NDArray[np.float64]:
    """Return how far each marked pixel is from the nearest unmarked one in mm."""
    from scipy import ndimage

    if plane.all():
        return np.full(plane.shape, FULL_MM)
    depth: NDArray[np.float64] = ndimage.distance_transform_edt(plane, sampling=pixel_mm)
    return depth


def _within(plane: Mask, radius_mm: float, pixel_mm: Pixel) -> Mask:
    """Return all pixels at most a radius from a marked one."""
    return _depth(~plane, pixel_mm) <= radius_mm if plane.any() else plane
