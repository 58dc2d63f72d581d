"""Whether the network needs what the map names: deletion and insertion curves.

Petsiuk et al. 2018 (RISE), section 4.2: voxels are taken from the image, or put into an empty one,
in the map's order, and the class's probability is watched. A better order takes it away sooner and
brings it back sooner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from rightreason.cam import frozen

FILLS = ("blur", "mean")
BLUR = 16
"""The standard deviation of the blur is this part of each side of the image."""


class Areas(NamedTuple):
    """Areas under both curves of one order: mean probabilities while voxels are replaced."""

    deletion: float
    insertion: float


def filled(x: torch.Tensor, fill: str) -> torch.Tensor:
    """Return what voxels are replaced by.

    Parameters
    ----------
    x : (N, C, *spatial) tensor
        Network input.
    fill : str
        `blur`: the image without its detail, by a Gaussian whose standard deviation is a sixteenth
        of each side; `mean`: each channel's mean grey.
    """
    if fill == "mean":
        return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True).expand_as(x)
    sigma = [0.0, 0.0, *(side / BLUR for side in x.shape[2:])]
    blurred = gaussian_filter(x.cpu().numpy(), sigma, mode="nearest")
    return torch.from_numpy(np.ascontiguousarray(blurred)).to(x)


def places(values: torch.Tensor) -> torch.Tensor:
    """Return where each voxel stands in the falling order of its sample, from 0 to below 1.

    Parameters
    ----------
    values : (N, C, *spatial) tensor
        Maps; of equal values the first in memory comes first.
    """
    flat = values.flatten(1)
    order = flat.argsort(dim=1, descending=True, stable=True)
    count = torch.arange(flat.shape[1], device=flat.device, dtype=torch.float32)
    ranks = torch.empty_like(flat, dtype=torch.float32)
    ranks.scatter_(1, order, (count / flat.shape[1]).expand(len(flat), -1))
    return ranks.reshape(values.shape)


def elsewhere(order: torch.Tensor, number: int, seed: int) -> Iterator[torch.Tensor]:
    """Give the same orders at random places: rolled along every side, so equally smooth.

    A random order of single voxels would be noise, which spoils an image faster than any region of
    it does, and would be no fair opponent.
    """
    generator = np.random.default_rng(seed)
    axes = tuple(range(2, order.ndim))
    for _ in range(number):
        by = [int(generator.integers(0, order.shape[axis])) for axis in axes]
        yield order.roll(by, axes)


def target_probability(network: nn.Module, x: torch.Tensor, target: int, batch: int) -> float:
    """Return the class's probability: the mean over the samples of the softmax."""
    with frozen(network), torch.no_grad():
        logits = torch.cat([network(part) for part in torch.split(x, batch)])
    return float(logits.double().softmax(dim=1)[:, target].mean())


def areas(
    network: nn.Module, x: torch.Tensor, fill: torch.Tensor, orders: Sequence[torch.Tensor],
    target: int, steps: int, batch: int,
) -> list[Areas]:  # fmt: skip
    """Return the areas under the curves of some orders, by the trapezoidal rule.

    Costs 2 * (steps - 1) forward passes of the samples for each order, and two.

    Parameters
    ----------
    network : nn.Module
        Gives logits (N, classes).
    x, fill : (N, C, *spatial) tensors
        Network input, and what replaces it.
    orders : sequence of (N, 1 or C, *spatial) tensors
        From `places`.
    target : int
        The class whose probability is watched.
    steps : int
        In how many equal parts the voxels are replaced.
    batch : int
        Most samples at once.

    Returns
    -------
    list of Areas
        In the order of `orders`.
    """
    whole, empty = (target_probability(network, given, target, batch) for given in (x, fill))

    def area(order: torch.Tensor, first: torch.Tensor, then: torch.Tensor) -> float:
        inner = [
            target_probability(network, torch.where(order < k / steps, then, first), target, batch)
            for k in range(1, steps)
        ]
        # Both curves run between the whole image and the filled one.
        return ((whole + empty) / 2 + sum(inner)) / steps

    return [Areas(area(order, x, fill), area(order, fill, x)) for order in orders]


def gain(own: Areas, others: Sequence[Areas]) -> float:
    """Return by how much an order beats others, as a mean over both curves and the others.

    The area between the deletion curves (others above own) and between the insertion curves (own
    above others), in units of probability: 0 is no better than they are, below 0 worse.
    """
    deletion = float(np.mean([other.deletion for other in others])) - own.deletion
    insertion = own.insertion - float(np.mean([other.insertion for other in others]))
    return (deletion + insertion) / 2
