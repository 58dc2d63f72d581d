"""A network of a user's own, as a module in a folder, and weights for it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

SOURCE = """
import torch
from torch import nn

from {module}_parts import pooled


class Small(nn.Module):
    def __init__(self, in_channels, width=4, outputs=1):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        return self.head(pooled(self.features(x)))
"""
PARTS = """
def pooled(maps):
    return maps.mean((2, 3))
"""


def write_module(folder: Path, module: str) -> Path:
    """Write the module and a second one that it needs; the class is `Small`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}_parts.py").write_text(PARTS)
    path = folder / f"{module}.py"
    path.write_text(SOURCE.format(module=module))
    return path


def apart(in_channels: int, width: int = 4, outputs: int = 1) -> nn.Module:
    """Build the same network without the module."""
    features = nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, width, 3, stride=2, padding=1), nn.ReLU(),
    )  # fmt: skip
    return nn.ModuleDict({"features": features, "head": nn.Linear(width, outputs)})


def logits(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Run what `apart` built, step by step."""
    with torch.inference_mode():
        maps = x
        for layer in network["features"]:
            maps = layer(maps)
        return network["head"](maps.mean((2, 3)))
