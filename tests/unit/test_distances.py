"""Distances against numbers counted by hand, MONAI, scipy's transform in 3D, and brute force."""

import warnings

import nibabel as nib
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from rightreason import distance_transform, distances
from rightreason.dilation import dilated
from rightreason.distances import (
    DistanceMap,
    SeenGeometry,
    Surface,
    directed,
    distances_to,
    surface,
    symmetric,
)
from rightreason.errors import InputError
from rightreason.inputs import InputRecord
from rightreason.references import References, encode
from rightreason.scene import Scene
from scipy import ndimage
from scipy.spatial.distance import cdist

# Squared distances are float32.
ROUNDING_MM = 6e-5


def geometry(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float] = (1, 1, 1),
    stack: list[float] | None = None,
    axis: int = 2,
) -> SeenGeometry:
    positions = [np.arange(n) * step for n, step in zip(shape, spacing, strict=True)]
    if stack is not None:
        positions[axis] = np.array(stack, dtype=float)
    return SeenGeometry((positions[0], positions[1], positions[2]), axis)


def millimetres(indices: np.ndarray, where: SeenGeometry) -> np.ndarray:
    at = np.unravel_index(indices, where.shape)
    return np.stack([axis[i] for axis, i in zip(where.positions, at, strict=True)], axis=1)


def grown(mask: np.ndarray, where: SeenGeometry, tolerance_mm: float) -> int:
    return int(np.count_nonzero(dilated(mask, where, tolerance_mm)))


def nearest(mask: np.ndarray, where: SeenGeometry, indices: np.ndarray) -> np.ndarray:
    return distances_to(mask, where).to(indices)


def centroid(weights: np.ndarray, where: SeenGeometry) -> np.ndarray:
    """By the code of the scene, whose references do not matter here."""
    nobody = encode({"a": np.zeros(where.shape, bool)}, {"": np.zeros(where.shape, bool)})
    references = References(nobody.patterns, weights.size, np.zeros(0, int), np.zeros(0, int))
    flat = weights.ravel().astype(float)
    at = np.flatnonzero(flat)
    return Scene(references, where, 0, None).centre(at, flat[at])


def centroid_distance(one: np.ndarray, other: np.ndarray, where: SeenGeometry) -> float:
    return float(np.linalg.norm(centroid(one, where) - centroid(other, where)))


def surface_distances(one: Surface, other: Surface) -> tuple[float, float]:
    return symmetric(directed(one.points, other.distances), directed(other.points, one.distances))


def brute(mask: np.ndarray, where: SeenGeometry) -> np.ndarray:
    """Distance of every voxel to the nearest voxel of the mask, all pairs compared."""
    every = millimetres(np.arange(mask.size), where)
    return cdist(every, every[np.flatnonzero(mask)]).min(axis=1)


def record(affine: np.ndarray, kind: str = "slices") -> InputRecord:
    slices = [2, 5, 9]
    return InputRecord(
        kind, (4, 4, 12), np.eye(4).tolist(), (6, 5, 14), affine.tolist(),
        [[1, 5], [0, 4], [1, 13]], 2, [s - 1 for s in slices],
        [] if kind == "volume" else slices[::-1],
    )  # fmt: skip


def test_the_seen_geometry_is_in_mm_along_the_axes_of_the_ct() -> None:
    affine = np.diag([-2.0, -3.0, 4.0, 1.0])
    x, y, z = SeenGeometry.of(record(affine)).positions
    assert x.tolist() == [2, 4, 6, 8]
    assert y.tolist() == [0, 3, 6, 9]
    assert z.tolist() == [8, 20, 36]
    volume = SeenGeometry.of(record(affine, "volume"))
    assert volume.shape == (4, 4, 12)
    assert volume.positions[2].tolist() == list(range(4, 52, 4))


def test_a_rotated_ct_is_fine_a_sheared_one_is_an_error() -> None:
    turn = nib.eulerangles.euler2mat(0.3, 0.2, 0.1)
    affine = np.eye(4)
    affine[:3, :3] = turn * [2, 3, 4]
    assert SeenGeometry.of(record(affine)).positions[2] == pytest.approx([8, 20, 36])
    affine[:3, 2] += 0.01 * affine[:3, 1]
    with pytest.raises(InputError, match=r"perpendicular; two of its axes stand at 89.57 degrees"):
        SeenGeometry.of(record(affine))


