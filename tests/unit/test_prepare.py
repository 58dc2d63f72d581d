from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load, save
from rightreason.inputs import InputRecord, from_samples, to_samples
from rightreason.layout import INPUT_KINDS
from rightreason.placement import SeenRegion, place
from rightreason.prepare import choose_slices, prepare_case, resize_weights

SETTINGS = {
    "window": [-1000, 400],
    "crop": "none",
    "margin_mm": 0,
    "slices": {"size": 10, "count": 4},
    "subset": {"size": 10, "count": 4},
    "volume": {"size": [10, 12, 6]},
}
# Every way a scanner may lay a volume out: axes turned and swapped.
ORIENTATIONS = ["RAS", "LPS", "LAS", "PIL", "SRA"]


def ramp_ct(orientation: str, shape: tuple[int, int, int] = (20, 24, 9)) -> Volume:
    """A CT whose HU are linear in patient space, stored in any orientation."""
    affine = np.diag([2.0, 1.5, 4.0, 1.0])
    affine[:3, 3] = [-30, 12, 100]
    image = nib.Nifti1Image(np.zeros(shape, dtype=np.int16), affine)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(affine), nib.orientations.axcodes2ornt(orientation)
    )
    image = image.as_reoriented(turn)
    at = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), -1)
    mm = nib.affines.apply_affine(image.affine, at)
    hu = np.rint(hu_at(mm)).astype(np.int16)
    return Volume(hu, Grid(image.shape, image.affine))


def hu_at(mm: np.ndarray) -> np.ndarray:
    return -600 + 5 * mm[..., 0] + 3 * mm[..., 1] + 2 * mm[..., 2]


def prepare(
    tmp_path: Path, ct: Volume, region: Path | None = None, **changes: object
) -> dict[str, tuple[Volume, InputRecord]]:
    save(tmp_path / "ct.nii.gz", ct.data, ct.grid.affine, np.int16)
    images = {kind: tmp_path / kind / "c.nii.gz" for kind in INPUT_KINDS}
    records = {kind: tmp_path / kind / "c.json" for kind in INPUT_KINDS}
    prepare_case("c", tmp_path / "ct.nii.gz", region, images, records, {**SETTINGS, **changes})
    return {kind: (load(images[kind]), InputRecord.read(records[kind])) for kind in INPUT_KINDS}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_prepared_voxel_shows_what_the_ct_has_at_its_place(
    tmp_path: Path, orientation: str
) -> None:
    for kind, (image, record) in prepare(tmp_path, ramp_ct(orientation)).items():
        assert nib.aff2axcodes(image.grid.affine) == ("L", "P", "S")
        at = np.stack(np.meshgrid(*map(np.arange, image.grid.shape), indexing="ij"), -1)
        hu = hu_at(nib.affines.apply_affine(image.grid.affine, at))
        expected = (np.clip(hu, -1000, 400) + 1000) * 255 / 1400
        # Linear HU stay linear under resampling, but for the outermost voxels and rounding.
        inner = (slice(1, -1), slice(1, -1), slice(1, -1) if kind == "volume" else record.slices)
        assert np.abs(image.data[inner] - expected[inner]).max() <= 1.0
        assert image.grid.difference(record.grid) is None


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_map_goes_back_to_the_voxels_it_came_from(tmp_path: Path, orientation: str) -> None:
    ct = ramp_ct(orientation)
    for kind, (image, record) in prepare(tmp_path, ct).items():
        at = np.stack(np.meshgrid(*map(np.arange, image.grid.shape), indexing="ij"), -1)
        values = hu_at(nib.affines.apply_affine(image.grid.affine, at)).astype(np.float32)
        placed = place(Volume(values, image.grid), record)
        seen = SeenRegion.of(record)
        there = seen.take(ct.data)
        assert placed.shape == there.shape == seen.shape
        # Beyond the outermost voxel centres of the map its edge value holds: compare inside.
        inner = [slice(2, -2)] * 3
        if kind != "volume":
            inner[record.ct_slice_axis] = slice(None)
            assert seen.shape[record.ct_slice_axis] == 4
        assert np.abs(placed[tuple(inner)] - there[tuple(inner)]).max() <= 0.51, kind


