"""Masks from one grid onto another, against SimpleITK and hand-counted voxels."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.mask_placement import place

CT = Grid((20, 18, 12), np.array([[-1, 0, 0, 9], [0, 1, 0, -8], [0, 0, 2, 5], [0, 0, 0, 1.0]]))


def blob(shape: tuple[int, int, int], centre: tuple[float, ...], radius: float) -> np.ndarray:
    distances = np.indices(shape).T - np.array(centre)
    return np.asarray((np.linalg.norm(distances, axis=-1) < radius).T)


def put(mask: Volume, change: float = 0.05, clip: bool = False) -> np.ndarray:
    return place(mask, CT, "m.nii", max_volume_change=change, clip=clip)


def test_the_same_grid_changes_nothing() -> None:
    data = blob(CT.shape, (9, 8, 6), 4)
    assert np.array_equal(put(Volume(data, CT)), data)


def test_flipped_permuted_and_cropped_grids_give_the_same_voxels() -> None:
    data = blob(CT.shape, (9, 8, 6), 3.3)
    turn = np.array([[0, 0, -1, 15], [1, 0, 0, 3], [0, 1, 0, 1], [0, 0, 0, 1.0]])
    moved = np.zeros((14, 10, 13), dtype=bool)
    for index in np.ndindex(*moved.shape):
        i, j, k = (turn @ [*index, 1])[:3].astype(int)
        moved[index] = data[i, j, k]
    assert moved.sum() == data.sum()
    mask = Volume(moved, Grid(moved.shape, CT.affine @ turn))
    assert np.array_equal(put(mask, change=0), data)


def test_resampling_is_simpleitks_nearest_neighbour() -> None:
    angle = np.radians(12)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] *= [0.7, 0.8, 0.9]
    affine[:3, 3] = -7.013, -6.171, 6.053
    data = blob((24, 22, 22), (11, 10, 11), 8)
    image = SimpleITK.GetImageFromArray(data.T.astype(np.uint8))
    _set_geometry(image, affine)
    target = SimpleITK.GetImageFromArray(np.zeros(CT.shape[::-1], dtype=np.uint8))
    _set_geometry(target, CT.affine)
    resampled = SimpleITK.Resample(image, target, SimpleITK.Transform(),
                                   SimpleITK.sitkNearestNeighbor)  # fmt: skip
    expected = SimpleITK.GetArrayFromImage(resampled).T.astype(bool)
    assert expected.sum() > 400
    assert np.array_equal(put(Volume(data, Grid(data.shape, affine)), change=0.2), expected)


def _set_geometry(image: SimpleITK.Image, affine: np.ndarray) -> None:
    """SimpleITK takes any frame as long as both images share it; here it is RAS."""
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())


def test_a_volume_that_changes_too_much_is_refused() -> None:
    coarse = CT.affine @ np.diag([3.0, 3.0, 1.0, 1.0])
    data = np.zeros((7, 6, 12), dtype=bool)
    data[2, 2, 5] = True
    assert put(Volume(data, Grid(data.shape, coarse))).sum() == 9
    fine = CT.affine @ np.diag([0.4, 0.4, 0.4, 1.0])
    data = np.zeros((50, 45, 30), dtype=bool)
    data[20, 20, 10] = True
    with pytest.raises(InputError, match=r"from 0\.1 to 2\.0 mm3; at most 5 %"):
        put(Volume(data, Grid(data.shape, fine)))


def test_outside_is_an_error_that_says_how_much_unless_clipped() -> None:
    shift = np.eye(4)
    shift[0, 3] = 16
    data = np.zeros((8, 4, 4), dtype=bool)
    data[2:6] = True
    mask = Volume(data, Grid(data.shape, CT.affine @ shift))
    with pytest.raises(InputError, match=r"50 % of the mask \(64 of 128 mm3\)"):
        put(mask)
    clipped = put(mask, clip=True)
    assert clipped.sum() == 2 * 16
    assert clipped[18:20, :4, :4].all()


@pytest.mark.parametrize("filled", [True, False])
def test_wholly_outside_is_another_study_even_when_clipped(filled: bool) -> None:
    affine = np.eye(4)
    affine[:3, 3] = 500
    mask = Volume(np.full((3, 3, 3), filled), Grid((3, 3, 3), affine))
    with pytest.raises(InputError, match="another study"):
        put(mask, clip=True)


def test_an_empty_mask_on_another_grid_stays_empty() -> None:
    mask = Volume(np.zeros((5, 5, 5), dtype=bool), Grid((5, 5, 5), np.diag([1.0, 1, 3, 1])))
    assert put(mask).sum() == 0
