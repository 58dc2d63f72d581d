"""Whether the map stays where it is when next to nothing changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from rightreason.trust_maps import MapOf
from rightreason.trust_similarity import rank_correlation


def under_noise(
    network: nn.Module,
    map_of: MapOf,
    x: torch.Tensor,
    true: torch.Tensor,
    noise: float,
    seed: int,
) -> float:
    """Return the rank correlation of the map with that of a slightly noisy input.

    Parameters
    ----------
    network, map_of
        What makes maps.
    x : (N, C, *spatial) tensor
        Network input, from -1 (black) to 1 (white).
    true : (N, 1 or C, *spatial) tensor
        Its map.
    noise : float
        Standard deviation of the Gaussian noise, as a share of the range from black to white; what
        leaves the range is brought back to its end.
    seed : int
        Of the noise.
    """
    generator = torch.Generator().manual_seed(seed)
    added = torch.randn(x.shape, generator=generator).to(x) * (2 * noise)
    return rank_correlation(true, map_of(network, (x + added).clamp(-1, 1)))


def under_shift(
    network: nn.Module, map_of: MapOf, x: torch.Tensor, true: torch.Tensor, voxels: int
) -> float:
    """Return the rank correlation of the map with that of a shifted input, shifted back.

    The image moves by so many voxels along each side (a quarter of a side at most); what enters
    repeats the edge. Compared is what lies in both images, that far from their edges.

    Parameters
    ----------
    network, map_of, x, true
        As for `under_noise`.
    voxels : int
        How far.
    """
    sides = x.shape[2:]
    by = [min(voxels, side // 4) for side in sides]
    pads = [pad for step in reversed(by) for pad in (step, 0)]
    moved = _part(functional.pad(x, pads, mode="replicate"), [0] * len(by), sides)
    size = [side - 3 * step for side, step in zip(sides, by, strict=True)]
    there = _part(map_of(network, moved), [2 * step for step in by], size)
    return rank_correlation(_part(true, by, size), there)


def _part(values: torch.Tensor, start: Sequence[int], size: Sequence[int]) -> torch.Tensor:
    for axis, (first, length) in enumerate(zip(start, size, strict=True), start=2):
        values = values.narrow(axis, first, length)
    return values


def over_seeds(maps: Sequence[torch.Tensor]) -> float:
    """Return the mean rank correlation of every two of the maps of several trainings."""
    return float(np.mean([rank_correlation(a, b) for a, b in combinations(maps, 2)]))
