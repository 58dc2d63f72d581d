"""Stage `prepare`: from the CT to the models' inputs, still images in patient space.

Orient, window, crop, choose slices, resize; all three kinds of input in one job, so that a new
model never prepares a cohort again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from rightreason.images import Grid, Volume, load, save
from rightreason.inputs import InputRecord
from rightreason.layout import INPUT_KINDS
from rightreason.masks import region_on_grid
from rightreason.whole import write_whole

Box = list[tuple[int, int]]

BODY_HU = -500.0


def prepare_case(
    case: str,
    volume: Path,
    region: Path | None,
    images: Mapping[str, Path],
    records: Mapping[str, Path],
    settings: Mapping[str, Any],
) -> None:
    """Write the prepared image and its record for each kind of input.

    Parameters
    ----------
    case : str
        Case id, for messages.
    volume : path
        The CT in HU, from `convert`.
    region : path or None
        The case's region mask; its bounding box is the crop.
    images, records : mapping of input kind to path
        Outputs.
    settings : mapping
        Section `prepare` of the config.

    Raises
    ------
    InputError
        When the region is empty or cannot be placed on the CT.
    """
    ct = load(volume)
    box = crop_box(case, ct, region, settings)
    lps, lps_grid, ct_slice_axis = orient(ct, box)
    low, high = settings["window"]
    for kind in INPUT_KINDS:
        size, count = _target(kind, settings[kind])
        chosen = choose_slices(lps.shape[2], count, repeat=kind == "subset")
        if kind == "volume":
            data = _resample(lps, (*size, count), low, high)
        else:
            data = _resample_slices(lps, size, chosen, low, high)
        shape = (data.shape[0], data.shape[1], data.shape[2])
        affine = resized_affine(lps_grid, shape)
        record = InputRecord(
            kind=kind,
            shape=shape,
            affine=affine.tolist(),
            ct_shape=ct.grid.shape,
            ct_affine=ct.grid.affine.tolist(),
            box=[list(side) for side in box],
            ct_slice_axis=ct_slice_axis,
            slices=list(range(shape[2])) if kind == "volume" else chosen,
            ct_slices=[] if kind == "volume" else _ct_slices(ct, box, ct_slice_axis, chosen),
        )
        save(images[kind], data, affine, np.uint8, f"{kind}; window {low:g} to {high:g} HU")
        write_whole(records[kind], record.to_json())


def crop_box(case: str, ct: Volume, region: Path | None, settings: Mapping[str, Any]) -> Box:
    """Choose the crop: the region's bounding box, else the body's, else the whole image.

    The box grows by `margin_mm` on every side, then in plane to a square in mm (so that resizing
    does not distort), both as far as the image reaches.

    Returns
    -------
    list of three (start, stop)
        Half-open, along the CT's array axes.
    """
    if region is not None:
        mask = region_on_grid(region, ct.grid, case)
    elif settings["crop"] == "body":
        mask = body_mask(ct.data)
    else:
        return [(0, n) for n in ct.grid.shape]
    box = _grow(_bounding_box(mask), ct.grid, settings["margin_mm"])
    return _square(box, ct.grid)


def body_mask(hu: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the largest connected part denser than -500 HU (the body with what lies against it)."""
    from scipy import ndimage

    labels, count = ndimage.label(hu > BODY_HU)
    if count == 0:
        return np.ones(hu.shape, dtype=np.bool_)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: NDArray[np.bool_] = labels == sizes.argmax()
    return largest


def _bounding_box(mask: NDArray[np.bool_]) -> Box:
    box: Box = []
    for axis in range(3):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append((int(hit[0]), int(hit[-1]) + 1))
    return box


def _grow(box: Box, grid: Grid, margin_mm: float) -> Box:
    return [
        (max(0, start - round(margin_mm / step)), min(n, stop + round(margin_mm / step)))
        for (start, stop), n, step in zip(box, grid.shape, grid.spacing_mm, strict=True)
    ]


def _square(box: Box, grid: Grid) -> Box:
    """Widen the shorter in-plane side to the longer one's length in mm, within the image."""
    slice_axis = slice_axis_of(grid)
    in_plane = [axis for axis in range(3) if axis != slice_axis]
    side_mm = max((box[a][1] - box[a][0]) * grid.spacing_mm[a] for a in in_plane)
    squared = list(box)
    for axis in in_plane:
        n = grid.shape[axis]
        length = min(n, round(side_mm / grid.spacing_mm[axis]))
        start = round((sum(box[axis]) - length) / 2)
        start = min(max(0, start), n - length)
        squared[axis] = (start, start + length)
    return squared


