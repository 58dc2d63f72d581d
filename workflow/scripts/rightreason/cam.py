"""Class activation maps: one forward pass and one gradient, down to the layers and no further.

The weights are frozen and the input asks for no gradient, so nothing before the first target layer
is taped: its output becomes the leaf that the gradient is taken for. Every formula is a pure
function of a layer's activation and the target's gradient there, both (N, C, *spatial), and gives
signed maps (N, 1, *spatial). No ReLU is applied: the positive part of a map is taken, by name,
where it is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from rightreason.errors import InputError

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Evidence(NamedTuple):
    """A layer's output and the gradient of the target's logit there, both (N, C, *spatial)."""

    activation: torch.Tensor
    gradient: torch.Tensor


def gradcam(evidence: Evidence) -> torch.Tensor:
    """Grad-CAM: channels weighted by their mean gradient (Selvaraju et al. 2017, eq. 1 and 2).

    Without the paper's ReLU.
    """
    spatial = tuple(range(2, evidence.gradient.ndim))
    weights = evidence.gradient.mean(dim=spatial, keepdim=True)
    return (weights * evidence.activation).sum(dim=1, keepdim=True)


def hirescam(evidence: Evidence) -> torch.Tensor:
    """HiResCAM: gradient times activation, summed over channels (Draelos and Carin 2020, eq. 5)."""
    return (evidence.gradient * evidence.activation).sum(dim=1, keepdim=True)


FORMULAS: Mapping[str, Callable[[Evidence], torch.Tensor]] = {
    "gradcam": gradcam,
    "hirescam": hirescam,
}
"""Algorithms of the CAM family by name."""


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Hold a network in eval mode with frozen weights; restore modes and flags afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in network.parameters()]
    try:
        network.eval()
        for parameter, _ in flags:
            parameter.requires_grad_(False)
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


def layer_evidence(
    network: nn.Module, x: torch.Tensor, layers: Sequence[str], target: torch.Tensor | int
) -> tuple[torch.Tensor, dict[str, Evidence]]:
    """Run the network once and take one gradient, for any number of layers.

    In eval mode each sample's result is its own: the sum over the batch of the target logits is
    differentiated, and no sample's logit depends on another's activation.

    Parameters
    ----------
    network : nn.Module
        Gives logits (N, classes). Its mode, its weights' flags and its hooks are as before
        afterwards, also after an exception.
    x : (N, C, *spatial) tensor
        Network input.
    layers : sequence of str
        Names of modules, as in `named_modules`.
    target : int or (N,) tensor of int64
        Class whose logit is explained, for all samples or for each.

    Returns
    -------
    logits : (N, classes) tensor
        Detached.
    evidence : dict of layer to Evidence
        Detached. A layer without influence on the target has gradient zero.

    Raises
    ------
    InputError
        When a layer does not exist, does not run exactly once in a forward pass, or gives no
        image-like tensor.
    """
    outputs: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}
    with frozen(network), torch.enable_grad(), _watched(network, outputs):
        logits = network(x)
        _check_outputs(outputs, network)
        activations = [outputs[layer][0] for layer in outputs]
        index = torch.as_tensor(target, device=logits.device).expand(len(logits))
        chosen = logits.gather(1, index[:, None]).sum()
        gradients = torch.autograd.grad(chosen, activations, materialize_grads=True)
    evidence = {
        layer: Evidence(activation.detach(), gradient)
        for layer, activation, gradient in zip(outputs, activations, gradients, strict=True)
    }
    return logits.detach(), evidence


@contextmanager
def _watched(network: nn.Module, outputs: dict[str, list[torch.Tensor]]) -> Iterator[None]:
    modules = {layer: find_layer(network, layer) for layer in outputs}
    handles = []
    try:
        for layer, module in modules.items():
            handles.append(module.register_forward_hook(_keeper(outputs[layer])))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _keeper(
    kept: list[torch.Tensor],
) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], torch.Tensor]:
    def keep(
        module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor:
        if not isinstance(output, torch.Tensor):
            kept.append(torch.empty(0))
            return output
        leaf = output if output.requires_grad else output.detach().requires_grad_()
        kept.append(leaf)
        # What follows may work in place (DenseNet's ReLU does): it gets a copy.
        return leaf.clone()

    return keep


def _check_outputs(outputs: Mapping[str, list[torch.Tensor]], network: nn.Module) -> None:
    for layer, kept in outputs.items():
        if len(kept) != 1:
            raise InputError(
                f"The layer {layer!r} runs {len(kept)} times in one forward pass of "
                f"{type(network).__name__}; a target layer must run once. Choose another."
            )
        if kept[0].ndim < 3:
            raise InputError(
                f"The layer {layer!r} of {type(network).__name__} gives no map (an output of "
                f"shape {tuple(kept[0].shape)}): choose a layer before the pooling."
            )


def find_layer(network: nn.Module, layer: str) -> nn.Module:
    """Return the module of that name.

    Raises
    ------
    InputError
        When there is none; the message lists those there are.
    """
    modules: dict[str, nn.Module] = {n: m for n, m in network.named_modules() if n}
    if layer not in modules:
        raise InputError(
            f"{type(network).__name__} has no layer {layer!r}. It has: {', '.join(modules)}."
        )
    return modules[layer]


def last_convolution(network: nn.Module, x: torch.Tensor) -> str:
    """Return the name of the convolution that runs last in a forward pass of `x`.

    Convolutions of kernel size 1 count only where there are no others: the last one of a ResNet
    projects the skip connection past its block and sees nothing of what the block computes.

    Raises
    ------
    InputError
        When the network has none.
    """
    ran: list[str] = []
    convolutions = {n: m for n, m in network.named_modules() if isinstance(m, CONVOLUTIONS)}
    handles = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in convolutions.items()
    ]
    try:
        with frozen(network), torch.inference_mode():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    if not ran:
        raise InputError(
            f"{type(network).__name__} has no convolution: name the target layer "
            "(`target_layer`, or the method's `layer`)."
        )
    wide = [name for name in ran if max(convolutions[name].kernel_size) > 1]
    return (wide or ran)[-1]


def upsample(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bring maps (N, 1, *spatial) to the network's input size.

    Bilinear in 2D, trilinear in 3D, `align_corners=False`: voxel centres stay in place.
    """
    return functional.interpolate(
        maps, size=list(size), mode=upsampling_mode(maps.ndim - 2), align_corners=False
    )


def upsampling_mode(spatial_dims: int) -> str:
    """Return how maps of that many dimensions are brought to the input's size."""
    return {2: "bilinear", 3: "trilinear"}[spatial_dims]
