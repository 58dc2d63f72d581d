"""Networks that take the slices of a subset apart: their layers hold slices, not samples."""

from __future__ import annotations

import torch
from torch import nn


class Slices(nn.Module):
    """Each slice through the same 2-D convolution, then the mean over slices."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)

    def encoded(self, x: torch.Tensor) -> torch.Tensor:
        """Give (N, slices, 4)."""
        n, slices, *size = x.shape
        maps = self.conv(x.reshape(n * slices, 1, *size)).relu()
        return maps.mean((2, 3)).reshape(n, slices, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoded(x).mean(1))


class Along(Slices):
    """The same, and a 1-D convolution along the slices."""

    def __init__(self) -> None:
        super().__init__()
        self.along = nn.Conv1d(4, 4, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.along(self.encoded(x).mT).relu().mean(2))


class Tokens(nn.Module):
    """Patches of all slices, (N, 8, 4, 4) of 16 x 16 pixels, then a transformer on 16 tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(5, 8, 4, 4)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.block(self.patches(x).flatten(2).mT).mean(1))


UNFIT = [
    (Slices, "conv", (5, 4, 16, 16)),
    (Along, "along", (1, 4, 5)),
    (Tokens, "block", (1, 16, 8)),
]
"""Network, layer, and what it gives of one sample of 5 slices of 16 x 16 pixels."""
