"""Which samples of a case the tests of maps look at."""

from __future__ import annotations

import torch
from torch import nn

from rightreason.cam import frozen


def strongest(
    network: nn.Module, x: torch.Tensor, target: int, count: int, batch: int
) -> torch.Tensor:
    """Return the samples to which the network gives the target class the highest logit margins.

    There a map has something to explain; where a case has 30 slices, most show nothing.

    Parameters
    ----------
    network : nn.Module
        Gives two logits.
    x : (N, C, *spatial) tensor
        All samples of a case.
    target : int
        The explained class.
    count : int
        Most samples to return.
    batch : int
        Most samples at once.

    Returns
    -------
    (at most `count`,) tensor of int64
        Their indices, rising; of equals the first.
    """
    if len(x) <= count:
        return torch.arange(len(x))
    with frozen(network), torch.no_grad():
        logits = torch.cat([network(part) for part in torch.split(x, batch)]).double()
    margin = logits[:, target] - logits[:, 1 - target]
    return margin.argsort(descending=True, stable=True)[:count].sort().values.cpu()
