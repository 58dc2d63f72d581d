"""One case as the report's viewer shows it: CT, maps and marks in one script file beside the page.

A browser reads no data file from disk, but it runs scripts: the file is one statement that hands
the case over.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rightreason.blocks import Blocks, Triple, whole_factors
from rightreason.case_files import ModelFiles
from rightreason.images import Grid, Volume, check_same_grid, load
from rightreason.inputs import InputRecord
from rightreason.placement import SeenRegion
from rightreason.reference_files import read_masks, read_staple
from rightreason.references import Mask, consensus_of
from rightreason.view_volumes import ct_volume, map_volume, marks_volume
from rightreason.whole import write_whole

Box = list[tuple[int, int]]
MAP_SHARE = 2
"""How many times coarser than the CT, in the plane of its slices, maps may be shown."""


@dataclass(frozen=True)
class Marked:
    """Who looked at a case, what each marked, and the headline's reference of it."""

    masks: Mapping[str, Mask]
    anywhere: Mask
    reference: Mask | None

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any]) -> tuple[Marked, Grid]:
        """Read a case's folder under `results/annotate/`, and the grid of what is there.

        The reference is None where no map's cut needs it, or where it is a rater who did not look.
        """
        masks, votes = read_masks(folder)
        name, reference = settings["reference"], None
        if settings["binarisation"]["rule"] == "area":
            if name == "staple":
                reference = read_staple(folder, votes.grid)
            else:
                reference = {**masks, **consensus_of(votes.data, len(masks))}.get(name)
        return cls(masks, votes.data > 0, reference), votes.grid


def make_view(
    case: str,
    models: Mapping[str, ModelFiles],
    volume: Path,
    annotations: Path | None,
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write what the viewer shows of one case.

    Parameters
    ----------
    case : str
        Case id.
    models : mapping of model to ModelFiles
        `record` and `maps`, in the order of the config.
    volume : path
        The case's CT.
    annotations : path or None
        The case's folder under `results/annotate/`; None where nobody looked.
    settings : mapping
        `binarisation` and `reference` of the headline (the latter for the rule `area`);
        `view_size`, the most voxels along the two axes of a slice and along the slice axis.
    out : path
        The script: `rightreason.show({...});` with the keys `case`, `ct`, `maps` and `marks` (see
        `view_volumes`). A map that holds NaN or infinite values is left out, as it is scored
        nowhere; the log says so.

    Raises
    ------
    InputError
        When images do not fit together or cannot be read.
    """
    ct = load(volume)
    records = {model: InputRecord.read(files.record) for model, files in models.items()}
    for record in records.values():
        check_same_grid(record.ct_grid, ct.grid, f"The prepared image of {case}", "its CT")
    marked = None
    if annotations is not None:
        marked, grid = Marked.read(annotations, settings)
        check_same_grid(grid, ct.grid, f"The annotations of {case}", "its CT")
    box = box_around(records.values(), marked)
    view, coarse, fine = _factors(box, settings["view_size"], next(iter(records.values())))
    shown = {
        "case": case,
        "ct": ct_volume(ct, Blocks.over(ct.grid, box, view)),
        "maps": [
            {"model": model, "method": method}
            | map_volume(saliency, records[model], Blocks.over(ct.grid, box, coarse),
                         settings["binarisation"], _important(marked, records[model]))
            for model, files in models.items()
            for method, saliency in _finite_maps(files)
        ],
        "marks": marked and marks_volume(marked.masks, Blocks.over(ct.grid, box, fine)),
    }  # fmt: skip
    write_whole(out, statement(shown))


def box_around(records: Iterable[InputRecord], marked: Marked | None) -> Box:
    """Return the (start, stop) pairs that hold all that any model saw and anyone marked."""
    held = [SeenRegion.of(record).axes for record in records]
    if marked is not None and marked.anywhere.any():
        x, y, z = (
            np.flatnonzero(marked.anywhere.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)
        )
        held.append((x, y, z))
    return [(int(min(a[0] for a in along)), int(max(a[-1] for a in along)) + 1)
            for along in zip(*held, strict=True)]  # fmt: skip


def _factors(box: Box, size: Sequence[int], record: InputRecord) -> tuple[Triple, Triple, Triple]:
    """Return the factors of the CT, the maps and the marks: all alike along the slice axis."""
    plane = [axis for axis in range(3) if axis != record.ct_slice_axis]
    most = [size[2]] * 3
    for axis, limit in zip(plane, size, strict=False):
        most[axis] = limit
    view = whole_factors(box, most)
    for axis in plane:
        most[axis] = max(1, most[axis] // MAP_SHARE)
    fine = tuple(1 if axis in plane else view[axis] for axis in range(3))
    return view, whole_factors(box, most), (fine[0], fine[1], fine[2])


def _important(marked: Marked | None, record: InputRecord) -> float | None:
    """Count the important voxels that a model saw; None where that is not known or not needed."""
    if marked is None or marked.reference is None:
        return None
    return float(np.count_nonzero(SeenRegion.of(record).take(marked.reference)))


def _finite_maps(files: ModelFiles) -> Iterator[tuple[str, Volume]]:
    for method, path in files.maps.items():
        saliency = load(path)
        if np.isfinite(saliency.data).all():
            yield method, saliency
        else:
            logging.warning("The saliency map %s holds NaN or infinite values: not shown.", path)


def statement(shown: Mapping[str, Any]) -> bytes:
    """Return the one statement of a case's file; no text in it can end the script that holds it.

    >>> statement({"case": "</script>"})
    b'rightreason.show({"case":"\\\\u003c/script>"});\\n'
    """
    text = json.dumps(shown, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"rightreason.show({text});\n".encode("ascii")
