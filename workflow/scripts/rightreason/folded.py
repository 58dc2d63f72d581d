"""A network whose batch norms are folded into the convolutions before them.

A trained batch norm multiplies each channel by one number and adds another, which the convolution
before it can do as well, without a further pass over its output. Worth it where a network runs
hundreds of times for one map; the logits are the same but for rounding.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.fx import Graph, Node, Tracer
from torch.nn.utils import fuse_conv_bn_weights

FOLDS = {nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}
MANY = 100
# Fewer digits would lose some of what is folded in.
DTYPES = (torch.float32, torch.float64)


def folded(network: nn.Module, x: torch.Tensor, images: int) -> nn.Module:
    """Return a copy of a network that says the same in fewer steps, or the network itself.

    Itself where it does not pay, or nothing can be folded: no batch norm follows a convolution
    whose output nothing else reads, the weights have less than single precision, the order of the
    layers depends on the image, or the copy's logits are not the network's. A network with hooks,
    as every one that is not of this package has, is never copied: they may do anything, to the
    network they came from.

    Parameters
    ----------
    network : nn.Module
        In eval mode. It is left as it is; the copy shares its weights but for those of the folded
        convolutions.
    x : (N, C, *spatial) tensor
        Network input, of which the first is run both ways.
    images : int
        How many are going to be run: copy and trial cost as much as some of them.
    """
    if images < MANY:
        return network
    modules = list(network.modules())
    if any(module._forward_hooks or module._forward_pre_hooks for module in modules):
        return network
    if not any(isinstance(module, tuple(FOLDS.values())) for module in modules):
        return network
    try:
        shorter = _folded(network)
        if shorter is None:
            return network
        with torch.no_grad():
            same = _is_same(shorter(x[:1].clone()), network(x[:1].clone()))
    except torch.OutOfMemoryError:
        raise
    # Whatever a network does not like about being copied or traced: it then runs as it is.
    except Exception:
        return network
    return shorter if same else network


def _is_same(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Whether logits are the same but for what a deep network gathers of rounding."""
    within = 1e-4 * float(expected.abs().max())
    near = torch.allclose(found, expected, rtol=0, atol=within)
    return bool(expected.isfinite().all()) and bool(near)


def _folded(network: nn.Module) -> nn.Module | None:
    # The network itself is never traced: what it keeps of a pass would be no tensor afterwards.
    tensors = [*network.parameters(), *network.buffers()]
    shared = copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
    modules = dict(shared.named_modules())
    # A module may refuse to be copied: what is folded there would be folded in the network.
    if {*map(id, modules.values())} & {*map(id, network.modules())}:
        return None
    pairs = _pairs(Tracer().trace(shared), modules)
    for convolution, norm in pairs:
        _fold(modules[convolution], modules[norm])
        shared.set_submodule(norm, nn.Identity())
    return shared if pairs else None


def _fold(convolution: Any, norm: Any) -> None:
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps,
        norm.weight, norm.bias,
    )  # fmt: skip


def _pairs(graph: Graph, modules: dict[str, nn.Module]) -> list[tuple[str, str]]:
    """Find convolutions and the batch norms that alone read what they put out; each runs once."""
    runs = [node.target for node in graph.nodes if node.op == "call_module"]
    pairs = []
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        names = str(before.target), str(node.target)
        if runs.count(names[0]) == runs.count(names[1]) == 1 and _folds(*map(modules.get, names)):
            pairs.append(names)
    return pairs


def _folds(convolution: Any, norm: Any) -> bool:
    # Exact types: what inherits from one may do more, as a convolution with a weight norm does.
    return (
        type(norm) is FOLDS.get(type(convolution))
        and norm.running_mean is not None
        and convolution.weight.dtype in DTYPES
    )
