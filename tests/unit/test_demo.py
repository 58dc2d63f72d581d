from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from matplotlib.path import Path as Polygon
from rightreason import demo, demo_plan
from rightreason.demo_raters import rate
from rightreason.demo_rtstruct import outlines

SETTINGS = {
    "training_cases": 8, "external_cases": 4, "matrix": [64, 64, 16], "field_mm": 400,
    "slice_mm": 16.0, "shortcut": 1.0, "seed": 20240,
}  # fmt: skip
CASES = demo_plan.plan(SETTINGS)
COMPRESSED = [c for c in CASES if c.compression]
PLAIN = {c.site: c for c in CASES if not c.compression}
ANNOTATED = next(c for c in CASES if len([a for a in c.annotations if a.file]) == 4)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    demo.write_cohort(SETTINGS, out)
    return out


@pytest.fixture(scope="module")
def pictures() -> dict[str, demo.Picture]:
    return {case.case: demo.paint_case(case, SETTINGS) for case in CASES}


def annotation_path(cohort: Path, rater: str) -> Path:
    return cohort / next(a.file for a in ANNOTATED.annotations if a.rater.name == rater)


def rater_mask(pictures: dict[str, demo.Picture], rater: str) -> Any:
    picture = pictures[ANNOTATED.case]
    return rate(rater, picture.finding, picture.lungs, picture.dense, 6.25)


def read_slices(folder: Path) -> list[Any]:
    slices = [pydicom.dcmread(file) for file in folder.iterdir()]
    return [ds for ds in slices if "LOCALIZER" not in ds.ImageType]


def test_the_files_are_those_of_the_plan(cohort: Path) -> None:
    written = {str(f.relative_to(cohort)) for f in cohort.rglob("*") if f.is_file()}
    outside = {f for f in written if not f.startswith("dicom/")}
    assert outside == set(demo_plan.output_files(SETTINGS))
    folders = {str(f.relative_to(cohort)) for f in (cohort / "dicom").iterdir()}
    assert folders == set(demo_plan.output_folders(SETTINGS))


def test_the_tables_name_files_that_exist_beside_them(cohort: Path) -> None:
    with (cohort / "cases.tsv").open() as file:
        cases = list(csv.DictReader(file, delimiter="\t"))
    assert [row["case"] for row in cases] == [c.case for c in CASES]
    assert all((cohort / row["image"]).is_dir() for row in cases)
    assert all((cohort / row["region"]).is_file() for row in cases)
    with (cohort / "annotations.tsv").open() as file:
        annotations = list(csv.DictReader(file, delimiter="\t"))
    assert all((cohort / row["file"]).is_file() for row in annotations if row["file"])
    assert any(not row["file"] for row in annotations)


