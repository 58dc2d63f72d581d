"""One slice of a case with what lies over it: saliency, attended region, votes.

Everything is placed by affine: votes lie on the CT grid, saliency is interpolated onto it, and
slices are turned as radiologists are used to, whatever the order of the array's axes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import cut, descending, part_of
from rightreason.errors import InputError
from rightreason.images import Grid, check_same_grid, load
from rightreason.inputs import InputRecord
from rightreason.marked_words import mark
from rightreason.placement import SeenRegion, place

AXIS_NAMES = (
    mark("x, to the patient’s right"), mark("y, to the front"), mark("z, to the head"),
)  # fmt: skip


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case and model."""

    image: Path
    saliency: Path
    votes: Path
    record: Path


@dataclass(frozen=True)
class Slice:
    """One CT slice with what lies over it, turned for display.

    Attributes
    ----------
    ct : (rows, columns) array
        HU.
    saliency : (rows, columns) array
        The audited part of the map; NaN where the model saw nothing.
    attended : (rows, columns) array of bool
        The attended region.
    votes : (rows, columns) array of int
        Number of raters.
    number, count : int
        Which slice, from 1 in the order of the CT's array, of how many.
    position_mm, axis : float, str
        Where along which patient axis.
    aspect : float
        Height of a pixel over its width.
    largest : float
        Largest value of the audited part in the whole map.
    raters : int
        How many raters looked.
    tied : int
        How many slices hold as much saliency as this one, itself included.
    """

    ct: NDArray[Any]
    saliency: NDArray[np.float32]
    attended: NDArray[np.bool_]
    votes: NDArray[np.int64]
    number: int
    count: int
    position_mm: float
    axis: str
    aspect: float
    largest: float
    raters: int
    tied: int


def take_slice(files: CaseFiles, binarisation: Mapping[str, Any], important: float) -> Slice:
    """Take the CT slice that holds most of the saliency, and what lies over it.

    Of several that hold equally much, the one with the most marked voxels.

    Parameters
    ----------
    files : CaseFiles
        Where the images are.
    binarisation : mapping
        The headline's entry of `overlap.binarisations`.
    important : float
        Number of important voxels in the seen region, for the rule `area`.

    Raises
    ------
    InputError
        When images of the case are not on the grids they should be on, or one cannot be read.
    """
    record = InputRecord.read(files.record)
    ct = load(files.image)
    votes, raters = load(files.votes), count_raters(files.votes)
    check_same_grid(ct.grid, record.ct_grid, str(files.image), "the record of what the model saw")
    check_same_grid(ct.grid, votes.grid, str(files.image), str(files.votes))
    part = part_of(place(load(files.saliency), record), binarisation["part"])
    region = cut(binarisation, descending(part), part.size, important)
    seen, axis = SeenRegion.of(record), record.ct_slice_axis
    mass = part.sum(axis=tuple({0, 1, 2} - {axis}), dtype=np.float64)
    # A model that sees a subset of slices at once has one map for all of them: every slice ties.
    tied = np.flatnonzero(mass >= mass.max() * (1 - 1e-6))
    marks = [np.count_nonzero(votes.data.take(seen.axes[axis][i], axis=axis)) for i in tied]
    best = int(tied[int(np.argmax(marks))])
    k = int(seen.axes[axis][best])
    inside = np.ix_(*(indices for a, indices in enumerate(seen.axes) if a != axis))
    plane = np.full(np.delete(ct.data.shape, axis), np.nan, dtype=np.float32)
    plane[inside] = part.take(best, axis=axis)
    turn, aspect = display_order(ct.grid, axis)
    centre = [(n - 1) / 2 for n in ct.grid.shape]
    centre[axis] = k
    along = int(np.argmax(np.abs(ct.grid.affine[:3, axis] / ct.grid.spacing_mm[axis])))
    return Slice(
        ct=turn(ct.data.take(k, axis=axis)),
        saliency=turn(plane),
        attended=turn(np.nan_to_num(plane) > region.threshold)
        | turn((plane == region.threshold) & (region.tie_share > 0)),
        votes=turn(votes.data.take(k, axis=axis).astype(np.int64)),
        number=k + 1,
        count=ct.grid.shape[axis],
        position_mm=float((ct.grid.affine @ [*centre, 1])[along]),
        axis=AXIS_NAMES[along],
        aspect=aspect,
        largest=float(part.max()),
        raters=raters,
        tied=len(tied),
    )


def count_raters(votes: Path) -> int:
    """Return how many raters looked at a case, from the description in its votes image."""
    description = bytes(nib.Nifti1Image.from_filename(votes).header["descrip"].tobytes())
    found = re.search(rb"raters=(\d+)", description)
    if not found:
        raise InputError(f"{votes} does not say how many raters looked; make it again.")
    return int(found[1])


def display_order(grid: Grid, axis: int) -> tuple[Any, float]:
    """Return how to turn a slice across array axis `axis` for display, and its pixels' aspect.

    Columns run to the patient's left (in a sagittal slice to the back), rows to the back (in
    coronal and sagittal slices to the feet), which is against the direction of every RAS axis.

    Returns
    -------
    turn : function of a 2-D array
        The two remaining array axes, in their order, to (rows, columns).
    aspect : float
        Height of a pixel over its width.
    """
    towards = nib.orientations.io_orientation(grid.affine)
    u, v = (a for a in range(3) if a != axis)
    flips = [slice(None, None, -1 if towards[a, 1] > 0 else 1) for a in (u, v)]
    swap = towards[u, 0] < towards[v, 0]
    rows, columns = (v, u) if swap else (u, v)

    def turn(plane: NDArray[Any]) -> NDArray[Any]:
        flipped = plane[tuple(flips)]
        return np.ascontiguousarray(flipped.T if swap else flipped)

    return turn, grid.spacing_mm[rows] / grid.spacing_mm[columns]


def edge_letters(grid: Grid, axis: int) -> tuple[str, str]:
    """Return the letters of the picture's left and top edge, such as R and A."""
    towards = nib.orientations.io_orientation(grid.affine)
    first, second = sorted(int(towards[a, 0]) for a in range(3) if a != axis)
    return "RAS"[first], "RAS"[second]
