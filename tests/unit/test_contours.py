"""Contours to voxels, against hand-counted pixels and two independent rasterisers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon
from rightreason.contours import fill_contours
from rightreason.errors import InputError
from rightreason.images import Grid
from skimage.draw import polygon2mask

UNIT = Grid((12, 10, 5), np.eye(4))


def square(low: float, high: float, z: float) -> np.ndarray:
    return np.array([[low, low, z], [high, low, z], [high, high, z], [low, high, z]])


def on_ct(rois: dict[str, list[np.ndarray]], ct: Grid = UNIT) -> np.ndarray:
    """The filled voxels at their indices in the CT, where the planes are the CT's own."""
    volume = fill_contours(rois, ct)
    mask = np.zeros(ct.shape, dtype=bool)
    start = np.rint((np.linalg.inv(ct.affine) @ volume.grid.affine)[:3, 3]).astype(int)
    for place in np.argwhere(volume.data):
        mask[tuple(place + start)] = True
    return mask


def test_a_pixel_belongs_when_its_centre_lies_inside() -> None:
    mask = on_ct({"a": [square(1.6, 4.4, 2)]})
    assert np.argwhere(mask).tolist() == [[i, j, 2] for i in (2, 3, 4) for j in (2, 3, 4)]


def test_centres_on_the_contour_belong_to_one_side_only() -> None:
    """Two squares that share an edge share no pixel, and none between them is lost."""
    left = on_ct({"a": [np.array([[1, 1, 0], [4, 1, 0], [4, 5, 0], [1, 5, 0]], dtype=float)]})
    right = on_ct({"a": [np.array([[4, 1, 0], [8, 1, 0], [8, 5, 0], [4, 5, 0]], dtype=float)]})
    assert (left.sum(), right.sum()) == (3 * 4, 4 * 4)
    assert not (left & right).any()


def test_a_contour_within_a_contour_is_a_hole() -> None:
    mask = on_ct({"a": [square(0.5, 7.5, 1), square(2.5, 4.5, 1)]})
    assert mask.sum() == 49 - 4


def test_a_keyhole_is_a_hole() -> None:
    outer = [[0.5, 0.5], [7.5, 0.5], [7.5, 7.5], [0.5, 7.5], [0.5, 3.5]]
    inner = [[2.5, 3.5], [2.5, 4.5], [4.5, 4.5], [4.5, 2.5], [2.5, 2.5], [2.5, 3.5], [0.5, 3.5]]
    points = np.array([[*point, 1.0] for point in outer + inner])
    assert on_ct({"a": [points]}).sum() == 49 - 4


def test_overlapping_rois_are_united() -> None:
    mask = on_ct({"a": [square(0.5, 4.5, 1)], "b": [square(2.5, 6.5, 1)]})
    assert mask.sum() == 16 + 16 - 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 900)), min_size=3, max_size=12))
def test_any_polygon_as_matplotlib_and_skimage_fill_it(corners: list[tuple[int, int]]) -> None:
    """Corners at (n + 0.37) / 100 pixels, so that hardly any centre lies on an edge."""
    points = (np.array(corners) + 0.37) / 100
    mask = on_ct({"a": [np.column_stack([points, np.full(len(points), 3.0)])]})[:, :, 3]
    centres = np.indices(UNIT.shape[:2]).reshape(2, -1).T
    near = _distance_to_edges(centres, points).reshape(UNIT.shape[:2]) < 2e-3
    simple = polygon2mask(UNIT.shape[:2], points)
    assert np.array_equal(mask[~near], simple[~near])
    if _is_simple(points):
        path = Polygon(points).contains_points(centres).reshape(UNIT.shape[:2])
        assert np.array_equal(mask[~near], path[~near])


def _distance_to_edges(centres: np.ndarray, points: np.ndarray) -> np.ndarray:
    ends = np.roll(points, -1, axis=0)
    edges = ends - points
    lengths = np.maximum((edges**2).sum(axis=1), 1e-12)
    along = ((centres[:, None] - points) * edges).sum(axis=2) / lengths
    nearest = points + np.clip(along, 0, 1)[..., None] * edges
    return np.asarray(np.linalg.norm(centres[:, None] - nearest, axis=2).min(axis=1))


def _is_simple(points: np.ndarray) -> bool:
    """Convex in one turn: matplotlib winds, and so differs where a polygon crosses itself."""
    steps = np.roll(points, -1, axis=0) - points
    nexts = np.roll(steps, -1, axis=0)
    turns = np.sign(steps[:, 0] * nexts[:, 1] - steps[:, 1] * nexts[:, 0])
    return len(points) == 3 or (abs(turns.sum()) == len(points) == 4)


def test_contours_between_the_slices_keep_their_own_planes() -> None:
    volume = fill_contours({"a": [square(1.5, 4.5, z) for z in (0.5, 1.7, 2.9)]}, UNIT)
    assert volume.data.sum() == 3 * 9
    assert volume.grid.spacing_mm == pytest.approx((1, 1, 1.2))
    assert (volume.grid.affine @ [0, 0, 0, 1])[2] == pytest.approx(0.5)


def test_slices_may_be_any_axis_of_the_ct() -> None:
    affine = np.eye(4)[[2, 0, 1, 3]]
    ct = Grid((10, 5, 12), affine)
    square_across = square(1.6, 4.4, 2)[:, [2, 0, 1]]
    volume = fill_contours({"a": [square_across]}, ct)
    world = np.argwhere(volume.data) @ volume.grid.affine[:3, :3].T + volume.grid.affine[:3, 3]
    expected = [[2, y, z] for y in (2, 3, 4) for z in (2, 3, 4)]
    assert sorted(np.rint(world).astype(int).tolist()) == expected


def test_contours_that_cannot_be_placed_on_slices() -> None:
    leaning = square(1.5, 4.5, 1)
    leaning[2, 2] = 3
    with pytest.raises(InputError, match="not parallel to the slices"):
        fill_contours({"a": [leaning]}, UNIT)
    with pytest.raises(InputError, match="not evenly spaced"):
        fill_contours({"a": [square(1.5, 4.5, z) for z in (0.5, 1.5, 2.9)]}, UNIT)
    with pytest.raises(InputError, match=r"every 2\. slice"):
        fill_contours(
            {"a": [square(1.5, 4.5, z) for z in (0, 2, 4, 6)]}, Grid((12, 10, 9), np.eye(4))
        )
    with pytest.raises(InputError, match="far outside"):
        fill_contours({"a": [square(0, 9e4, 1)]}, UNIT)


def test_no_contours_are_an_empty_mask() -> None:
    volume = fill_contours({"a": []}, UNIT)
    assert volume.data.sum() == 0
    assert UNIT.difference(volume.grid) is None