def test_the_same_settings_give_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    settings = {**SETTINGS, "training_cases": 2, "external_cases": 2, "matrix": [32, 32, 8]}
    demo.write_cohort(settings, tmp_path / "here")
    folder = str(Path(demo.__file__).parents[1])
    code = (
        f"import sys; sys.path.insert(0, {folder!r})\nfrom pathlib import Path\n"
        "from rightreason.demo import write_cohort\n"
        f"write_cohort({settings!r}, Path({str(tmp_path / 'there')!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

    def digests(root: Path) -> dict[str, str]:
        return {str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest()
                for f in root.rglob("*") if f.is_file()}  # fmt: skip

    assert digests(tmp_path / "here") == digests(tmp_path / "there")
    assert {Path(name).suffix for name in digests(tmp_path / "here")} == {
        ".tsv", ".dcm", ".gz", ".nrrd"
    }  # fmt: skip


@pytest.mark.parametrize("case", [*COMPRESSED, *PLAIN.values()], ids=lambda c: c.case)
def test_pydicom_reads_back_the_hu_and_positions(
    cohort: Path, pictures: dict[str, demo.Picture], case: demo_plan.PlannedCase
) -> None:
    slices = sorted(read_slices(cohort / case.image), key=lambda ds: ds.ImagePositionPatient[2])
    hu = np.stack([ds.pixel_array.T * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
                   for ds in slices], axis=2)  # fmt: skip
    np.testing.assert_array_equal(hu, pictures[case.case].hu)
    syntax = {"": "1.2.1", "rle": "1.2.5", "jpegls": "1.2.4.80", "jpeg2000": "1.2.4.90"}
    name = syntax[case.compression]
    assert {ds.file_meta.TransferSyntaxUID for ds in slices} == {f"1.2.840.10008.{name}"}
    steps = np.diff([float(ds.ImagePositionPatient[2]) for ds in slices])
    np.testing.assert_allclose(steps, 16.0)
    assert {tuple(map(float, ds.PixelSpacing)) for ds in slices} == {(6.25, 6.25)}


@pytest.mark.parametrize("case", [*COMPRESSED, *PLAIN.values()], ids=lambda c: c.case)
def test_dcm2niix_gives_the_hu_on_the_grid_of_region_and_truth(
    cohort: Path, pictures: dict[str, demo.Picture], case: demo_plan.PlannedCase, tmp_path: Path
) -> None:
    binary = Path(sys.executable).parent / "dcm2niix"
    done = [str(binary), "-z", "n", "-b", "n", "-f", "%s", "-o", str(tmp_path)]
    subprocess.run([*done, str(cohort / case.image)], check=True, capture_output=True)
    converted: Any = nib.load(tmp_path / "2.nii")
    region: Any = nib.load(cohort / case.region)
    for file in (case.region, case.truth_finding, case.truth_shortcut):
        mask: Any = nib.load(cohort / file)
        assert mask.shape == converted.shape
        np.testing.assert_allclose(mask.affine, converted.affine, atol=1e-3)
    picture = pictures[case.case]
    np.testing.assert_array_equal(converted.get_fdata()[:, ::-1], picture.hu)
    np.testing.assert_array_equal(region.get_fdata()[:, ::-1], picture.lungs)


def test_the_file_names_follow_neither_position_nor_instance_number(cohort: Path) -> None:
    for site, case in PLAIN.items():
        files = sorted((cohort / case.image).iterdir())
        slices = [ds for f in files if "LOCALIZER" not in (ds := pydicom.dcmread(f)).ImageType]
        positions = [float(ds.ImagePositionPatient[2]) for ds in slices]
        numbers = [int(ds.InstanceNumber) for ds in slices]
        assert positions not in (sorted(positions), sorted(positions)[::-1])
        assert numbers not in (sorted(numbers), sorted(numbers)[::-1])
        along = np.corrcoef(positions, numbers)[0, 1]
        assert along == pytest.approx(1 if site == "A" else -1)


def test_a_localizer_of_another_series_lies_in_the_folder(cohort: Path) -> None:
    for case in CASES:
        every = [pydicom.dcmread(file) for file in (cohort / case.image).iterdir()]
        scouts = [ds for ds in every if "LOCALIZER" in ds.ImageType]
        assert len(scouts) == 1
        assert len(every) == 17
        assert len({ds.SeriesInstanceUID for ds in every}) == 2
        assert len({ds.SOPInstanceUID for ds in every}) == 17
        assert {ds.SOPClassUID.name for ds in every} == {"CT Image Storage"}


def test_names_are_japanese_in_iso_2022_ir_87(cohort: Path) -> None:
    file = next((cohort / CASES[0].image).iterdir())
    ds = pydicom.dcmread(file)
    assert ds.SpecificCharacterSet == ["", "ISO 2022 IR 87"]
    assert b"\x1b$B" in file.read_bytes()
    ideographs = str(ds.PatientName.ideographic)
    assert ideographs
    assert all("\u4e00" <= letter <= "\u9fff" for letter in ideographs.replace("^", ""))


def test_the_nifti_rater_equals_the_mask_in_patient_space(
    cohort: Path, pictures: dict[str, demo.Picture]
) -> None:
    image: Any = nib.load(annotation_path(cohort, "tight"))
    np.testing.assert_array_equal(np.asarray(image.dataobj), rater_mask(pictures, "tight"))
    slices = read_slices(cohort / ANNOTATED.image)
    lowest = min(slices, key=lambda ds: ds.ImagePositionPatient[2])
    x, y, z = map(float, lowest.ImagePositionPatient)
    np.testing.assert_allclose(image.affine[:3, 3], [-x, -y, z])


def test_the_pixels_inside_the_rtstruct_are_the_mask(
    cohort: Path, pictures: dict[str, demo.Picture]
) -> None:
    ds = pydicom.dcmread(annotation_path(cohort, "generous"))
    slices = {ct.SOPInstanceUID: ct for ct in read_slices(cohort / ANNOTATED.image)}
    names = {roi.ROINumber: roi.ROIName for roi in ds.StructureSetROISequence}
    assert list(names.values()) == ["findings", "body"]
    mask = rater_mask(pictures, "generous")
    found = np.zeros_like(mask)
    order = sorted(slices.values(), key=lambda ct: ct.ImagePositionPatient[2])
    centres = np.stack(np.meshgrid(range(64), range(64), indexing="ij"), -1).reshape(-1, 2)
    for contour in ds.ROIContourSequence[0].ContourSequence:
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
        ct = slices[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        np.testing.assert_allclose(points[:, 2], float(ct.ImagePositionPatient[2]))
        pixels = (points[:, :2] - np.array(ct.ImagePositionPatient[:2], dtype=float)) / 6.25
        inside = Polygon(pixels).contains_points(centres).reshape(64, 64)
        found[:, :, order.index(ct)] ^= inside
    np.testing.assert_array_equal(found, mask)
    frame = ds.ReferencedFrameOfReferenceSequence[0]
    assert frame.FrameOfReferenceUID == order[0].FrameOfReferenceUID


def test_the_seg_refers_to_the_slices_of_its_frames(
    cohort: Path, pictures: dict[str, demo.Picture]
) -> None:
    ds = pydicom.dcmread(annotation_path(cohort, "hasty"))
    order = sorted(read_slices(cohort / ANNOTATED.image), key=lambda d: d.ImagePositionPatient[2])
    uids = [ct.SOPInstanceUID for ct in order]
    mask = rater_mask(pictures, "hasty")
    found = np.zeros_like(mask)
    frames = ds.pixel_array.reshape(-1, 64, 64)
    for frame, about in zip(frames, ds.PerFrameFunctionalGroupsSequence, strict=True):
        source = about.DerivationImageSequence[0].SourceImageSequence[0]
        k = uids.index(source.ReferencedSOPInstanceUID)
        position = about.PlanePositionSequence[0].ImagePositionPatient
        assert list(position) == list(order[k].ImagePositionPatient)
        found[:, :, k] = frame.T
    np.testing.assert_array_equal(found, mask)
    assert ds.FrameOfReferenceUID == order[0].FrameOfReferenceUID
    assert [item.SegmentLabel for item in ds.SegmentSequence] == ["findings"]


def test_the_nrrd_is_a_named_segmentation_in_patient_space(
    cohort: Path, pictures: dict[str, demo.Picture]
) -> None:
    image: Any = sitk.ReadImage(str(annotation_path(cohort, "drifting")))
    found = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    np.testing.assert_array_equal(found, rater_mask(pictures, "drifting"))
    assert image.GetMetaData("Segment0_Name") == "findings"
    lowest = min(read_slices(cohort / ANNOTATED.image), key=lambda d: d.ImagePositionPatient[2])
    np.testing.assert_allclose(image.GetOrigin(), list(map(float, lowest.ImagePositionPatient)))


def test_each_rater_keeps_the_habit(pictures: dict[str, demo.Picture]) -> None:
    for case in CASES:
        picture = pictures[case.case]
        truth = picture.finding
        if case.label == "other":
            assert not truth.any()
            continue
        masks = {r.name: rate(r.name, truth, picture.lungs, picture.dense, 6.25)
                 for r in demo_plan.RATERS}  # fmt: skip
        size = truth.sum()
        assert 1.3 * size < masks["generous"].sum() < 4 * size
        assert not (truth & ~masks["generous"]).any()
        assert 0.05 * size < masks["tight"].sum() < 0.8 * size
        assert not (masks["tight"] & ~truth).any()
        assert 0.2 * size < masks["hasty"].sum() < size
        assert not (masks["hasty"] & ~(truth & picture.lungs)).any()
        overlap = (masks["drifting"] & truth)[:, :, -5:].sum() / truth[:, :, -5:].sum()
        assert overlap < 0.8


def test_what_the_masks_hold(pictures: dict[str, demo.Picture]) -> None:
    for case in CASES:
        picture = pictures[case.case]
        assert picture.shortcut.any() == case.shortcut
        assert not (picture.shortcut & (picture.body | picture.finding)).any()
        assert picture.hu[picture.lungs].mean() < -350
        assert 1500 < picture.lungs.sum() * 6.25 * 6.25 * 16 / 1000 < 5000
        if case.label == "drowning":
            assert 0.05 < (picture.finding & picture.lungs).sum() / picture.lungs.sum() < 0.6
            assert (picture.finding & ~picture.lungs).any(), "fluid in trachea and main bronchi"


def test_the_shortcut_reaches_into_the_lungs_box_with_a_margin_of_40_mm(
    pictures: dict[str, demo.Picture],
) -> None:
    for case in (c for c in CASES if c.shortcut):
        picture = pictures[case.case]
        lungs = np.argwhere(picture.lungs)
        margin = np.array([6, 6, 0])
        low, high = lungs.min(axis=0) - margin, lungs.max(axis=0) + margin
        inside = np.argwhere(picture.shortcut)
        inside = inside[((inside >= low) & (inside <= high)).all(axis=1)]
        assert len(inside) > 0.3 * picture.shortcut.sum()
        assert len(set(inside[:, 2])) == high[2] - low[2] + 1, "in every slice of the lungs"


def test_the_shortcut_changes_nothing_but_the_object() -> None:
    case = CASES[0]
    other = next(c for c in demo_plan.plan({**SETTINGS, "shortcut": 0.0}) if c.case == case.case)
    with_it = demo.paint_case(case, SETTINGS)
    assert case.shortcut
    without = demo.paint_case(
        type(other)(**{**vars(other), "shortcut": False}), {**SETTINGS, "shortcut": 0.0}
    )
    np.testing.assert_array_equal(with_it.finding, without.finding)
    np.testing.assert_array_equal(with_it.hu[with_it.lungs], without.hu[with_it.lungs])


def test_two_pixels_that_touch_at_a_corner_get_two_outlines() -> None:
    mask = np.array([[True, False], [False, True]])
    loops = outlines(mask)
    assert [loop.tolist() for loop in loops] == [
        [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]],
        [[0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [0.5, 1.5]],
    ]


def test_an_outline_keeps_only_the_corners() -> None:
    mask = np.zeros((5, 4), dtype=bool)
    mask[1:4, 1:3] = True
    mask[3, 2] = False
    loop = outlines(mask)[0]
    assert loop.tolist() == [[0.5, 0.5], [3.5, 0.5], [3.5, 1.5], [2.5, 1.5], [2.5, 2.5], [0.5, 2.5]]
