"""What the embedded cohort's cases show in their lungs.

Drowning: patchy ground-glass and centrilobular nodules along the airways, fluid in trachea and
bronchi, in varying amount. Look-alikes of either class: blood that has sunk into the dependent
lung (hypostasis). Look-alike of the other class: some ground-glass of another cause, smooth, under
the pleura, without nodules or fluid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.demo_anatomy import Chest
from rightreason.demo_canvas import Floats, Mask, Tube, paint, tube_cover

VISIBLE_HU = 130.0
CEILING_HU = 10.0


def paint_drowning(chest: Chest, rng: np.random.Generator) -> Mask:
    """Paint the findings of drowning.

    Returns
    -------
    (X, Y, Z) mask
        The true finding: where ground-glass and nodules raise the lung by 130 HU or more, and the
        fluid in trachea and bronchi.
    """
    before = chest.hu.copy()
    amount = float(rng.uniform(0.7, 1.25))
    tips = chest.airways.tips
    hazy = tips[rng.permutation(len(tips))[: round(15 * amount)]]
    _ground_glass(chest, hazy, amount, rng)
    _nodules(chest, tips, amount, rng)
    raised = (chest.hu - before > VISIBLE_HU) & chest.lungs
    return np.asarray(raised | _fluid(chest, amount, rng))


def paint_hypostasis(chest: Chest, rng: np.random.Generator) -> None:
    """Paint sunken blood: a haze that thickens towards the back, with a level, on both sides."""
    canvas = chest.canvas
    level = float(rng.uniform(-12, 18)) + 3 * canvas.noise(rng, 50.0)
    depth = np.clip((canvas.y - level) / 42, 0, 1)
    _raise(chest, float(rng.uniform(380, 700)) * depth)


def paint_haze(chest: Chest, rng: np.random.Generator) -> None:
    """Paint some ground-glass of another cause: two to four smooth areas under the pleura."""
    canvas = chest.canvas
    edge = np.argwhere(chest.lungs & (np.abs(canvas.x) > 70))
    origin = np.array([canvas.x.flat[0], canvas.y.flat[0], canvas.z.flat[0]])
    cloud = np.zeros(canvas.shape, dtype=np.float32)
    for voxel in edge[rng.integers(0, len(edge), int(rng.integers(2, 5)))]:
        cloud = np.maximum(cloud, _blob(chest, voxel * canvas.voxel + origin, rng, (26, 42)))
    _raise(chest, float(rng.uniform(220, 360)) * cloud)


def _ground_glass(
    chest: Chest, seeds: NDArray[np.float64], amount: float, rng: np.random.Generator
) -> None:
    canvas = chest.canvas
    cloud = np.zeros(canvas.shape, dtype=np.float32)
    for seed in seeds:
        size = (18 * amount**0.5, 32 * amount**0.5)
        cloud = np.maximum(cloud, float(rng.uniform(0.6, 1)) * _blob(chest, seed, rng, size))
    ragged = np.clip(0.75 + 0.45 * canvas.noise(rng, 11.0), 0.1, 1.4)
    _raise(chest, 330 * cloud * ragged)


def _nodules(
    chest: Chest, seeds: NDArray[np.float64], amount: float, rng: np.random.Generator
) -> None:
    """Scatter nodules around the ends of the airways."""
    for seed in seeds:
        for _ in range(int(rng.poisson(15 * amount))):
            centre = seed + rng.normal(0, 1, 3) * (15, 15, 20)
            ball = Tube(centre, centre, float(rng.uniform(3.0, 5.0)))
            found = tube_cover(chest.canvas, ball)
            if found is not None:
                box, cover = found
                hu = chest.hu[box]
                bright = np.maximum(hu, float(rng.uniform(-60, 40)))
                paint(hu, cover * chest.lung_cover[box], bright)


def _fluid(chest: Chest, amount: float, rng: np.random.Generator) -> Mask:
    """Fill the airways: to a level in the trachea, whole or partly in the bronchi."""
    canvas = chest.canvas
    wet = np.zeros(canvas.shape, dtype=np.float32)
    for tube in chest.airways.main:
        level = float(rng.uniform(-0.7, 0.1)) - 0.4 * (amount - 1)
        _fill(chest, tube, wet, level)
    for tube in chest.airways.branches:
        if rng.uniform() < 0.75 * min(amount, 1.2):
            _fill(chest, tube, wet, -1.5)
    paint(chest.hu, wet, float(rng.uniform(5, 30)))
    return wet > 0.5


def _fill(chest: Chest, tube: Tube, wet: Floats, level: float) -> None:
    """Mark a tube's lumen behind `level` (radii from its axis, towards the back) as wet."""
    found = tube_cover(chest.canvas, tube)
    if found is None:
        return
    (xs, ys, zs), cover = found
    y, z = chest.canvas.y[:, ys], chest.canvas.z[:, :, zs]
    rise = tube.end[2] - tube.start[2]
    along = np.clip((z - tube.start[2]) / rise, 0, 1) if abs(rise) > 1 else 0.5
    surface = tube.start[1] + along * (tube.end[1] - tube.start[1]) + level * tube.radius
    part = wet[xs, ys, zs]
    np.maximum(part, cover * chest.canvas.cover(surface - y), out=part)


def _blob(
    chest: Chest, centre: NDArray[np.float64], rng: np.random.Generator, size: tuple[float, float]
) -> Floats:
    """Return a soft ellipsoid, 1 in its middle, with half-axes drawn from `size` in mm."""
    canvas = chest.canvas
    axes = rng.uniform(*size, 3)
    parts = zip((canvas.x, canvas.y, canvas.z), centre, axes, strict=True)
    r2 = sum(((v - np.float32(c)) / np.float32(a)) ** 2 for v, c, a in parts)
    return np.asarray(np.clip(1.25 * np.exp(-r2), 0, 1), dtype=np.float32)


def _raise(chest: Chest, by_hu: NDArray[Any]) -> None:
    """Add to the lung, never beyond soft tissue, never to what is as dense already."""
    room = np.maximum(CEILING_HU - chest.hu, 0)
    chest.hu[...] += np.minimum(by_hu, room) * chest.lung_cover
