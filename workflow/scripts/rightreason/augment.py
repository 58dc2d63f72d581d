"""Augmentation on the device: one batched resampling and one change of brightness per batch."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

SHIFT = 0.06
"""Largest shift along each axis, as a share of the image's width."""
ROTATION_DEGREES = 8.0
"""Largest rotation in the axial plane, either way."""
SCALE = 0.08
"""Largest change of size, either way."""
CONTRAST = 0.1
"""Largest change of the slope of grey values, and of their offset on the scale from -1 to 1."""


def augment(x: torch.Tensor) -> torch.Tensor:
    """Return the batch, each sample flipped, moved, turned, scaled and re-windowed at random.

    Parameters
    ----------
    x : (N, C, [Z,] Y, X) tensor
        A batch in [-1, 1]. All channels of a sample move together.

    Returns
    -------
    tensor like `x`
        Left and right are exchanged in half of the samples: the label does not depend on the side.
        Randomness is drawn from torch's global state of the tensor's device.
    """
    grid = functional.affine_grid(_matrices(x), list(x.shape), align_corners=False)
    moved = functional.grid_sample(
        x, grid.to(x.dtype), mode="bilinear", padding_mode="border", align_corners=False
    )
    ones = (len(x),) + (1,) * (x.ndim - 1)
    return moved * (1 + CONTRAST * _uniform(ones, x)) + CONTRAST * _uniform(ones, x)


def _uniform(shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    """Draw from -1 to 1."""
    return torch.rand(shape, device=like.device, dtype=like.dtype) * 2 - 1


def _matrices(x: torch.Tensor) -> torch.Tensor:
    """Draw one affine matrix per sample, (N, dims, dims + 1), in the axes' order x, y[, z]."""
    count, dims = len(x), x.ndim - 2
    angle = _uniform((count,), x) * math.radians(ROTATION_DEGREES)
    size = 1 + SCALE * _uniform((count,), x)
    flip = 1.0 - 2.0 * (torch.rand(count, device=x.device) < 0.5).to(x.dtype)
    aspect = x.shape[-1] / x.shape[-2]
    matrix = torch.zeros(count, dims, dims + 1, device=x.device, dtype=x.dtype)
    matrix[:, 0, 0] = flip * size * torch.cos(angle)
    matrix[:, 0, 1] = -flip * size * torch.sin(angle) / aspect
    matrix[:, 1, 0] = size * torch.sin(angle) * aspect
    matrix[:, 1, 1] = size * torch.cos(angle)
    if dims == 3:
        matrix[:, 2, 2] = size
    matrix[:, :, -1] = 2 * SHIFT * _uniform((count, dims), x)
    return matrix
