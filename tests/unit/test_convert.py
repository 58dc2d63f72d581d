"""Conversion: values, geometry and the record; and every way in which it must refuse."""

from __future__ import annotations

import gzip
import json
import logging
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGLSLossless, RLELossless
from rightreason import converter
from rightreason.convert import convert_case
from rightreason.errors import InputError
from rightreason.identifiers import uid_digest
from rightreason.images import Volume, load

from tests.dicom_files import (
    COLUMN_SPACING,
    COLUMNS,
    FRAME,
    ORIGIN,
    ROW_SPACING,
    ROWS,
    STEP,
    ct_slice,
    enhanced,
    stored,
    write,
    write_series,
)

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def convert(image: Path, tmp_path: Path, series: str | None = None) -> tuple[Volume, Any]:
    volume, record = tmp_path / "out" / "a.nii.gz", tmp_path / "out" / "a.json"
    convert_case("a", image, series, volume, record, {"timeout_s": 60})
    return load(volume), json.loads(record.read_text())


def refused(image: Path, tmp_path: Path, series: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        convert(image, tmp_path, series)
    assert not list(tmp_path.glob("out/*")), "a refused case must leave nothing behind"
    message = str(caught.value)
    assert message.startswith("Case a: ")
    return message


def assert_world_values(ct: Volume, slices: int = 6, intercept: float = -200) -> None:
    """Look every voxel up by its place in the patient, counted by hand from the headers."""
    for k in range(slices):
        for row, column in ((0, 0), (0, COLUMNS - 1), (ROWS - 1, 0), (3, 5)):
            lps = [ORIGIN[0] + COLUMN_SPACING * column, ORIGIN[1] + ROW_SPACING * row,
                   ORIGIN[2] + STEP * k, 1]  # fmt: skip
            place = np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ lps
            i, j, n = np.rint(place[:3]).astype(int)
            assert np.allclose(place[:3], [i, j, n], atol=1e-4)
            assert ct.data[i, j, n] == 100 * k + 10 * row + column + intercept


def test_values_stand_where_the_headers_put_them(tmp_path: Path) -> None:
    ct, record = convert(write_series(tmp_path / "in"), tmp_path)
    assert ct.data.dtype == np.int16
    assert ct.grid.shape == (COLUMNS, ROWS, 6)
    assert_world_values(ct)
    assert record["shape"] == [8, 6, 6]
    assert record["spacing_mm"] == [1.5, 2.0, 3.0]
    assert (record["manufacturer"], record["scanner"]) == ("ACME", "Scan 1")
    assert (record["kernel"], record["slice_thickness_mm"]) == ("B30", 3.0)
    assert (record["source"], record["left_out"], record["corrections"]) == ("dicom", [], [])


def test_slices_are_traceable_to_their_files(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    ct, record = convert(folder, tmp_path)
    files = sorted(path.name for path in folder.iterdir())
    for k, entry in enumerate(record["slices"]):
        z = ORIGIN[2] + STEP * (entry["instance_number"] - 1)
        assert entry["position_mm"] == z
        assert (ct.grid.affine @ [0, 0, k, 1])[2] == pytest.approx(z)
        assert files[entry["index"]] == f"{((entry['instance_number'] - 1) * 5 + 2) % 97:03d}.dcm"


def test_record_holds_nothing_personal(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", PatientBirthDate="19500102", StudyDate="20200304")
    convert(folder, tmp_path)
    text = (tmp_path / "out" / "a.json").read_text()
    header = nib.load(tmp_path / "out" / "a.nii.gz").header.binaryblock
    for secret in ("Nobody", "4711", "1950", "2020", "1.2.3", "Thorax"):
        assert secret not in text
        assert secret.encode() not in header
    assert uid_digest("a", FRAME) in text


def test_simpleitk_reads_the_same_volume(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", RescaleSlope=2, RescaleIntercept=-1000)
    ct, _ = convert(folder, tmp_path)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    array = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    for index in ((0, 0, 0), (7, 5, 5), (3, 1, 4)):
        lps = [*image.TransformIndexToPhysicalPoint(index), 1]
        place = np.rint(np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ lps).astype(int)
        assert ct.data[tuple(place[:3])] == array[index]
    assert (ct.data.min(), ct.data.max()) == (-1000, 2 * 557 - 1000)


def test_fractional_hounsfield_units_stay(tmp_path: Path) -> None:
    ct, _ = convert(write_series(tmp_path / "in", RescaleSlope=0.5), tmp_path)
    assert ct.data.dtype == np.float32
    assert sorted(np.unique(ct.data))[:3] == [-200, -199.5, -199]


def test_rescale_that_differs_between_slices(tmp_path: Path) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.RescaleIntercept = -300 if k == 1 else -200

    ct, _ = convert(write_series(tmp_path / "in", change=change), tmp_path)
    assert ct.data.dtype == np.int16
    by_height = ct.data if ct.grid.affine[2, 2] > 0 else ct.data[:, :, ::-1]
    assert by_height.min(axis=(0, 1)).tolist() == [-200, -200, 0, 100, 200, 300]


def test_one_slice_that_does_not_say_how_it_is_rescaled(tmp_path: Path) -> None:
    def change(k: int, dataset: Any) -> None:
        if k == 3:
            del dataset.RescaleIntercept

    message = refused(write_series(tmp_path / "in", change=change), tmp_path)
    assert "how the stored values become HU in 1 of the 6 slices (017.dcm)" in message


@pytest.mark.parametrize("maker", ["ACME", "GE MEDICAL SYSTEMS"])
@pytest.mark.parametrize("slope", [1, 2])
def test_rescale_that_differs_between_frames(tmp_path: Path, maker: str, slope: int) -> None:
    """Of some makers' files, dcm2niix applies the intercept of one frame to all."""
    dataset = enhanced(6)
    dataset.Manufacturer = maker
    del dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    for frame, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        item.PixelValueTransformationSequence = [Dataset()]
        (rescale,) = item.PixelValueTransformationSequence
        rescale.RescaleSlope, rescale.RescaleIntercept = (1, -200) if frame % 2 else (slope, -300)
    ct, record = convert(write(dataset, tmp_path / "multi.dcm"), tmp_path)
    by_height = sorted(record["slices"], key=lambda entry: entry["position_mm"])
    for k, entry in enumerate(by_height):
        lps = [*ORIGIN[:2], ORIGIN[2] + STEP * k, 1]
        i, j, n = np.rint((np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ lps)[:3]).astype(int)
        expected = 100 * k - 200 if entry["frame"] % 2 else slope * 100 * k - 300
        assert ct.data[i, j, n] == expected
    said = "rewritten: rescale that differs between frames, which dcm2niix takes for one"
    assert record["corrections"] in ([], [said])
    if slope == 1:
        assert bool(record["corrections"]) == maker.startswith("GE")


def test_the_kernel_of_multi_frame_files(tmp_path: Path) -> None:
    """Of each frame its own; of files converted from classic ones, where those put it."""
    dataset = enhanced(4)
    for frame, item in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        item.CTReconstructionSequence = [Dataset()]
        item.CTReconstructionSequence[0].ConvolutionKernel = "B30" if frame < 2 else "B70"
    del dataset.ConvolutionKernel
    _, record = convert(write(dataset, tmp_path / "multi.dcm"), tmp_path)
    assert record["kernel"] in ("B30 and B70", "B70 and B30")
    legacy = enhanced(4)
    del legacy.ConvolutionKernel
    (shared,) = legacy.SharedFunctionalGroupsSequence
    shared.UnassignedSharedConvertedAttributesSequence = [Dataset()]
    shared.UnassignedSharedConvertedAttributesSequence[0].ConvolutionKernel = "STANDARD"
    _, record = convert(write(legacy, tmp_path / "legacy.dcm"), tmp_path)
    assert record["kernel"] == "STANDARD"


def test_oblique_and_sagittal_series(tmp_path: Path) -> None:
    angle = np.radians(20)
    row, column = np.array([1, 0, 0]), np.array([0, np.cos(angle), np.sin(angle)])
    normal = np.cross(row, column)

    def change(k: int, dataset: Any) -> None:
        dataset.ImagePositionPatient = [round(float(v), 6) for v in STEP * k * normal]
        dataset.ImageOrientationPatient = [round(float(v), 8) for v in (*row, *column)]

    ct, _ = convert(write_series(tmp_path / "in", change=change), tmp_path)
    lps = STEP * 4 * normal + row * COLUMN_SPACING * 5 + column * ROW_SPACING * 2
    place = np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS @ [*lps, 1]
    assert ct.data[tuple(np.rint(place[:3]).astype(int))] == 425 - 200


def test_localizers_captures_and_other_files_are_left_out(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(ct_slice(30, ImageType=scout, SeriesInstanceUID="1.2.3.1"), folder / "a.dcm")
    capture = "1.2.840.10008.5.1.4.1.1.7"
    write(ct_slice(31, SOPClassUID=capture, SeriesInstanceUID="1.2.3.2"), folder / "b.dcm")
    write(ct_slice(32, Modality="MR", SeriesInstanceUID="1.2.3.3"), folder / "c.dcm")
    write(ct_slice(33, SeriesInstanceUID="1.2.3.4"), folder / "d.dcm")
    (folder / "notes.txt").write_text("hello")
    (folder / "._002.dcm").write_bytes(b"what a Mac leaves behind")
    reformat = ["DERIVED", "SECONDARY", "REFORMATTED"]
    for k in range(3):
        write(ct_slice(k, ImageType=reformat, SeriesInstanceUID="1.2.3.5"), folder / f"e{k}.dcm")
    (folder / "f.dcm").write_bytes((folder / "002.dcm").read_bytes())
    ct, record = convert(folder, tmp_path)
    assert_world_values(ct)
    names = sorted(path.name for path in folder.iterdir() if path.name[0] != ".")
    left_out = {e["reason"]: [names[i] for i in e["files"]] for e in record["left_out"]}
    assert left_out == {
        "localizer": ["a.dcm"],
        "secondary capture": ["b.dcm"],
        "modality MR, not CT": ["c.dcm"],
        "single slice": ["d.dcm"],
        "not DICOM": ["notes.txt"],
        "derived series": ["e0.dcm", "e1.dcm", "e2.dcm"],
        "byte-identical duplicate": ["f.dcm"],
    }


def test_several_series_must_be_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    other = {"SeriesInstanceUID": "1.2.3.44", "SeriesNumber": 3, "ConvolutionKernel": "B70"}
    write_series(folder / "lung", RescaleIntercept=-100, **other)
    message = refused(folder, tmp_path)
    assert "[1] 'Thorax', kernel B30, 6 slices of 8 x 6, 3 mm apart, 3 mm thick" in message
    assert "[2] 'Thorax', kernel B70" in message
    assert "column `series`" in message
    assert "names none" in refused(folder, tmp_path, "1.2.3.99")
    assert_world_values(convert(folder, tmp_path, "1.2.3.44")[0], intercept=-100)
    assert_world_values(convert(folder, tmp_path, "1")[0])
    assert convert(folder, tmp_path, "2")[1]["left_out"][0]["reason"] == "another series"


def test_a_derived_series_is_taken_only_when_named(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in", ImageType=["DERIVED", "PRIMARY", "AXIAL"])
    assert "derived" in refused(folder, tmp_path)
    assert_world_values(convert(folder, tmp_path, "1.2.3.8")[0])


@pytest.mark.parametrize("count", [2, 6])
def test_multi_frame_gives_the_same_volume(tmp_path: Path, count: int) -> None:
    classic, _ = convert(write_series(tmp_path / "in", range(count)), tmp_path)
    ct, record = convert(write(enhanced(count), tmp_path / "multi.dcm"), tmp_path)
    assert classic.grid.difference(ct.grid) is None
    assert np.array_equal(classic.data, ct.data)
    by_height = sorted(record["slices"], key=lambda entry: entry["position_mm"])
    assert [entry["frame"] for entry in by_height] == list(range(count))[::-1]


@pytest.mark.parametrize("encoding", [RLELossless, JPEGLSLossless])
def test_compressed_series(tmp_path: Path, encoding: str) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.PixelRepresentation = 0
        dataset.compress(encoding, generate_instance_uid=False)

    assert_world_values(convert(write_series(tmp_path / "in", change=change), tmp_path)[0])


def test_deflated_files_are_rewritten_and_said_so(tmp_path: Path) -> None:
    def change(k: int, dataset: Any) -> None:
        if k == 3:
            dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian

    ct, record = convert(write_series(tmp_path / "in", change=change), tmp_path)
    assert_world_values(ct)
    assert record["corrections"] == ["rewritten: files that dcm2niix does not read, uncompressed"]


@pytest.mark.parametrize(
    ("implicit", "little"), [(True, True), (False, True), (False, False)]
)  # fmt: skip
def test_files_without_the_dicom_preamble(tmp_path: Path, implicit: bool, little: bool) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(6):
        bare = ct_slice(k)
        del bare.file_meta
        bare.add_new("PixelData", "OW", stored(k).astype("<i2" if little else ">i2").tobytes())
        bare.save_as(folder / f"{k}.dcm", implicit_vr=implicit, little_endian=little)
        assert (folder / f"{k}.dcm").read_bytes()[128:132] != b"DICM"
    assert_world_values(convert(folder, tmp_path)[0])


def test_a_file_header_without_preamble_and_group_length(tmp_path: Path) -> None:
    """As pydicom writes it when it is not told to keep to the file format."""
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(6):
        ct_slice(k).save_as(folder / f"{k}.dcm")
        assert (folder / f"{k}.dcm").read_bytes()[:4] == b"\x02\x00\x10\x00"
    assert_world_values(convert(folder, tmp_path)[0])


@pytest.mark.parametrize(
    ("slices", "change", "words"),
    [
        ((0, 1, 2, 4, 5), {}, ["1 slice(s) are missing", "106.00 and 112.00 mm"]),
        ((0, 1, 4, 6, 7), {}, ["3 slice(s) are missing"]),
        ((0, 1, 2, 3), {3: (0, 0, -3)}, ["taken twice"]),
        ((0, 1, 2, 3), {3: (0, 0, 0.8)}, ["unevenly spaced", "3, 3.8"]),
        ((0, 1, 2, 3), {2: (4, 0, 0)}, ["aside of one another by up to 4.00 mm"]),
        ((0, 1, 2, 3), {k: (0, 0.5 * k, 0) for k in range(4)}, ["leans 9.5 degrees", "says 0"]),
    ],
)
def test_irregular_stacks(
    tmp_path: Path, slices: tuple[int, ...], change: dict[int, Any], words: list[str]
) -> None:
    def shift(k: int, dataset: Any) -> None:
        moved = np.array(dataset.ImagePositionPatient, dtype=float) + change.get(k, (0, 0, 0))
        dataset.ImagePositionPatient = moved.tolist()

    message = refused(write_series(tmp_path / "in", slices, change=shift), tmp_path)
    for word in words:
        assert word in message


def test_positions_rounded_to_a_tenth_are_regular(tmp_path: Path) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.ImagePositionPatient = [0, 0, round(0.625 * k + 0.001, 1)]

    ct, record = convert(write_series(tmp_path / "in", range(9), change=change), tmp_path)
    assert ct.grid.spacing_mm[2] == pytest.approx(0.625)
    assert record["corrections"] == [
        "rewritten: slice positions, rounded by up to 0.050 mm, evened out"
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Modality": "MR"}, ["no CT volume", "6 x modality MR, not CT"]),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, ["no CT volume", "6 x localizer"]),
        ({"ImagePositionPatient": None}, ["no CT volume"]),
        ({"RescaleType": "OD"}, ["are OD, not HU"]),
        ({"RescaleIntercept": 0}, ["run from 0 to 557", "Hounsfield"]),
        ({"RescaleIntercept": None}, ["in 6 of the 6 slices (002.dcm, 007.dcm"]),
        ({"RescaleSlope": 0}, ["in 6 of the 6 slices", "RescaleSlope, above 0"]),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 1, 0]}, ["perpendicular unit vectors"]),
    ],
)
def test_unusable_series(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    message = refused(write_series(tmp_path / "in", **changes), tmp_path)
    for word in words:
        assert word in message


def test_one_slice_is_no_volume(tmp_path: Path) -> None:
    assert "1 x single CT slice" in refused(write_series(tmp_path / "in", [3]), tmp_path)


def test_empty_folder_missing_folder_and_other_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "holds no files" in refused(tmp_path / "in", tmp_path)
    assert "does not exist" in refused(tmp_path / "nowhere", tmp_path)
    (tmp_path / "in" / "a.txt").write_text("no DICOM")
    assert "1 x not DICOM" in refused(tmp_path / "in", tmp_path)


@pytest.mark.parametrize("keep", [0, 10, 200, 700, -1])
def test_a_truncated_file_is_named(tmp_path: Path, keep: int) -> None:
    folder = write_series(tmp_path / "in")
    victim = folder / "012.dcm"
    victim.write_bytes(victim.read_bytes()[:keep])
    assert "012.dcm" in refused(folder, tmp_path)


def test_a_truncated_compressed_file_is_named(tmp_path: Path) -> None:
    def change(k: int, dataset: Any) -> None:
        dataset.compress(RLELossless, generate_instance_uid=False)

    folder = write_series(tmp_path / "in", change=change)
    victim = folder / "012.dcm"
    victim.write_bytes(victim.read_bytes()[:-20])
    assert "012.dcm" in refused(folder, tmp_path)


def test_slices_that_would_drop_out_of_the_series_are_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    write(ct_slice(6, PixelSpacing=[1, 1]), folder / "x.dcm")
    write(ct_slice(7, ImagePositionPatient=None), folder / "y.dcm")
    message = refused(folder, tmp_path)
    assert "x.dcm is parallel to the other slices but has 8 x 6 pixels of 1 mm" in message
    assert "y.dcm has no position" in message


def test_values_that_two_decoders_read_differently_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_series(tmp_path / "in")
    honest = converter._load_hounsfield

    def wrong(path: Path) -> Volume:
        volume = honest(path)
        volume.data[2, 2, 0] += 1
        return volume

    monkeypatch.setattr(converter, "_load_hounsfield", wrong)
    assert "1 pixels differ" in refused(folder, tmp_path)


def test_a_grid_that_is_not_the_headers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_series(tmp_path / "in")
    honest = converter._load_hounsfield

    def shifted(path: Path) -> Volume:
        volume = honest(path)
        volume.grid.affine[2, 3] += 0.02
        return volume

    monkeypatch.setattr(converter, "_load_hounsfield", shifted)
    assert "corners up to 0.020 mm apart" in refused(folder, tmp_path)


def test_a_converter_that_hangs_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setattr(converter, "_binary", lambda: str(slow))
    folder = write_series(tmp_path / "in")
    with pytest.raises(InputError, match=r"took more than 0\.2 s"):
        convert_case("a", folder, None, tmp_path / "v", tmp_path / "r", {"timeout_s": 0.2})


def nifti(path: Path, data: np.ndarray, affine: np.ndarray, **codes: int) -> Path:
    image = nib.Nifti1Image(data, affine)
    image.set_sform(affine, codes.get("sform", 1))
    image.set_qform(affine, codes.get("qform", 1))
    nib.save(image, path)
    return path


def test_a_nifti_image_is_stored_as_it_is(tmp_path: Path) -> None:
    data = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(np.float32) - 60
    affine = np.diag([-1.0, 2.0, 2.5, 1.0])
    affine[:3, 3] = 7, -8, 9
    ct, record = convert(nifti(tmp_path / "x.nii", data, affine), tmp_path)
    assert ct.data.dtype == np.int16
    assert np.array_equal(ct.data, data)
    assert np.array_equal(ct.grid.affine, affine)
    assert (record["source"], record["slice_axis"]) == ("nifti", 2)
    assert [s["position_mm"] for s in record["slices"]] == [9, 11.5, 14, 16.5, 19, 21.5]
    assert record["identifiers"] == {"frame_of_reference": None, "study": None, "series": None}
    assert (record["acquired"], record["plane"], record["geometry"]) == ([], None, None)
    assert record["slices"][2]["between"] is None


def test_nifti_images_that_cannot_be_ct(tmp_path: Path) -> None:
    hu, eye = np.linspace(-900, 900, 60).reshape(3, 4, 5), np.eye(4)
    bad = hu.copy()
    bad[0, 0, 0] = np.nan
    shifted = eye.copy()
    shifted[0, 3] = 1
    contradictory = nib.load(nifti(tmp_path / "q.nii", hu, eye))
    contradictory.set_sform(shifted, 1)
    nib.save(contradictory, tmp_path / "q2.nii")
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8bnothing")
    cases = {
        nifti(tmp_path / "a.nii", np.abs(hu), eye): "Hounsfield",
        nifti(tmp_path / "b.nii", hu / 900, eye): "Hounsfield",
        nifti(tmp_path / "c.nii", bad, eye): "1 voxels are not finite",
        nifti(tmp_path / "d.nii", np.stack([hu, hu], axis=3), eye): "4 dimensions",
        nifti(tmp_path / "e.nii", hu, eye, sform=0, qform=0): "neither qform nor sform",
        tmp_path / "q2.nii": "1.00 mm apart",
        tmp_path / "broken.nii.gz": "cannot be read as a NIfTI image",
    }
    for path, words in cases.items():
        assert words in refused(path, tmp_path), path


HU = np.linspace(-900, 900, 60).reshape(3, 4, 5).round()


def sheared(by: float) -> np.ndarray:
    affine = np.eye(4)
    affine[1, 2] = by
    return affine


def test_nifti_images_whose_axes_are_not_perpendicular(tmp_path: Path) -> None:
    """Of five slices the last stands 4 x 0.3 mm aside: tilt that nobody corrected."""
    message = refused(nifti(tmp_path / "a.nii", HU, sheared(0.3), qform=0), tmp_path)
    assert "not perpendicular" in message
    assert "tilted gantry" in message
    ct, _ = convert(nifti(tmp_path / "b.nii", HU, sheared(0.001), qform=0), tmp_path)
    assert np.array_equal(ct.data, HU)


@pytest.mark.parametrize("shape", [(1, 4, 5), (3, 1, 5), (3, 4, 1)])
def test_a_nifti_image_of_one_slice_is_no_volume(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    data = np.resize(HU, shape)
    assert "at least two slices" in refused(nifti(tmp_path / "a.nii", data, np.eye(4)), tmp_path)


def test_a_nifti_image_with_one_volume_in_four_dimensions(tmp_path: Path) -> None:
    ct, _ = convert(nifti(tmp_path / "a.nii.gz", HU[..., None], np.eye(4)), tmp_path)
    assert np.array_equal(ct.data, HU)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_nifti_files_that_claim_more_than_they_hold(tmp_path: Path, ending: str) -> None:
    """A header of 348 bytes can claim 32767 cubed voxels, 68 TB; memory must not be asked for."""
    for size in (32767, 900):
        image = nib.Nifti1Image(HU.astype(np.int16), np.eye(4))
        image.header.set_data_shape((size, size, size))
        content = image.header.binaryblock + bytes(4) + HU.astype(np.int16).tobytes()
        path = tmp_path / f"a{size}{ending}"
        path.write_bytes(gzip.compress(content) if ending == ".nii.gz" else content)
        tracemalloc.start()
        message = refused(path, tmp_path)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert f"claims {size} x {size} x {size} voxels" in message
        assert most < 10e6


def test_nifti_files_that_are_cut_off_or_something_else(tmp_path: Path) -> None:
    whole = nifti(tmp_path / "whole.nii.gz", np.random.default_rng(0).normal(0, 300, (20, 20, 20)),
                  np.eye(4)).read_bytes()  # fmt: skip
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    plain = gzip.decompress(whole)
    (tmp_path / "cut.nii").write_bytes(plain[: len(plain) // 2])
    (tmp_path / "text.nii").write_text("subject height weight\n" * 40)
    (tmp_path / "empty.nii").write_bytes(b"")
    (tmp_path / "dicom.nii").write_bytes(write(ct_slice(0), tmp_path / "a.dcm").read_bytes())
    (tmp_path / "plain.nii.gz").write_bytes(plain)
    for name in ("cut.nii.gz", "cut.nii", "text.nii", "empty.nii", "dicom.nii", "plain.nii.gz"):
        message = refused(tmp_path / name, tmp_path)
        assert name in message
        assert "cannot be read as a NIfTI image" in message or "does not hold" in message


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.diag([1, 1, np.nan, 1])])
def test_nifti_images_whose_affine_leads_nowhere(tmp_path: Path, affine: np.ndarray) -> None:
    image = nib.Nifti1Image(HU, np.eye(4))
    image.header["sform_code"] = 1
    for row, name in enumerate(("srow_x", "srow_y", "srow_z")):
        image.header[name] = affine[row]
    content = image.header.binaryblock + bytes(4) + HU.astype(np.float64).tobytes(order="F")
    (tmp_path / "a.nii").write_bytes(content)
    assert "not finite and invertible" in refused(tmp_path / "a.nii", tmp_path)


def test_a_series_scanned_at_one_place_is_no_candidate(tmp_path: Path) -> None:
    """As bolus tracking is: one slice again and again, beside the volume."""
    folder = write_series(tmp_path / "in")
    for k in range(5):
        place = {"ImagePositionPatient": [0, 0, 150], "SeriesInstanceUID": "1.2.3.66"}
        write(ct_slice(k, **place), folder / f"m{k}.dcm")
    ct, record = convert(folder, tmp_path)
    assert_world_values(ct)
    assert [(e["reason"], len(e["files"])) for e in record["left_out"]] == [("single slice", 5)]


def test_headers_that_claim_more_than_any_ct(tmp_path: Path) -> None:
    """Compressed files of a few hundred bytes that claim 65535 x 65535 pixels each."""

    def change(k: int, dataset: Any) -> None:
        dataset.PixelRepresentation = 0
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.Rows = dataset.Columns = 65535

    message = refused(write_series(tmp_path / "in", change=change), tmp_path)
    assert "65535 x 65535 x 6 voxels" in message


def test_overlays_are_no_second_volume(tmp_path: Path) -> None:
    def change(k: int, dataset: Any) -> None:
        bits = np.packbits((np.arange(ROWS * COLUMNS) % 3 == 0), bitorder="little").tobytes()
        for element, kind, value in (
            (0x10, "US", ROWS), (0x11, "US", COLUMNS), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
            (0x100, "US", 1), (0x102, "US", 0), (0x3000, "OW", bits),
        ):  # fmt: skip
            dataset.add_new(0x60000000 + element, kind, value)

    ct, record = convert(write_series(tmp_path / "in", change=change), tmp_path)
    assert_world_values(ct)
    assert record["corrections"] == []


def test_a_series_that_dcm2niix_takes_for_several(tmp_path: Path) -> None:
    """It splits by StudyTime, say; the slices are one volume all the same."""

    def change(k: int, dataset: Any) -> None:
        dataset.StudyDate, dataset.StudyTime = f"2020010{k + 1}", "100000"

    ct, record = convert(write_series(tmp_path / "in", change=change), tmp_path)
    assert_world_values(ct)
    assert record["corrections"] == ["rewritten: dcm2niix made 6 volumes of the files as they are"]


def test_identifiers_are_salted_by_the_case(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    _, record = convert(folder, tmp_path)
    assert record["identifiers"] == {
        "frame_of_reference": uid_digest("a", FRAME),
        "study": uid_digest("a", "1.2.3.7"),
        "series": uid_digest("a", "1.2.3.8"),
    }
    for entry, acquired in zip(record["slices"], record["acquired"], strict=True):
        assert acquired["instance"] == uid_digest("a", f"1.2.3.9.{entry['instance_number']}")
        assert acquired["position_mm"] == entry["position_mm"]
    assert record["plane"] == {
        "columns": 8, "rows": 6, "column_mm": [-1.5, 0, 0], "row_mm": [0, -2, 0],
    }  # fmt: skip
    assert record["geometry"] == {
        "tilt_deg": 0, "header_tilt_deg": 0, "steps_mm": [3], "overlap_mm": 0,
    }  # fmt: skip
    thick = write_series(tmp_path / "thick", SliceThickness=5)
    assert convert(thick, tmp_path)[1]["geometry"]["overlap_mm"] == 2


def test_a_codestream_that_contradicts_its_header(tmp_path: Path) -> None:
    """Of this JPEG 2000 CT dcm2niix makes 0 to 8191 instead of -2000 to 1896, without a word."""
    path = get_testdata_file("J2K_pixelrep_mismatch.dcm")
    for k in range(2):
        dataset = dcmread(path)
        dataset.ImageOrientationPatient, dataset.GantryDetectorTilt = [1, 0, 0, 0, 1, 0], 0
        dataset.ImagePositionPatient, dataset.InstanceNumber = [0, 0, 2 * k], k + 1
        write(dataset, tmp_path / "in" / f"{k}.dcm")
    ct, record = convert(tmp_path / "in", tmp_path)
    assert (ct.data.min(), ct.data.max()) == (-2000, 1896)
    assert np.array_equal(ct.data[:, ::-1, 1].T, dataset.pixel_array)
    assert record["corrections"] == [
        "rewritten: JPEG 2000 of 13 bits without sign, which its header calls 13 bits with"
    ]


def test_repeated_instance_numbers_lose_no_slice(tmp_path: Path) -> None:
    for name, changes in (("a", {}), ("b", {"Manufacturer": None, "ImageType": None})):
        ct, _ = convert(write_series(tmp_path / name, InstanceNumber=1, **changes), tmp_path)
        assert_world_values(ct)


def test_a_name_among_the_character_sets_is_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Pydicom logs a character set that it does not know, whatever a tool wrote there."""

    def change(k: int, dataset: Dataset) -> None:
        if k == 0:
            dataset.add_new("SpecificCharacterSet", "LO", "Yamada^Tarou")

    folder = write_series(tmp_path / "in", change=change)
    caplog.clear()
    volume, _record = convert(folder, tmp_path)
    assert volume.grid.shape[2] == 6
    assert "Yamada" not in caplog.text
    # The check sees what would be said.
    library = logging.getLogger("pydicom")
    quiet = library.level
    library.setLevel(logging.WARNING)
    try:
        with pytest.warns(UserWarning, match="Unknown encoding"):
            dcmread(min(folder.iterdir(), key=lambda p: "002" not in p.name)).decode()
    finally:
        library.setLevel(quiet)
    assert "Yamada" in caplog.text
