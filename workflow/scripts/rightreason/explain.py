"""The maps of one case by the networks that judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from rightreason.algorithms import LAYER_ALGORITHMS
from rightreason.answers import Answer, Methods, Question, answers
from rightreason.cam import last_convolution
from rightreason.committee import inputs
from rightreason.saliency_words import (
    DEAD_LAYER,
    NO_POSITIVE_EVIDENCE,
    NOT_FINITE,
    SATURATED_OUTPUT,
)
from rightreason.samples import to_input


@dataclass(frozen=True)
class Explained:
    """Maps of one case, and the outputs of the same passes.

    Attributes
    ----------
    probability : float
        Of class 1: mean over networks and samples of the softmax.
    logit : float
        Of the explained class: mean over networks and samples.
    maps : mapping of method to array of float32
        As `inputs.from_samples` takes them; mean over all networks.
    reasons : mapping of method to str
        Why a map has no positive part; empty where it has one.
    by_seed : tuple of Explained
        The same of each seed's networks alone; empty where there is one seed.
    """

    probability: float
    logit: float
    maps: Mapping[str, NDArray[np.float32]]
    reasons: Mapping[str, str]
    by_seed: tuple[Explained, ...] = ()


@dataclass
class _Traces:
    """What one method leaves behind, over networks and batches."""

    maps: list[torch.Tensor]
    active: bool = False
    answered: bool = False

    def add(self, answer: Answer, channels: int) -> None:
        """Note a batch's answer; where the case has fewer channels than the network, their sum."""
        maps = answer.maps
        self.maps.append(maps if maps.shape[1] in (1, channels) else maps.sum(1, keepdim=True))
        self.active |= answer.active
        self.answered |= answer.answered


@dataclass(frozen=True)
class _Passes:
    """What some networks' passes over one case gave; `logits` and maps network after network."""

    networks: int
    logits: list[torch.Tensor]
    traces: Mapping[str, _Traces]


def target_layers(
    network: nn.Module,
    pixels: torch.Tensor,
    channels: int,
    model: Mapping[str, Any],
    methods: Methods,
) -> dict[str, str]:
    """Return the target layer of every method that looks at one.

    The method's own `layer`, else the model's `target_layer`, else the convolution that runs last.
    """
    named = {
        name: method.get("layer") or model.get("target_layer")
        for name, method in methods.items()
        if method["algorithm"] in LAYER_ALGORITHMS
    }
    if not all(named.values()):
        default = last_convolution(network, to_input(pixels, channels))
        return {name: layer or default for name, layer in named.items()}
    return {name: str(layer) for name, layer in named.items()}


def explain(
    by_seed: Sequence[Sequence[nn.Module]],
    pixels: torch.Tensor,
    channels: int,
    methods: Methods,
    layers: Mapping[str, str],
    target: int,
    batch: int,
) -> Explained:
    """Make the maps of one case by several methods at once, together and by seed.

    Parameters
    ----------
    by_seed : sequence of sequences of nn.Module
        The case's committee, in eval mode; as many networks of each seed.
    pixels : (N, C, [Z,] Y, X) tensor of uint8
        The case's samples, on the networks' device.
    channels : int
        Channels of the networks' input.
    methods : mapping of method to mapping
        `algorithm` and its settings.
    layers : mapping of method to layer
        As `target_layers` returns it.
    target : int
        The explained class.
    batch : int
        Most samples at once.

    Raises
    ------
    torch.OutOfMemoryError
        When the device does not take that many: see `BatchSize`.
    """
    question = Question(methods, layers, target)
    passes = []
    for networks in by_seed:
        done = _Passes(len(networks), [], {name: _Traces([]) for name in methods})
        for network in networks:
            for x in inputs(pixels, channels, batch):
                logits, found = answers(network, x, question, batch)
                done.logits.append(logits)
                for name, answer in found.items():
                    done.traces[name].add(answer, pixels.shape[1])
        passes.append(done)
    alone = tuple(_explained(one, target) for one in passes) if len(passes) > 1 else ()
    return replace(_explained(_joined(passes), target), by_seed=alone)


def _joined(passes: Sequence[_Passes]) -> _Passes:
    """Put the passes of all seeds together."""
    traces = {
        name: _Traces(
            [values for one in passes for values in one.traces[name].maps],
            active=any(one.traces[name].active for one in passes),
            answered=any(one.traces[name].answered for one in passes),
        )
        for name in passes[0].traces
    }
    logits = [values for one in passes for values in one.logits]
    return _Passes(sum(one.networks for one in passes), logits, traces)


def _explained(passes: _Passes, target: int) -> Explained:
    outputs = torch.cat(passes.logits).double()
    traces = passes.traces
    maps = {name: _committee_mean(trace.maps, passes.networks) for name, trace in traces.items()}
    return Explained(
        probability=float(outputs.softmax(1)[:, 1].mean()),
        logit=float(outputs[:, target].mean()),
        maps=maps,
        reasons={name: _reason(maps[name], trace) for name, trace in traces.items()},
    )


def _committee_mean(parts: Sequence[torch.Tensor], networks: int) -> NDArray[np.float32]:
    """Average over the networks, whose maps lie one network after another."""
    maps = torch.cat(list(parts))
    mean = maps.reshape(networks, -1, *maps.shape[1:]).mean(dim=0)
    values: NDArray[np.float32] = mean.to(torch.float32).cpu().numpy()
    return values


def _reason(values: NDArray[np.float32], trace: _Traces) -> str:
    if not np.isfinite(values).all():
        return NOT_FINITE
    if values.max() > 0:
        return ""
    if not trace.active:
        return DEAD_LAYER
    return NO_POSITIVE_EVIDENCE if trace.answered else SATURATED_OUTPUT
