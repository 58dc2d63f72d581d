"""Occlusion: what the output loses when a window of the input is painted over.

A window that holds nothing but the paint is not run. All windows of all inputs make one list,
which is run `batch` at a time without a gradient; how windows overlap is worked out axis by axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from rightreason.ablations import laid_out_as
from rightreason.cam import frozen
from rightreason.folded import folded


def occlusion(
    network: nn.Module, x: torch.Tensor, target: int, settings: Mapping[str, Any], batch: int
) -> torch.Tensor:
    """Loss of the target's logit under a sliding window (Zeiler and Fergus 2014, section 4.2).

    A voxel's attribution is the mean over the windows that cover it. Windows lie a stride apart,
    and the last along an axis is cut off by the edge. Each channel (a slice of a subset) is
    occluded by itself; channels that are all alike are one grey image, and are occluded together,
    each with its equal part of the loss.

    Parameters
    ----------
    network, x, target, batch
        As for `attribution.gradient`.
    settings : mapping
        `window` and `stride`, edge and step in pixels, each at most the input's size; along z of a
        volume both are shortened to the same share of it as of the longer side in plane.
        `baseline`: the paint, from 0 (black) to 1 (white).

    Returns
    -------
    tensor like `x`
        Signed: positive where the window's content speaks for the class.
    """
    x = x.detach()
    paint = 2 * float(settings["baseline"]) - 1
    windows = _windows(x, int(settings["window"]), int(settings["stride"]))
    alike = (x == x[:, :1]).flatten(1).all(dim=1) & (x.shape[1] > 1)
    due = _along_axes((x != paint).to(windows[0].dtype), windows) > 0
    due[alike, 1:] = False
    with frozen(network):
        shorter = folded(network, x, int(due.sum()))
        losses = _losses(shorter, x, target, windows, due, alike, paint, batch)
    losses[alike] = losses[alike, :1] / x.shape[1]
    means = [(window / window.sum(dim=0)).T for window in windows]
    return _along_axes(losses, means).to(x.dtype)


def _losses(
    network: nn.Module,
    x: torch.Tensor,
    target: int,
    windows: Sequence[torch.Tensor],
    due: torch.Tensor,
    alike: torch.Tensor,
    paint: float,
    batch: int,
) -> torch.Tensor:
    """Return what the output loses under each window that is due, (N, C, *positions)."""
    # Copies: a network may begin with work in place.
    outputs = torch.cat([_logits(network, part.clone(), target) for part in torch.split(x, batch)])
    losses = windows[0].new_zeros(due.shape)
    spans = [[_span(row) for row in window] for window in windows]
    for places in torch.split(due.nonzero(), batch):
        sample = places[:, 0]
        painted = x[sample]
        for copy, (source, channel, *positions) in zip(painted, places.tolist(), strict=True):
            # Of channels that are all alike, the first stands for all.
            channels = slice(None) if alike[source] else channel
            copy[(channels, *(axis[at] for axis, at in zip(spans, positions, strict=True)))] = paint
        loss = outputs[sample] - _logits(network, laid_out_as(x, painted), target)
        losses[tuple(places.unbind(dim=1))] = loss.to(losses.dtype)
    return losses


def _span(row: torch.Tensor) -> slice:
    """Return from where to where a position covers its axis."""
    covered = row.nonzero()[:, 0]
    return slice(int(covered[0]), int(covered[-1]) + 1)


def _logits(network: nn.Module, x: torch.Tensor, target: int) -> torch.Tensor:
    with torch.no_grad():
        return network(x)[:, target]  # type: ignore[no-any-return]


def _windows(x: torch.Tensor, edge: int, step: int) -> list[torch.Tensor]:
    """Mark what each position of the window covers along each axis, as 0 and 1.

    Returns
    -------
    list of (positions, size) tensor
        For each spatial axis; at least float32.
    """
    sizes = x.shape[2:]
    dtype = torch.promote_types(x.dtype, torch.float32)
    out = []
    for axis, size in enumerate(sizes):
        deep = x.ndim == 5 and axis == 0
        share = size / max(sizes[1:]) if deep else 1
        wide = min(size, max(1, round(edge * share)))
        stride = max(1, round(step * share))
        starts = torch.arange(0, size - wide + stride, stride)[:, None]
        at = torch.arange(size)
        out.append(((at >= starts) & (at < starts + wide)).to(x.device, dtype))
    return out


def _along_axes(values: torch.Tensor, matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    """Multiply each spatial axis of (N, C, *spatial) by its matrix (new size, old size)."""
    for axis, matrix in enumerate(matrices, 2):
        values = (values.movedim(axis, -1) @ matrix.T).movedim(-1, axis)
    return values
