"""Stage `export`, on request: attended regions and saliency as DICOM objects for a PACS.

These objects, alone of all outputs, carry the patient's identity, as the source series does: a PACS
files them by it.

The attended region holds every voxel that counts at all where the map is scored: ties at the
threshold are in it, whatever their share, as in the report's pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import cut, descending, part_of
from rightreason.case_files import ModelFiles
from rightreason.ct_record import CtRecord
from rightreason.dicom_frames import Frames
from rightreason.dicom_objects import UNSEEN, About, save_parametric_map, save_segmentation
from rightreason.dicom_sources import find_sources, made_of
from rightreason.dicom_texts import discreet
from rightreason.images import load
from rightreason.inputs import InputRecord
from rightreason.placement import SeenRegion, place
from rightreason.reference_files import read_references
from rightreason.references import Reference

log = logging.getLogger(__name__)


@discreet()
def export_case(
    case: str,
    image: Path,
    conversion: Path,
    models: Mapping[str, ModelFiles],
    annotations: Path | None,
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write `{model}.{method}.seg.dcm` and `{model}.{method}.pm.dcm` of every map of a case.

    What cannot be written (an empty region; one of the size of a reference that is not there; a map
    with NaN) is left out, and the log says so in a sentence.

    Parameters
    ----------
    case : str
        Case id.
    image : path
        The DICOM that the CT was made of.
    conversion : path
        The record of `convert`.
    models : mapping of model to ModelFiles
        Records and maps; seeds and donors are not looked at.
    annotations : path or None
        The case's folder under `results/annotate/`, for the rule `area`.
    settings : mapping
        `name`, `binarisation`: the headline's, and its entry in the section `overlap`; `reference`:
        the headline's.
    out : path
        The folder to make.

    Raises
    ------
    InputError
        When the source's slices are not there as they were, or lack the UIDs to refer to.
    """
    out.mkdir(parents=True, exist_ok=True)
    log.warning(
        "What is written to %s names the patient, as the source series does, so that a PACS can "
        "file it: treat it as that series, and never share it with the report.",
        out,
    )
    records = {model: InputRecord.read(files.record) for model, files in models.items()}
    ct = CtRecord.read(conversion, next(iter(records.values())).ct_grid)
    parts = made_of(conversion, ct, find_sources(case, image, ct))
    number = count()
    for model, files in models.items():
        record = records[model]
        seen = SeenRegion.of(record)
        frames = Frames.of(ct, seen, parts)
        important = _important(annotations, seen, settings)
        for method, path in files.maps.items():
            about = About(case, model, method, next(number))
            values = place(load(path), record)
            if not np.isfinite(values).all():
                log.warning("%s, %s: the map holds NaN; nothing written.", model, method)
            else:
                _write_map(out, about, values, frames, important, settings)


def _write_map(
    out: Path, about: About, values: NDArray[np.float32], frames: Frames,
    important: float | None, settings: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write a map on the seen region, and what is attended of it where that is anything."""
    # An id holds no dot: no two maps can share a name.
    stem = f"{out}/{about.model}.{about.method}"
    shown = frames.arrange(np.where(values == UNSEEN, np.float32(0), values), UNSEEN)
    part = settings["binarisation"]["part"]
    save_parametric_map(Path(f"{stem}.pm.dcm"), shown, frames, about, part)
    region = _attended(about, values, important, settings)
    if region is not None:
        mask, description = frames.arrange(region, False), _described(about, settings)
        save_segmentation(Path(f"{stem}.seg.dcm"), mask, frames, about, description)


def _attended(
    about: About, values: NDArray[np.float32], important: float | None, settings: Mapping[str, Any]
) -> NDArray[np.bool_] | None:
    """Cut the attended region out of a map on the seen region; None where there is none."""
    binarisation = settings["binarisation"]
    if binarisation["rule"] == "area" and important is None:
        log.warning(
            "%s, %s: the attended region is as large as the reference %s, which this case does not "
            "have; no Segmentation written.", about.model, about.method, settings["reference"],
        )  # fmt: skip
        return None
    part = part_of(values, binarisation["part"])
    region = cut(binarisation, descending(part), part.size, important or 0.0)
    attended = region.share_of(part) > 0
    if not attended.any():
        log.warning(
            "%s, %s: the attended region is empty, and a Segmentation cannot be; none written.",
            about.model, about.method,
        )  # fmt: skip
        return None
    return attended


def _important(
    annotations: Path | None, seen: SeenRegion, settings: Mapping[str, Any]
) -> float | None:
    """Count the voxels of the headline's reference in the seen region; None where it is not."""
    if annotations is None or settings["binarisation"]["rule"] != "area":
        return None
    references = _references(annotations).within(seen)
    wanted = Reference(settings["reference"])
    if wanted not in references.patterns.keys:
        return None
    return float(references.sizes[references.patterns.keys.index(wanted)])


_references = cache(read_references)


def _described(about: About, settings: Mapping[str, Any]) -> str:
    """Say how the region was cut, for the segment's description."""
    rule = {k: v for k, v in settings["binarisation"].items() if k != "part" and v is not None}
    how = ", ".join(f"{key} {value}" for key, value in rule.items())
    return (
        f"Where the model {about.model} attends, by the saliency method {about.method}: the "
        f"{settings['binarisation']['part']} part of the map, cut by {settings['name']} ({how}), "
        "ties included. For research."
    )
