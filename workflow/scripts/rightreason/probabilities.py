"""What committees say of cases: each network loaded once, few cases in memory at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rightreason import devices
from rightreason.background import read_ahead
from rightreason.committee import Committee, Panel, inputs, load_network, panels
from rightreason.errors import InputError
from rightreason.samples import CaseSamples, in_channels, load_case

Fold = int | None
"""A fold; None stands for none, where a case of an external site is."""
Judged = tuple[str, Fold]
"""A case, and the fold whose committee judges it."""


def judge(
    images: Mapping[str, Path],
    wanted: Iterable[Judged],
    committees: Mapping[Fold, Committee],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> dict[Judged, list[float]]:
    """Return probabilities of the positive class, one per seed, in the order asked for.

    A probability is the mean over the networks of the seed of the mean over the case's samples of
    the softmax.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images.
    wanted : iterable of (case, fold)
        What is judged by which committee.
    committees : mapping of fold to committee
        A fold has one network per seed; None has those of all folds.
    model : mapping
        `network`, `options`, `channels`.
    settings : mapping
        `device`, `threads` (of the CPU; as many cases are in memory), `batch` (most samples at
        once).

    Raises
    ------
    InputError
        When images or weights do not fit the network, or a probability is not finite.
    """
    keys = list(wanted)
    if not keys:
        return {}
    device = devices.select(settings)
    first = load_case(images[keys[0][0]]).pixels.to(device)
    channels = in_channels(first, model.get("channels"))

    def read(key: Judged) -> CaseSamples:
        return load_case(images[key[0]])

    found: dict[Judged, list[float]] = {}
    assigned = {key: committees[key[1]] for key in keys}
    for panel in panels(assigned, lambda path: load_network(path, model, first, channels)):
        for key, samples in read_ahead(panel.cases, read, int(settings["threads"])):
            pixels = samples.pixels.to(device)
            found[key] = _of_case(panel, pixels, channels, int(settings["batch"]))
    _check(found, model)
    return {key: found[key] for key in keys}


def _of_case(panel: Panel[Judged], pixels: torch.Tensor, channels: int, batch: int) -> list[float]:
    with torch.no_grad():
        chunks = list(inputs(pixels, channels, batch))
        values = [
            [torch.cat([net(x).double().softmax(1)[:, 1] for x in chunks]).mean() for net in seed]
            for seed in panel.by_seed
        ]
        return [float(torch.stack(seed).mean()) for seed in values]


def _check(by_seed: Mapping[Judged, Sequence[float]], model: Mapping[str, Any]) -> None:
    undefined = [case for (case, _), values in by_seed.items() if not math.isfinite(sum(values))]
    if undefined:
        remedy = (
            "look for NaN in the files of `trained`, or in what the network does with these images"
            if model.get("trained")
            else "train again, with a lower `learning_rate` or precision 32"
        )
        raise InputError.of(
            f"The network {model['network']} gives no finite probability; its weights are not "
            f"usable ({remedy}). Cases:",
            sorted(set(undefined)),
        )
