"""What the tests of maps look at: networks, the maps they are made to give, and a few cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rightreason import devices
from rightreason.batch_size import BatchSize
from rightreason.committee import Committee, Panel, load_network, panels
from rightreason.probabilities import Fold
from rightreason.samples import in_channels, load_case, to_input
from rightreason.trust_faithfulness import Areas
from rightreason.trust_maps import MapOf, map_function, target_layer
from rightreason.trust_samples import strongest

COLUMNS = ("case", "test", "measure", "step", "value")
"""Of the tables of measured values; `step` is the share of the layers that are drawn anew."""
POSITIVE = 1
"""The class whose evidence is looked for: all cases that are looked at have it."""

Row = dict[str, Any]
Inputs = Mapping[str, torch.Tensor]
MapAt = Callable[[int], MapOf]
"""Gives what makes a method's maps, of at most so many samples at once."""


@dataclass(frozen=True)
class Subject:
    """What is tested: one network of a model, with one method, on some cases.

    Attributes
    ----------
    networks : sequence of nn.Module
        One of each seed; the first is tested.
    map_at : callable
        Gives what makes the method's maps.
    inputs : mapping of case to (N, C, *spatial) tensor
        What is looked at of each case.
    maps : mapping of case to (N, 1 or C, *spatial) tensor
        Its map by the tested network.
    samples : mapping of case to (N,) tensor of int64
        Which of its samples these are.
    method : mapping
        The method's settings.
    """

    networks: Sequence[nn.Module]
    map_at: MapAt
    inputs: Inputs
    maps: Inputs
    samples: Inputs
    method: Mapping[str, Any]

    @property
    def network(self) -> nn.Module:
        """The network that is tested."""
        return self.networks[0]

    def alone(self, case: str) -> Subject:
        """Return the same with one case."""
        inputs, maps, samples = ({case: of[case]} for of in (self.inputs, self.maps, self.samples))
        return replace(self, inputs=inputs, maps=maps, samples=samples)


def subjects(
    images: Mapping[str, Path], committees: Mapping[Fold, Committee],
    folds: Mapping[str, Fold], model: Mapping[str, Any], method: Mapping[str, Any] | None,
    settings: Mapping[str, Any], batch: BatchSize,
) -> Iterator[Subject]:  # fmt: skip
    """Go through the networks that judge the cases; without a method they have no map."""
    tasks = {case: committees[fold] for case, fold in folds.items() if case in images}
    if not tasks:
        return
    device = devices.select(settings)
    first = load_case(images[next(iter(tasks))]).pixels.to(device)
    channels = in_channels(first, model.get("channels"))
    load = partial(load_network, model=model, pixels=first, channels=channels)
    map_at: MapAt | None = None
    for panel in panels(tasks, load):
        networks = [seed[0] for seed in panel.by_seed]
        if map_at is None:
            map_at = _map_at(networks[0], first, channels, model, method)
        given = _inputs(panel, images, channels, device)
        samples = {
            case: batch.fitting(
                case, partial(strongest, networks[0], x, POSITIVE, settings["samples"])
            )
            for case, x in given.items()
        }
        inputs = {case: x[samples[case]] for case, x in given.items()}
        maps = {
            case: batch.fitting(case, partial(_maps, map_at, networks[0], x))
            for case, x in inputs.items()
        }
        yield Subject(networks, map_at, inputs, maps, samples, method or {})


def _map_at(
    network: nn.Module, pixels: torch.Tensor, channels: int, model: Mapping[str, Any],
    method: Mapping[str, Any] | None,
) -> MapAt:  # fmt: skip
    if method is None:
        return lambda _batch: lambda _network, x: torch.zeros_like(x)
    layer = target_layer(network, pixels, channels, model, method)
    return lambda batch: map_function(method, layer, POSITIVE, batch, pixels.shape[1])


def _maps(map_at: MapAt, network: nn.Module, x: torch.Tensor, batch: int) -> torch.Tensor:
    return map_at(batch)(network, x)


def _inputs(
    panel: Panel[str], images: Mapping[str, Path], channels: int, device: torch.device
) -> dict[str, torch.Tensor]:
    return {
        case: to_input(load_case(images[case]).pixels.to(device), channels) for case in panel.cases
    }


def areas_rows(case: str, fill: str, found: Areas) -> Iterator[Row]:
    """Give the rows of the areas under both curves."""
    yield {"case": case, "measure": f"deletion_{fill}", "value": found.deletion}
    yield {"case": case, "measure": f"insertion_{fill}", "value": found.insertion}
