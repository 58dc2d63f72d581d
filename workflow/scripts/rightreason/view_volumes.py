"""The volumes of one case that the report's viewer shows, small enough for hundreds of cases.

A CT's noise hardly compresses: its steps decide what a report weighs (`make report-size`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import EMPTY, Cut, cut_unsorted, part_of
from rightreason.blocks import Blocks
from rightreason.images import Grid, Volume, pack
from rightreason.inputs import InputRecord
from rightreason.placement import SeenRegion, place

LADDER = ((-1024, 64), (-960, 24), (-192, 8), (320, 32), (3072, 0))
"""HU from which on CT numbers are stored in steps of how many HU; the last is the highest.

Fine where soft tissue is told from soft tissue, coarser where noise and window are wide.
"""
HU_STEP = 8
MAP_STEP, MAP_TOP = 4, 253
"""A map's codes are 1 for 0, then every fourth to this one for its maximum: 63 steps.

Half a step is 0.8 % of the maximum, and a map weighs half of what it does in 254 steps.
"""
GZIP_LEVEL = 6


def ct_volume(ct: Volume, blocks: Blocks) -> dict[str, Any]:
    """Return the CT averaged over blocks, in steps.

    Parameters
    ----------
    ct : Volume
        HU.
    blocks : Blocks
        The view grid.

    Returns
    -------
    dict
        `data`: base64 of a `.nii.gz` of int16; `step_hu`: its finest step; `ladder`: the steps as
        (from HU, step) pairs, of which no value is off by more than half; `lowest`, `highest`: HU
        at which values are cut off; in the order of the CT's array axes, `reduced`: voxels of a
        block, `first`: index of the first voxel shown, `shape`: of the whole CT, `mm`: edge lengths
        of a voxel shown.
    """
    mean, _ = blocks.mean(blocks.take(ct.data), blocks.axes)
    bounds, rungs, hu = _rungs()
    codes = ((hu - hu[0]) / HU_STEP).astype(np.int16)
    data = codes[np.rint(np.interp(mean, bounds, rungs)).astype(np.int16)]
    grid = blocks.grid
    return {
        "data": _encode(data, grid, np.int16, "CT", (HU_STEP, LADDER[0][0])),
        "step_hu": HU_STEP,
        "ladder": [list(rung) for rung in LADDER[:-1]],
        "lowest": LADDER[0][0],
        "highest": LADDER[-1][0],
        "reduced": list(blocks.factors),
        "first": list(blocks.starts),
        "shape": list(blocks.ct.shape),
        "mm": [round(mm, 6) for mm in grid.spacing_mm],
    }


def _rungs() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds of the ladder, the rung that each bound is, and every rung in HU."""
    bounds = np.array([bound for bound, _ in LADDER], dtype=np.float64)
    parts = [
        np.arange(low, high, step)
        for (low, step), high in zip(LADDER[:-1], bounds[1:], strict=True)
    ]
    rungs = np.cumsum([0, *map(len, parts)]).astype(np.float64)
    return bounds, rungs, np.concatenate([*parts, bounds[-1:]])


