"""What a target layer must put out: one map per sample, which can be laid over the image.

Slices that lie in the batch, or a sequence of them, would be laid over it as well, without an
error: the map of one slice over all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from rightreason.errors import InputError


def the_output(
    network: nn.Module, x: torch.Tensor, layer: str, kept: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return what a layer put out in a forward pass of `x`, if it is a map of each sample.

    Raises
    ------
    InputError
        When the layer did not run exactly once, or gave no map, or not one of each sample that can
        be laid over it.
    """
    if len(kept) != 1:
        raise InputError(
            f"The layer {layer!r} runs {len(kept)} times in one forward pass of "
            f"{type(network).__name__}; a target layer must run once. Choose another."
        )
    if kept[0].ndim < 3:
        raise InputError(
            f"The layer {layer!r} of {type(network).__name__} gives no map (an output of "
            f"shape {tuple(kept[0].shape)}): choose a layer before the pooling."
        )
    if not fits(kept[0], x):
        raise InputError(
            f"The layer {layer!r} of {type(network).__name__} {misfit(kept[0], x)}. Choose a "
            "layer that does (`target_layer`, or the method's `layer`), or methods that look at "
            "the input and need none."
        )
    return kept[0]


def fits(output: Any, x: torch.Tensor) -> bool:
    """Say whether a layer's output can be laid over the input `x`, sample by sample."""
    return isinstance(output, torch.Tensor) and len(output) == len(x) and output.ndim == x.ndim


def misfit(output: Any, x: torch.Tensor) -> str:
    """Say what a layer gives that does not fit, and what it should."""
    return (
        f"gives an output of shape {tuple(output.shape)} for an input of shape {tuple(x.shape)}; "
        f"a target layer must give one map per sample with as many axes as the input: "
        f"{len(x)} first, {x.ndim} axes"
    )
