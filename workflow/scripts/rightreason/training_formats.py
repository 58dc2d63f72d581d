"""In which numbers, and in which order of memory, a network is trained.

Both go round faults of torch's kernels for the CPU (2.13.0, with oneDNN), which return wrong
gradients without a word.
"""

from __future__ import annotations

import logging

import torch
from torch import nn

from rightreason.own_networks import take_ordinary_order
from rightreason.samples import memory_format

WORD = 16
"""Channels that the widest kernels of a CPU take at once."""


def numbers(wanted: str, device: torch.device) -> str:
    """Return the precision to train in: the one that was asked for, but always 32 bits on a CPU.

    Where a feature map is no larger than a convolution's window, as the last ones of a 3D network
    are, a processor with AVX512-BF16 returns random gradients of the weights (of a DenseNet121 on
    64 x 128 x 128, for one), and not always infinite ones, which the loss would show.

    Parameters
    ----------
    wanted : str
        `32` or `bf16-mixed`.
    device : torch.device
        Where the training runs.
    """
    if device.type == "cuda" or wanted == "32":
        return wanted
    logging.info("Training in 32 bits in place of %s, whose gradients a CPU gets wrong.", wanted)
    return "32"


def arrange(network: nn.Module, ndim: int) -> None:
    """Put a network's weights in channels-last memory, which is the faster, where that is safe.

    Not where a convolution of one voxel with a stride has fewer channels than a processor takes
    at once: its gradient is written past its end (issue 6035 of oneDNN), and training crashes
    or goes on with what was overwritten. Such a network has its input copied to the ordinary order.

    Parameters
    ----------
    network : nn.Module
        One of this package's own, which works on tensors in either order.
    ndim : int
        Of its input: 4 in 2D, 5 in 3D.
    """
    if any(_is_narrow(module) for module in network.modules()):
        take_ordinary_order(network)
    else:
        network.to(memory_format=memory_format(ndim))  # type: ignore[call-overload]


def _is_narrow(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d | nn.Conv3d)
        and {*module.kernel_size} == {1}
        and {*module.stride} != {1}
        and module.in_channels // module.groups < WORD
    )