def map_volume(
    saliency: Volume, record: InputRecord, blocks: Blocks,
    binarisation: Mapping[str, Any], important: float | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the audited part of a map, averaged over the seen voxels of each block.

    What is said of the map, `largest`, `peak_mm` and `threshold`, is said of it on the CT grid, as
    it is scored.

    Parameters
    ----------
    saliency : Volume
        The raw map on the grid of the prepared image.
    record : InputRecord
        What links that grid to the CT.
    blocks : Blocks
        The grid to show it on.
    binarisation : mapping
        The headline's entry of `overlap.binarisations`.
    important : float or None
        Number of important voxels in the seen region, for the rule `area`; None where there is no
        reference.

    Returns
    -------
    dict
        `part`; `largest`: maximum of the part; `peak_mm`: RAS mm of that maximum (of several, of
        the middle one), None where the part is empty; `threshold`: value above which the map is
        attended, None where nothing is or where it is not known; `attended_from`: the code from
        which on it is, where `threshold` is a number; `data`: base64 of a `.nii.gz` of
        uint8, 0 where nothing was seen, else from 1 for 0 to `MAP_TOP` for `largest`; its header
        scales them to the raw values.
    """
    part = place(saliency, record)
    part_of(part, binarisation["part"], out=part)
    seen, largest = SeenRegion.of(record), float(part.max())
    mean, counts = blocks.mean(part, seen.axes)
    # Header fields are float32; the smallest keeps a map of tiny values readable.
    tiny = float(np.finfo(np.float32).tiny)
    slope = np.float32(max(largest / (MAP_TOP - 1), tiny) if largest else 1.0)
    codes = (np.rint(mean / (slope * MAP_STEP)) * MAP_STEP + 1).astype(np.uint8)
    for axis, count in enumerate(counts):
        codes[(slice(None),) * axis + (count == 0,)] = 0
    region = EMPTY
    if important is not None or binarisation["rule"] != "area":
        region = cut_unsorted(binarisation, part, important or 0.0)
    cut_off = np.isfinite(region.threshold)
    return {
        "part": binarisation["part"],
        "largest": largest,
        "peak_mm": _peak_mm(part, largest, seen, record.ct_grid) if largest else None,
        "threshold": region.threshold if cut_off else None,
        "attended_from": _first_code(region, part, float(slope)) if cut_off else None,
        "data": _encode(codes, blocks.grid, np.uint8, "saliency", (float(slope), -float(slope))),
    }


def _first_code(region: Cut, part: NDArray[np.float32], slope: float) -> int:
    """Return the lowest code of the attended region; voxels tied at its threshold are in it."""
    codes = np.arange(1 + MAP_STEP, MAP_TOP + 1, MAP_STEP)
    if region.tie_share > 0 and (part == np.float32(region.threshold)).any():
        tied = round(region.threshold / (slope * MAP_STEP)) * MAP_STEP + 1
        return min(max(tied, int(codes[0])), MAP_TOP)
    above = np.flatnonzero((codes - 1) * slope > region.threshold)
    return int(codes[above[0]]) if above.size else MAP_TOP


def _peak_mm(part: NDArray[np.float32], largest: float, seen: SeenRegion, ct: Grid) -> list[float]:
    at = np.flatnonzero(part == np.float32(largest))
    place = np.unravel_index(at[len(at) // 2], part.shape)
    voxel = [indices[i] for indices, i in zip(seen.axes, place, strict=True)]
    return [round(float(mm), 3) for mm in (ct.affine @ [*voxel, 1])[:3]]


def marks_volume(masks: Mapping[str, NDArray[np.bool_]], blocks: Blocks) -> dict[str, Any]:
    """Return what each rater marked as bits of one volume.

    Parameters
    ----------
    masks : mapping of rater to array of bool
        On the CT grid, of everyone who looked; at most 32.
    blocks : Blocks
        The grid to show it on, one voxel thick but along the slice axis: of a block, all that is
        marked in any of its slices is.

    Returns
    -------
    dict
        `raters`: their names, in the order of the bits; `data`: base64 of a `.nii.gz` of uint8,
        with more than 8 raters uint16, with more than 16 uint32.
    """
    kind = np.min_scalar_type((1 << len(masks)) - 1)
    # In the order in which NIfTI files hold voxels, and so the masks.
    bits: NDArray[Any] = np.zeros([len(axis) for axis in blocks.axes], dtype=kind, order="F")
    for bit, mask in enumerate(masks.values()):
        bits |= blocks.take(mask).astype(kind) << kind.type(bit)
    for axis, factor in enumerate(blocks.factors):
        if factor > 1:
            firsts = np.arange(0, bits.shape[axis], factor)
            bits = np.bitwise_or.reduceat(bits, firsts, axis=axis)
    return {"raters": list(masks), "data": _encode(bits, blocks.grid, kind, "marks", (1.0, 0.0))}


def _encode(
    data: NDArray[Any], grid: Grid, kind: Any, what: str, scale: tuple[float, float]
) -> str:
    packed = pack(data, grid.affine, kind, what, scale, GZIP_LEVEL)
    return base64.b64encode(packed).decode("ascii")
