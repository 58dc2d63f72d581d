"""A network without some of a layer's channels: what comes before the layer runs once for many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from rightreason.cam import Hook, at_least_single, hooked
from rightreason.samples import memory_format


@dataclass(frozen=True)
class Ablations:
    """What a network says of one sample without some of a layer's channels.

    Attributes
    ----------
    network, x, layer
        As for `ablationcam`; `x` is one sample, (1, C, *spatial).
    target : tensor of int64
        The explained class.
    logit : tensor
        Its logit when nothing is ablated.
    """

    network: nn.Module
    x: torch.Tensor
    layer: str
    target: torch.Tensor
    logit: torch.Tensor

    def drops(self, channels: torch.Tensor, batch: int) -> torch.Tensor:
        """Return the drop of the logit without each of the channels, a copy of the input each."""
        found = [self.logit.new_empty(0)]
        for some in torch.split(channels, batch):
            x = laid_out_as(self.x, self.x.expand(len(some), *self.x.shape[1:]))
            with hooked(self.network, {self.layer: _without(some, len(some))}):
                found.append(self.logit - at_least_single(self.network(x))[:, self.target])
        return torch.cat(found)

    def drops_sharing(self, channels: torch.Tensor, copies: int) -> torch.Tensor | None:
        """Return the same from one input that becomes many copies at the layer.

        One copy more is left whole: where its logit is not that of the sample, or the network fails
        on tensors of several batch sizes, None is returned.
        """
        found = [self.logit.new_empty(0)]
        for some in torch.split(channels, copies):
            hooks = {self.layer: _without(some, len(some) + 1)}
            try:
                with hooked(self.network, hooks), ConcatenationBroadcasts():
                    out = self.network(self.x)
            except torch.OutOfMemoryError:
                raise
            # Whatever a network does not like about it: it then runs as it is meant to.
            except Exception:
                return None
            if len(out) != len(some) + 1 or not self._is_whole(out[-1, self.target]):
                return None
            logits = at_least_single(out)[:, self.target]
            found.append(logits[-1] - logits[:-1])
        return torch.cat(found)

    def _is_whole(self, logit: torch.Tensor) -> bool:
        # A GPU may multiply with other algorithms, and fewer digits, in another batch size.
        tolerance = 3 * torch.finfo(logit.dtype).eps ** 0.5
        return torch.allclose(
            logit.to(self.logit), self.logit, tolerance, tolerance, equal_nan=True
        )


def _without(channels: torch.Tensor, copies: int) -> Hook:
    """Make a layer's output that many copies, the n-th without the n-th channel."""

    def ablate(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> Any:
        ablated = laid_out_as(output, output.expand(copies, *output.shape[1:])).clone()
        ablated[torch.arange(len(channels)), channels] = 0
        return ablated

    return ablate


class ConcatenationBroadcasts(TorchFunctionMode):
    """Within it, concatenation along channels broadcasts over the batch, as arithmetic does.

    DenseNet's blocks put what is not ablated, once, beside what is, in many copies.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func in (torch.cat, torch.concat, torch.concatenate) and args:
            tensors = list(args[0])
            most = max(len(tensor) for tensor in tensors)
            fitted = [t.expand(most, *t.shape[1:]) if len(t) == 1 else t for t in tensors]
            args = (fitted, *args[1:])
        return func(*args, **(kwargs or {}))


def laid_out_as(x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Lay values out in memory as a network's input `x` is: with channels last, or not."""
    last = memory_format(x.ndim)
    is_last = x.is_contiguous(memory_format=last)
    return values.contiguous(memory_format=last if is_last else torch.contiguous_format)