def test_surface_counted_by_hand() -> None:
    mask = np.zeros((5, 5, 5), dtype=bool)
    mask[1:4, 1:4, 1:4] = True
    assert surface(mask).size == 26, "all of the 27 but the centre"
    assert surface(np.ones((4, 4, 1), dtype=bool)).size == 16, "the rim counts as outside"
    assert surface(np.ones((4, 5, 6), dtype=bool)).size == 4 * 5 * 6 - 2 * 3 * 4
    assert surface(np.zeros((2, 3, 4), dtype=bool)).size == 0


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 7)] * 3), st.floats(0, 1))
def test_surface_is_what_an_erosion_takes_away(
    seed: int, shape: tuple[int, int, int], density: float
) -> None:
    mask = np.random.default_rng(seed).random(shape) < density
    np.testing.assert_array_equal(
        surface(mask), np.flatnonzero(mask ^ ndimage.binary_erosion(mask))
    )


def test_two_pixels_counted_by_hand() -> None:
    # Pixels of 3 x 4 mm; A is one pixel, S two: (1, 1) away 5 mm, (2, 0) away 6 mm.
    where = geometry((3, 3, 1), (3, 4, 1))
    a, s = np.zeros((3, 3, 1), dtype=bool), np.zeros((3, 3, 1), dtype=bool)
    a[0, 0] = s[1, 1] = s[2, 0] = True
    average, hausdorff = surface_distances(Surface.of(a, where), Surface.of(s, where))
    assert average == pytest.approx((5 + 5 + 6) / 3)
    assert hausdorff == pytest.approx(5 + 0.95 * (6 - 5))
    assert centroid_distance(a, s, where) == pytest.approx(np.hypot(4.5, 2))
    assert [grown(a, where, mm) for mm in (0, 2.9, 3, 4, 5, 6, 20)] == [1, 1, 2, 3, 4, 5, 9]


def test_uneven_slices_counted_by_hand() -> None:
    # Slices at 0, 3 and 20 mm: the voxel in the middle slice is near the first, far from the last.
    where = geometry((2, 1, 3), (4, 1, 1), stack=[0, 3, 20])
    mask = np.zeros((2, 1, 3), dtype=bool)
    mask[0, 0, 0] = True
    there = distances_to(mask, where).to(np.arange(6)).reshape(2, 3)
    np.testing.assert_allclose(there, [[0, 3, 20], [4, 5, np.hypot(4, 20)]], rtol=1e-6)
    assert grown(mask, where, 4.99) == 3
    assert grown(mask, where, 5) == 4
    assert nearest(mask, where, np.array([4])) == pytest.approx([5])
    weights = np.array([[1, 0, 1], [0, 0, 2]], dtype=np.float32)
    assert centroid(weights, where) == pytest.approx([2, 0, 15])


def test_empty_sets() -> None:
    where = geometry((3, 3, 2))
    empty, full = np.zeros((3, 3, 2), dtype=bool), np.ones((3, 3, 2), dtype=bool)
    for pair in ((empty, full), (full, empty), (empty, empty)):
        one, other = (Surface.of(mask, where) for mask in pair)
        assert np.isnan(surface_distances(one, other)).all()
        assert np.isnan(centroid_distance(*pair, where))
    assert np.isnan(centroid(empty, where)).all()
    assert np.isinf(nearest(empty, where, np.arange(3))).all()
    assert grown(empty, where, 100) == 0
    assert directed(np.arange(3), DistanceMap(None)).count == 3


