"""Whether a sample's map depends on what else is in the batch."""

from __future__ import annotations

import torch
from torch import nn

from rightreason.trust_maps import MapOf
from rightreason.trust_similarity import is_flat


def batch_difference(network: nn.Module, map_of: MapOf, x: torch.Tensor) -> float:
    """Return how far maps made in a batch are from those made alone.

    Each sample is explained alone, and together with its own negative, turned over: an image that
    no method may let shine through, and mostly one of the other class.

    Parameters
    ----------
    network : nn.Module
        In eval mode.
    map_of : callable
        Makes the maps.
    x : (N, C, *spatial) tensor
        Network input.

    Returns
    -------
    float
        The largest absolute difference, as a share of the range of the sample's map made alone (of
        a map that is the same everywhere, of its absolute value): the largest of all samples. 0
        where the two are equal, also when both are zero; NaN where a map made alone holds NaN or
        infinity.
    """
    worst = 0.0
    for one in torch.split(x, 1):
        alone = map_of(network, one)[0]
        if not torch.isfinite(alone).all():
            return float("nan")
        # Behind the other one: what takes the first of a batch for all is found, too.
        together = map_of(network, torch.cat([-one.flip(-1), one]))[1]
        gap = float((together - alone).abs().max())
        span = float(alone.abs().max() if is_flat(alone) else alone.max() - alone.min())
        if gap != 0:
            worst = max(worst, gap / span if span > 0 and gap == gap else float("inf"))
    return worst