@pytest.mark.parametrize("kind", INPUT_KINDS)
def test_placing_equals_an_independent_resampler(tmp_path: Path, kind: str) -> None:
    ct = ramp_ct("LAS")
    image, record = prepare(tmp_path, ct)[kind]
    values = np.random.default_rng(1).random(image.grid.shape).astype(np.float32)
    placed = place(Volume(values, image.grid), record)
    moving, fixed = as_sitk(values, image.grid.affine), as_sitk(ct.data, ct.grid.affine)
    resampled = sitk.Resample(moving, fixed, sitk.Transform(), sitk.sitkLinear, 0.0)
    expected = SeenRegion.of(record).take(sitk.GetArrayFromImage(resampled).transpose(2, 1, 0))
    inside = (slice(1, -1), slice(1, -1), slice(1, -1) if kind == "volume" else slice(None))
    np.testing.assert_allclose(placed[inside], expected[inside], atol=1e-5)


def as_sitk(data: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """SimpleITK works in LPS+: turn the RAS+ affine."""
    image = sitk.GetImageFromArray(data.transpose(2, 1, 0).astype(np.float32))
    lps = np.diag([-1, -1, 1]) @ affine[:3]
    spacing = np.linalg.norm(lps[:, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:, 3].tolist())
    image.SetDirection((lps[:, :3] / spacing).ravel().tolist())
    return image


def test_the_crop_follows_the_region_with_its_margin(tmp_path: Path) -> None:
    ct = ramp_ct("RAS")
    mask = np.zeros(ct.grid.shape, dtype=np.uint8)
    mask[8:12, 10:13, 3:6] = 1
    save(tmp_path / "lungs.nii.gz", mask, ct.grid.affine, np.uint8)
    prepared = prepare(tmp_path, ct, tmp_path / "lungs.nii.gz", margin_mm=4)
    _, record = prepared["volume"]
    # 4 mm are 2 voxels of 2 mm, 3 (2.67) of 1.5 mm, 1 of 4 mm. In plane the box is 8 x 9 voxels,
    # 16 x 13.5 mm: the shorter side grows to 16 mm, 11 voxels.
    assert record.box == [[6, 14], [6, 17], [2, 7]]


def test_the_crop_stays_within_the_image(tmp_path: Path) -> None:
    ct = ramp_ct("RAS")
    mask = np.zeros(ct.grid.shape, dtype=np.uint8)
    mask[0:3, 20:24, 8] = 1
    save(tmp_path / "lungs.nii.gz", mask, ct.grid.affine, np.uint8)
    prepared = prepare(tmp_path, ct, tmp_path / "lungs.nii.gz", margin_mm=400)
    assert prepared["volume"][1].box == [[0, 20], [0, 24], [0, 9]]


def test_a_region_that_marks_nothing_is_an_error(tmp_path: Path) -> None:
    ct = ramp_ct("RAS")
    save(tmp_path / "lungs.nii.gz", np.zeros(ct.grid.shape), ct.grid.affine, np.uint8)
    with pytest.raises(InputError, match=r"region of case c \(lungs.nii.gz\) marks no voxel"):
        prepare(tmp_path, ct, tmp_path / "lungs.nii.gz")


def test_without_a_region_the_body_is_cropped(tmp_path: Path) -> None:
    hu = np.full((40, 40, 6), -1000, dtype=np.int16)
    hu[10:30, 12:32, 1:5] = 30
    hu[2:4, :, :] = 100  # a table that is smaller than the body and does not touch it
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    ct = Volume(hu, Grid(hu.shape, affine))
    record = prepare(tmp_path, ct, crop="body")["volume"][1]
    assert record.box == [[10, 30], [12, 32], [1, 5]]


def test_slices_are_spread_and_named_on_the_ct(tmp_path: Path) -> None:
    upward, downward = ramp_ct("LPS"), ramp_ct("LPI")
    up = prepare(tmp_path / "up", upward)["slices"][1]
    down = prepare(tmp_path / "down", downward)["slices"][1]
    assert up.slices == down.slices == [1, 3, 5, 7]
    assert up.ct_slices == [1, 3, 5, 7]
    assert down.ct_slices == [7, 5, 3, 1]


def test_fewer_slices_than_channels(tmp_path: Path) -> None:
    prepared = prepare(tmp_path, ramp_ct("LPS", (20, 24, 3)))
    assert prepared["slices"][1].slices == [0, 1, 2]
    assert prepared["subset"][1].slices == [0, 1, 1, 2]
    assert prepared["volume"][1].shape == (10, 12, 6)


def test_samples_and_back(tmp_path: Path) -> None:
    prepared = prepare(tmp_path, ramp_ct("LPS", (20, 24, 3)))
    shapes = {"slices": (3, 1, 10, 10), "subset": (1, 4, 10, 10), "volume": (1, 1, 6, 12, 10)}
    for kind, (image, record) in prepared.items():
        samples = to_samples(image.data, record)
        assert samples.shape == shapes[kind]
        back = from_samples(samples.astype(np.float32), record)
        weight = np.bincount(record.slices, minlength=record.shape[2])
        np.testing.assert_array_equal(back, image.data * weight)


def test_one_map_for_a_whole_subset(tmp_path: Path) -> None:
    _, record = prepare(tmp_path, ramp_ct("LPS"))["subset"]
    one = np.random.default_rng(0).random((1, 1, 10, 10)).astype(np.float32)
    back = from_samples(one, record)
    for z in range(record.shape[2]):
        expected = one[0, 0].T if z in record.slices else 0
        np.testing.assert_array_equal(back[:, :, z], expected * np.ones((10, 10)))


@pytest.mark.parametrize(("n_in", "n_out"), [(10, 10), (10, 4), (7, 13), (512, 224)])
def test_resize_weights(n_in: int, n_out: int) -> None:
    weights = resize_weights(n_in, n_out)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights.sum(axis=0) > 0).all(), "every input voxel must count"
    if n_in == n_out:
        np.testing.assert_array_equal(weights, np.eye(n_in))


