"""References: the important regions that raters' votes define.

Each voxel is described once by a code, which combination of raters (and of STAPLE) marked it; what
every reference counts then follows from one histogram of codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rightreason.consensus import CONSENSUS
from rightreason.errors import InputError
from rightreason.images import Grid, check_same_grid, load
from rightreason.placement import SeenRegion


@dataclass(frozen=True)
class References:
    """Every rater and consensus on a set of voxels.

    Attributes
    ----------
    names : list of str
        Raters in alphabetical order, then `majority`, `union`, `intersection`, `staple`.
    codes : (N,) or (X, Y, Z) array of int
        Per voxel, which row of `members` describes it.
    members : (n_codes, n_references) array of bool
        Whether a voxel with that code belongs to each reference.
    """

    names: list[str]
    codes: NDArray[np.int64]
    members: NDArray[np.bool_]

    @property
    def sizes(self) -> list[float]:
        """Number of important voxels of each reference."""
        return [float(n) for n in self.count(np.ones(self.codes.size, dtype=np.bool_))]

    def within(self, seen: SeenRegion) -> References:
        """Return the references on the seen voxels only."""
        return References(self.names, seen.take(self.codes), self.members)

    def count(
        self, where: NDArray[np.bool_], weights: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """Count (or sum the weights of) the voxels `where` holds that each reference marked.

        Parameters
        ----------
        where : (N,) array of bool
            Voxels to count, flattened.
        weights : (N,) array, optional
            What each counts.

        Returns
        -------
        (n_references,) array
        """
        histogram = np.bincount(
            self.codes.ravel()[where],
            weights=None if weights is None else weights[where],
            minlength=len(self.members),
        )
        counts: NDArray[np.float64] = histogram.astype(np.float64) @ self.members
        return counts


def make_references(masks: dict[str, NDArray[np.bool_]], staple: NDArray[np.bool_]) -> References:
    """Make the references of one case from its raters' masks and STAPLE's, all of one shape.

    `majority` is more than half of the raters who looked: of two both, of four three.
    """
    raters = sorted(masks)
    codes: NDArray[np.int64] = staple.astype(np.int64) << len(raters)
    for bit, rater in enumerate(raters):
        codes |= masks[rater].astype(np.int64) << bit
    patterns, codes = np.unique(codes, return_inverse=True)
    marked = (patterns[:, None] >> np.arange(len(raters) + 1)) & 1 == 1
    votes = marked[:, :-1].sum(axis=1)
    consensus = {
        "majority": 2 * votes > len(raters),
        "union": votes > 0,
        "intersection": votes == len(raters),
        "staple": marked[:, -1],
    }
    members = np.column_stack([marked[:, :-1], *(consensus[name] for name in CONSENSUS)])
    return References([*raters, *CONSENSUS], codes.reshape(staple.shape), members)


def read_references(folder: Path) -> tuple[References, Grid]:
    """Read one case's annotations from `results/annotate/{case}/`.

    Returns
    -------
    References
        On the CT grid.
    Grid
        The CT grid.
    """
    votes = load(folder / "votes.nii.gz")
    masks = {}
    for path in sorted(folder.glob("*.nii.gz")):
        if path.name in ("votes.nii.gz", "staple.nii.gz"):
            continue
        mask = load(path)
        check_same_grid(mask.grid, votes.grid, str(path), "its votes.nii.gz")
        masks[path.name.removesuffix(".nii.gz")] = mask.data > 0
    if not masks or not np.array_equal(sum(m.astype(int) for m in masks.values()), votes.data):
        raise InputError(f"The masks in {folder} do not add up to its votes; remove the folder.")
    staple = load(folder / "staple.nii.gz")
    check_same_grid(staple.grid, votes.grid, "staple.nii.gz", "its votes.nii.gz")
    return make_references(masks, staple.data > 0), votes.grid
