"""The one place where the tests of maps meet the methods: a function from input to map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from rightreason.answers import Question, answers
from rightreason.explain import target_layers

MapOf = Callable[[nn.Module, torch.Tensor], torch.Tensor]
"""Takes a network and its input (N, C, *spatial), gives signed maps (N, 1 or C, *spatial)."""


def map_function(
    method: Mapping[str, Any], layer: str | None, target: int, batch: int, own_channels: int
) -> MapOf:
    """Return what makes the maps of one method, as the stage `saliency` makes them.

    Parameters
    ----------
    method : mapping
        `algorithm` and its settings.
    layer : str or None
        Target layer of a method that looks at one.
    target : int
        The explained class.
    batch : int
        Most samples in one pass.
    own_channels : int
        Channels of the prepared image; where the network gets more (a grey slice repeated), the
        attributions to them are added up.
    """
    question = Question({"": method}, {"": layer} if layer else {}, target)

    def made(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        maps = answers(network, x, question, batch)[1][""].maps
        return maps if maps.shape[1] in (1, own_channels) else maps.sum(dim=1, keepdim=True)

    def in_parts(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([made(network, part) for part in torch.split(x, batch)]).detach()

    return in_parts


def target_layer(
    network: nn.Module, pixels: torch.Tensor, channels: int, model: Mapping[str, Any],
    method: Mapping[str, Any],
) -> str | None:  # fmt: skip
    """Return the layer that a method's maps are made at, or None where it needs none.

    Parameters
    ----------
    network : nn.Module
        Of the model.
    pixels : (N, C, [Z,] Y, X) tensor of uint8
        Samples.
    channels : int
        Channels of the network's input.
    model, method : mapping
        Their settings.
    """
    return target_layers(network, pixels[:1], channels, model, {"": method}).get("")
