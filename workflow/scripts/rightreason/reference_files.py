"""What the raters marked, read from one case's folder under `results/annotate/`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rightreason.errors import InputError
from rightreason.images import Grid, Volume, check_same_grid, load
from rightreason.references import CodedImage, Mask, encode, staples_without


def read_references(folder: Path) -> CodedImage:
    """Read one case's annotations from `results/annotate/{case}/`.

    Raises
    ------
    InputError
        When the files there do not fit together.
    """
    masks, votes = read_masks(folder)
    whole = read_staple(folder, votes.grid)
    return encode(masks, {"": whole, **staples_without(masks)}, votes.grid)


def read_masks(folder: Path) -> tuple[dict[str, Mask], Volume]:
    """Read what every rater of a case marked, in the order of their names, and the votes.

    Raises
    ------
    InputError
        When the files there do not fit together.
    """
    votes = load(folder / "votes.nii.gz")
    masks = {}
    for path in sorted(folder.glob("*.nii.gz")):
        if path.name in ("votes.nii.gz", "staple.nii.gz"):
            continue
        mask = load(path)
        check_same_grid(mask.grid, votes.grid, str(path), "its votes.nii.gz")
        masks[path.name.removesuffix(".nii.gz")] = mask.data > 0
    total = np.zeros_like(votes.data, dtype=np.uint8)
    for marked in masks.values():
        total += marked.view(np.uint8)
    if not masks or not np.array_equal(total, votes.data):
        raise InputError(f"The masks in {folder} do not add up to its votes; remove the folder.")
    return {rater: masks[rater] for rater in sorted(masks)}, votes


def read_staple(folder: Path, grid: Grid) -> Mask:
    """Read the STAPLE consensus of all raters of a case, which must be on this grid."""
    consensus = load(folder / "staple.nii.gz")
    check_same_grid(consensus.grid, grid, "staple.nii.gz", "its votes.nii.gz")
    mask: Mask = consensus.data > 0
    return mask
