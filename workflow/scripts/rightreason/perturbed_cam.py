"""CAMs without gradients: each channel is tried out, and weighted by what the network then says.

A forward pass for each channel of each sample; channels that cannot matter are left out. All are of
logits, signed, without the papers' last ReLU, and of each sample by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from rightreason.ablations import Ablations, laid_out_as
from rightreason.cam import at_least_single, frozen, hooked, upsample
from rightreason.cam_formulas import weighted
from rightreason.folded import folded
from rightreason.target_output import the_output

Target = torch.Tensor | int


def scorecam(
    network: nn.Module,
    x: torch.Tensor,
    layer: str,
    target: Target,
    settings: Mapping[str, Any],
    batch: int,
) -> torch.Tensor:
    """Score-CAM: channels weighted by the logit of the input seen through them (Wang et al. 2020).

    Algorithm 1: a channel, brought to the input's size and from its least to its largest value to
    [0, 1], masks the input; the softmax over channels of the target's logits gives the weights.
    What the mask hides fades to a uniform grey (the paper's zero). The paper subtracts the logit of
    the baseline: over channels a constant, on which the softmax does not depend. A channel without
    differences has no mask and no weight.

    Parameters
    ----------
    network : nn.Module
        Gives logits (N, classes). Its mode, its weights' flags and its hooks are as before
        afterwards, also after an exception.
    x : (N, C, *spatial) tensor
        Network input, from -1 (black) to 1 (white).
    layer : str
        Name of a module, as in `named_modules`.
    target : int or (N,) tensor of int64
        Class whose logit is explained, for all samples or for each.
    settings : mapping
        `baseline`: the grey, from 0 (black) to 1 (white).
    batch : int
        Most inputs in one pass.

    Returns
    -------
    (N, 1, *spatial of the layer) tensor
        In single precision at least.

    Raises
    ------
    InputError
        When the layer does not exist, does not run exactly once, or does not give one map per
        sample.
    """
    grey = 2 * float(settings["baseline"]) - 1
    with frozen(network), torch.no_grad():
        _, activation = layer_output(network, x, layer)
        target = _each(target, x)
        low, high = activation.flatten(2).aminmax(dim=2)
        scores = torch.full_like(low, -torch.inf)
        shorter = folded(network, x, int((low != high).sum()))
        for sample, channel in _chunks(low != high, batch):
            masks = _from_0_to_1(upsample(activation[sample, channel, None], x.shape[2:]))
            seen = torch.lerp(x.new_tensor(grey), x[sample], masks.to(x.dtype))
            out = shorter(laid_out_as(x, seen)).gather(1, target[sample, None])
            scores[sample, channel] = out[:, 0].to(scores.dtype)
        weights = torch.where((low != high).any(1, keepdim=True), scores.softmax(1), 0)
        return weighted(weights, activation)


def ablationcam(
    network: nn.Module,
    x: torch.Tensor,
    layer: str,
    target: Target,
    settings: Mapping[str, Any],
    batch: int,
) -> torch.Tensor:
    """Ablation-CAM: channels weighted by the logit's drop without them (Desai and Ramaswamy 2020).

    The weight is y - y_k, with y_k the target's logit when channel k is set to zero. The paper's
    weight is (y - y_k) / y (eq. 3), for a class that the network predicts: the same map on another
    scale. We do not divide, because the audited class is not always the predicted one: below zero
    the quotient turns the map round, near zero it has no bounds.

    What comes before the layer runs once for many channels, where the rest of the network lets the
    ablated copies of a sample share what is not ablated; otherwise once for each.

    Parameters and what is returned or raised are as for `scorecam`; no setting is looked at.
    """
    with frozen(network), torch.no_grad():
        logits, activation = layer_output(network, x, layer)
        whole = at_least_single(logits.gather(1, _each(target, x)[:, None])[:, 0])
        weights = torch.zeros_like(activation.flatten(2)[..., 0])
        many = batch * max(1, x[0].numel() // activation[0].numel())
        sharing = True
        for sample, (logit, chosen) in enumerate(zip(whole, _each(target, x), strict=True)):
            channels = activation[sample].flatten(1).any(1).nonzero()[:, 0]
            if not len(channels):
                continue
            tried = Ablations(network, x[sample : sample + 1], layer, chosen, logit)
            drops = tried.drops_sharing(channels, many) if sharing else None
            sharing = drops is not None
            weights[sample, channels] = tried.drops(channels, batch) if drops is None else drops
        return weighted(weights, activation)


ALGORITHMS: Mapping[
    str,
    Callable[
        [nn.Module, torch.Tensor, str, Target, Mapping[str, Any], int],
        torch.Tensor,
    ],
] = {"scorecam": scorecam, "ablationcam": ablationcam}
"""Algorithms that need a layer and no gradient, by name."""


def layer_output(
    network: nn.Module, x: torch.Tensor, layer: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits, and the layer's output in single precision at least.

    Raises
    ------
    InputError
        When the layer does not exist, does not run exactly once, or does not give one map per
        sample.
    """
    kept: list[torch.Tensor] = []

    def keep(module: nn.Module, args: tuple[torch.Tensor, ...], output: Any) -> None:
        # What follows may work in place.
        kept.append(output.clone() if isinstance(output, torch.Tensor) else torch.empty(0))

    with frozen(network), torch.no_grad(), hooked(network, {layer: keep}):
        logits = network(x)
    return logits, at_least_single(the_output(network, x, layer, kept))


def _each(target: Target, x: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(target, device=x.device).expand(len(x))


def _chunks(wanted: torch.Tensor, batch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Give samples and channels of what is wanted (N, C), at most `batch` pairs at a time."""
    samples, channels = wanted.nonzero(as_tuple=True)
    for start in range(0, len(samples), batch):
        yield samples[start : start + batch], channels[start : start + batch]


def _from_0_to_1(masks: torch.Tensor) -> torch.Tensor:
    places = tuple(range(2, masks.ndim))
    low, high = masks.amin(places, keepdim=True), masks.amax(places, keepdim=True)
    return (masks - low) / (high - low)