def random_pair(seed: int, shape: tuple[int, int, int], kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, s = (ndimage.gaussian_filter(rng.random(shape), 1) > 0.52 for _ in range(2))
    if kind == "one voxel":
        s = np.zeros(shape, dtype=bool)
        s[tuple(rng.integers(0, shape))] = True
    elif kind == "full":
        s = np.ones(shape, dtype=bool)
    elif kind == "disjoint":
        a[shape[0] // 2 :], s[: shape[0] // 2] = False, False
        a[0, 0, 0] = s[-1, 0, 0] = True
    elif kind == "noise":
        a, s = rng.random(shape) < 0.3, rng.random(shape) < 0.6
    a[1, 2, 3] = True
    return a, s


@pytest.mark.parametrize("kind", ["smooth", "one voxel", "full", "disjoint", "noise"])
@pytest.mark.parametrize("tall", [0, 64], ids=["in space", "through the stack"])
@pytest.mark.parametrize("seed", range(3))
def test_surface_distances_equal_monai(
    kind: str, tall: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance_transform, "TALL", tall)
    shape, spacing = (15, 12, 9), (0.7, 1.3, 5.0)
    a, s = random_pair(seed, shape, kind)
    where = geometry(shape, spacing)
    average, hausdorff = surface_distances(Surface.of(a, where), Surface.of(s, where))
    one, other = (torch.from_numpy(mask.astype(np.float32))[None, None] for mask in (a, s))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = compute_average_surface_distance(
            one, other, include_background=True, symmetric=True, spacing=spacing
        )
        worst = compute_hausdorff_distance(
            one, other, include_background=True, percentile=95, spacing=spacing
        )
    assert average == pytest.approx(float(expected), rel=1e-5)
    assert hausdorff == pytest.approx(float(worst), rel=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("tall", [0, 64], ids=["in space", "through the stack"])
def test_even_spacing_equals_scipys_transform(
    axis: int, tall: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distance_transform, "TALL", tall)
    shape, spacing = (31, 20, 17), (0.68359375, 0.9, 5.0)
    mask = np.random.default_rng(axis).random(shape) < 0.002
    there = distances_to(mask, geometry(shape, spacing, axis=axis)).to(np.arange(mask.size))
    expected = ndimage.distance_transform_edt(~mask, sampling=spacing)
    np.testing.assert_allclose(there, expected.ravel(), rtol=0, atol=ROUNDING_MM)


def test_more_voxels_than_one_block() -> None:
    shape = (200, 180, 3)
    mask = np.zeros(shape, dtype=bool)
    mask[3, 170, 0] = mask[150, 20, 2] = True
    there = distances_to(mask, geometry(shape, (0.5, 0.5, 4))).to(np.arange(mask.size))
    expected = ndimage.distance_transform_edt(~mask, sampling=(0.5, 0.5, 4))
    np.testing.assert_allclose(there, expected.ravel(), rtol=0, atol=ROUNDING_MM)


uneven = st.lists(st.floats(0.5, 40), min_size=0, max_size=5).map(
    lambda gaps: np.concatenate([[0], np.cumsum(gaps)]).tolist()
)


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6), uneven, st.integers(0, 2),
    st.sampled_from([0.02, 0.3, 1.0]), st.floats(0, 30),
)  # fmt: skip
def test_uneven_slices_equal_brute_force(
    seed: int, n: int, m: int, stack: list[float], axis: int, density: float, tolerance: float
) -> None:
    shape = tuple(np.insert([n, m], axis, len(stack)).tolist())
    where = geometry(shape, (0.7, 1.9, 1.1), stack, axis)
    rng = np.random.default_rng(seed)
    masks = [rng.random(shape) < density for _ in range(2)]
    for mask in masks:
        mask.ravel()[rng.integers(mask.size)] = True
    near = brute(masks[0], where)
    there = distances_to(masks[0], where)
    np.testing.assert_allclose(there.to(np.arange(near.size)), near, rtol=1e-5)
    marked = dilated(masks[0], where, tolerance).ravel()
    assert marked[near <= tolerance].all()
    assert not marked[near > tolerance + 0.001].any()
    one, other = (Surface.of(mask, where) for mask in masks)
    pairs = cdist(millimetres(one.points, where), millimetres(other.points, where))
    both = [pairs.min(axis=1), pairs.min(axis=0)]
    average, hausdorff = surface_distances(one, other)
    assert average == pytest.approx(np.concatenate(both).mean(), rel=1e-5)
    assert hausdorff == pytest.approx(max(np.percentile(d, 95) for d in both), rel=1e-5)
    ways = directed(one.points, other.distances), directed(other.points, one.distances)
    assert symmetric(*ways) == symmetric(*ways[::-1]) == (average, hausdorff)


def test_one_map_serves_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    original = distances.distances_to
    monkeypatch.setattr(distances, "distances_to", lambda *a: made.append(1) or original(*a))
    where = geometry((6, 6, 4))
    rng = np.random.default_rng(0)
    a, b, s = (Surface.of(rng.random((6, 6, 4)) < 0.2, where) for _ in range(3))
    for reference in (a, b):
        surface_distances(reference, s)
        surface_distances(s, reference)
    assert len(made) == 3
