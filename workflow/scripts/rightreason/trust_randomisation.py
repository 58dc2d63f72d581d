"""Whether a map survives an untrained network: then it does not show what was learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from rightreason.trust_maps import MapOf
from rightreason.trust_redraw import cascade
from rightreason.trust_similarity import rank_correlation, structural_similarity


class Left(NamedTuple):
    """What is left of a map after a share of the layers, from the top, was drawn anew."""

    share: float
    rank_correlation: float
    ssim: float


def randomisation(
    network: nn.Module,
    map_of: MapOf,
    inputs: Mapping[str, torch.Tensor],
    maps: Mapping[str, torch.Tensor],
    stages: int,
    seed: int,
    together: int,
    batch: int,
) -> dict[str, list[Left]]:
    """Compare each case's map with those of ever less trained networks.

    Costs a map of each case for each step.

    Adebayo et al. 2018, with absolute values (their "ABS"): an untrained output layer may turn the
    sign of a map that otherwise stays where it is, and such a map would be no less blind to the
    network. All voxels of a case make one ranking.

    Parameters
    ----------
    network : nn.Module
        Trained; it is as before afterwards.
    map_of : callable
        Makes the maps.
    inputs : mapping of case to (N, C, *spatial) tensor
        Of cases that this network is explained for.
    maps : mapping of case to (N, 1 or C, *spatial) tensor
        Their maps by the trained network.
    stages, seed : int
        As for `trust_redraw.cascade`.
    together : int
        From how many samples at most the re-drawn batch norms get their statistics.
    batch : int
        Most samples in one pass; makes no difference to the result.

    Returns
    -------
    dict of case to list of Left
        From the top layer alone to all layers; the last has `share` 1.
    """
    left: dict[str, list[Left]] = {case: [] for case in inputs}
    seen = torch.cat(list(inputs.values()))[:together]
    with cascade(network, seen, stages, seed, batch) as steps:
        for share in steps:
            for case, x in inputs.items():
                now = map_of(network, x).abs()
                true = maps[case].abs()
                alike = rank_correlation(true, now), structural_similarity(true, now)
                left[case].append(Left(share, *alike))
    return left
