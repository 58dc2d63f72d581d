"""Surface distances of many regions to every reference, one map of them in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rightreason.binarise import Cut
from rightreason.distances import Directed, Surface, directed, symmetric
from rightreason.ranked import Floats, RankedMap
from rightreason.references import Mask
from rightreason.scene import Scene

Points = NDArray[np.intp]


def whole_voxels(ranked: RankedMap, region: Cut) -> Mask:
    """Return an attended region as whole voxels, (N,): ties are in it from a share of a half on."""
    threshold = np.float32(region.threshold)
    if region.includes_ties:
        return ranked.evidence >= threshold
    return ranked.evidence > threshold


def surface_distances(surfaces: Sequence[Points], scene: Scene) -> tuple[Floats, Floats]:
    """Measure regions, given by the points of their surfaces, against every reference.

    Each map of distances is made once: that of a region answers for all references' points, that of
    a reference for all regions' points.

    Parameters
    ----------
    surfaces : sequence of (n,) arrays of int
        From `distances.surface`, on the seen region; an empty one is an empty region.
    scene : Scene
        The references; those that hold the same voxels are measured once.

    Returns
    -------
    average, hausdorff95 : (regions, references) arrays
        In mm; NaN where either is empty.
    """
    distinct = list(dict.fromkeys(scene.equals))
    references = [Surface.of(scene.references.mask(i), scene.geometry) for i in distinct]
    outward = [_to_each(points, references, scene) for points in surfaces]
    inward = [_from_each(surfaces, reference) for reference in references]
    shape = (len(surfaces), len(distinct))
    average, hausdorff = np.full(shape, np.nan), np.full(shape, np.nan)
    for s in range(len(surfaces)):
        for r in range(len(distinct)):
            average[s, r], hausdorff[s, r] = symmetric(outward[s][r], inward[r][s])
    back = [distinct.index(i) for i in scene.equals]
    return average[:, back], hausdorff[:, back]


def _to_each(points: Points, references: Sequence[Surface], scene: Scene) -> list[Directed]:
    """From each reference's points to one region."""
    distances = Surface(points, scene.geometry).distances
    return [directed(reference.points, distances) for reference in references]


def _from_each(surfaces: Sequence[Points], reference: Surface) -> list[Directed]:
    """From each region's points to one reference."""
    distances = Surface(reference.points, reference.geometry).distances
    return [directed(points, distances) for points in surfaces]
