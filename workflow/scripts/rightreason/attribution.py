"""Methods that attribute to the input itself, voxel by voxel, by the names of the config.

The gradient and its quadrature are captum's, whose import (three seconds) only these pay. What
draws noise is ours: captum draws from the global state and for each copy of each input, so that a
map would depend on what else is in the batch, and on what ran before. So is what captum's hooks do
not do (ReLUs that work in place), and occlusion, for its price. All maps are signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from rightreason.ablations import laid_out_as
from rightreason.cam import frozen
from rightreason.guided import guided_relus
from rightreason.integrated import integrate, on_a_copy
from rightreason.occlusion import occlusion

SEED = 0

Settings = Mapping[str, Any]


def gradient(
    network: nn.Module, x: torch.Tensor, target: int, settings: Settings, batch: int
) -> torch.Tensor:
    """Gradient of the target's logit (Simonyan et al. 2014, section 3), with its sign.

    Parameters
    ----------
    network : nn.Module
        Gives logits (N, classes). Its modes, flags, weights and hooks are as before afterwards,
        also after an exception; so is the global random state. So for every algorithm here.
    x : (N, C, *spatial) tensor
        Network input, from -1 (black) to 1 (white).
    target : int
        Class whose logit is explained.
    settings : mapping
        The method's own settings.
    batch : int
        Most images in one pass; bounds the memory. The result does not depend on it.

    Returns
    -------
    tensor like `x`
        Signed attributions; those of a sample do not depend on the others.
    """
    with frozen(network):
        return torch.cat([_gradient(network, part, target) for part in torch.split(x, batch)])


def input_x_gradient(
    network: nn.Module, x: torch.Tensor, target: int, settings: Settings, batch: int
) -> torch.Tensor:
    """Gradient times input (Shrikumar et al. 2016, section 3.2); parameters as of `gradient`.

    The reference that this implies is an input of zeros: mid-grey, the middle of the window.
    """
    return gradient(network, x, target, settings, batch) * x


def integrated_gradients(
    network: nn.Module, x: torch.Tensor, target: int, settings: Settings, batch: int
) -> torch.Tensor:
    """Integrated gradients (Sundararajan et al. 2017, eq. 3); parameters as of `gradient`.

    `settings` has `steps` to begin with and the `baseline`'s grey value, from 0 (black) to 1
    (white). `rightreason.integrated` says how steps are raised, and how far a map is complete.
    """
    return integrate(network, x, target, settings, batch).attributions


def smoothgrad(
    network: nn.Module, x: torch.Tensor, target: int, settings: Settings, batch: int
) -> torch.Tensor:
    """Mean gradient over noisy copies (Smilkov et al. 2017, section 2); else as `gradient`.

    `settings` has the number of `samples` and the `noise`, its standard deviation as share of the
    grey range. Every input gets the same noise, drawn from a fixed seed.
    """

    def points(copies: torch.Tensor, shares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return copies, torch.ones_like(shares)

    return _expectation(network, x, target, settings, batch, points)


def gradient_shap(
    network: nn.Module, x: torch.Tensor, target: int, settings: Settings, batch: int
) -> torch.Tensor:
    """SHAP values as expected gradients, from noisy copies; else as `gradient`.

    The mean over the copies of the gradient at a random point between the baseline and the copy,
    times their difference (Lundberg and Lee 2017; the estimator of captum's GradientShap with one
    baseline). The points are drawn one from each of as many equal parts of the way as there are
    `samples`, which varies less than drawing each from the whole. `settings` has `samples` and
    `noise` as for `smoothgrad`, and `baseline` as for `integrated_gradients`.
    """
    baseline = 2 * float(settings["baseline"]) - 1

    def points(copies: torch.Tensor, shares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return baseline + shares * (copies - baseline), copies - baseline

    return _expectation(network, x, target, settings, batch, points)


def guided_backprop(
    network: nn.Module, x: torch.Tensor, target: int, settings: Settings, batch: int
) -> torch.Tensor:
    """Gradient whose negative part every ReLU stops (Springenberg et al. 2015, section 3.4).

    Parameters as of `gradient`. Known to show edges of the input whatever the network has learned
    (Adebayo et al. 2018).

    Raises
    ------
    InputError
        When the network computes no ReLU: the map would be the plain gradient.
    """
    with guided_relus(network):
        return gradient(network, x, target, settings, batch)


def _gradient(network: nn.Module, x: torch.Tensor, target: int) -> torch.Tensor:
    from captum.attr import Saliency

    # Captum warns of an input that does not ask for a gradient.
    leaf = x.detach().requires_grad_()
    values: torch.Tensor = Saliency(on_a_copy(network)).attribute(leaf, target=target, abs=False)
    return values.detach()


def _expectation(
    network: nn.Module,
    x: torch.Tensor,
    target: int,
    settings: Settings,
    batch: int,
    points: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
) -> torch.Tensor:
    """Average gradients over noisy copies of each input, at `points` and with their weights."""
    noise, shares = _draws(x, settings)

    def mean(one: torch.Tensor) -> torch.Tensor:
        total = torch.zeros_like(one, dtype=torch.promote_types(x.dtype, torch.float32))
        for drawn, share in zip(torch.split(noise, batch), torch.split(shares, batch), strict=True):
            at, weights = points(one + drawn, share)
            at = laid_out_as(x, at)
            total += (weights * _gradient(network, at, target)).sum(dim=0, keepdim=True)
        return (total / len(noise)).to(x.dtype)

    with frozen(network):
        return torch.cat([mean(one) for one in torch.split(x.detach(), 1)])


def _draws(x: torch.Tensor, settings: Settings) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the noise of the copies, and how far on its way each copy's point lies.

    On the CPU, so that a GPU gets the same numbers.

    Returns
    -------
    noise : (samples, C, *spatial) tensor
        Of the input's unit: the grey range is 2 wide.
    shares : (samples, 1, ...) tensor
        From 0 to 1, one in each of `samples` equal parts.
    """
    samples = int(settings["samples"])
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(samples, *x.shape[1:], generator=generator)
    shares = (torch.arange(samples) + torch.rand(samples, generator=generator)) / samples
    spread = 2 * float(settings["noise"])
    return (spread * noise).to(x), shares.reshape(-1, *[1] * (x.ndim - 1)).to(x)


ALGORITHMS: Mapping[str, Callable[[nn.Module, torch.Tensor, int, Settings, int], torch.Tensor]] = {
    "gradient": gradient,
    "input_x_gradient": input_x_gradient,
    "integrated_gradients": integrated_gradients,
    "smoothgrad": smoothgrad,
    "gradient_shap": gradient_shap,
    "occlusion": occlusion,
    "guided_backprop": guided_backprop,
}
"""Algorithms that attribute to the input, by name."""
