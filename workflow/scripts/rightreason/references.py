"""References: the important regions that raters' votes define.

Each voxel is described once by a code, which combination of raters (and of STAPLE) marked it; what
every reference counts then follows from histograms of codes over the few voxels that anyone marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.consensus import CONSENSUS
from rightreason.errors import InputError
from rightreason.images import Grid
from rightreason.placement import SeenRegion
from rightreason.staple import staple

Mask = NDArray[np.bool_]
VOTES = "votes"


@dataclass(frozen=True, order=True)
class Reference:
    """One reference: a rater or a consensus, of all raters or of all but `left_out`."""

    name: str
    left_out: str = ""


@dataclass(frozen=True)
class Patterns:
    """What every code stands for.

    Attributes
    ----------
    raters : tuple of str
        Who looked, in alphabetical order.
    keys : tuple of Reference
        Raters, `majority`, `union`, `intersection`, `staple`; then, with several raters, these four
        of all raters but one, for each.
    members : (codes, len(keys)) array of bool
        Whether a voxel with that code belongs to each reference; code 0 belongs to none.
    marked : (codes, len(raters)) array of bool
        Whether each rater marked a voxel with that code.
    voters : tuple of str
        Whose votes are counted: of all raters (blank), then of all but each of several.
    """

    raters: tuple[str, ...]
    keys: tuple[Reference, ...]
    members: NDArray[np.bool_]
    marked: NDArray[np.bool_]
    voters: tuple[str, ...]

    @property
    def whole(self) -> list[int]:
        """Positions in `keys` of the references of all raters."""
        return [i for i, key in enumerate(self.keys) if not key.left_out]

    def votes(self) -> NDArray[np.int64]:
        """Return the votes of each code, (codes, len(voters))."""
        total = self.marked.sum(axis=1, dtype=np.int64)
        own = {rater: self.marked[:, i] for i, rater in enumerate(self.raters)}
        return np.stack([total - own.get(voter, 0) for voter in self.voters], axis=1)

    def of_all_raters(self) -> Patterns:
        """Leave out the references and votes that leave a rater out."""
        keys = tuple(self.keys[i] for i in self.whole)
        return Patterns(self.raters, keys, self.members[:, self.whole], self.marked, ("",))


@dataclass(frozen=True)
class References:
    """Every reference on a set of voxels, most of which nobody marked.

    Attributes
    ----------
    patterns : Patterns
        What the codes stand for.
    size : int
        Number of voxels, N.
    at : (U,) array of int
        The marked voxels, as flat indices in rising order.
    codes : (U,) array of int
        Their codes; none is 0.
    """

    patterns: Patterns
    size: int
    at: NDArray[np.int64]
    codes: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Number of important voxels of each reference, (R,)."""
        return self.of_codes(self.codes)

    def of_codes(self, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Count, for each reference, the voxels that have these codes."""
        histogram = np.bincount(codes, minlength=len(self.patterns.members))
        counts: NDArray[np.float64] = histogram.astype(np.float64) @ self.patterns.members
        return counts

    def mask(self, reference: int) -> Mask:
        """Return one reference's region, (N,)."""
        return self._spread(self.patterns.members[:, reference])

    def rater_mask(self, rater: str) -> Mask:
        """Return what one rater marked, (N,)."""
        return self._spread(self.patterns.marked[:, self.patterns.raters.index(rater)])

    def _spread(self, belongs: NDArray[np.bool_]) -> Mask:
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[self.at[belongs[self.codes]]] = True
        return mask

    def of_all_raters(self) -> References:
        """Leave out the references that leave a rater out."""
        return References(self.patterns.of_all_raters(), self.size, self.at, self.codes)

    def part(self, where: Mask) -> References:
        """Return the references on the voxels that `where`, (N,), keeps."""
        kept = where[self.at]
        position = np.cumsum(where, dtype=np.int64) - 1
        return References(
            self.patterns, int(where.sum()), position[self.at[kept]], self.codes[kept]
        )


@dataclass(frozen=True)
class CodedImage:
    """The codes of one case on the CT grid."""

    patterns: Patterns
    codes: NDArray[Any]
    grid: Grid

    def within(self, seen: SeenRegion) -> References:
        """Return the references on the seen voxels only."""
        codes = seen.take(self.codes).ravel()
        at = np.flatnonzero(codes)
        return References(self.patterns, codes.size, at, codes[at].astype(np.int64))

    def counts(self, where: Mask) -> NDArray[np.int64]:
        """Return how many voxels of the CT in `where` have each code."""
        return np.bincount(self.codes[where], minlength=len(self.patterns.members))


def encode(
    masks: Mapping[str, Mask], staples: Mapping[str, Mask], grid: Grid | None = None
) -> CodedImage:
    """Code the voxels of one case.

    Parameters
    ----------
    masks : mapping of rater to array of bool
        All of one shape.
    staples : mapping of str to array of bool
        The STAPLE consensus of all raters (`""`) and, with several, of all but each of them.
    grid : Grid, optional
        Of the masks.

    Raises
    ------
    InputError
        When there are more than 31 raters.
    """
    raters = tuple(sorted(masks))
    layers = [*(masks[r] for r in raters), *(staples[v] for v in _left_out(raters))]
    if len(layers) > 64:
        raise InputError(
            f"One case was annotated by {len(raters)} raters, and at most 31 can be held apart. "
            "Take rows out of the annotation table."
        )
    kind = np.min_scalar_type((1 << len(layers)) - 1)
    raw = np.zeros(layers[0].shape, dtype=kind)
    for bit, layer in enumerate(layers):
        raw |= np.left_shift(layer, bit, dtype=kind)
    at = np.flatnonzero(raw)
    found, codes = np.unique(raw.ravel()[at], return_inverse=True)
    bits = np.concatenate([np.zeros(1, dtype=np.uint64), found.astype(np.uint64)])
    layered = (bits[:, None] >> np.arange(len(layers), dtype=np.uint64)) & np.uint64(1) == 1
    small = np.zeros(raw.size, dtype=np.min_scalar_type(len(found)))
    small[at] = codes + 1
    shape = raw.shape
    if grid is None:
        x, y, z = shape
        grid = Grid((x, y, z), np.eye(4))
    return CodedImage(_patterns(raters, layered), small.reshape(shape), grid)


def _left_out(raters: Sequence[str]) -> list[str]:
    return ["", *raters] if len(raters) > 1 else [""]


def _patterns(raters: tuple[str, ...], layered: NDArray[np.bool_]) -> Patterns:
    """Say which codes belong to which reference."""
    n = len(raters)
    marked = layered[:, :n]
    keys = [Reference(rater) for rater in raters]
    columns = [marked[:, i] for i in range(n)]
    for k, left_out in enumerate(_left_out(raters)):
        kept = [i for i, rater in enumerate(raters) if rater != left_out]
        votes = marked[:, kept].sum(axis=1)
        consensus = consensus_of(votes, len(kept)) | {"staple": layered[:, n + k]}
        keys += [Reference(name, left_out) for name in CONSENSUS]
        columns += [consensus[name] for name in CONSENSUS]
    members = np.column_stack(columns)
    return Patterns(raters, tuple(keys), members, marked, tuple(_left_out(raters)))


def consensus_of(votes: NDArray[Any], raters: int) -> dict[str, Mask]:
    """Return the consensus that follows from votes; `majority` is of two both, of four three."""
    return {
        "majority": 2 * votes > raters,
        "union": votes > 0,
        "intersection": votes == raters,
    }


def staples_without(masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """Return the STAPLE consensus of all raters but each one; empty for a single rater."""
    if len(masks) < 2:
        return {}
    return {
        left_out: staple({r: mask for r, mask in masks.items() if r != left_out}).mask
        for left_out in sorted(masks)
    }