def slice_axis_of(grid: Grid) -> int:
    """Return the CT array axis that runs closest to feet-head."""
    orientation = nib.orientations.io_orientation(grid.affine)
    return int(np.flatnonzero(orientation[:, 0] == 2)[0])


def orient(ct: Volume, box: Box) -> tuple[NDArray[Any], Grid, int]:
    """Crop and turn to LPS+.

    Returns
    -------
    data : (X, Y, Z) array
        x to the patient's left, y to the back, z to the head.
    grid : Grid
        Of that array, in RAS+ mm as everywhere.
    ct_slice_axis : int
        Which CT array axis became z.
    """
    cropped = ct.data[tuple(slice(start, stop) for start, stop in box)]
    affine = ct.grid.affine.copy()
    affine[:3, 3] = (ct.grid.affine @ [*(start for start, _ in box), 1])[:3]
    now = nib.orientations.io_orientation(affine)
    turn = nib.orientations.ornt_transform(now, nib.orientations.axcodes2ornt("LPS"))
    data = nib.orientations.apply_orientation(cropped, turn)
    turned = affine @ nib.orientations.inv_ornt_aff(turn, cropped.shape)
    return data, Grid((data.shape[0], data.shape[1], data.shape[2]), turned), slice_axis_of(ct.grid)


def choose_slices(available: int, count: int, repeat: bool) -> list[int]:
    """Spread `count` slices evenly over `available` ones: the middle of each of `count` parts.

    With fewer slices than `count`, each is taken once, or (`repeat`) as often as fills `count`.

    >>> choose_slices(10, 4, repeat=False)
    [1, 3, 6, 8]
    >>> choose_slices(3, 4, repeat=False), choose_slices(3, 4, repeat=True)
    ([0, 1, 2], [0, 1, 1, 2])
    """
    if count >= available and not repeat:
        return list(range(available))
    return [int((part + 0.5) * available / count) for part in range(count)]


def _ct_slices(ct: Volume, box: Box, axis: int, chosen: list[int]) -> list[int]:
    """Translate z indices of the oriented crop to indices along the CT's slice axis."""
    start, stop = box[axis]
    upward = nib.orientations.io_orientation(ct.grid.affine)[axis, 1] > 0
    return [start + z if upward else stop - 1 - z for z in chosen]


def _target(kind: str, settings: Mapping[str, Any]) -> tuple[tuple[int, int], int]:
    """In-plane size and number of slices that a kind of input asks for."""
    if kind == "volume":
        x, y, z = settings["size"]
        return (x, y), z
    return (settings["size"], settings["size"]), settings["count"]


def _resample(
    hu: NDArray[Any], shape: tuple[int, int, int], low: float, high: float
) -> NDArray[np.uint8]:
    """Window to 0…255 and resize to `shape`."""
    values = (np.clip(hu, low, high).astype(np.float32) - low) * (255 / (high - low))
    for axis, size in enumerate(shape):
        if size != values.shape[axis]:
            weights = resize_weights(values.shape[axis], size)
            values = np.moveaxis(np.tensordot(weights, values, (1, axis)), 0, axis)
    grey: NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return grey


def _resample_slices(
    lps: NDArray[Any], size: tuple[int, int], chosen: list[int], low: float, high: float
) -> NDArray[np.uint8]:
    """Window and resize the chosen slices in plane; the others stay empty."""
    taken = sorted(set(chosen))
    out = np.zeros((*size, lps.shape[2]), dtype=np.uint8)
    out[:, :, taken] = _resample(lps[:, :, taken], (*size, len(taken)), low, high)
    return out


def resize_weights(n_in: int, n_out: int) -> NDArray[np.float32]:
    """Linear resampling weights, widened when shrinking so that every input voxel counts.

    Voxels are areas: the centre of output voxel i lies at (i + 1/2) n_in / n_out - 1/2.

    Returns
    -------
    (n_out, n_in) array
        Rows sum to one.
    """
    scale = n_in / n_out
    centres = (np.arange(n_out) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(n_in)[None] - centres[:, None])
    weights = np.maximum(0, 1 - distance / max(1.0, scale))
    normed: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normed


def resized_affine(grid: Grid, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """Affine of an image resized to `shape` that covers the same box as `grid`."""
    scale = np.array(grid.shape) / np.array(shape)
    step = np.diag([*scale, 1.0])
    step[:3, 3] = scale / 2 - 0.5
    affine: NDArray[np.float64] = grid.affine @ step
    return affine
