"""The canvas on which the embedded cohort's chests are painted.

Everything is laid out in *chest millimetres*: 400 across and 256 from base to apex, whatever the
matrix, field and slice spacing of the series, so that a coarse series shows the same chest. Axes
are DICOM's patient axes: x to the patient's left, y to the back, z to the head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH_MM, HEIGHT_MM = 400.0, 256.0

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Canvas:
    """Voxel centres in chest millimetres.

    Attributes
    ----------
    x, y, z : (X, 1, 1), (1, Y, 1) and (1, 1, Z) arrays
        Coordinates; x and y run from -200 to 200 mm, z from 0 to 256 mm.
    voxel : tuple of three float
        Edge lengths of a voxel in chest millimetres.
    """

    x: Floats
    y: Floats
    z: Floats
    voxel: tuple[float, float, float]

    @classmethod
    def of(cls, matrix: tuple[int, int, int]) -> Canvas:
        """Lay out a canvas of `matrix` voxels (x, y, slices)."""
        extent = (WIDTH_MM, WIDTH_MM, HEIGHT_MM)
        voxel = tuple(e / n for e, n in zip(extent, matrix, strict=True))
        axes = [
            (np.arange(n, dtype=np.float32) + 0.5) * v for n, v in zip(matrix, voxel, strict=True)
        ]
        return cls(
            (axes[0] - WIDTH_MM / 2)[:, None, None],
            (axes[1] - WIDTH_MM / 2)[None, :, None],
            axes[2][None, None, :],
            (voxel[0], voxel[1], voxel[2]),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along x, y, z."""
        return self.x.size, self.y.size, self.z.size

    def cover(self, distance: NDArray[Any]) -> Floats:
        """Return the part of each voxel inside a shape, from its signed distance in mm."""
        return np.asarray(np.clip(0.5 - distance / self.voxel[0], 0, 1), dtype=np.float32)

    def noise(self, rng: np.random.Generator, scale_mm: float) -> Floats:
        """Return a smooth random field of mean 0 and variance 1 with blobs of `scale_mm`."""
        weights = [_blend(axis.ravel(), scale_mm) for axis in (self.x, self.y, self.z)]
        field = rng.standard_normal([w.shape[1] for w in weights]).astype(np.float32)
        for w in weights:
            field = np.tensordot(field, w, axes=(0, 1))
        return field

    def around(
        self, low: NDArray[np.float64], high: NDArray[np.float64], margin: float
    ) -> tuple[slice, slice, slice]:
        """Return the voxels of a box in chest millimetres, widened by `margin`."""
        out = []
        for axis, voxel, a, b in zip((self.x, self.y, self.z), self.voxel, low, high, strict=True):
            origin = float(axis.flat[0])
            start = int(np.floor((a - margin - origin) / voxel))
            stop = int(np.ceil((b + margin - origin) / voxel)) + 1
            out.append(slice(max(start, 0), max(min(stop, axis.size), 0)))
        return out[0], out[1], out[2]


def ellipse(canvas: Canvas, centre: tuple[float, float], axes: tuple[float, float]) -> Floats:
    """Return the signed distance to an elliptic cylinder along z, about right near its surface."""
    r = np.hypot((canvas.x - centre[0]) / axes[0], (canvas.y - centre[1]) / axes[1])
    return np.asarray((r - 1) * min(axes), dtype=np.float32)


def ellipsoid(
    canvas: Canvas, centre: tuple[float, float, float], axes: tuple[float, float, float]
) -> Floats:
    """Return the signed distance to an ellipsoid, about right near its surface."""
    parts = zip((canvas.x, canvas.y, canvas.z), centre, axes, strict=True)
    r = np.sqrt(sum((v - c) ** 2 / a**2 for v, c, a in parts))
    return np.asarray((r - 1) * min(axes), dtype=np.float32)


@dataclass(frozen=True)
class Tube:
    """A straight piece of airway or vessel: two ends and a radius, in chest mm.

    Attributes
    ----------
    start, end : (3,) array
        Ends of the axis; equal for a ball.
    radius : float
        Radius in mm.
    generation : int
        Number of branchings above; 0 for the trachea.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: float
    generation: int = 0


def tube_cover(canvas: Canvas, tube: Tube) -> tuple[tuple[slice, slice, slice], Floats] | None:
    """Return the box a tube touches and the part of each of its voxels inside, or None.

    Slices are thick: a tube that runs within 0.35 of a slice spacing of a slice's centre is in it.
    Tubes thinner than a voxel are fainter, as partial volume makes them.
    """
    slab = 0.35 * canvas.voxel[2]
    margin = tube.radius + canvas.voxel[0]
    low, high = np.minimum(tube.start, tube.end), np.maximum(tube.start, tube.end)
    low, high = low - [0, 0, slab], high + [0, 0, slab]
    box = canvas.around(low, high, margin)
    if any(part.stop <= part.start for part in box):
        return None
    x = canvas.x[box[0]] - np.float32(tube.start[0])
    y = canvas.y[:, box[1]] - np.float32(tube.start[1])
    z = canvas.z[:, :, box[2]] - np.float32(tube.start[2])
    axis = (tube.end - tube.start).astype(np.float32)
    length2 = max(float(axis @ axis), 1e-6)
    along = np.clip((x * axis[0] + y * axis[1] + z * axis[2]) / length2, 0, 1)
    dz = np.abs(z - along * axis[2])
    dz = np.maximum(dz - np.float32(slab), 0)
    distance = np.sqrt((x - along * axis[0]) ** 2 + (y - along * axis[1]) ** 2 + dz**2)
    fade = min(1.0, 2 * tube.radius / canvas.voxel[0])
    return box, canvas.cover(distance - np.float32(tube.radius)) * np.float32(fade)


def paint(hu: Floats, cover: Floats, value: float | Floats) -> None:
    """Blend `value` (HU) into `hu` in place where a shape covers it."""
    hu += cover * (value - hu)


def path_tubes(points: list[tuple[float, float, float]], radii: list[float]) -> Iterator[Tube]:
    """Yield the tubes along a path of n points; `radii` holds n - 1 values in mm."""
    for (a, b), radius in zip(pairwise(np.array(points, dtype=float)), radii, strict=True):
        yield Tube(a, b, radius)


def random_of(seed: int, *purpose: Any) -> np.random.Generator:
    """Return the random numbers for one purpose: no purpose's draws ever move another's."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


def _blend(positions: Floats, scale_mm: float) -> Floats:
    """Weights that spread values on a coarse grid over `positions`, of unit square sum."""
    knots = np.arange(positions[0] - 2 * scale_mm, positions[-1] + 2 * scale_mm, scale_mm)
    weights = np.exp(-0.5 * ((positions[:, None] - knots[None]) / (0.6 * scale_mm)) ** 2)
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return np.asarray(weights, dtype=np.float32)
