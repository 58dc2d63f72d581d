"""A trained network turned into an untrained one, layer by layer from the output side.

The cascading randomisation of Adebayo et al. 2018 (Sanity checks for saliency maps, section 3.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from rightreason.cam import frozen


def layers_from_top(network: nn.Module, x: torch.Tensor) -> list[str]:
    """Return the modules that hold weights of their own, those that run last first.

    A module that is never called by itself (its weights are used by what it is a part of) comes
    with the nearest module around it that is.

    Parameters
    ----------
    network : nn.Module
        Takes `x`.
    x : (N, C, *spatial) tensor
        One sample is enough.
    """
    order: dict[str, int] = {}
    handles = [
        module.register_forward_pre_hook(_clock(name, order))
        for name, module in network.named_modules()
    ]
    try:
        with frozen(network), torch.no_grad():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    own = [
        name
        for name, module in network.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    # Of those that run at the same time, the ones defined later are nearer to the output.
    own.reverse()
    return sorted(own, key=lambda name: -order[_called(name, order)])


def _clock(name: str, order: dict[str, int]) -> Callable[..., None]:
    def note(_module: nn.Module, _given: object) -> None:
        order.pop(name, None)
        order[name] = 1 + max(order.values(), default=0)

    return note


def _called(name: str, order: dict[str, int]) -> str:
    while name not in order:
        name = name.rpartition(".")[0]
    return name


@contextmanager
def cascade(
    network: nn.Module, x: torch.Tensor, stages: int, seed: int, batch: int | None = None
) -> Iterator[Iterator[float]]:
    """Re-draw a network's weights from the top down, and put them back afterwards.

    A layer is re-drawn by its `reset_parameters`; weights of a module without one are put in a
    random order. The statistics of a re-drawn batch norm are those of the input `x` as it comes
    there, as in the first step of a training: with means of 0 and variances of 1 a deep untrained
    network would give nothing but rounding.

    Parameters
    ----------
    network : nn.Module
        Its weights and statistics are bit for bit as before on leaving, also after an exception;
        so is the state of torch's random numbers at every moment.
    x : (N, C, *spatial) tensor
        Network input.
    stages : int
        Most steps from the trained network to the untrained one, evenly spaced over the layers: the
        first re-draws the top layer, the last all layers.
    seed : int
        Of the draws; what a layer gets follows from it and the layer's name.
    batch : int or None
        Most samples of `x` in one pass; None for all. The statistics are those of all of them.

    Yields
    ------
    iterator of float
        Each step draws on, and gives the share of the layers re-drawn so far: the last is 1.
    """
    kept = [
        (store, name, tensor, tensor.detach().clone())
        for module in network.modules()
        for store in (module._parameters, module._buffers)
        for name, tensor in store.items()
        if tensor is not None
    ]
    try:
        yield _steps(network, x, stages, seed, batch or len(x))
    finally:
        with torch.no_grad():
            for store, name, tensor, values in kept:
                store[name] = tensor.copy_(values)  # type: ignore[assignment]


def _steps(
    network: nn.Module, x: torch.Tensor, stages: int, seed: int, batch: int
) -> Iterator[float]:
    layers = layers_from_top(network, x[:1])
    done = 0
    for until in ends(len(layers), stages):
        for name in layers[done:until]:
            _redraw(network.get_submodule(name), f"{seed}/{name}")
        done = until
        _calibrate(network, layers[:done], x, batch)
        yield done / len(layers)


def ends(layers: int, stages: int) -> list[int]:
    """Return how many layers are re-drawn after each step.

    >>> ends(9, 3), ends(2, 5), ends(1, 3)
    ([1, 5, 9], [1, 2], [1])
    """
    count = min(stages, layers)
    if count < 2:
        return [layers]
    return [1 + round(step * (layers - 1) / (count - 1)) for step in range(count)]


def _redraw(module: nn.Module, seed: str) -> None:
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7])
    with torch.random.fork_rng(range(torch.cuda.device_count())), torch.no_grad():
        torch.manual_seed(number)
        if callable(getattr(module, "reset_parameters", None)):
            module.reset_parameters()  # type: ignore[operator]
            return
        for values in module.parameters(recurse=False):
            order = torch.randperm(values.numel()).to(values.device)
            values.copy_(values.flatten()[order].reshape(values.shape))


def _calibrate(network: nn.Module, layers: Sequence[str], x: torch.Tensor, batch: int) -> None:
    """Give re-drawn batch norms the statistics of what reaches them, first layers first."""
    norms = [m for m in map(network.get_submodule, reversed(layers)) if isinstance(m, _BatchNorm)]
    norms = [norm for norm in norms if norm.running_mean is not None]
    if norms and len(x) <= batch:
        _pass(network, [x], norms, _measure)
        return
    # What reaches a norm of a sample depends on the norms before it, and those on all samples.
    for norm in norms:
        _measure(norm, (_reaching(network, norm, torch.split(x, batch)),))


def _reaching(network: nn.Module, module: nn.Module, parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return what reaches a module of all parts, in the main memory: the device's may be full."""
    found: list[torch.Tensor] = []

    def keep(_module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        # A copy: what runs later may work in place.
        found.append(given[0].to("cpu", copy=True))

    _pass(network, parts, [module], keep)
    return torch.cat(found)


def _pass(
    network: nn.Module, parts: Sequence[torch.Tensor], modules: Sequence[nn.Module],
    see: Callable[..., None],
) -> None:  # fmt: skip
    """Run a network, and let `see` have what reaches some modules."""
    handles = [module.register_forward_pre_hook(see) for module in modules]
    try:
        with frozen(network), torch.no_grad():
            for part in parts:
                network(part)
    finally:
        for handle in handles:
            handle.remove()


def _measure(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
    values = given[0].transpose(0, 1).flatten(1).float()
    variance = values.var(dim=1, correction=0)
    module.running_mean.copy_(values.mean(dim=1))  # type: ignore[operator]
    # A channel of one value has no spread; it keeps its scale.
    module.running_var.copy_(torch.where(variance > 0, variance, 1.0))  # type: ignore[operator]
