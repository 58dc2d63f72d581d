"""Networks with random weights whose batch norms, too, are as after a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from rightreason.networks import build
from torch import nn


def random_network(name: str, dims: int, channels: int, options: Mapping[str, Any]) -> nn.Module:
    """Build a network of two classes in eval mode, the same one each time."""
    torch.manual_seed(0)
    network = build(name, dims, channels, 2, options).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
    return network
