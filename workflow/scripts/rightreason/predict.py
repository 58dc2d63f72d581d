"""Probabilities: each case by the networks that never saw its patient."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rightreason import devices
from rightreason.committee import Panel, inputs, load_network, panels
from rightreason.errors import InputError
from rightreason.images import write_whole
from rightreason.samples import in_channels, load_case
from rightreason.tsv import to_tsv

COLUMNS = ("case", "site", "fold", "label", "probability")


def predict_model(
    images: Mapping[str, Path],
    committees: Mapping[str, Sequence[Path]],
    rows: Sequence[Mapping[str, Any]],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Path,
) -> None:
    """Write the probability of the positive class for every case.

    It is the mean over the case's networks of the mean over its samples of the softmax.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images.
    committees : mapping of case to paths of weights
        Out of fold one per seed; an external case has those of all folds.
    rows : sequence of mappings
        `case`, `site`, `fold`, `label`: one row of the table each, in this order.
    model : mapping
        `network`, `options`, `channels`.
    settings : mapping
        `device`, `threads`, `batch` (most samples at once).
    out : path
        The table (TSV) with the columns case, site, fold, label, probability.

    Raises
    ------
    InputError
        When images or weights do not fit the network, or a probability is not finite.
    """
    device = devices.select(settings)
    wanted = {row["case"]: committees[row["case"]] for row in rows}
    first = load_case(images[rows[0]["case"]]).pixels.to(device)
    channels = in_channels(first, model.get("channels"))
    probabilities: dict[str, float] = {}
    for panel in panels(wanted, lambda path: load_network(path, model, first, channels)):
        for case in panel.cases:
            pixels = load_case(images[case]).pixels.to(device)
            probabilities[case] = _probability(panel, pixels, channels, int(settings["batch"]))
    undefined = [case for case, value in probabilities.items() if not math.isfinite(value)]
    if undefined:
        raise InputError.of(
            f"The network {model['network']} gives no finite probability; its weights are not "
            "usable (train again, with a lower `learning_rate` or precision 32). Cases:",
            undefined,
        )
    _write(out, rows, probabilities)


def _probability(panel: Panel, pixels: torch.Tensor, channels: int, batch: int) -> float:
    with torch.inference_mode():
        chunks = list(inputs(pixels, channels, batch))
        values = [
            torch.cat([network(x).double().softmax(1)[:, 1] for x in chunks]).mean()
            for network in panel.networks
        ]
        return float(torch.stack(values).mean())


def _write(
    out: Path, rows: Sequence[Mapping[str, Any]], probabilities: Mapping[str, float]
) -> None:
    table = [{**row, "probability": probabilities[row["case"]]} for row in rows]
    write_whole(out, to_tsv(COLUMNS, table))