def test_halving_by_hand() -> None:
    # Output 0 is centred between voxels 0 and 1 (at 0.5); its triangle is two voxels wide a side.
    np.testing.assert_allclose(
        resize_weights(4, 2), [[0.75 / 1.75, 0.75 / 1.75, 0.25 / 1.75, 0],
                               [0, 0.25 / 1.75, 0.75 / 1.75, 0.75 / 1.75]], rtol=1e-6
    )  # fmt: skip


def test_choosing_repeats_only_when_told() -> None:
    assert choose_slices(28, 28, repeat=True) == list(range(28))
    assert len(set(choose_slices(300, 28, repeat=False))) == 28


def test_a_region_is_held_to_its_geometry(tmp_path: Path) -> None:
    ct = ramp_ct("RAS")
    mask = np.zeros(ct.grid.shape, dtype=np.float32)
    mask[8:12, 10:13, 3:6] = 1
    nowhere = nib.Nifti1Image(mask, ct.grid.affine)
    nowhere.set_sform(None, 0)
    nowhere.set_qform(None, 0)
    nib.save(nowhere, tmp_path / "nowhere.nii")
    shifted = ct.grid.affine.copy()
    shifted[0, 3] -= 20
    nib.save(nib.Nifti1Image(mask, shifted), tmp_path / "outside.nii")
    mask[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(mask, ct.grid.affine), tmp_path / "nan.nii")
    for name, words in {
        "nowhere.nii": "neither qform nor sform",
        "outside.nii": "lies outside the image",
        "nan.nii": "holds NaN",
    }.items():
        with pytest.raises(InputError, match="The region of case c cannot be used") as caught:
            prepare(tmp_path, ct, tmp_path / name)
        assert words in str(caught.value)
