"""Masks from one grid onto another: nearest neighbour, with the volume watched."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError
from rightreason.images import Grid, Volume

log = logging.getLogger(__name__)

# Rounding noise must not decide a tie between two neighbours.
TIE = 1e-4


def place(
    mask: Volume, ct: Grid, name: str, max_volume_change: float, clip: bool
) -> NDArray[np.bool_]:
    """Put a mask onto the CT's grid.

    Every CT voxel takes the value of the mask's voxel that its centre lies in. Where grids are the
    same, nothing changes.

    Parameters
    ----------
    mask : Volume
        Boolean data on its own grid.
    ct : Grid
        Where it is to go.
    name : str
        The file, for sentences.
    max_volume_change : float
        Largest accepted change of the volume, as a fraction.
    clip : bool
        Whether what lies outside the image is dropped instead of an error.

    Raises
    ------
    InputError
        When the mask lies partly (unless `clip`) or wholly outside the image, or when resampling
        changes its volume too much.
    """
    if ct.difference(mask.grid) is None:
        return np.asarray(mask.data, dtype=bool)
    voxels = np.argwhere(mask.data)
    out = np.zeros(ct.shape, dtype=bool)
    if not len(voxels):
        _check_overlap(mask.grid, ct, name)
        return out
    inside = _inside(voxels, mask.grid, ct)
    before = len(voxels) * mask.grid.voxel_mm3
    outside = float(np.count_nonzero(~inside)) / len(voxels)
    if outside == 1 or (outside > 0 and not clip):
        advice = (
            "it belongs to another study, or its geometry is wrong" if outside == 1
            else "place it where it belongs, or (an annotation) set `annotate: outside: clip`"
        )  # fmt: skip
        raise InputError(
            f"{name}: {100 * outside:.3g} % of the mask ({outside * before:.0f} of "
            f"{before:.0f} mm3) lies outside the image; {advice}."
        )
    _resample(mask, ct, voxels, out)
    before *= 1 - outside
    after = float(np.count_nonzero(out)) * ct.voxel_mm3
    log.info("%s: resampled onto the CT; %.1f mm3 before, %.1f mm3 after", name, before, after)
    check_change(before, after, name, max_volume_change)
    return out


def check_change(before: float, after: float, name: str, most: float) -> None:
    """Compare a mask's volume in mm³ before and after resampling.

    Raises
    ------
    InputError
        When it changes by more than the fraction `most`.
    """
    if abs(after - before) > most * before:
        raise InputError(
            f"{name}: resampling onto the CT changes the volume from {before:.1f} to {after:.1f} "
            f"mm3; at most {100 * most:g} % is accepted. Draw or export it on the grid of the CT."
        )


def _inside(voxels: NDArray[np.int_], grid: Grid, ct: Grid) -> NDArray[np.bool_]:
    """Say of each voxel of a mask whether its centre lies in the image."""
    to_ct = np.linalg.inv(ct.affine) @ grid.affine
    places = voxels @ to_ct[:3, :3].T + to_ct[:3, 3]
    half = 0.5 + TIE
    return np.asarray(((places >= -half) & (places <= np.array(ct.shape) - 1 + half)).all(axis=1))


def _check_overlap(grid: Grid, ct: Grid, name: str) -> None:
    """Refuse an empty mask whose whole grid lies elsewhere: it says nothing about this image."""
    to_ct = np.linalg.inv(ct.affine) @ grid.affine
    corners = np.array(
        [[i, j, k, 1.0] for i in (-0.5, grid.shape[0] - 0.5) for j in (-0.5, grid.shape[1] - 0.5)
         for k in (-0.5, grid.shape[2] - 0.5)]
    )  # fmt: skip
    places = (to_ct @ corners.T)[:3]
    if (places.max(axis=1) < -0.5).any() or (places.min(axis=1) > np.array(ct.shape) - 0.5).any():
        raise InputError(
            f"{name} is empty, and its grid lies wholly outside the image: it belongs to another "
            "study, or its geometry is wrong."
        )


def _resample(mask: Volume, ct: Grid, voxels: NDArray[np.int_], out: NDArray[np.bool_]) -> None:
    """Fill `out` within the box, in CT voxels, that the mask's voxels reach."""
    to_mask = np.linalg.inv(mask.grid.affine) @ ct.affine
    to_ct = np.linalg.inv(to_mask)
    low, high = voxels.min(axis=0) - 0.5, voxels.max(axis=0) + 0.5
    corners = np.array(
        [[i, j, k, 1.0] for i in (low[0], high[0]) for j in (low[1], high[1])
         for k in (low[2], high[2])]
    )  # fmt: skip
    places = (to_ct @ corners.T)[:3]
    start = np.clip(np.floor(places.min(axis=1)).astype(int), 0, ct.shape)
    stop = np.clip(np.ceil(places.max(axis=1)).astype(int) + 1, 0, ct.shape)
    j, i = np.meshgrid(np.arange(start[1], stop[1]), np.arange(start[0], stop[0]))
    for k in range(start[2], stop[2]):
        near = [
            np.floor(row[0] * i + row[1] * j + row[2] * k + row[3] + 0.5 + TIE).astype(int)
            for row in to_mask[:3]
        ]
        valid = np.logical_and.reduce(
            [(n >= 0) & (n < size) for n, size in zip(near, mask.data.shape, strict=True)]
        )
        part = out[start[0] : stop[0], start[1] : stop[1], k]
        part[valid] = mask.data[near[0][valid], near[1][valid], near[2][valid]]
