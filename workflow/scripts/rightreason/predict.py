"""Probabilities: each case by the networks that never saw its patient, and what they call it.

The threshold of a fold is chosen on its inner validation cases, by the networks of that fold. So
neither a test case nor an external one has a say in what it is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rightreason import devices
from rightreason.committee import Committee, Panel, inputs, load_network, panels
from rightreason.errors import InputError
from rightreason.images import write_whole
from rightreason.samples import in_channels, load_case
from rightreason.threshold import choose_threshold
from rightreason.tsv import as_written, to_tsv

COLUMNS = ("case", "site", "fold", "label", "probability", "threshold", "predicted")
VALIDATION_COLUMNS = ("fold", "case", "label", "probability")
SEED_COLUMNS = ("case", "seed", "probability")

Rows = Sequence[Mapping[str, Any]]
Judged = tuple[str, int | None]
"""A case, and the fold whose threshold it helps to choose; None where it is itself predicted."""


def predict_model(
    images: Mapping[str, Path],
    committees: Mapping[str, Committee],
    rows: Rows,
    validation: Mapping[int, Mapping[str, Any]],
    classes: Sequence[str],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Mapping[str, Path],
) -> None:
    """Write the probability of the positive class for every case, and the class it is called.

    The probability is the mean over the case's networks of the mean over its samples of the
    softmax. A case is called positive from its threshold on: that of its fold
    (`choose_threshold`), for an external case the mean of the folds' thresholds.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images.
    committees : mapping of case to committee
        Out of fold one network per seed; an external case has those of all folds.
    rows : sequence of mappings
        `case`, `site`, `fold` (None for an external case), `label`: one row of the table each, in
        this order.
    validation : mapping of fold to mapping
        `cases`, the fold's inner validation cases, all of them among `rows`, and `networks`, the
        committee of the fold.
    classes : sequence of two str
        The negative class and the positive one.
    model : mapping
        `network`, `options`, `channels`.
    settings : mapping
        `device`, `threads`, `batch` (most samples at once).
    out : mapping of name to path
        Tables (TSV) of these names and columns: `table` has `COLUMNS`, `validation` has
        `VALIDATION_COLUMNS` (probabilities are means over seeds), `seeds` has `SEED_COLUMNS` (means
        over the case's networks of that seed).

    Raises
    ------
    InputError
        When images or weights do not fit the network, or a probability is not finite.
    """
    wanted: dict[Judged, Committee] = {(row["case"], None): committees[row["case"]] for row in rows}
    for fold, part in validation.items():
        wanted |= {(case, fold): part["networks"] for case in part["cases"]}
    by_seed = _probabilities(images, wanted, model, settings)
    _check(by_seed, model["network"])
    # In the digits of the table: who reads it finds the same classes by the same thresholds.
    means = {key: as_written(float(np.mean(values))) for key, values in by_seed.items()}
    judges = _validation_rows(rows, validation, means)
    thresholds = _thresholds(judges, list(validation), classes[1])
    table = [_row(row, means[row["case"], None], thresholds[row["fold"]], classes) for row in rows]
    seeds = [
        {"case": row["case"], "seed": seed, "probability": value}
        for row in rows
        for seed, value in enumerate(by_seed[row["case"], None])
    ]
    write_whole(out["validation"], to_tsv(VALIDATION_COLUMNS, judges))
    write_whole(out["seeds"], to_tsv(SEED_COLUMNS, seeds))
    write_whole(out["table"], to_tsv(COLUMNS, table))


def _probabilities(
    images: Mapping[str, Path],
    wanted: Mapping[Judged, Committee],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[Judged, list[float]]:
    """Return each wanted probability, one per seed."""
    device = devices.select(settings)
    first = load_case(images[next(iter(wanted))[0]]).pixels.to(device)
    channels = in_channels(first, model.get("channels"))
    found: dict[Judged, list[float]] = {}
    for panel in panels(wanted, lambda path: load_network(path, model, first, channels)):
        for key in panel.cases:
            pixels = load_case(images[key[0]]).pixels.to(device)
            found[key] = _of_case(panel, pixels, channels, int(settings["batch"]))
    return found


def _of_case(panel: Panel[Judged], pixels: torch.Tensor, channels: int, batch: int) -> list[float]:
    with torch.inference_mode():
        chunks = list(inputs(pixels, channels, batch))
        values = [
            [torch.cat([net(x).double().softmax(1)[:, 1] for x in chunks]).mean() for net in seed]
            for seed in panel.by_seed
        ]
        return [float(torch.stack(seed).mean()) for seed in values]


def _check(by_seed: Mapping[Judged, Sequence[float]], network: str) -> None:
    undefined = [case for (case, _), values in by_seed.items() if not math.isfinite(sum(values))]
    if undefined:
        raise InputError.of(
            f"The network {network} gives no finite probability; its weights are not "
            "usable (train again, with a lower `learning_rate` or precision 32). Cases:",
            sorted(set(undefined)),
        )


def _validation_rows(
    rows: Rows, validation: Mapping[int, Mapping[str, Any]], means: Mapping[Judged, float]
) -> list[dict[str, Any]]:
    labels = {row["case"]: row["label"] for row in rows}
    return [
        {"fold": fold, "case": case, "label": labels[case], "probability": means[case, fold]}
        for fold, part in validation.items()
        for case in part["cases"]
    ]


def _thresholds(judges: Rows, folds: Sequence[int], positive: str) -> dict[int | None, float]:
    """Return the threshold of every fold, and their mean for the cases that are in none."""
    chosen: dict[int | None, float] = {}
    for fold in folds:
        here = [row for row in judges if row["fold"] == fold]
        labels = np.array([row["label"] == positive for row in here], dtype=bool)
        values = np.array([row["probability"] for row in here], dtype=float)
        chosen[fold] = choose_threshold(labels, values)
    return chosen | {None: as_written(float(np.mean(list(chosen.values()))))}


def _row(
    row: Mapping[str, Any], probability: float, threshold: float, classes: Sequence[str]
) -> dict[str, Any]:
    predicted = classes[int(probability >= threshold)]
    return {**row, "probability": probability, "threshold": threshold, "predicted": predicted}
