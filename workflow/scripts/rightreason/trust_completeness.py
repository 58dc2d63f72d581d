"""Whether attributions add up to what they explain."""

from __future__ import annotations

import torch
from torch import nn

from rightreason.cam import frozen
from rightreason.integrated import completeness_error


def completeness_gap(
    network: nn.Module, x: torch.Tensor, maps: torch.Tensor, target: int, baseline: float,
    batch: int,
) -> float:  # fmt: skip
    """Return how much of the output's difference the attributions miss or add.

    Parameters
    ----------
    network : nn.Module
        Gives logits (N, classes).
    x, maps : (N, C, *spatial) tensors
        Network input, and the attributions.
    target : int
        The explained class; its logit is the output.
    baseline : float
        Grey value of the baseline, from 0 (black) to 1 (white).
    batch : int
        Most samples at once.

    Returns
    -------
    float
        The largest of the samples' errors, as `integrated.completeness_error` defines them.
    """
    empty = torch.full_like(x[:1], 2 * baseline - 1)
    with frozen(network), torch.no_grad():
        logits = torch.cat([network(part) for part in torch.split(x, batch)])
        difference = (logits - network(empty))[:, target]
    return float(completeness_error(maps, difference).max())
