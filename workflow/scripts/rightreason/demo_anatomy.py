"""The chest of one synthetic case, without any finding: body, lungs, vessels, airways, bones.

Values are in HU, those of unenhanced post-mortem CT; shapes are implicit surfaces whose signed
distance (chest millimetres, negative inside) is turned into partial volume.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rightreason.demo_bones import paint_bones
from rightreason.demo_canvas import (
    Canvas,
    Floats,
    Mask,
    Tube,
    ellipse,
    ellipsoid,
    paint,
    path_tubes,
    tube_cover,
)
from rightreason.demo_tree import Airways, grow_airways, grow_vessels

AIR, FAT, MUSCLE, BLOOD, LIVER = -1000.0, -95.0, 52.0, 42.0, 58.0


@dataclass(frozen=True)
class Build:
    """What differs from person to person; lengths in chest mm.

    Attributes
    ----------
    width, depth : float
        Factors on the chest's half-axes.
    fat : float
        Thickness of the fat under the skin.
    heart, dome : float
        Factors on the heart's size and the diaphragm's height.
    lean : float
        Sideways shift of the mediastinum.
    female : bool
        Whether to paint breasts.
    lung : float
        HU of aerated lung.
    """

    width: float
    depth: float
    fat: float
    heart: float
    dome: float
    lean: float
    female: bool
    lung: float

    @classmethod
    def of(cls, female: bool, rng: np.random.Generator) -> Build:
        """Draw a person."""
        return cls(
            width=float(rng.uniform(0.93, 1.03)) * (0.97 if female else 1.0),
            depth=float(rng.uniform(0.92, 1.04)),
            fat=float(rng.uniform(7, 15)),
            heart=float(rng.uniform(0.9, 1.15)),
            dome=float(rng.uniform(0.85, 1.1)),
            lean=float(rng.normal(0, 2.5)),
            female=female,
            lung=float(rng.uniform(-865, -785)),
        )


@dataclass(frozen=True)
class Chest:
    """A painted chest.

    Attributes
    ----------
    canvas : Canvas
        Where it is painted.
    hu : (X, Y, Z) array
        Its HU; painters change it in place.
    lungs : (X, Y, Z) mask
        Both lungs with all that is in them.
    lung_cover : (X, Y, Z) array
        The part of each voxel that is lung.
    skin : (X, Y, Z) array
        Signed distance to the body's surface in chest mm.
    airways : Airways
        The bronchial tree.
    """

    canvas: Canvas
    hu: Floats
    lungs: Mask
    lung_cover: Floats
    skin: Floats
    airways: Airways


def paint_chest(canvas: Canvas, build: Build, rng: np.random.Generator) -> Chest:
    """Paint a chest without findings, table, bag or noise."""
    hu = np.full(canvas.shape, AIR, dtype=np.float32)
    skin = _body(canvas, build)
    paint(hu, canvas.cover(skin), FAT)
    wavy = canvas.noise(rng, 40.0)
    paint(hu, canvas.cover(skin + build.fat + 2.5 * wavy), MUSCLE)
    if build.female:
        _breasts(canvas, hu, skin)
    cavity = _cavity(canvas, build)
    _fat_planes(canvas, hu, cavity, rng)
    paint(hu, canvas.cover(cavity), FAT + 25)
    dome = _dome(canvas, build)
    _abdomen(canvas, hu, cavity, dome)
    heart = _heart(canvas, build)
    lung_cover = canvas.cover(_lungs(canvas, build, cavity, dome, heart) + 1.2 * wavy)
    paint(hu, canvas.cover(np.maximum(heart, cavity)), BLOOD)
    lung_cover *= 1 - _great_vessels(canvas, hu, build)
    paint_bones(canvas, hu, cavity, build.depth)
    lungs = lung_cover > 0.5
    texture = 18 * canvas.noise(rng, 22.0) + 14 * canvas.noise(rng, 9.0)
    paint(hu, lung_cover, build.lung + 0.35 * canvas.y + texture)
    for vessel in grow_vessels(canvas, lungs, rng):
        _paint_tube(canvas, hu, vessel, BLOOD, lung_cover)
    airways = grow_airways(canvas, lungs, rng)
    _paint_airways(canvas, hu, airways)
    return Chest(canvas, hu, lungs, lung_cover, skin, airways)


def _body(canvas: Canvas, build: Build) -> Floats:
    shoulder = np.clip((canvas.z - 185) / 70, 0, 1) ** 2
    a = 150 * build.width * (1 + 0.13 * shoulder)
    b = 106 * build.depth * (1 - 0.14 * shoulder)
    r = (np.abs(canvas.x / a) ** 2.4 + np.abs(canvas.y / b) ** 2.4) ** (1 / 2.4)
    flat_back = canvas.y - (100 * build.depth - 2)
    return np.asarray(np.maximum((r - 1) * b, flat_back), dtype=np.float32)


def _breasts(canvas: Canvas, hu: Floats, skin: Floats) -> None:
    for side in (-1, 1):
        breast = ellipsoid(canvas, (side * 74.0, -86.0, 118.0), (62.0, 27.0, 54.0))
        paint(hu, canvas.cover(np.maximum(breast, -skin)), FAT)
        gland = ellipsoid(canvas, (side * 76.0, -97.0, 112.0), (28.0, 11.0, 26.0))
        paint(hu, 0.6 * canvas.cover(np.maximum(gland, -skin)), 20.0)
    skin[...] = np.minimum(skin, np.minimum(*[
        ellipsoid(canvas, (side * 74.0, -86.0, 118.0), (62.0, 27.0, 54.0)) for side in (-1, 1)
    ]))  # fmt: skip


def _cavity(canvas: Canvas, build: Build) -> Floats:
    """Signed distance to the inner chest wall: an elliptic cylinder with a domed top."""
    apex = np.sqrt(np.clip(1 - (np.clip(canvas.z - 90, 0, None) / 152) ** 2.6, 0.01, 1))
    a, b = 124 * build.width * apex, 80 * build.depth * apex
    back = 0.25 * (1 - apex) * 80
    r = (np.abs(canvas.x / a) ** 2.2 + np.abs((canvas.y + 4 - back) / b) ** 2.2) ** (1 / 2.2)
    return np.asarray((r - 1) * np.minimum(a, b), dtype=np.float32)


def _fat_planes(canvas: Canvas, hu: Floats, cavity: Floats, rng: np.random.Generator) -> None:
    """Streaks of fat between the muscles of the chest wall."""
    sheets = [12 + 5 * canvas.noise(rng, 35.0), 26 + 9 * canvas.noise(rng, 45.0)]
    for sheet in sheets:
        cover = canvas.cover(np.abs(cavity - sheet) - 1.2)
        paint(hu, 0.8 * cover * (hu > 0), FAT)


def _dome(canvas: Canvas, build: Build) -> Floats:
    """Height of the diaphragm above the lowest slice, (X, Y, 1), in mm."""
    heights = []
    for side, top in ((-1, 92.0), (1, 82.0)):
        r2 = ((canvas.x - side * 58) / 76) ** 2 + ((canvas.y + 12) / 78) ** 2
        heights.append(top * build.dome * (1 - r2))
    return np.asarray(np.maximum(*heights), dtype=np.float32)


def _abdomen(canvas: Canvas, hu: Floats, cavity: Floats, dome: Floats) -> None:
    below = np.maximum(canvas.z - (dome - 4), cavity + 3)
    paint(hu, canvas.cover(np.maximum(below, canvas.x - 22)), LIVER)
    left = np.maximum(below, 28 - canvas.x)
    paint(hu, canvas.cover(left), FAT)
    stomach = np.maximum(ellipsoid(canvas, (66, -22, 16), (42, 40, 50)), left)
    paint(hu, canvas.cover(stomach), 30.0)
    paint(hu, canvas.cover(np.maximum(stomach + 4, canvas.y + 30)), AIR)
    spleen = np.maximum(ellipsoid(canvas, (92, 38, 12), (26, 34, 52)), left)
    paint(hu, canvas.cover(spleen), 48.0)


def _heart(canvas: Canvas, build: Build) -> Floats:
    k = build.heart
    turned_x = canvas.x - 22 - build.lean + 0.35 * (canvas.y + 30)
    r = np.sqrt((turned_x / (52 * k)) ** 2 + ((canvas.y + 32) / (40 * k)) ** 2
                + ((canvas.z - 88) / (50 * k)) ** 2)  # fmt: skip
    return np.asarray((r - 1) * 42 * k, dtype=np.float32)


def _lungs(canvas: Canvas, build: Build, cavity: Floats, dome: Floats, heart: Floats) -> Floats:
    narrow = 1 - 0.35 * np.clip((canvas.z - 180) / 60, 0, 1)
    half = narrow * (7 + 23 * np.exp(-(((canvas.y - 12) / 30) ** 2)))
    mediastinum = half - np.abs(canvas.x - build.lean)
    hilum = np.maximum(*[
        -ellipsoid(canvas, (side * 30.0, 6.0, 128.0), (20.0, 17.0, 30.0)) for side in (-1, 1)
    ])  # fmt: skip
    spine = 6 - ellipse(canvas, (0, 62 * build.depth), (24, 24))
    parts = [cavity + 1.5, mediastinum, hilum, spine, 4 - heart, dome - canvas.z]
    all_parts = [np.broadcast_to(part, canvas.shape) for part in parts]
    return np.asarray(np.maximum.reduce(all_parts), dtype=np.float32)


def _great_vessels(canvas: Canvas, hu: Floats, build: Build) -> Floats:
    """Paint the vessels of the mediastinum and return the part of each voxel they take."""
    taken = np.zeros(canvas.shape, dtype=np.float32)
    x = build.lean
    descending = [(20.0, 40.0, -10.0), (20.0, 38.0, 160.0)]
    arch = [(20.0, 38.0, 160.0), (14.0, 22.0, 178.0), (-4.0, -6.0, 180.0), (-12.0, -18.0, 165.0)]
    root = [(-12.0, -18.0, 165.0), (-4.0, -20.0, 112.0)]
    cava = [(-24.0, -12.0, 215.0), (-26.0, -8.0, 110.0)]
    pulmonary = [(10.0, -24.0, 120.0), (10.0, -12.0, 146.0), (34.0, 8.0, 140.0)]
    right = [(8.0, -10.0, 142.0), (-34.0, 2.0, 138.0)]
    left_neck = [(16.0, -2.0, 180.0), (26.0, -4.0, 260.0)]
    right_neck = [(-14.0, -4.0, 182.0), (-24.0, -4.0, 260.0)]
    gullet = [(6.0, 32.0, -10.0), (4.0, 26.0, 262.0)]
    for points, radius in (
        (descending, 11.0), (arch, 12.0), (root, 14.5), (cava, 9.5), (pulmonary, 13.0),
        (right, 10.5), (left_neck, 6.0), (right_neck, 7.0), (gullet, 6.0),
    ):  # fmt: skip
        moved = [(px + x, py, pz) for px, py, pz in points]
        for tube in path_tubes(moved, [radius] * (len(points) - 1)):
            _paint_tube(canvas, hu, tube, BLOOD)
            _paint_tube(canvas, taken, tube, 1.0)
    return taken


def _paint_airways(canvas: Canvas, hu: Floats, airways: Airways) -> None:
    for tube in [*airways.main, *airways.branches]:
        wall = Tube(tube.start, tube.end, tube.radius + 1.3)
        _paint_tube(canvas, hu, wall, 20.0)
    for tube in [*airways.main, *airways.branches]:
        _paint_tube(canvas, hu, tube, AIR)


def _paint_tube(
    canvas: Canvas, hu: Floats, tube: Tube, value: float, within: Floats | None = None
) -> None:
    found = tube_cover(canvas, tube)
    if found is not None:
        box, cover = found
        paint(hu[box], cover if within is None else cover * within[box], value)
