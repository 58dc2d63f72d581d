"""What lies around the body and between it and the picture: table, body bag, its fold, noise."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from rightreason.demo_anatomy import AIR, Chest
from rightreason.demo_canvas import Floats, Mask, paint

BAG, SHEET, WATER = -120.0, 600.0, 20.0
FOLD_END_X, FOLD_BACK_Y = 62.0, 100.0


def paint_table(chest: Chest) -> None:
    """Paint the table: a thin curved shell around foam."""
    canvas = chest.canvas
    top = canvas.y - 112 + 0.0011 * canvas.x**2
    edge = np.abs(canvas.x) - 196
    shell: Floats = np.broadcast_to(np.maximum(np.abs(top - 9) - 9, edge), canvas.shape)
    paint(chest.hu, canvas.cover(shell), 60.0)
    paint(chest.hu, canvas.cover(shell + 2.5), -930.0)


def paint_bag(chest: Chest, rng: np.random.Generator) -> None:
    """Paint the body bag: a thin sheet that hangs loosely around the body, in every case."""
    canvas = chest.canvas
    loose = 7 + 2.5 * canvas.noise(rng, 45.0)
    sheet = np.abs(chest.skin - np.maximum(loose, 2.5)) - 0.9
    above = canvas.y < 104 - 0.0011 * canvas.x**2
    paint(chest.hu, canvas.cover(sheet) * above * (chest.skin > 0), BAG)


def paint_fold(chest: Chest, rng: np.random.Generator) -> Mask:
    """Paint the shortcut: wet bag folded along the right side of the chest, with a pool behind.

    Returns
    -------
    (X, Y, Z) mask
        The object; outside the body, in part within 40 mm of the lungs' bounding box.
    """
    canvas = chest.canvas
    shift = rng.normal(0, 2.5, 2)
    wave = 2.5 * np.sin(canvas.z / 29 + float(rng.uniform(0, 6)))
    gap = chest.skin - wave - 0.6 * float(shift[0])
    heap = np.maximum(np.abs(gap - 18) - 15, 2.5 - chest.skin)
    outline = np.maximum(heap, canvas.x + FOLD_END_X + float(shift[1]))
    outline = np.maximum(outline, canvas.y - FOLD_BACK_Y)
    sheets = np.abs(np.mod(gap + 3 * np.sin(canvas.y / 11), 11.0) - 5.5) - 3
    pool = canvas.cover(62 - canvas.y + 2 * wave)
    inside = AIR + (WATER - AIR) * pool
    cover = canvas.cover(outline)
    paint(chest.hu, cover, inside + (SHEET - inside) * canvas.cover(sheets))
    return np.asarray(cover > 0.5)


def add_noise(hu: Floats, sigma_hu: float, blur: float, rng: np.random.Generator) -> Floats:
    """Return the picture as the scanner gives it.

    Parameters
    ----------
    hu : (X, Y, Z) array
        The painted HU.
    sigma_hu : float
        Standard deviation of the noise in HU.
    blur : float
        Width of the reconstruction kernel in pixels.
    rng : Generator
        Source of the noise.

    Returns
    -------
    (X, Y, Z) array of float32
        Blurred within slices, with noise of the same grain, at least -1024 HU.
    """
    noise = rng.standard_normal(hu.shape, dtype=np.float32)
    both = [ndimage.gaussian_filter1d(ndimage.gaussian_filter1d(v, blur, 0), blur, 1)
            for v in (hu, noise)]  # fmt: skip
    picture = both[0] + both[1] * (sigma_hu / both[1].std())
    return np.asarray(np.maximum(picture, -1024.0), dtype=np.float32)
