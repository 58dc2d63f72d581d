"""The part of the stage `trust` that needs annotations: the order in which findings come first.

That order depends on no method, so one job serves all methods of a model; `trust_table` holds each
map's curves against these.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, distance_transform_edt

from rightreason.batch_size import BatchSize
from rightreason.committee import Committee
from rightreason.failures import failure_of
from rightreason.images import Grid, Volume, load
from rightreason.inputs import InputRecord, to_samples
from rightreason.probabilities import Fold
from rightreason.samples import record_path
from rightreason.trust_faithfulness import FILLS, areas, filled, places
from rightreason.trust_subjects import COLUMNS, POSITIVE, Row, Subject, areas_rows, subjects
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole


def measure_findings(
    images: Mapping[str, Path],
    committees: Mapping[Fold, Committee],
    folds: Mapping[str, Fold],
    annotations: Mapping[str, Path],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write the areas under the curves in which what any rater marked comes first.

    Parameters
    ----------
    images, committees, folds, model, settings
        As for `trust.measure_trust`; folds of annotated cases.
    annotations : mapping of case to path
        The folder of a case's masks. A case whose annotations failed, or of which no rater marked
        anything in what the model sees, is left out.
    out : path
        Table (TSV) with `trust_subjects.COLUMNS`.
    """
    found: list[Row] = []
    batch = BatchSize(int(settings["batch"]))
    images = {c: path for c, path in images.items() if not failure_of(annotations[c])}
    for subject in subjects(images, committees, folds, model, None, settings, batch):
        for case in subject.inputs:
            record = InputRecord.read(record_path(images[case]))
            depth = finding_depth(load(annotations[case] / "votes.nii.gz"), record)
            if depth is None:
                continue
            values = torch.from_numpy(to_samples(depth, record))[subject.samples[case]]
            make = partial(_curves, subject, case, places(values), settings["steps"])
            found += batch.fitting(case, make)
    write_whole(out, to_tsv(COLUMNS, sorted(found, key=lambda row: str(row["case"]))))


def _curves(subject: Subject, case: str, order: torch.Tensor, steps: int, batch: int) -> list[Row]:
    x = subject.inputs[case]
    orders, how = [order.to(x.device)], (POSITIVE, steps, batch)
    own = {fill: areas(subject.network, x, filled(x, fill), orders, *how)[0] for fill in FILLS}
    return [
        {"test": "findings", "step": None, **row}
        for fill, found in own.items()
        for row in areas_rows(case, fill, found)
    ]


def finding_depth(votes: Volume, record: InputRecord) -> NDArray[np.float32] | None:
    """Return how deep each voxel of the prepared image lies in the findings.

    Parameters
    ----------
    votes : Volume
        How many raters marked each voxel, on the CT grid.
    record : InputRecord
        Geometry of the prepared image.

    Returns
    -------
    (X, Y, Z) array of float32
        In mm: positive in what any rater marked, growing inwards; negative outside, falling with
        the distance. So the order within and around the findings is smooth, as a map's is. None
        where nothing is marked in what entered the model.
    """
    marked = _nearest(votes.data > 0, votes.grid, record.grid)
    seen = marked if record.kind == "volume" else marked[:, :, record.slices]
    if not seen.any():
        return None
    spacing = record.grid.spacing_mm
    inside = distance_transform_edt(marked, sampling=spacing)
    outside = distance_transform_edt(~marked, sampling=spacing)
    depth: NDArray[np.float32] = (inside - outside).astype(np.float32)
    return depth


def _nearest(data: NDArray[np.bool_], source: Grid, target: Grid) -> NDArray[np.bool_]:
    """Resample a mask onto another grid, nearest neighbour, nothing outside."""
    step = np.linalg.inv(source.affine) @ target.affine
    found: NDArray[np.bool_] = affine_transform(
        data.view(np.uint8), step[:3, :3], step[:3, 3], target.shape, order=0, mode="constant"
    ).astype(bool)
    return found
