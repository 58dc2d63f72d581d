"""Conversion and annotations on real CT, against what came with the data."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
from rightreason.annotate import annotate_case
from rightreason.convert import convert_case
from rightreason.errors import InputError
from rightreason.images import Volume, load

ROOT = Path(__file__).resolve().parents[2]
ANNOTATE = {"outside": "error", "max_volume_change": 0.05}
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def convert(image: Path, out: Path, series: str | None = None) -> tuple[Volume, Any]:
    convert_case("a", image, series, out / "ct.nii.gz", out / "ct.json", {"timeout_s": 300})
    return load(out / "ct.nii.gz"), json.loads((out / "ct.json").read_text())


def annotate(out: Path, file: Path, roi: str | None = None) -> Volume:
    rows = [{"rater": "expert", "file": str(file), "roi": roi}]
    annotate_case("a", out / "ct.nii.gz", out / "ct.json", rows, out / "masks", ANNOTATE)
    return load(out / "masks" / "expert.nii.gz")


def in_frame_of(volume: Volume, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The voxels of `volume` at the indices of another grid: axes flipped, nothing resampled."""
    steps = np.linalg.inv(affine) @ volume.grid.affine
    flips = [axis for axis in range(3) if steps[axis, axis] < 0]
    data = np.flip(volume.data, flips)
    corner = [size - 1 if axis in flips else 0 for axis, size in enumerate(volume.data.shape)]
    assert np.allclose((steps @ [*corner, 1])[:3], 0, atol=0.01)
    assert np.allclose(np.abs(steps[:3, :3]), np.eye(3), atol=1e-4)
    assert data.shape == tuple(shape)
    return data


def simpleitk_series(folder: Path, series: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return (x, y, z) HU and the RAS affine, read by SimpleITK (GDCM)."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), series))
    image = reader.Execute()
    affine = np.eye(4)
    direction = np.reshape(image.GetDirection(), (3, 3))
    affine[:3, :3], affine[:3, 3] = direction * image.GetSpacing(), image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0), LPS_TO_RAS @ affine


@pytest.mark.parametrize("number", range(1, 11))
def test_sarcoma_contours_are_the_given_masks(real_ct: Path, tmp_path: Path, number: int) -> None:
    patient = real_ct / "sts" / f"STS_{number:03d}"
    ct, _ = convert(patient / "dicom", tmp_path)
    mask = annotate(tmp_path, patient / "rtstruct.dcm", "GTV_Mass_CT")
    given = load(patient / "mask.nii.gz")
    assert given.data.sum() > 8000
    assert np.array_equal(in_frame_of(mask, given.grid.affine, given.data.shape), given.data > 0)
    values, affine = simpleitk_series(patient / "dicom")
    assert np.array_equal(in_frame_of(ct, affine, values.shape), values)


def test_liver_segmentation_is_its_nrrd(real_ct: Path, tmp_path: Path) -> None:
    convert(real_ct / "dcmqi" / "dicom", tmp_path)
    seg = annotate(tmp_path, real_ct / "dcmqi" / "liver.dcm")
    nrrd = annotate(tmp_path, real_ct / "dcmqi" / "liver_seg.nrrd")
    assert nrrd.data.sum(axis=(0, 1)).tolist() == [36233, 35645, 35220]
    assert np.array_equal(seg.data, nrrd.data)


def test_overlapping_segments_are_told_apart(real_ct: Path, tmp_path: Path) -> None:
    folder = real_ct / "dcmqi"
    convert(folder / "dicom", tmp_path)
    nrrds = {"GREEN": (1, 1), "ORANGE": (2, 2), "PURPLE": (3, 3), "LIGHT_BLUE": (1, 4),
             "DARK_BLUE": (1, 5)}  # fmt: skip
    for name, (file, value) in nrrds.items():
        seg = annotate(tmp_path, folder / "partial_overlaps.dcm", name)
        nrrd = annotate(tmp_path, folder / f"partial_overlaps-{file}.nrrd", str(value))
        assert nrrd.data.sum() > 4000
        assert np.array_equal(seg.data, nrrd.data), name


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


def test_lidc_loses_no_slice_unseen(real_ct: Path, tmp_path: Path) -> None:
    files = sorted((real_ct / "lidc" / "dicom").iterdir())
    by_height = sorted(files, key=lambda f: pydicom.dcmread(f).ImagePositionPatient[2])
    for number, path in enumerate(files):
        if path != by_height[7]:
            target = tmp_path / "gap" / f"{number}.dcm"
            target.parent.mkdir(exist_ok=True)
            target.symlink_to(path)
    with pytest.raises(InputError, match=r"1 slice\(s\) are missing: the slices are 2\.5 mm"):
        convert(tmp_path / "gap", tmp_path)
    again = pydicom.dcmread(by_height[7])
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    (tmp_path / "gap" / "other").symlink_to(by_height[7])
    again.save_as(tmp_path / "gap" / "again")
    with pytest.raises(InputError, match=r"1 position\(s\) are taken twice"):
        convert(tmp_path / "gap", tmp_path)
    (tmp_path / "gap" / "again").write_bytes(by_height[7].read_bytes())
    ct, record = convert(tmp_path / "gap", tmp_path)
    assert ct.grid.shape == (512, 512, 16)
    assert [entry["reason"] for entry in record["left_out"]] == ["byte-identical duplicate"]


def test_tilt_and_uneven_spacing_are_refused(real_ct: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        convert(real_ct / "dcm_qa_ct" / "GE_tilt_variable_spacing", tmp_path)
    assert "unevenly spaced: steps of 1.08, 4, 7 mm" in str(caught.value)
    assert "leans 18.5 degrees" in str(caught.value)


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


def test_an_annotation_of_another_patient_is_refused(real_ct: Path, tmp_path: Path) -> None:
    convert(real_ct / "sts" / "STS_001" / "dicom", tmp_path)
    for file in ("rtstruct.dcm", "mask.nii.gz"):
        with pytest.raises(InputError, match="another"):
            annotate(tmp_path, real_ct / "sts" / "STS_002" / file)


def test_sarcoma_study_tables(real_ct: Path, tmp_path: Path) -> None:
    """Twenty cases of ten patients; the tumour's voxels are all there, the clear cases regular."""
    script = ROOT / "config" / "sts" / "build_tables.py"
    subprocess.run([sys.executable, str(script), str(real_ct), str(tmp_path)], check=True)
    with (tmp_path / "cases.tsv").open() as file:
        cases = list(csv.DictReader(file, delimiter="\t"))
    with (tmp_path / "annotations.tsv").open() as file:
        annotations = {row["case"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert len(cases) == len(annotations) == 20
    assert {case["patient"] for case in cases} == {f"STS_{n:03d}" for n in range(1, 11)}
    for case in cases:
        out = tmp_path / "out" / case["case"]
        ct, _ = convert(tmp_path / case["image"], out)
        given = load(real_ct / "sts" / case["patient"] / "mask.nii.gz").data
        if case["label"] == "clear":
            assert annotations[case["case"]]["file"] == ""
            assert ct.grid.shape[2] == 16
        else:
            row = annotations[case["case"]]
            mask = annotate(out, tmp_path / row["file"], row["roi"])
            assert mask.data.sum() == given.sum()
            assert ct.grid.shape[2] == np.count_nonzero(given.any(axis=(0, 1)))
