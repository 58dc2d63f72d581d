"""Exact distance transform of a stack of slices that need not be evenly spaced.

Where slices are unevenly spaced, no voxel size is right along the stack: the transform is made
within each slice that holds a point, and then completed through the stack,
d²(x, y, k) = min over j of (d²(x, y) within slice j + (z_k - z_j)²). Tall, evenly spaced stacks
take one transform in space.

Sources: Maurer et al., IEEE Trans Pattern Anal Mach Intell 2003 (SimpleITK's filter); that squared
distances are completed axis by axis: Felzenszwalb & Huttenlocher, Theory of Computing 2012.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

# Columns of voxels per step: what a step works on stays in the processor's cache.
BLOCK = 16384
# Completing slices through the stack costs the square of their number: 28 slices of 512 x 512 take
# 0.34 s (one transform in space: 0.34 to 0.6 s), a few hundred would take many times the transform.
TALL = 64


def squared_distances(
    points: Mask, positions: Sequence[NDArray[np.float64]], stack_axis: int
) -> NDArray[np.float32]:
    """Return the squared distance of every voxel to the nearest point, in mm².

    Parameters
    ----------
    points : (X, Y, Z) array of bool
        At least one is set.
    positions : three (n,) arrays
        Positions of the voxels along each axis in mm, ascending; evenly spaced but for the stack's.
    stack_axis : int
        The axis across slices.

    Returns
    -------
    (X, Y, Z) array
        Its square root is within 0.00006 mm of the exact distance; exact to float32 where pixels
        are square and the stack is not tall.
    """
    stacked = np.ascontiguousarray(np.moveaxis(points, stack_axis, 0))
    steps = [_step(at) for at in positions]
    across = steps.pop(stack_axis)
    in_plane = [float(step) for step in steps if step is not None]
    if across is not None and len(stacked) > TALL:
        squared = transform(stacked, [across, *in_plane])
    else:
        z = positions[stack_axis]
        holding = np.flatnonzero(stacked.any(axis=(1, 2)))
        planes = np.stack([transform(stacked[k], in_plane) for k in holding])
        squared = _through_the_stack(planes, z[holding], z)
    return np.moveaxis(squared, 0, stack_axis)


def _step(positions: NDArray[np.float64]) -> float | None:
    """Return the distance of neighbours in mm; None where it is uneven."""
    gaps = np.diff(positions)
    if not gaps.size:
        return 1.0
    return float(gaps.mean()) if np.ptp(gaps) < 1e-6 * gaps.mean() else None


def transform(points: Mask, spacing: list[float]) -> NDArray[np.float32]:
    """Return the squared distance to the nearest point of an evenly spaced array, in mm²."""
    import SimpleITK as sitk

    # In units of a pixel, most squared distances are integers, which float32 holds exactly.
    unit = spacing[-1]
    image = sitk.GetImageFromArray(points.view(np.uint8))
    image.SetSpacing([step / unit for step in spacing[::-1]])
    # Measured on 512 x 512 slices: 9 ms, scipy's transform 12 ms, Danielsson's 28 ms.
    transform = sitk.SignedMaurerDistanceMapImageFilter()
    transform.SetNumberOfThreads(1)
    transform.SetSquaredDistance(True)
    transform.SetUseImageSpacing(True)
    squared: NDArray[np.float32] = sitk.GetArrayFromImage(transform.Execute(image))
    squared[points] = 0
    return squared * np.float32(unit**2)


def _through_the_stack(
    planes: NDArray[np.float32], at: NDArray[np.float64], positions: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Complete squared distances within slices at `at` to those in space, at all `positions`.

    Parameters
    ----------
    planes : (J, X, Y) array
        Squared distance to the set's voxels in each of the slices that hold one.
    at : (J,) array
        Where those slices lie, in mm.
    positions : (K,) array
        Where the asked slices lie, in mm.

    Returns
    -------
    (K, X, Y) array
    """
    flat = planes.reshape(len(planes), -1)
    out = np.empty((len(positions), flat.shape[1]), dtype=np.float32)
    gaps = ((positions[:, None] - at[None]) ** 2).astype(np.float32)
    nearest_first = np.argsort(gaps, axis=1, kind="stable")
    for start in range(0, flat.shape[1], BLOCK):
        block = np.ascontiguousarray(flat[:, start : start + BLOCK])
        candidate = np.empty(block.shape[1], dtype=np.float32)
        for k, order in enumerate(nearest_first):
            best = block[order[0]] + gaps[k, order[0]]
            for j in order[1:]:
                if gaps[k, j] >= best.max():
                    break
                np.add(block[j], gaps[k, j], out=candidate)
                np.minimum(best, candidate, out=best)
            out[k, start : start + BLOCK] = best
    return out.reshape(len(positions), *planes.shape[1:])
