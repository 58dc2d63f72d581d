"""Gradient methods, by captum, whose import (three seconds) only these pay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from rightreason.cam import frozen


def integrated_gradients(
    network: nn.Module, x: torch.Tensor, target: int, settings: Mapping[str, Any], batch: int
) -> torch.Tensor:
    """Integrated gradients of the target's logit (Sundararajan et al. 2017, eq. 3).

    Gauss-Legendre quadrature along the straight path from a uniform baseline to the input.

    Parameters
    ----------
    network : nn.Module
        Gives logits (N, classes).
    x : (N, C, *spatial) tensor
        Network input.
    target : int
        Class whose logit is explained.
    settings : mapping
        `steps` of the quadrature, and `baseline`, its grey value from 0 (black) to 1 (white).
    batch : int
        Most images in one pass; bounds the memory.

    Returns
    -------
    tensor like `x`
        Signed attributions.
    """
    from captum.attr import IntegratedGradients

    with frozen(network):
        attributions: torch.Tensor = IntegratedGradients(network).attribute(
            x,
            baselines=2 * float(settings["baseline"]) - 1,
            target=target,
            n_steps=int(settings["steps"]),
            internal_batch_size=max(batch, len(x)),
        )
    return attributions.detach().to(x.dtype)


ALGORITHMS: Mapping[
    str,
    Callable[[nn.Module, torch.Tensor, int, Mapping[str, Any], int], torch.Tensor],
] = {"integrated_gradients": integrated_gradients}
"""Algorithms that attribute to the input, by name."""
