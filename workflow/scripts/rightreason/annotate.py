"""Stage `annotate`: every rater's annotation of a case on the grid of its CT, and the votes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import images
from rightreason.annotation_files import read_annotation
from rightreason.errors import InputError
from rightreason.images import Grid
from rightreason.mask_placement import place


def annotate_case(
    case: str,
    volume: Path,
    record: Path,
    annotations: Sequence[Mapping[str, Any]],
    out: Path,
    settings: Mapping[str, Any],
) -> None:
    """Write `{rater}.nii.gz` for every rater of a case, and `votes.nii.gz`.

    Masks are uint8, 0 or 1; votes are uint8 counts, and their header's description says how many
    raters looked (`raters=N`). A rater's rows are united; a row without a file is a rater who
    looked and found nothing.

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
        `max_volume_change` (a fraction; 0.05 is 5 %), `outside` (`error` or `clip`).

    Raises
    ------
    InputError
        When an annotation cannot be read or placed; all of the case's problems at once.
    """
    if not annotations:
        raise InputError(f"Case {case} has no row in the annotation table; nothing to annotate.")
    ct = images.load_grid(volume)
    frame = json.loads(Path(record).read_text()).get("frame_of_reference")
    masks: dict[str, NDArray[np.bool_]] = {}
    problems = []
    for row in annotations:
        try:
            mask = _mask(row, ct, frame, settings)
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
    votes = np.zeros(ct.shape, dtype=np.uint8)
    for rater in sorted(masks):
        votes += masks[rater]
        images.save(Path(out) / f"{rater}.nii.gz", masks[rater], ct.affine, np.uint8)
    images.save(Path(out) / "votes.nii.gz", votes, ct.affine, np.uint8, f"raters={len(masks)}")


def _mask(
    row: Mapping[str, Any], ct: Grid, frame: str | None, settings: Mapping[str, Any]
) -> NDArray[np.bool_]:
    if not row["file"]:
        return np.zeros(ct.shape, dtype=bool)
    path = Path(row["file"])
    roi = str(row["roi"]).strip() if row.get("roi") not in (None, "") else None
    mask = read_annotation(path, roi, ct, frame)
    return place(
        mask,
        ct,
        path.name,
        max_volume_change=float(settings["max_volume_change"]),
        clip=settings["outside"] == "clip",
    )
