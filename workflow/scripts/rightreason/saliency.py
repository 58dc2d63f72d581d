"""Stage `saliency`: one raw, signed map per case and method, by the networks that judged the case.

A model that was trained with several seeds also leaves each seed's own map beside it. All CAM
methods of a call come from one forward pass and one gradient. Maps are stored as the formulas give
them, negative values included: the positive part is taken where maps are scored. Few cases are in
memory at a time, and none makes a difference to another's maps: a cohort may be divided at will.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rightreason import devices
from rightreason.answers import Methods
from rightreason.background import read_ahead, write_behind
from rightreason.batch_size import BatchSize
from rightreason.cam import upsampling_mode
from rightreason.committee import Committee, Panel, load_network, panels
from rightreason.errors import InputError
from rightreason.explain import Explained, explain, target_layers
from rightreason.images import save
from rightreason.inputs import InputRecord, from_samples
from rightreason.layout import MAPS_TABLE
from rightreason.probabilities import Fold
from rightreason.saliency_tasks import Task, tasks_of
from rightreason.samples import CaseSamples, in_channels, load_case
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole

COLUMNS = ("case", "target", "layer", "upsampling", "logit", "minimum", "maximum", "reason")
PROBABILITY_TOLERANCE = 1e-4

Row = dict[str, Any]


@dataclass(frozen=True)
class _Run:
    """What all cases of a call share."""

    model: Mapping[str, Any]
    methods: Methods
    layers: Mapping[str, str]
    channels: int
    batch: BatchSize
    device: torch.device
    out: Mapping[str, Path]


def explain_cases(
    images: Mapping[str, Path],
    committees: Mapping[Fold, Committee],
    rows: Sequence[Mapping[str, Any]],
    predictions: Path,
    classes: Sequence[str],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Sequence[Path],
) -> None:
    """Write the maps of some cases, and a table of them, into a folder per method.

    A map is `{case}.nii.gz`, the mean of its networks' maps; where the case has networks of several
    seeds, `{case}.seed{s}.nii.gz` is the mean over those of seed s alone. The forward passes made
    here must give the probability in `predictions`: so the map is known to be of the networks that
    made the prediction.

    Parameters
    ----------
    images, committees, rows, classes
        As for `predict_cases`, also as to cases without an image; of a row, `case`, `fold` and
        `label` count.
    predictions : path
        Its table of these cases.
    model : mapping
        `network`, `options`, `channels`, `target_layer`.
    settings : mapping
        `device`, `threads`; `batch`, halved where the device's memory is full; `methods`, of each
        its `algorithm` and its settings (`algorithms.SETTINGS`); and `target`, the explained class:
        `positive`, `predicted` (as `predictions` has it) or `label`.
    out : sequence of path
        A folder for each method, in their order; it also gets the table `MAPS_TABLE` (TSV) with
        `COLUMNS`, in the order of `rows`.

    Raises
    ------
    InputError
        When images, weights or layers do not fit the network, or one sample not the device; after
        all cases are done, when probabilities differ, naming every such case. Such a case's maps
        are not written, nor is any table. A map that holds NaN or infinity is written as it is,
        with the reason: it stops its own case when it is scored, not the cohort.
    """
    folders = dict(zip(settings["methods"], out, strict=True))
    tasks = tasks_of(images, committees, rows, predictions, classes, settings["target"])
    found: dict[str, Mapping[str, Row]] = {}
    problems: list[str] = []
    with write_behind(int(settings["threads"])) as writer:
        for case, samples, panel, run in _assigned(tasks, model, settings, folders):
            result = _explained(case, samples, tasks[case].target, panel, run)
            differs = _difference(case, result.probability, tasks[case].probability)
            if differs:
                problems.append(differs)
                continue
            writer.start(_files(case, samples.record, result, run))
            found[case] = _rows(case, tasks[case].target, result, run)
    if problems:
        raise InputError.of(
            f"The saliency of {model['network']} cannot be used for these cases:", problems
        )
    for method, folder in folders.items():
        table = [found[case][method] for case in tasks]
        write_whole(folder / MAPS_TABLE, to_tsv(COLUMNS, table))


def _assigned(
    tasks: Mapping[str, Task],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Mapping[str, Path],
) -> Iterator[tuple[str, CaseSamples, Panel[str], _Run]]:
    """Go through the cases, committee by committee, each network loaded once."""
    if not tasks:
        return
    device, methods = devices.select(settings), settings["methods"]
    first = load_case(next(iter(tasks.values())).image).pixels.to(device)
    channels = in_channels(first, model.get("channels"))
    load = partial(load_network, model=model, pixels=first, channels=channels)

    def read(case: str) -> CaseSamples:
        return load_case(tasks[case].image)

    batch = BatchSize(int(settings["batch"]))
    run: _Run | None = None
    for panel in panels({case: task.committee for case, task in tasks.items()}, load):
        if run is None:
            layers = target_layers(panel.by_seed[0][0], first[:1], channels, model, methods)
            run = _Run(model, methods, layers, channels, batch, device, out)
        for case, samples in read_ahead(panel.cases, read, int(settings["threads"])):
            yield case, samples, panel, run


def _explained(
    case: str, samples: CaseSamples, target: int, panel: Panel[str], run: _Run
) -> Explained:
    def make(batch: int) -> Explained:
        pixels = samples.pixels.to(run.device)
        return explain(panel.by_seed, pixels, run.channels, run.methods, run.layers, target, batch)

    return run.batch.fitting(case, make)


def _difference(case: str, found: float, stated: float) -> str | None:
    """Say that the networks are not those that made the prediction, if so."""
    if abs(found - stated) <= PROBABILITY_TOLERANCE:
        return None
    return (
        f"{case}: the networks give {found:.6f}, and the table of predictions says {stated:.6f}: "
        "not the same networks or images. Run `predict` again."
    )


def _files(
    case: str, record: InputRecord, result: Explained, run: _Run
) -> Iterator[Callable[[], None]]:
    """Give what writes each map of a case: of all networks together, and of each seed."""
    named = {case: result} | {f"{case}.seed{s}": alone for s, alone in enumerate(result.by_seed)}
    for name, one in named.items():
        for method, values in one.maps.items():
            path = run.out[method] / f"{name}.nii.gz"
            yield partial(_save, path, values, record, one.reasons[method])


def _save(path: Path, values: NDArray[np.float32], record: InputRecord, reason: str) -> None:
    """Write a map in patient space, with its reason in the header."""
    placed = from_samples(values, record)
    save(path, placed, record.grid.affine, np.float32, reason, computed=True)


def _rows(case: str, target: int, result: Explained, run: _Run) -> dict[str, Row]:
    return {method: _row(case, target, method, result, run) for method in run.methods}


def _row(case: str, explained_class: int, method: str, result: Explained, run: _Run) -> Row:
    values = result.maps[method]
    spatial_dims = 3 if run.model["input"] == "volume" else 2
    mode = f"{upsampling_mode(spatial_dims)}, align_corners=False"
    return {
        "case": case,
        "target": explained_class,
        "layer": run.layers.get(method, "input"),
        "upsampling": mode if method in run.layers else "none",
        "logit": f"{result.logit:.6g}",
        "minimum": f"{values.min():.6g}",
        "maximum": f"{values.max():.6g}",
        "reason": result.reasons[method],
    }
