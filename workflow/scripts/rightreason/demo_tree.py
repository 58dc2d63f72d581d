"""Airways and vessels of the embedded cohort: trees that grow from the carina and the hila.

A tree is grown towards target points: the nearest target first, each joined to the closest node
already there, with a penalty on nodes far from the root. Radii follow Murray's law: the cube of a
parent's radius is the sum of its children's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rightreason.demo_canvas import Canvas, Mask, Tube, path_tubes

CARINA = (0.0, 16.0, 152.0)
HILA = {-1: (-36.0, 12.0, 134.0), 1: (40.0, 16.0, 128.0)}
TRACHEA_RADIUS, BRONCHUS_RADIUS = 9.0, 6.5

Point = NDArray[np.float64]


@dataclass(frozen=True)
class Airways:
    """The air-filled tree.

    Attributes
    ----------
    main : list of Tube
        Trachea and main bronchi, from the top.
    branches : list of Tube
        Bronchi within the lungs, each list entry after its parent.
    tips : (N, 3) array
        Ends of the branches, where the lobules are, in chest mm.
    """

    main: list[Tube]
    branches: list[Tube]
    tips: Point


def grow_airways(canvas: Canvas, lungs: Mask, rng: np.random.Generator) -> Airways:
    """Grow trachea, main bronchi and their branches into the lungs, given as a mask."""
    wobble = rng.normal(0, 2.0, 3)
    top = (float(wobble[0]), 6.0, 262.0)
    middle = (float(wobble[1]), 10.0, 205.0)
    main = list(path_tubes([top, middle, CARINA], [TRACHEA_RADIUS] * 2))
    branches: list[Tube] = []
    tips: list[Point] = []
    for side, hilum in HILA.items():
        main += path_tubes([CARINA, hilum], [BRONCHUS_RADIUS])
        targets = _targets(canvas, lungs, side, 20, 12.0, rng)
        grown, ends = grow(np.array(hilum), targets, 1.5, rng)
        branches += [Tube(t.start, t.end, t.radius, 1) for t in grown]
        tips.append(ends)
    return Airways(main, branches, np.concatenate(tips))


def grow_vessels(canvas: Canvas, lungs: Mask, rng: np.random.Generator) -> list[Tube]:
    """Grow the vessels of both lungs, arteries and veins alike."""
    out: list[Tube] = []
    for side, (x, y, z) in HILA.items():
        for dy, dz in ((-9.0, 4.0), (-12.0, -16.0)):
            targets = _targets(canvas, lungs, side, 70, 4.0, rng)
            root = np.array((x - 6 * side, y + dy, z + dz))
            out += grow(root, targets, 1.2, rng)[0]
    return out


def grow(
    root: Point, targets: Point, tip_radius: float, rng: np.random.Generator
) -> tuple[list[Tube], Point]:
    """Grow one tree from `root` (3,) to every row of `targets` (N, 3).

    Returns
    -------
    list of Tube, (N, 3) array
        The tree, parents before children, and the targets in the order they were reached.
    """
    order = np.argsort(np.linalg.norm(targets - root, axis=1), kind="stable")
    nodes, parents, reach = [root], [-1], [0.0]
    for target in targets[order]:
        gaps = np.linalg.norm(np.array(nodes) - target, axis=1)
        nearest = int(np.argmin(gaps + 0.45 * np.array(reach)))
        steps = max(1, int(gaps[nearest] // 14))
        start, parent = nodes[nearest], nearest
        for step in range(1, steps + 1):
            bend = rng.normal(0, 1.6, 3) if step < steps else 0.0
            point = start + (target - start) * (step / steps) + bend
            reach.append(reach[parent] + float(np.linalg.norm(point - nodes[parent])))
            nodes.append(point)
            parents.append(parent)
            parent = len(nodes) - 1
    return _tubes(nodes, parents, tip_radius), targets[order]


def _tubes(nodes: list[Point], parents: list[int], tip_radius: float) -> list[Tube]:
    cubes = np.zeros(len(nodes))
    bearing = set(parents)
    for node in range(len(nodes) - 1, 0, -1):
        if node not in bearing:
            cubes[node] = tip_radius**3
        cubes[parents[node]] += cubes[node]
    return [
        Tube(nodes[parents[node]], nodes[node], float(cubes[node] ** (1 / 3)))
        for node in range(1, len(nodes))
    ]


def _targets(
    canvas: Canvas, lungs: Mask, side: int, n: int, depth_mm: float, rng: np.random.Generator
) -> Point:
    """Draw `n` points of one lung at least `depth_mm` or so from its edge, spread apart."""
    reach = max(1, round(depth_mm / canvas.voxel[0]))
    inner = lungs.copy()
    for axis in (0, 1):
        inner &= np.roll(lungs, reach, axis) & np.roll(lungs, -reach, axis)
    inner &= np.sign(canvas.x) == side
    voxels = np.argwhere(inner if inner.any() else lungs & (np.sign(canvas.x) == side))
    drawn = voxels[rng.integers(0, len(voxels), 4 * n)]
    origin = np.array([canvas.x.flat[0], canvas.y.flat[0], canvas.z.flat[0]], dtype=float)
    points = (drawn + rng.uniform(-0.5, 0.5, drawn.shape)) * canvas.voxel + origin
    return _spread(points, n)


def _spread(points: Point, n: int) -> Point:
    """Take `n` of the points, each time the one farthest from those taken."""
    taken = [0]
    gaps = np.linalg.norm(points - points[0], axis=1)
    for _ in range(n - 1):
        taken.append(int(np.argmax(gaps)))
        gaps = np.minimum(gaps, np.linalg.norm(points - points[taken[-1]], axis=1))
    return points[taken]
