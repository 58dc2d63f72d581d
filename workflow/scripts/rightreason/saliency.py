"""Stage `saliency`: one raw, signed map per case and method, by the networks that judged the case.

A model that was trained with several seeds also leaves each seed's own map beside it. All CAM
methods of a call come from one forward pass and one gradient. Maps are stored as the formulas give
them, negative values included: the positive part is taken where maps are scored.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rightreason import devices
from rightreason.cam import FORMULAS, upsampling_mode
from rightreason.committee import Committee, Panel, load_network, panels
from rightreason.errors import InputError
from rightreason.explain import Explained, explain, target_layers
from rightreason.images import save, write_whole
from rightreason.inputs import from_samples
from rightreason.samples import CaseSamples, in_channels, load_case
from rightreason.tsv import to_tsv

COLUMNS = ("case", "target", "layer", "upsampling", "logit", "minimum", "maximum", "reason")
PROBABILITY_TOLERANCE = 1e-4
TARGETS = ("positive", "predicted", "label")

Row = dict[str, Any]


@dataclass(frozen=True)
class _Run:
    """What all cases of a call share."""

    model: Mapping[str, Any]
    methods: Mapping[str, Mapping[str, Any]]
    layers: Mapping[str, str]
    channels: int
    batch: int
    device: torch.device
    out: Path


def explain_model(
    images: Mapping[str, Path],
    committees: Mapping[str, Committee],
    predictions: Path,
    labels: Mapping[str, int],
    positive: str,
    model: Mapping[str, Any],
    methods: Mapping[str, Mapping[str, Any]],
    target: str,
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write `{method}/{case}.nii.gz` and `{method}.tsv` for every method and case.

    The map of several networks is the mean of theirs. Where a case has networks of several seeds,
    `{method}/{case}.seed{s}.nii.gz` is the mean over those of seed s alone. The forward passes made
    here must give the probability in `predictions`: so the map is known to be of the network that
    made the prediction.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images.
    committees : mapping of case to committee
        As for `predict_model`.
    predictions : path
        Its table.
    labels : mapping of case to 0 or 1
        What the target `label` explains.
    positive : str
        The class 1.
    model : mapping
        `network`, `options`, `channels`, `target_layer`.
    methods : mapping of method to mapping
        `algorithm`, and its settings: `layer` (CAMs), `steps` and `baseline` (gradient methods).
    target : str
        The explained class: `positive`, `predicted` (as the table of predictions has it) or
        `label`.
    settings : mapping
        `device`, `threads`, `batch`.
    out : path
        Folder of the model.

    Raises
    ------
    InputError
        When images, weights or layers do not fit the network; after all cases are done, when
        probabilities differ, naming every such case. Such a case's maps are not written, nor is
        any table. A map that holds NaN or infinity is written as it is, with the reason: it stops
        its own case when it is scored, not the cohort.
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {TARGETS}, not {target!r}")
    device = devices.select(settings)
    stated = _read_predictions(predictions)
    first = load_case(images[next(iter(committees))]).pixels.to(device)
    channels = in_channels(first, model.get("channels"))
    load = partial(load_network, model=model, pixels=first, channels=channels)
    layers: dict[str, str] | None = None
    rows: dict[str, dict[str, Row]] = {}
    problems: list[str] = []
    for panel in panels(committees, load):
        if layers is None:
            layers = target_layers(panel.by_seed[0][0], first[:1], channels, model, methods)
        run = _Run(model, methods, layers, channels, int(settings["batch"]), device, out)
        for case in panel.cases:
            probability, predicted = stated[case]
            classes = {"positive": 1, "predicted": predicted == positive, "label": labels[case]}
            samples = load_case(images[case])
            rows[case], found = _explain_case(
                case, samples, panel, probability, int(classes[target]), run
            )
            problems += found
    if problems:
        raise InputError.of(
            f"The saliency of {model['network']} cannot be used for these cases (the others' maps "
            "are written):",
            problems,
        )
    for method in methods:
        table = [rows[case][method] for case in committees]
        write_whole(out / f"{method}.tsv", to_tsv(COLUMNS, table))


def _explain_case(
    case: str,
    samples: CaseSamples,
    panel: Panel[str],
    probability: float,
    explained_class: int,
    run: _Run,
) -> tuple[dict[str, Row], list[str]]:
    """Write one case's maps; return its rows and what is wrong with it."""
    pixels = samples.pixels.to(run.device)
    result = explain(
        panel.by_seed, pixels, run.channels, run.methods, run.layers, explained_class, run.batch
    )
    if not abs(result.probability - probability) <= PROBABILITY_TOLERANCE:
        return {}, [
            f"{case}: the networks give {result.probability:.6f}, and the table of predictions "
            f"says {probability:.6f}: not the same networks or images. Run `predict` again."
        ]
    _save(case, samples, result, run)
    for seed, alone in enumerate(result.by_seed):
        _save(f"{case}.seed{seed}", samples, alone, run)
    return {method: _row(case, explained_class, method, result, run) for method in run.methods}, []


def _save(name: str, samples: CaseSamples, result: Explained, run: _Run) -> None:
    """Write the maps, each with its reason in the header."""
    for method, values in result.maps.items():
        volume = from_samples(values, samples.record)
        save(
            run.out / method / f"{name}.nii.gz", volume, samples.record.grid.affine, np.float32,
            result.reasons[method],
        )  # fmt: skip


def _row(case: str, explained_class: int, method: str, result: Explained, run: _Run) -> Row:
    values = result.maps[method]
    is_cam = run.methods[method]["algorithm"] in FORMULAS
    spatial_dims = 3 if run.model["input"] == "volume" else 2
    mode = f"{upsampling_mode(spatial_dims)}, align_corners=False"
    return {
        "case": case,
        "target": explained_class,
        "layer": run.layers.get(method, "input"),
        "upsampling": mode if is_cam else "none",
        "logit": f"{result.logit:.6g}",
        "minimum": f"{values.min():.6g}",
        "maximum": f"{values.max():.6g}",
        "reason": result.reasons[method],
    }


def _read_predictions(path: Path) -> dict[str, tuple[float, str]]:
    """Return the probability and the predicted class of every case."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return {row["case"]: (float(row["probability"]), row["predicted"]) for row in rows}
