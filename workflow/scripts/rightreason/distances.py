"""Distances in mm between masks on a seen region, whose slices need not be evenly spaced.

Distances are Euclidean between voxel centres and exact. No voxel spans the gap between two slices:
a surface, a count or a centre of mass is one of seen voxels.

| measure                               | one of the two sets empty | both empty |
|---------------------------------------|---------------------------|------------|
| surface distance, Hausdorff, centroid | blank                     | blank      |
| distance to the nearest voxel         | infinite                  | –          |
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rightreason.distance_transform import squared_distances
from rightreason.errors import InputError
from rightreason.inputs import InputRecord
from rightreason.placement import SeenRegion

Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]
MAX_COSINE = 1e-3


@dataclass(frozen=True)
class SeenGeometry:
    """Where the seen voxels lie.

    Attributes
    ----------
    positions : three (n,) arrays
        Positions of the seen voxels along each CT array axis, in mm, ascending.
    stack_axis : int
        The axis across slices, along which positions may be uneven.
    """

    positions: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    stack_axis: int

    @classmethod
    def of(cls, record: InputRecord) -> SeenGeometry:
        """Return the geometry of the voxels that entered a model.

        Raises
        ------
        InputError
            When the axes of the CT are not perpendicular.
        """
        axes = record.ct_grid.affine[:3, :3] / record.ct_grid.spacing_mm
        cosine = float(np.abs(axes.T @ axes - np.eye(3)).max())
        if cosine > MAX_COSINE:
            raise InputError(
                "Distances in mm need a CT whose rows, columns and slices are perpendicular; two "
                f"of its axes stand at {np.degrees(np.arccos(min(cosine, 1))):.2f} degrees. "
                "Convert it again with the tilt corrected, or resample the image to such axes."
            )
        seen, spacing = SeenRegion.of(record).axes, record.ct_grid.spacing_mm
        x, y, z = (np.multiply(at, mm, dtype=float) for at, mm in zip(seen, spacing, strict=True))
        return cls((x, y, z), record.ct_slice_axis)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of seen voxels along each CT array axis."""
        x, y, z = (len(at) for at in self.positions)
        return x, y, z


@dataclass(frozen=True)
class DistanceMap:
    """How far each seen voxel is from the nearest voxel of a set.

    Attributes
    ----------
    squared : (N,) array of float32, or None
        In mm², flattened; None for the empty set.
    """

    squared: NDArray[np.float32] | None

    def to(self, indices: Indices) -> NDArray[np.float64]:
        """Return the distances in mm of voxels given by flat index; infinite for the empty set."""
        if self.squared is None:
            return np.full(len(indices), np.inf)
        return np.sqrt(self.squared[indices].astype(np.float64))


@dataclass(frozen=True)
class Surface:
    """The surface of a mask, and (made once, when first asked for) the distances to it."""

    points: Indices
    geometry: SeenGeometry

    @classmethod
    def of(cls, mask: Mask, geometry: SeenGeometry) -> Surface:
        """Return the surface of a mask of the seen shape."""
        return cls(surface(mask.reshape(geometry.shape)), geometry)

    @cached_property
    def distances(self) -> DistanceMap:
        """Distances of all seen voxels to this surface; 4 bytes for each."""
        mask = np.zeros(self.geometry.shape, dtype=np.bool_)
        mask.ravel()[self.points] = True
        return distances_to(mask, self.geometry)


@dataclass(frozen=True)
class Directed:
    """Distances of the points of one surface to another surface, summed up.

    Attributes
    ----------
    total : float
        Their sum in mm.
    count : int
        Number of points.
    percentile95 : float
        In mm; NaN when either surface is empty.
    """

    total: float
    count: int
    percentile95: float


def surface(mask: Mask) -> Indices:
    """Return the flat indices of the voxels of a mask that have one of six neighbours outside it.

    Neighbours are those in the array; its rim counts as outside (as MONAI's edges, mask ^
    binary_erosion(mask)).

    >>> surface(np.ones((3, 3, 3), dtype=bool)).size
    26
    """
    inner = mask.copy()
    for axis in range(mask.ndim):
        into, from_ = np.moveaxis(inner, axis, 0), np.moveaxis(mask, axis, 0)
        into[1:] &= from_[:-1]
        into[:-1] &= from_[1:]
        into[[0, -1]] = False
    return np.flatnonzero(mask ^ inner)


def distances_to(points_mask: Mask, geometry: SeenGeometry) -> DistanceMap:
    """Make the map of distances to the nearest voxel of a set.

    Parameters
    ----------
    points_mask : array of bool
        The set, of the seen shape or flattened.
    geometry : SeenGeometry
        Where the voxels lie.
    """
    points = points_mask.reshape(geometry.shape)
    if not points.any():
        return DistanceMap(None)
    return DistanceMap(squared_distances(points, geometry.positions, geometry.stack_axis).ravel())


def directed(points: Indices, to: DistanceMap) -> Directed:
    """Sum up the distances of a surface's points to another surface."""
    if not len(points) or to.squared is None:
        return Directed(float("nan"), len(points), float("nan"))
    distances = to.to(points)
    return Directed(float(distances.sum()), len(points), float(np.percentile(distances, 95)))


def symmetric(one: Directed, other: Directed) -> tuple[float, float]:
    """Return average symmetric surface distance and 95 % Hausdorff distance from both directions.

    The points of both surfaces are pooled for the average; the Hausdorff distance is the larger of
    the two directed 95th percentiles (as MONAI's). NaN when either surface is empty.
    """
    worst = float(np.maximum(one.percentile95, other.percentile95))
    if np.isnan(worst):
        return float("nan"), float("nan")
    return (one.total + other.total) / (one.count + other.count), worst
