"""Committees: which trained networks judge which cases, each network loaded once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from rightreason import networks
from rightreason.network_names import is_own
from rightreason.own_networks import complete
from rightreason.samples import memory_format, to_input

K = TypeVar("K", bound=Hashable)
Committee = Sequence[Sequence[Path | str]]
"""Paths of weights: by seed, the networks trained with it; each seed has as many."""


@dataclass(frozen=True)
class Panel(Generic[K]):
    """The trained networks that judge a group of cases together.

    Attributes
    ----------
    by_seed : tuple of tuples of nn.Module
        For each seed its networks: in eval mode, weights frozen, on the device.
    cases : tuple of keys
        What this very set of networks judges.
    """

    by_seed: tuple[tuple[nn.Module, ...], ...]
    cases: tuple[K, ...]


def panels(
    committees: Mapping[K, Committee], load: Callable[[str], nn.Module]
) -> Iterator[Panel[K]]:
    """Go through the cases, grouped by their committee, larger committees first.

    Each network is loaded once, and dropped as soon as no later group needs it.

    Parameters
    ----------
    committees : mapping of key to committee
        An out-of-fold case has one network per seed, an external one those of all folds. A key is
        a case, or more where a case is judged more than once.
    load : callable
        Gives the network of a path.
    """
    groups: dict[tuple[tuple[str, ...], ...], list[K]] = {}
    for key, committee in committees.items():
        paths = tuple(tuple(str(path) for path in seed) for seed in committee)
        groups.setdefault(paths, []).append(key)
    order = sorted(groups, key=lambda seeds: (-sum(map(len, seeds)), seeds))
    loaded: dict[str, nn.Module] = {}
    for position, seeds in enumerate(order):
        needed = {path for later in order[position:] for seed in later for path in seed}
        loaded = {path: network for path, network in loaded.items() if path in needed}
        for path in [path for seed in seeds for path in seed]:
            if path not in loaded:
                loaded[path] = load(path)
        by_seed = tuple(tuple(loaded[path] for path in seed) for seed in seeds)
        yield Panel(by_seed, tuple(groups[seeds]))


def load_network(
    path: Path | str, model: Mapping[str, Any], pixels: torch.Tensor, channels: int
) -> nn.Module:
    """Build the model's network for samples like `pixels`, with the weights of one training."""
    network = networks.build(
        model["network"], pixels.ndim - 2, channels, options=model.get("options"),
        code=model.get("code"),
    )  # fmt: skip
    networks.load_trained(network, path)
    network.to(pixels.device)
    if is_own(model["network"]):
        complete(network, to_input(pixels[:1], channels), model["network"])
    else:
        network.to(memory_format=memory_format(pixels.ndim))  # type: ignore[call-overload]
    return network


def inputs(pixels: torch.Tensor, channels: int, batch: int) -> Iterator[torch.Tensor]:
    """Give one case's samples as network input, at most `batch` at a time.

    Cases are never mixed in a batch: what a case gets cannot depend on which others are there.
    """
    for chunk in torch.split(pixels, batch):
        yield to_input(chunk, channels)
