"""Spine, ribs, sternum and shoulder blades of the embedded cohort's chests."""

from __future__ import annotations

import numpy as np

from rightreason.demo_canvas import Canvas, Floats, paint

CORTEX, MARROW, CARTILAGE, DISC, CORD = 560.0, 210.0, 105.0, 80.0, 30.0
VERTEBRA_MM = 26.0


def paint_bones(canvas: Canvas, hu: Floats, cavity: Floats, depth: float) -> None:
    """Paint the skeleton in place.

    Parameters
    ----------
    canvas : Canvas
        Where `hu` is laid out.
    hu : (X, Y, Z) array
        HU so far.
    cavity : (X, Y, Z) array
        Signed distance to the inner chest wall in chest mm.
    depth : float
        The person's factor on the chest's depth.
    """
    _ribs(canvas, hu, cavity)
    _sternum(canvas, hu, cavity)
    _scapulae(canvas, hu, cavity)
    _spine(canvas, hu, 62 * depth)


def _bone(canvas: Canvas, hu: Floats, distance: Floats, cortex_mm: float = 2.5) -> None:
    paint(hu, canvas.cover(distance), CORTEX)
    paint(hu, canvas.cover(distance + cortex_mm), MARROW)


def _ribs(canvas: Canvas, hu: Floats, cavity: Floats) -> None:
    """Ribs slope down from the spine to the side, their cartilage up again to the sternum."""
    turn = np.arctan2(np.abs(canvas.x) / 124, (canvas.y + 4) / 80) / np.pi
    drop = 78 * np.minimum(turn, 0.78) / 0.78 - 150 * np.maximum(turn - 0.78, 0)
    level = np.mod(canvas.z + drop, VERTEBRA_MM) - VERTEBRA_MM / 2
    across, height = (cavity - 6) / 4.2, level / 7.0
    distance = (np.hypot(across, height) - 1) * 4.2
    distance = np.where(canvas.z > 228, 9.0, distance).astype(np.float32)
    _bone(canvas, hu, np.where(turn < 0.80, distance, 9.0).astype(np.float32), 2.2)
    front = (turn >= 0.80) & (canvas.z > 70)
    paint(hu, canvas.cover(np.where(front, distance, 9.0)), CARTILAGE)


def _sternum(canvas: Canvas, hu: Floats, cavity: Floats) -> None:
    plate = np.maximum(np.abs(cavity - 8) - 6.5, np.abs(canvas.x) - 19)
    plate = np.maximum(plate, canvas.y + 20)
    plate = np.maximum(plate, np.maximum(88 - canvas.z, canvas.z - 215))
    _bone(canvas, hu, plate)


def _scapulae(canvas: Canvas, hu: Floats, cavity: Floats) -> None:
    for side in (-1, 1):
        x, y = side * canvas.x - 94, canvas.y - 52
        along, across = 0.83 * x - 0.56 * y, 0.56 * x + 0.83 * y
        blade = np.maximum(np.abs(across - 0.004 * along**2) - 3.5, np.abs(along) - 40)
        blade = np.maximum(blade, np.maximum(142 - canvas.z, 10 - cavity))
        _bone(canvas, hu, blade, 2.0)


def _spine(canvas: Canvas, hu: Floats, centre: float) -> None:
    y = canvas.y - centre
    body = (np.hypot(canvas.x / 19, y / 15.5) - 1) * 15.5
    level = np.abs(np.mod(canvas.z, VERTEBRA_MM) - VERTEBRA_MM / 2)
    disc = level > 0.5 * VERTEBRA_MM - 3
    _bone(canvas, hu, np.broadcast_to(body, hu.shape))
    paint(hu, canvas.cover(body) * disc, DISC)
    pedicle = np.maximum(np.abs(np.abs(canvas.x) - 13) - 4, np.abs(y - 19) - 8)
    lamina = (np.abs(np.hypot(canvas.x / 1.1, y - 23) - 13) - 3) + 0 * canvas.z
    lamina = np.where(y > 18, lamina, 9)
    spinous = np.maximum(np.abs(canvas.x) - 3.2, np.abs(y - 42) - 11)
    process = np.maximum(np.abs(y - 20 - 0.15 * np.abs(canvas.x)) - 5, np.abs(canvas.x) - 36)
    process = np.where(level < 8, np.maximum(process, 12 - np.abs(canvas.x)), 9.0)
    arch = np.minimum(np.minimum(pedicle, lamina), np.minimum(spinous, process))
    _bone(canvas, hu, np.maximum(arch, 0.35 * level - 4), 3.0)
    canal = (np.hypot(canvas.x / 9, (y - 22) / 8) - 1) * 8
    paint(hu, np.broadcast_to(canvas.cover(canal), hu.shape), CORD)
