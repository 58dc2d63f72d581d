"""Conversion of real CT, against independent readers and against what the files are known to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from rightreason.convert import convert_case
from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load
from scipy.interpolate import interp1d

from tests.dicom_files import enhanced_of, write
from tests.volumes import LPS_TO_RAS, in_frame_of, simpleitk_series


def convert(
    image: Path, out: Path, series: str | None = None, **policies: str
) -> tuple[Volume, Any]:
    settings = {"timeout_s": 300, **policies}
    convert_case("a", image, series, out / "ct.nii.gz", out / "ct.json", settings)
    return load(out / "ct.nii.gz"), json.loads((out / "ct.json").read_text())


def refused(image: Path, out: Path, **policies: str) -> str:
    with pytest.raises(InputError) as caught:
        convert(image, out, **policies)
    return str(caught.value)


def by_height(folder: Path) -> list[Path]:
    """The files of an axial series from the feet up."""
    return sorted(folder.iterdir(), key=lambda f: pydicom.dcmread(f).ImagePositionPatient[2])


def linked(files: list[Path], folder: Path) -> Path:
    folder.mkdir()
    for number, path in enumerate(files):
        (folder / f"{number}.dcm").symlink_to(path)
    return folder


@pytest.mark.parametrize(
    ("folder", "shape", "spacing"),
    [
        ("lidc/dicom", [512, 512, 16], [0.703125, 0.703125, 2.5]),
        ("totalseg/dicom", [512, 512, 20], [0.976562, 0.976562, 2.0]),
        ("dcmqi/dicom", [512, 512, 3], [0.810547, 0.810547, 1.0]),
        ("dcm_qa_ct/Philips_mixed_study", [512, 512, 28], [0.451172, 0.451172, 5.0]),
    ],
)
def test_volumes_are_what_simpleitk_reads(
    real_ct: Path, tmp_path: Path, folder: str, shape: list[int], spacing: list[float]
) -> None:
    ct, record = convert(real_ct / folder, tmp_path)
    assert record["shape"] == shape
    assert record["spacing_mm"] == pytest.approx(spacing, abs=1e-5)
    series = real_ct / folder / ("S2010" if "Philips" in folder else "")
    values, affine = simpleitk_series(series)
    assert np.array_equal(in_frame_of(ct, affine, values.shape), values)
    if folder.startswith("lidc"):
        assert (ct.data.min(), ct.data.max()) == (-2048, 3071)


def test_lidc_less_one_slice(real_ct: Path, tmp_path: Path) -> None:
    whole, _ = convert(real_ct / "lidc" / "dicom", tmp_path / "whole")
    files = by_height(real_ct / "lidc" / "dicom")
    gap = linked(files[:7] + files[8:], tmp_path / "gap")
    message = refused(gap, tmp_path, tilt="correct", uneven_spacing="resample")
    assert "1 slice(s) are missing: the slices are 2.5 mm apart" in message
    assert "or set `convert: gap: interpolate`" in message
    ct, record = convert(gap, tmp_path, gap="interpolate")
    assert whole.grid.difference(ct.grid) is None
    (made,) = [k for k, entry in enumerate(record["slices"]) if entry["between"]]
    others = np.arange(16) != made
    assert np.array_equal(ct.data[:, :, others], whole.data[:, :, others])
    mean = (whole.data[:, :, made - 1].astype(float) + whole.data[:, :, made + 1]) / 2
    assert np.array_equal(ct.data[:, :, made], np.rint(mean))
    assert not np.array_equal(ct.data[:, :, made], whole.data[:, :, made])
    height = float(pydicom.dcmread(files[7]).ImagePositionPatient[2])
    assert record["slices"][made]["position_mm"] == pytest.approx(height, abs=0.001)
    assert record["corrections"] == [f"gap: 1 slice interpolated at {height:g} mm"]


def test_lidc_with_one_slice_twice(real_ct: Path, tmp_path: Path) -> None:
    whole, _ = convert(real_ct / "lidc" / "dicom", tmp_path / "whole")
    files = by_height(real_ct / "lidc" / "dicom")
    twice = linked(files, tmp_path / "twice")
    (twice / "again.dcm").write_bytes(files[7].read_bytes())
    ct, record = convert(twice, tmp_path)
    assert np.array_equal(ct.data, whole.data)
    assert record["left_out"] == [{"reason": "byte-identical duplicate", "files": [16]}]
    again = pydicom.dcmread(files[7])
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    again.save_as(twice / "again.dcm")
    assert "1 position(s) are taken twice" in refused(twice, tmp_path)
    ct, record = convert(twice, tmp_path, repeated_position="first")
    assert np.array_equal(ct.data, whole.data)
    assert record["corrections"] == ["repeated_position: first of 2 taken at 1 position"]
    assert [entry["reason"] for entry in record["left_out"]] == ["repeated position"]


def test_names_do_not_matter(real_ct: Path, tmp_path: Path) -> None:
    files = by_height(real_ct / "lidc" / "dicom")
    whole, record = convert(real_ct / "lidc" / "dicom", tmp_path / "whole")
    shuffled = [files[k] for k in np.random.default_rng(0).permutation(len(files))]
    ct, other = convert(linked(shuffled, tmp_path / "names"), tmp_path)
    assert whole.grid.difference(ct.grid) is None
    assert np.array_equal(whole.data, ct.data)
    numbers = [[entry["instance_number"] for entry in r["slices"]] for r in (record, other)]
    assert numbers[0] == numbers[1]
    names = sorted(path.name for path in (tmp_path / "names").iterdir())
    for entry in other["slices"]:
        dataset = pydicom.dcmread(tmp_path / "names" / names[entry["index"]])
        assert dataset.InstanceNumber == entry["instance_number"]


GE = "dcm_qa_ct/GE_tilt_variable_spacing"


def test_tilt_and_uneven_spacing_are_refused(real_ct: Path, tmp_path: Path) -> None:
    tilt = "leans 18.5 degrees from the normal of its slices (the header says 18.5)"
    uneven = "unevenly spaced: steps of 1.08, 4, 7 mm"
    message = refused(real_ct / GE, tmp_path)
    assert tilt in message
    assert uneven in message
    message = refused(real_ct / GE, tmp_path, tilt="correct")
    assert tilt not in message
    assert uneven in message
    message = refused(real_ct / GE, tmp_path, uneven_spacing="resample", gap="interpolate")
    assert tilt in message
    assert uneven not in message


def upright_by_simpleitk(files: list[Path], grid: Grid) -> np.ndarray:
    """Resample each slice on its own, in its plane, onto `grid`'s; then linearly between slices.

    Returns
    -------
    array
        (x, y, z) HU on the grid; NaN where a slice ends.
    """
    lps = LPS_TO_RAS @ grid.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    row, column, normal = (lps[:3, :3] / spacing).T
    heights, pictures = [], []
    for path in files:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        flat = SimpleITK.Cast(SimpleITK.ReadImage(str(path))[:, :, 0], SimpleITK.sitkFloat64)
        place = np.array(dataset.ImagePositionPatient, dtype=float)
        directions = np.array(dataset.ImageOrientationPatient, dtype=float).reshape(2, 3)
        flat.SetOrigin([float(place @ row), float(place @ column)])
        turned = [[float(d @ axis) for d in directions] for axis in (row, column)]
        flat.SetDirection(np.ravel(turned).tolist())
        picture = SimpleITK.Resample(
            flat, [int(n) for n in grid.shape[:2]], SimpleITK.Transform(), SimpleITK.sitkLinear,
            [float(lps[:3, 3] @ row), float(lps[:3, 3] @ column)], spacing[:2].tolist(),
            (1.0, 0.0, 0.0, 1.0), np.nan,
        )  # fmt: skip
        heights.append(float(place @ normal))
        pictures.append(SimpleITK.GetArrayFromImage(picture).T)
    order = np.argsort(heights)
    wanted = lps[:3, 3] @ normal + spacing[2] * np.arange(grid.shape[2])
    low, high = heights[order[0]], heights[order[-1]]
    between = interp1d(np.array(heights)[order], np.stack(pictures)[order], axis=0)
    return np.moveaxis(between(np.clip(wanted, low, high)), 0, 2)


def test_tilt_and_uneven_spacing_corrected(real_ct: Path, tmp_path: Path) -> None:
    ct, record = convert(real_ct / GE, tmp_path, tilt="correct", uneven_spacing="resample")
    assert ct.grid.shape == (512, 611, 135)
    assert ct.grid.spacing_mm == pytest.approx((0.488281, 0.488281, 144.0883 / 134), abs=1e-5)
    steps = ct.grid.affine[:3, :3].T @ ct.grid.affine[:3, :3]
    assert np.allclose(steps - np.diag(np.diag(steps)), 0, atol=1e-6)
    assert record["corrections"] == [
        "tilt: 18.5 degrees corrected, corners filled with -1500 HU",
        "uneven_spacing: 28 slices 1.08 to 7 mm apart resampled to 135, 1.08 mm apart",
    ]
    files = sorted((real_ct / GE).iterdir())
    expected = upright_by_simpleitk(files, ct.grid)
    covered = ~np.isnan(expected)
    # Within half a pixel beyond a slice's edge, SimpleITK repeats it; here it fades into air.
    covered &= np.roll(covered, 1, axis=1) & np.roll(covered, -1, axis=1)
    assert covered.mean() > 0.8
    assert np.abs(ct.data[covered] - expected[covered]).max() < 0.6
    # No pixel is lost: the first slice, from which drift is counted, is there as it was.
    first = pydicom.dcmread(files[0])
    corner = np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ [*first.ImagePositionPatient, 1]
    i, j, k = np.rint(corner[:3]).astype(int)
    assert np.allclose(corner[:3], [i, j, k], atol=1e-3)
    hu = first.pixel_array.astype(int) * int(first.RescaleSlope) + int(first.RescaleIntercept)
    assert np.array_equal(ct.data[i : i + 512, j - 511 : j + 1, k].T[::-1], hu)
    assert record["slices"][k]["instance_number"] == first.InstanceNumber


def test_tilt_both_ways_of_one_real_series(real_ct: Path, tmp_path: Path) -> None:
    """Its mirror image leans the other way and must come out as the mirror image."""
    ct, _ = convert(real_ct / GE, tmp_path, tilt="correct", uneven_spacing="resample")
    (tmp_path / "mirror").mkdir()
    for path in (real_ct / GE).iterdir():
        dataset = pydicom.dcmread(path)
        dataset.PixelData = dataset.pixel_array[::-1].tobytes()
        x, y, z = (float(v) for v in dataset.ImagePositionPatient)
        along = np.array(dataset.ImageOrientationPatient[3:], dtype=float)
        last = y + along[1] * 511 * float(dataset.PixelSpacing[0])
        lowest = z + along[2] * 511 * float(dataset.PixelSpacing[0])
        dataset.ImagePositionPatient = [x, round(-last, 6), round(lowest, 6)]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, along[1], -along[2]]
        dataset.save_as(tmp_path / "mirror" / path.name)
    mirror, _ = convert(
        tmp_path / "mirror", tmp_path / "out", tilt="correct", uneven_spacing="resample"
    )
    assert mirror.data.shape == ct.data.shape
    apart = np.abs(mirror.data[:, ::-1].astype(int) - ct.data)
    # Both are rounded, and the mirrored positions are to a millionth of a millimetre.
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3


def test_tilted_slices_numbered_from_the_other_end(real_ct: Path, tmp_path: Path) -> None:
    """Of an evenly spaced part; dcm2niix then places the stack by its other end."""
    files = by_height(real_ct / GE)[4:10]
    ct, _ = convert(linked(files, tmp_path / "up"), tmp_path / "a", tilt="correct")
    (tmp_path / "down").mkdir()
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.InstanceNumber = 1000 - dataset.InstanceNumber
        dataset.save_as(tmp_path / "down" / path.name)
    other, record = convert(tmp_path / "down", tmp_path / "b", tilt="correct")
    assert ct.grid.difference(other.grid) is None
    assert np.array_equal(ct.data, other.data)
    assert record["corrections"] == ["tilt: 18.5 degrees corrected, corners filled with -1500 HU"]


@pytest.mark.parametrize("folder", ["lidc/dicom", "dcmqi/dicom", "sts/STS_001/dicom"])
def test_multi_frame_of_the_same_scan(real_ct: Path, tmp_path: Path, folder: str) -> None:
    """Classic and enhanced files of one scan, the frames in another order, give one volume."""
    classic, record = convert(real_ct / folder, tmp_path / "classic")
    files = sorted((real_ct / folder).iterdir())
    order = np.random.default_rng(1).permutation(len(files))
    multi = enhanced_of([pydicom.dcmread(files[k]) for k in order])
    ct, other = convert(write(multi, tmp_path / "multi.dcm"), tmp_path)
    assert classic.grid.difference(ct.grid) is None
    assert np.array_equal(classic.data, ct.data)
    assert [files[order[e["frame"]]] for e in other["slices"]] == [
        files[e["index"]] for e in record["slices"]
    ]
    keys = ("position_mm", "origin_mm")
    for a, b in zip(record["acquired"], other["acquired"], strict=True):
        assert [a[key] for key in keys] == [b[key] for key in keys]
    assert record["plane"] == other["plane"]


def test_mixed_study_leaves_out_everything_but_the_volume(real_ct: Path, tmp_path: Path) -> None:
    _, record = convert(real_ct / "dcm_qa_ct" / "Philips_mixed_study", tmp_path)
    assert {e["reason"]: len(e["files"]) for e in record["left_out"]} == {
        "directory of the medium": 3,
        "localizer": 1,
        "secondary capture": 6,
    }


def test_a_multi_frame_file_named_as_the_image(real_ct: Path, tmp_path: Path) -> None:
    path = real_ct / "pydicom" / "enhanced_multiframe_ct.dcm"
    ct, _ = convert(path, tmp_path)
    dataset = pydicom.dcmread(path)
    frames = dataset.pixel_array.astype(int) - 1024
    heights = [
        float(f.PlanePositionSequence[0].ImagePositionPatient[2])
        for f in dataset.PerFrameFunctionalGroupsSequence
    ]
    for frame, height in zip(frames, heights, strict=True):
        lps = [99.5, -301.5, height, 1]
        place = np.rint(np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ lps).astype(int)
        column = ct.data[:, place[1], place[2]]
        expected = frame[0] if place[0] == 0 else frame[0][::-1]
        assert np.array_equal(column, expected)
