"""Committees: which trained networks judge which cases, each network loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rightreason import networks
from rightreason.samples import memory_format, to_input


@dataclass(frozen=True)
class Panel:
    """The trained networks that judge a group of cases together.

    Attributes
    ----------
    networks : tuple of nn.Module
        In eval mode, weights frozen, on the device.
    cases : tuple of str
        The cases that this very set of networks judges.
    """

    networks: tuple[nn.Module, ...]
    cases: tuple[str, ...]


def panels(
    committees: Mapping[str, Sequence[Path | str]], load: Callable[[str], nn.Module]
) -> Iterator[Panel]:
    """Go through the cases, grouped by their committee, larger committees first.

    Each network is loaded once, and dropped as soon as no later group needs it.

    Parameters
    ----------
    committees : mapping of case to paths of weights
        An out-of-fold case has one network per seed, an external one those of all folds.
    load : callable
        Gives the network of a path.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for case, paths in committees.items():
        groups.setdefault(tuple(str(path) for path in paths), []).append(case)
    order = sorted(groups, key=lambda paths: (-len(paths), paths))
    loaded: dict[str, nn.Module] = {}
    for position, paths in enumerate(order):
        needed = {path for later in order[position:] for path in later}
        loaded = {path: network for path, network in loaded.items() if path in needed}
        for path in paths:
            if path not in loaded:
                loaded[path] = load(path)
        yield Panel(tuple(loaded[path] for path in paths), tuple(groups[paths]))


def load_network(
    path: Path | str, model: Mapping[str, Any], pixels: torch.Tensor, channels: int
) -> nn.Module:
    """Build the model's network for samples like `pixels`, with the weights of one training."""
    network = networks.build(
        model["network"], pixels.ndim - 2, channels, options=model.get("options")
    )
    networks.load_trained(network, path)
    network.to(pixels.device)
    return network.to(memory_format=memory_format(pixels.ndim))  # type: ignore[call-overload,no-any-return]


def inputs(pixels: torch.Tensor, channels: int, batch: int) -> Iterator[torch.Tensor]:
    """Give one case's samples as network input, at most `batch` at a time.

    Cases are never mixed in a batch: what a case gets cannot depend on which others are there.
    """
    for chunk in torch.split(pixels, batch):
        yield to_input(chunk, channels)
