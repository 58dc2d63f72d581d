"""Class activation maps: one forward pass and one gradient, down to the layers and no further.

The weights are frozen and the input asks for no gradient, so nothing before the first target layer
is taped: its output becomes the leaf that the gradient is taken for. What the formulas of
`cam_formulas` make of both costs next to nothing.

No network runs in torch's inference mode, here or elsewhere: a tensor that it keeps of such a pass,
as networks do with coordinates and windows, breaks the next pass that is taped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from rightreason.cam_formulas import Evidence
from rightreason.errors import InputError
from rightreason.target_output import fits, misfit, the_output

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
Hook = Callable[[nn.Module, tuple[torch.Tensor, ...], Any], Any]


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Hold a network in eval mode with frozen weights; restore modes and flags afterwards.

    Of a network that is so already nothing is touched: with hundreds of modules that would cost as
    much as the gradient.
    """
    training = [module for module in network.modules() if module.training]
    taped = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        if training:
            network.eval()
        for parameter in taped:
            parameter.requires_grad_(False)
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in taped:
            parameter.requires_grad_(True)


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
        Detached, in single precision at least. A layer without influence on the target has
        gradient zero. Without layers nothing is taped.

    Raises
    ------
    InputError
        When a layer does not exist, does not run exactly once in a forward pass, or does not give
        one map per sample.
    """
    outputs: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}
    hooks = {layer: _leaf_into(kept) for layer, kept in outputs.items()}
    with frozen(network), torch.set_grad_enabled(bool(outputs)), hooked(network, hooks):
        logits = network(x)
        activations = [the_output(network, x, *item) for item in outputs.items()]
        index = torch.as_tensor(target, device=logits.device).expand(len(logits))
        gradients = _gradients(logits.gather(1, index[:, None]).sum(), activations)
    evidence = {
        layer: Evidence(at_least_single(activation.detach()), at_least_single(gradient))
        for layer, activation, gradient in zip(outputs, activations, gradients, strict=True)
    }
    return logits.detach(), evidence


def _gradients(chosen: torch.Tensor, activations: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    if not chosen.requires_grad:
        return [torch.zeros_like(activation) for activation in activations]
    return torch.autograd.grad(chosen, activations, materialize_grads=True)


def at_least_single(values: torch.Tensor) -> torch.Tensor:
    """Return values in single precision, or in double where they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


@contextmanager
def hooked(network: nn.Module, hooks: Mapping[str, Hook]) -> Iterator[None]:
    """Hold forward hooks on layers by name; remove them afterwards.

    Raises
    ------
    InputError
        When a layer does not exist.
    """
    modules = {layer: find_layer(network, layer) for layer in hooks}
    handles = []
    try:
        for layer, hook in hooks.items():
            handles.append(modules[layer].register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _leaf_into(kept: list[torch.Tensor]) -> Hook:
    def keep(module: nn.Module, args: tuple[torch.Tensor, ...], output: Any) -> Any:
        if not isinstance(output, torch.Tensor):
            kept.append(torch.empty(0))
            return output
        leaf = output if output.requires_grad else output.detach().requires_grad_()
        kept.append(leaf)
        # What follows may work in place (DenseNet's ReLU does): it gets a copy.
        return leaf.clone()

    return keep


def find_layer(network: nn.Module, layer: str) -> nn.Module:
    """Return the module of that name.

    Raises
    ------
    InputError
        When there is none; the message lists those there are.
    """
    try:
        if layer:
            return network.get_submodule(layer)
    except AttributeError:
        pass
    modules = [name for name, _ in network.named_modules() if name]
    raise InputError(
        f"{type(network).__name__} has no layer {layer!r}. It has: {', '.join(modules)}."
    )


def last_convolution(network: nn.Module, x: torch.Tensor) -> str:
    """Return the name of the convolution that runs last in a forward pass of `x`.

    Convolutions of kernel size 1 count only where there are no others: the last one of a ResNet
    projects the skip connection past its block and sees nothing of what the block computes.

    Those whose output cannot be laid over the image (slices in the batch, a sequence) do not count.

    Raises
    ------
    InputError
        When the network has none.
    """
    ran: dict[str, Any] = {}
    convolutions = {n: m for n, m in network.named_modules() if isinstance(m, CONVOLUTIONS)}
    hooks = {name: _last_into(ran, name) for name in convolutions}
    with frozen(network), torch.no_grad(), hooked(network, hooks):
        network(x)
    if not ran:
        raise InputError(
            f"{type(network).__name__} has no convolution: name the target layer "
            "(`target_layer`, or the method's `layer`)."
        )
    fitting = [name for name, output in ran.items() if fits(output, x)]
    if not fitting:
        last, output = list(ran.items())[-1]
        raise InputError(
            f"{type(network).__name__} has no convolution that can be the target layer. The last, "
            f"{last!r}, {misfit(output, x)}. Name a layer that does (`target_layer`, or the "
            "method's `layer`), or choose methods that look at the input and need none."
        )
    wide = [name for name in fitting if max(convolutions[name].kernel_size) > 1]
    return (wide or fitting)[-1]


def _last_into(ran: dict[str, Any], name: str) -> Hook:
    def note(module: nn.Module, args: tuple[torch.Tensor, ...], output: Any) -> None:
        ran.pop(name, None)
        ran[name] = output

    return note


def upsample(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bring maps (N, C, *spatial) to the network's input size.

    Bilinear in 2D, trilinear in 3D, `align_corners=False`: voxel centres stay in place. One axis
    after another, by the matrix of the axis: from few places to many, as here, that takes a tenth
    of the time of `interpolate`.
    """
    for axis in range(maps.ndim - 1, 1, -1):
        before, after = maps.shape[axis], size[axis - 2]
        unit = torch.eye(before, dtype=maps.dtype, device=maps.device)[None]
        weights = functional.interpolate(unit, size=after, mode="linear", align_corners=False)[0]
        lines = weights.mT @ maps.reshape(*maps.shape[: axis + 1], -1)
        maps = lines.reshape(*maps.shape[:axis], after, *maps.shape[axis + 1 :])
    return maps


def upsampling_mode(spatial_dims: int) -> str:
    """Return how maps of that many dimensions are brought to the input's size."""
    return {2: "bilinear", 3: "trilinear"}[spatial_dims]
