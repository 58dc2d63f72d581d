"""Integrated gradients until they are complete.

By theory the attributions of an input sum to the network's output there less its output at the
baseline (completeness: Sundararajan et al. 2017, proposition 1). A quadrature with too few steps
misses this, and how far it does says how far it is from the integral. So the steps are doubled,
for each input apart, until the sum is within 5 % of the difference, or until there are eight times
as many as in the beginning; then the attempt that came closest stands, with its error.

A difference near zero, where large attributions of either sign cancel, would ask for any number of
steps without any map getting better for it. The error is therefore taken relative to the
difference, but to no less than 1 % of the sum of the attributions' absolute values: it never asks
for more than one part in 2,000 of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from rightreason.cam import frozen

COMPLETE_WITHIN = 0.05
CANCELLED = 0.01
MOST_STEPS = 8


class Integrated(NamedTuple):
    """Integrated gradients of N inputs, and how good they are.

    Attributes
    ----------
    attributions : (N, C, *spatial) tensor
        Signed.
    steps : (N,) tensor of int64
        Steps of the quadrature that gave them.
    error : (N,) tensor of float64
        As `completeness_error` returns it; complete where at most `COMPLETE_WITHIN`.
    """

    attributions: torch.Tensor
    steps: torch.Tensor
    error: torch.Tensor


def integrate(
    network: nn.Module, x: torch.Tensor, target: int, settings: Mapping[str, Any], batch: int
) -> Integrated:
    """Integrate the gradient of the target's logit from a uniform baseline to each input.

    Gauss-Legendre quadrature along the straight path (captum's).

    Parameters
    ----------
    network, x, target, batch
        As for `attribution.gradient`.
    settings : mapping
        `steps` to begin with, and `baseline`, its grey value from 0 (black) to 1 (white).
    """
    x = x.detach()
    baseline = torch.full_like(x[:1], 2 * float(settings["baseline"]) - 1)
    with frozen(network):
        start = _logit(network, baseline, target)
        found = [
            _complete(network, one, baseline, target, start, int(settings["steps"]), batch)
            for one in torch.split(x, 1)
        ]
    return Integrated(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def on_a_copy(network: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """Let a network begin with work in place, which a leaf of the gradient forbids."""
    return lambda leaf: network(leaf.clone())


def completeness_error(attributions: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """Return how far attributions are from summing to a difference of outputs.

    Parameters
    ----------
    attributions : (N, C, *spatial) tensor
    difference : (N,) tensor
        Output at the input less output at the baseline.

    Returns
    -------
    (N,) tensor of float64
        Distance of sum and difference, relative to the difference's absolute value or to 1 % of the
        sum of absolute attributions, whichever is more; 0 where all are zero.
    """
    values = attributions.detach().flatten(1).double()
    missed = (values.sum(dim=1) - difference.double()).abs()
    scale = difference.double().abs().maximum(CANCELLED * values.abs().sum(dim=1))
    return torch.where(missed == 0, missed, missed / scale)


def _complete(
    network: nn.Module,
    one: torch.Tensor,
    baseline: torch.Tensor,
    target: int,
    start: torch.Tensor,
    steps: int,
    batch: int,
) -> Integrated:
    """Raise the steps of one input until its attributions are complete."""
    difference = _logit(network, one, target) - start
    best: Integrated | None = None
    for taken in (steps * 2**doubling for doubling in range(MOST_STEPS.bit_length())):
        values = _quadrature(network, one, baseline, target, taken, batch)
        tried = Integrated(values, torch.tensor([taken]), completeness_error(values, difference))
        if best is None or bool(tried.error < best.error):
            best = tried
        # What is not finite does not become so.
        if not bool(best.error > COMPLETE_WITHIN) or not values.isfinite().all():
            break
    assert best is not None
    return best


def _quadrature(
    network: nn.Module,
    one: torch.Tensor,
    baseline: torch.Tensor,
    target: int,
    steps: int,
    batch: int,
) -> torch.Tensor:
    from captum.attr import IntegratedGradients

    values: torch.Tensor = IntegratedGradients(on_a_copy(network)).attribute(
        one, baselines=baseline, target=target, n_steps=steps, internal_batch_size=batch
    )
    return values.detach().to(one.dtype)


def _logit(network: nn.Module, one: torch.Tensor, target: int) -> torch.Tensor:
    with torch.no_grad():
        return network(one.clone())[:, target].double()  # type: ignore[no-any-return]
