"""Stage `annotate`: every rater's annotation of a case on the grid of its CT, and the votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import images
from rightreason.annotation_files import read_annotation
from rightreason.ct_record import CtRecord
from rightreason.errors import InputError
from rightreason.images import Grid
from rightreason.mask_placement import place
from rightreason.staple import Staple, staple
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole

RATER_COLUMNS = [
    "rater", "slices", "voxels", "volume_mm3", "staple_sensitivity", "staple_specificity",
]  # fmt: skip


def annotate_case(
    case: str,
    volume: Path,
    record: Path,
    annotations: Sequence[Mapping[str, Any]],
    out: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write `{rater}.nii.gz` for every rater of a case, and what follows from all of them.

    Masks are uint8, 0 or 1. `votes.nii.gz` holds uint8 counts, and its header's description says
    how many raters looked (`raters=N`); `staple.nii.gz` is the STAPLE consensus, 0 or 1. The table
    `raters.tsv` says of each rater how many slices and voxels are marked. A rater's rows are
    united; a row without a file is a rater who looked and found nothing.

    Parameters
    ----------
    case : str
        The case's id, for error sentences.
    volume, record : path
        What `convert` wrote.
    annotations : sequence of mappings
        Rows of the annotation table: `rater`, `file` (path or None), `roi` (name, number or None).
    out : path
        Folder to write into.
    settings : mapping
        `max_volume_change` (a fraction; 0.05 is 5 %), `outside` (`error` or `clip`),
        `fractional_threshold`.

    Raises
    ------
    InputError
        When an annotation cannot be read or placed; all of the case's problems at once.
    """
    if not annotations:
        raise InputError(f"Case {case} has no row in the annotation table; nothing to annotate.")
    ct = CtRecord.read(record, images.load_grid(volume))
    masks: dict[str, NDArray[np.bool_]] = {}
    problems = []
    for row in annotations:
        try:
            mask = _mask(row, ct, settings)
        except InputError as error:
            problems.append(f"rater {row['rater']}: {error}")
            continue
        rater = str(row["rater"])
        masks[rater] = masks[rater] | mask if rater in masks else mask
    if problems:
        raise InputError.of(
            f"Case {case}: annotations cannot be used. Correct the files, or the columns `file` "
            "and `roi` of the annotation table:",
            problems,
        )
    _write(Path(out), masks, ct)


def _write(out: Path, masks: Mapping[str, NDArray[np.bool_]], ct: CtRecord) -> None:
    grid = ct.grid
    votes = np.zeros(grid.shape, dtype=np.uint8)
    for rater in sorted(masks):
        votes += masks[rater]
        images.save(out / f"{rater}.nii.gz", masks[rater], grid.affine, np.uint8)
    images.save(out / "votes.nii.gz", votes, grid.affine, np.uint8, f"raters={len(masks)}")
    consensus = staple(masks)
    images.save(out / "staple.nii.gz", consensus.mask, grid.affine, np.uint8, "STAPLE consensus")
    rows = [_describe(rater, masks[rater], consensus, grid, ct.slice_axis)
            for rater in sorted(masks)]  # fmt: skip
    write_whole(out / "raters.tsv", to_tsv(RATER_COLUMNS, rows))


def _describe(
    rater: str, mask: NDArray[np.bool_], consensus: Staple, grid: Grid, slice_axis: int
) -> dict[str, Any]:
    voxels = int(np.count_nonzero(mask))
    across = tuple(axis for axis in range(3) if axis != slice_axis)
    return {
        "rater": rater,
        "slices": int(np.count_nonzero(mask.any(axis=across))),
        "voxels": voxels,
        "volume_mm3": voxels * grid.voxel_mm3,
        "staple_sensitivity": consensus.sensitivity[rater],
        "staple_specificity": consensus.specificity[rater],
    }


def _mask(row: Mapping[str, Any], ct: CtRecord, settings: Mapping[str, Any]) -> NDArray[np.bool_]:
    if not row["file"]:
        return np.zeros(ct.grid.shape, dtype=bool)
    path = Path(row["file"])
    roi = str(row["roi"]).strip() if row.get("roi") not in (None, "") else None
    mask = read_annotation(path, str(row["rater"]), roi, ct, settings)
    return place(
        mask,
        ct.grid,
        path.name,
        max_volume_change=float(settings["max_volume_change"]),
        clip=settings["outside"] == "clip",
    )
