"""Guided backpropagation's ReLU, put in the place of every ReLU while a network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from rightreason.errors import InputError

_RELUS = (torch.relu, torch.Tensor.relu, functional.relu)
_RELUS_IN_PLACE = (torch.relu_, torch.Tensor.relu_, functional.relu_)


@contextmanager
def guided_relus(network: nn.Module) -> Iterator[None]:
    """Let every ReLU stop the negative part of the gradient, too, while the context lasts.

    ReLUs are met where they are called, not where they are registered: a module that is used more
    than once, one that works in place, and the function without a module are all guided, and
    nothing about the network is changed, so that nothing is left behind.

    Parameters
    ----------
    network : nn.Module
        For the message.

    Raises
    ------
    InputError
        When none was called by the end.
    """
    with _Guided() as mode:
        yield
    if not mode.met:
        raise InputError(
            f"guided_backprop changes what ReLUs do, and {type(network).__name__} computes none "
            "(the EfficientNets have another activation): its map would be the plain gradient. "
            "Take `gradient`, or leave this method out."
        )


class _Guided(TorchFunctionMode):
    """Replaces calls of ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.met = False

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if func not in (*_RELUS, *_RELUS_IN_PLACE):
            return func(*args, **options)
        self.met = True
        x = args[0] if args else options["input"]
        in_place = func in _RELUS_IN_PLACE or options.get("inplace") or any(args[1:2])
        guided = _GuidedReLU.apply(x)  # type: ignore[no-untyped-call]
        # Who calls in place may go on with the argument instead of the result.
        return x.copy_(guided) if in_place else guided


class _GuidedReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x > 0)
        return x.relu()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (passed,) = ctx.saved_tensors
        guided: torch.Tensor = gradients[0].clamp(min=0) * passed
        return guided
