"""The CAM family's formulas: pure functions of a layer's output and the gradient there.

Each takes activation A and gradient G = dS/dA of the target's logit S, both (N, C, *spatial), and
gives signed maps (N, 1, *spatial), of each sample by itself. No ReLU is applied at the end: the
positive part of a map is taken, by name, where it is scored. Where a formula divides by zero, what
it then gives is said with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch


class Evidence(NamedTuple):
    """A layer's output and the gradient of the target's logit there, both (N, C, *spatial)."""

    activation: torch.Tensor
    gradient: torch.Tensor


def gradcam(evidence: Evidence) -> torch.Tensor:
    """Grad-CAM: channels weighted by their mean gradient (Selvaraju et al. 2017, eq. 1 and 2)."""
    return weighted(evidence.gradient.flatten(2).mean(2), evidence.activation)


def gradcam_plus_plus(evidence: Evidence) -> torch.Tensor:
    """Grad-CAM++: positive gradients, weighted by place (Chattopadhay et al. 2018, eq. 5 and 19).

    For Y = exp(S), the form with a closed solution: alpha = G² / (2 G² + sum(A) G³), the sum over
    the channel's places, and the channel's weight sum(alpha relu(G)) = sum(relu(G) / (2 + sum(A)
    G)). The factor exp(S) of dY/dA, the same and positive all over a sample, is left out.

    Where the denominator is zero alpha is zero. The formula is meant for layers after a ReLU, where
    the denominator is at least 2; where channels sum to less than zero it may be small or negative.
    """
    total = evidence.activation.flatten(2).sum(2, keepdim=True)
    positive = evidence.gradient.flatten(2).relu()
    weights = _divided(positive, total.mul(positive).add_(2)).sum(2)
    return weighted(weights, evidence.activation)


def hirescam(evidence: Evidence) -> torch.Tensor:
    """HiResCAM: gradient times activation, summed over channels (Draelos and Carin 2020, eq. 5)."""
    return (evidence.gradient * evidence.activation).sum(dim=1, keepdim=True)


def layercam(evidence: Evidence) -> torch.Tensor:
    """LayerCAM: activations weighted by the positive gradient there (Jiang et al. 2021, eq. 6, 7).

    The ReLU of the gradient is part of the formula and stays.
    """
    return (evidence.gradient.relu() * evidence.activation).sum(dim=1, keepdim=True)


def xgradcam(evidence: Evidence) -> torch.Tensor:
    """XGrad-CAM: channels weighted by the mean gradient, averaged by activation (Fu et al. 2020).

    The weight is sum(G A) / sum(A) (eq. 9). A channel that sums to zero, as a dead one does or one
    whose values cancel to the last digit, has weight zero.
    """
    activation, gradient = evidence.activation.flatten(2), evidence.gradient.flatten(2)
    total, size = activation.sum(2), activation.abs().sum(2)
    rounding = torch.finfo(total.dtype).eps * size
    total = torch.where(total.abs() > rounding, total, 0)
    return weighted(_divided((gradient * activation).sum(2), total), evidence.activation)


def eigencam(evidence: Evidence) -> torch.Tensor:
    """Eigen-CAM: activations along their first right singular vector (Muhammad and Yeasin 2020).

    Of the matrix of places by channels, not centred, as in the paper; no class and no gradient
    enters. A singular vector's sign is arbitrary: it is chosen so that the map's sum is not
    negative, which after a ReLU makes all of it so. The vector comes from the Gram matrix of the
    shorter side. A sample that is not finite has a map of NaN.
    """
    shape = evidence.activation.shape
    places = evidence.activation.flatten(2).mT
    by_places = places.shape[1] <= places.shape[2]
    gram = places @ places.mT if by_places else places.mT @ places
    sound = gram.flatten(1).isfinite().all(1)[:, None, None]
    values, vectors = torch.linalg.eigh(torch.where(sound, gram, 0))
    first = vectors[..., -1:]
    maps = first * values[:, -1:, None].clamp_min(0).sqrt() if by_places else places @ first
    maps = torch.where(maps.sum(1, keepdim=True) < 0, -maps, maps)
    return torch.where(sound, maps, torch.nan).mT.reshape(shape[0], 1, *shape[2:])


def weighted(weights: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
    """Sum channels (N, C, *spatial) with weights (N, C); gives (N, 1, *spatial)."""
    return torch.einsum("nc,nc...->n...", weights, activation).unsqueeze(1)


def _divided(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """Divide; by zero gives zero."""
    return torch.where(denominator == 0, 0, numerator / denominator)


FORMULAS: Mapping[str, Callable[[Evidence], torch.Tensor]] = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "hirescam": hirescam,
    "layercam": layercam,
    "xgradcam": xgradcam,
    "eigencam": eigencam,
}
"""Algorithms of the CAM family by name."""
