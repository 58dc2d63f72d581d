import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from rightreason.errors import InputError
from rightreason.images import Grid, check_same_grid, load, load_grid, save
from rightreason.whole import write_whole

AFFINE = np.array([[-0.7, 0, 0, 90], [0, 0.7, 0.1, -80], [0, -0.1, 2.5, 7], [0, 0, 0, 1.0]])


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    data = np.arange(-60, 60, dtype=np.int16).reshape(4, 5, 6)
    save(tmp_path / "sub" / "a.nii.gz", data, AFFINE, np.int16, "a description")
    volume = load(tmp_path / "sub" / "a.nii.gz")
    assert volume.data.dtype == np.int16
    np.testing.assert_array_equal(volume.data, data)
    np.testing.assert_allclose(volume.grid.affine, AFFINE, atol=1e-5)
    assert load_grid(tmp_path / "sub" / "a.nii.gz").difference(volume.grid) is None
    other = nib.load(tmp_path / "sub" / "a.nii.gz")
    np.testing.assert_array_equal(other.get_fdata(), data)
    assert bytes(other.header["descrip"]).rstrip(b"\0") == b"a description"
    assert other.header.get_xyzt_units()[0] == "mm"


def test_scaled_files_are_scaled(tmp_path: Path) -> None:
    stored = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = nib.Nifti1Image(stored, AFFINE)
    image.header.set_slope_inter(1, -1024)
    path = tmp_path / "scaled.nii"
    raw = bytearray(image.to_bytes())
    header = nib.Nifti1Header(bytes(raw[:348]))
    header["scl_slope"], header["scl_inter"] = 1, -1024
    raw[:348] = header.binaryblock
    path.write_bytes(bytes(raw))
    np.testing.assert_array_equal(load(path).data, stored - 1024.0)
    header["scl_slope"], header["scl_inter"] = 0.5, 3
    raw[:348] = header.binaryblock
    path.write_bytes(bytes(raw))
    np.testing.assert_array_equal(load(path).data, stored * 0.5 + 3)


def test_the_same_image_has_the_same_bytes(tmp_path: Path) -> None:
    data = np.random.default_rng(0).random((5, 5, 5))
    save(tmp_path / "a.nii.gz", data, AFFINE, np.float32)
    save(tmp_path / "b.nii.gz", data, AFFINE, np.float32)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_computed_values_are_packed_without_loss_and_empty_parts_to_nothing(tmp_path: Path) -> None:
    data = np.zeros((30, 20, 50), np.float32)
    data[:, :, ::5] = np.random.default_rng(0).normal(size=(30, 20, 10))
    for name in ("a.nii.gz", "b.nii.gz"):
        save(tmp_path / name, data, AFFINE, np.float32, "reason", computed=True)
    np.testing.assert_array_equal(load(tmp_path / "a.nii.gz").data, data)
    packed = (tmp_path / "a.nii.gz").read_bytes()
    assert packed == (tmp_path / "b.nii.gz").read_bytes()
    assert packed[:8] == b"\x1f\x8b\x08\0\0\0\0\0"
    # A fifth of the values holds all there is.
    assert len(packed) < data.nbytes / 4


def test_grids_differ_by_shape_or_place() -> None:
    grid = Grid((10, 10, 10), AFFINE)
    near, far = AFFINE.copy(), AFFINE.copy()
    near[0, 3] += 0.005
    far[0, 0] *= 1.01  # 0.06 mm at the far corner
    check_same_grid(grid, Grid((10, 10, 10), near), "a", "b")
    with pytest.raises(InputError, match=r"corners up to 0.063 mm apart"):
        check_same_grid(grid, Grid((10, 10, 10), far), "a", "b")
    with pytest.raises(InputError, match=r"\(10, 10, 10\) voxels against \(10, 10, 9\)"):
        check_same_grid(grid, Grid((10, 10, 9), AFFINE), "a", "b")


def test_volume_and_spacing_by_hand() -> None:
    grid = Grid((2, 2, 2), np.diag([2.0, 0.5, 3.0, 1.0]))
    assert grid.voxel_mm3 == pytest.approx(3.0)
    assert grid.spacing_mm == (2.0, 0.5, 3.0)


def test_what_is_no_image_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"nothing"))
    with pytest.raises(InputError, match="cannot be read as a NIfTI image"):
        load(tmp_path / "a.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 3)), AFFINE), tmp_path / "b.nii")
    with pytest.raises(InputError, match="has 4 dimensions"):
        load(tmp_path / "b.nii")


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
