"""Raters' files of every format onto the CT's grid, and the votes."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import highdicom
import nibabel as nib
import numpy as np
import pytest
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom import dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, RLELossless
from rightreason.annotate import RATER_COLUMNS, annotate_case
from rightreason.errors import InputError
from rightreason.images import Grid, load

from tests.ct_records import write_ct
from tests.dicom_files import (
    COLUMN_SPACING,
    COLUMNS,
    FRAME,
    ORIGIN,
    ROW_SPACING,
    ROWS,
    STEP,
    ct_slice,
    rtstruct,
    write,
    write_series,
)

SETTINGS = {"outside": "error", "max_volume_change": 0.05, "fractional_threshold": 0.5}
SLICES = 6


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted case: `in/` DICOM, `ct.nii.gz` with its rows from back to front, `ct.json`."""
    folder = tmp_path_factory.mktemp("case")
    write_series(folder / "in", range(SLICES))
    flipped = np.diag([1.0, -1.0, 1.0, 1.0])
    flipped[1, 3] = ROWS - 1
    grid = Grid((COLUMNS, ROWS, SLICES), series_affine() @ flipped)
    return write_ct(folder, [ct_slice(k) for k in range(SLICES)], grid)


def row(file: Path | None, roi: str | None = None, rater: str = "r1") -> dict[str, Any]:
    return {"rater": rater, "file": str(file) if file else None, "roi": roi}


def annotate(case: Path, out: Path, *rows: dict[str, Any], **changes: Any) -> Path:
    settings = {**SETTINGS, **changes}
    annotate_case("a", case / "ct.nii.gz", case / "ct.json", rows, out, settings)
    return out


def refused(case: Path, out: Path, *rows: dict[str, Any], **changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        annotate(case, out, *rows, **changes)
    assert not list(out.glob("*.nii.gz")), "a refused case must leave nothing behind"
    assert str(caught.value).startswith("Case a: ")
    return str(caught.value)


def dicom_voxels(path: Path) -> np.ndarray:
    """The marked voxels as (column, row, slice) of the DICOM series, by place in the patient."""
    volume = load(path)
    assert volume.data.dtype == np.uint8
    world = np.argwhere(volume.data) @ volume.grid.affine[:3, :3].T + volume.grid.affine[:3, 3]
    lps = world * [-1, -1, 1]
    places = (lps - ORIGIN) / [COLUMN_SPACING, ROW_SPACING, STEP]
    assert np.allclose(places, np.rint(places), atol=1e-3)
    return np.unique(np.rint(places).astype(int), axis=0)


BLOCK = np.array([[c, r, k] for c in (2, 3, 4) for r in (1, 2) for k in (2, 3)])


def block_array() -> np.ndarray:
    data = np.zeros((COLUMNS, ROWS, SLICES), dtype=np.uint8)
    data[tuple(BLOCK.T)] = 1
    return data


def series_affine() -> np.ndarray:
    """RAS affine of (column, row, slice), by hand."""
    affine = np.diag([-COLUMN_SPACING, -ROW_SPACING, STEP, 1.0])
    affine[:3, 3] = -ORIGIN[0], -ORIGIN[1], ORIGIN[2]
    return affine


def nifti(path: Path, data: np.ndarray, affine: np.ndarray | None = None) -> Path:
    image = nib.Nifti1Image(data, series_affine() if affine is None else affine)
    image.set_qform(image.affine, 1)
    nib.save(image, path)
    return path


def nrrd(path: Path, array: np.ndarray, extra: str = "", origin: bool = True) -> Path:
    """Write NRRD by hand: (column, row, slice), or (layer, column, row, slice)."""
    layered = array.ndim == 4
    directions = f"({COLUMN_SPACING},0,0) (0,{ROW_SPACING},0) (0,0,{STEP})"
    place = f"space origin: ({ORIGIN[0]},{ORIGIN[1]},{ORIGIN[2]})\n" if origin else ""
    head = (
        f"NRRD0004\n# by hand\ntype: unsigned char\ndimension: {array.ndim}\n"
        f"space: left-posterior-superior\nsizes: {' '.join(map(str, array.shape))}\n"
        f"space directions: {'none ' if layered else ''}{directions}\n"
        f"kinds: {'list ' if layered else ''}domain domain domain\nencoding: gzip\n"
        f"{place}{extra}\n"
    )
    path.write_bytes(head.encode() + gzip.compress(array.tobytes(order="F")))
    return path


def square(columns: tuple[float, float], rows: tuple[float, float], k: float) -> np.ndarray:
    """A contour in LPS mm, given in pixels of the series."""
    corners = [(columns[0], rows[0]), (columns[1], rows[0]), (columns[1], rows[1]),
               (columns[0], rows[1])]  # fmt: skip
    scale = [COLUMN_SPACING, ROW_SPACING, STEP]
    return np.array([[c, r, k] for c, r in corners]) * scale + ORIGIN


def block_contours() -> list[np.ndarray]:
    return [square((1.5, 4.5), (0.6, 2.4), k) for k in (2, 3)]


def segmentation(
    case: Path,
    path: Path,
    masks: np.ndarray,
    kind: str = "BINARY",
    encoding: str = ExplicitVRLittleEndian,
) -> Path:
    """Write a SEG of (slice, row, column, segment) with highdicom; a label map has no segments."""
    sources = sorted((dcmread(p) for p in (case / "in").iterdir()), key=lambda d: d.InstanceNumber)[
        : masks.shape[0]
    ]
    for source in sources:
        source.PatientBirthDate = source.PatientSex = source.AccessionNumber = source.StudyID = ""
        source.StudyDate = source.StudyTime = ""
    count = masks.shape[3] if masks.ndim == 4 else int(masks.max())
    described = [
        SegmentDescription(
            segment_number=n + 1,
            segment_label=f"part {n + 1}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for n in range(count)
    ]
    Segmentation(
        source_images=sources, pixel_array=masks, segmentation_type=SegmentationTypeValues(kind),
        segment_descriptions=described, series_instance_uid="1.2.3.20", series_number=9,
        sop_instance_uid="1.2.3.21", instance_number=1, manufacturer="ACME",
        manufacturer_model_name="x", software_versions="1", device_serial_number="1",
        transfer_syntax_uid=encoding,
    ).save_as(path)  # fmt: skip
    return path


def block_frames(dtype: Any = np.uint8) -> np.ndarray:
    return block_array().transpose(2, 1, 0)[..., None].astype(dtype)


def test_every_format_gives_the_same_voxels(case: Path, tmp_path: Path) -> None:
    files = {
        "nifti": nifti(tmp_path / "a.nii.gz", block_array()),
        "nrrd": nrrd(tmp_path / "b.nrrd", block_array()),
        "rtstruct": write(rtstruct([(1, "gtv", block_contours())]), tmp_path / "c.dcm"),
        "seg": segmentation(case, tmp_path / "d.dcm", block_frames()),
        "fractional": segmentation(
            case, tmp_path / "e.dcm", block_frames(np.float32) * 0.8, "FRACTIONAL"
        ),
    }
    out = annotate(case, tmp_path / "out", *(row(f, rater=n) for n, f in files.items()))
    for name in files:
        assert np.array_equal(dicom_voxels(out / f"{name}.nii.gz"), BLOCK), name
    votes = nib.load(out / "votes.nii.gz")
    assert votes.header["descrip"].tobytes().rstrip(b"\0") == b"raters=5"
    assert set(np.unique(votes.dataobj)) == {0, 5}


def test_votes_count_raters_not_rows(case: Path, tmp_path: Path) -> None:
    half = block_array()
    half[..., 2] = 0
    other = block_array() - half
    out = annotate(
        case,
        tmp_path / "out",
        row(nifti(tmp_path / "a.nii", half), rater="one"),
        row(nifti(tmp_path / "b.nii", other), rater="one"),
        row(nifti(tmp_path / "c.nii", half), rater="two"),
        row(None, rater="three"),
    )
    assert np.array_equal(dicom_voxels(out / "one.nii.gz"), BLOCK)
    assert load(out / "three.nii.gz").data.sum() == 0
    votes = load(out / "votes.nii.gz").data
    assert [int((votes == n).sum()) for n in (1, 2, 3)] == [6, 6, 0]
    assert nib.load(out / "votes.nii.gz").header["descrip"].tobytes().startswith(b"raters=3\0")


def test_the_same_input_gives_the_same_bytes(case: Path, tmp_path: Path) -> None:
    rows = [row(nifti(tmp_path / "a.nii", block_array()), rater=r) for r in ("x", "y")]
    first, second = annotate(case, tmp_path / "1", *rows), annotate(case, tmp_path / "2", *rows)
    digests = [
        [hashlib.sha256(p.read_bytes()).digest() for p in sorted(folder.iterdir())]
        for folder in (first, second)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 5


def test_rois_by_name_and_by_number(case: Path, tmp_path: Path) -> None:
    labels = block_array()
    labels[..., 3] *= 7
    layers = np.stack([block_array(), block_array()[::-1]])
    layers[0, ..., 3] *= 2
    names = "".join(
        f"Segment{n}_{key}:={value}\n"
        for n, (name, layer, value) in enumerate([("low", 0, 1), ("high", 0, 2), ("other", 1, 1)])
        for key, value in (("ID", f"s{n}"), ("Name", name), ("Layer", layer), ("LabelValue", value))
    )
    slicer = nrrd(tmp_path / "s.seg.nrrd", layers, names)
    contours = block_contours()
    plan = write(rtstruct([(3, "low", contours[:1]), (5, "high", contours[1:])]), tmp_path / "r")
    frames = np.concatenate([block_frames()] * 2, axis=3)
    frames[3, ..., 0] = frames[2, ..., 1] = 0
    seg = segmentation(case, tmp_path / "g.dcm", frames)
    low, high = BLOCK[BLOCK[:, 2] == 2], BLOCK[BLOCK[:, 2] == 3]
    expected = {
        (nifti(tmp_path / "n.nii", labels), "7"): high,
        (slicer, "low"): low,
        (slicer, "high"): high,
        (slicer, "2"): high,
        (plan, "low"): low,
        (plan, "5"): high,
        (plan, None): BLOCK,
        (seg, "part 1"): low,
        (seg, "2"): high,
    }
    for (file, roi), voxels in expected.items():
        out = annotate(case, tmp_path / "out", row(file, roi))
        assert np.array_equal(dicom_voxels(out / "r1.nii.gz"), voxels), (file, roi)
    mirrored = dicom_voxels(annotate(case, tmp_path / "o", row(slicer, "other")) / "r1.nii.gz")
    assert set(mirrored[:, 0]) == {COLUMNS - 1 - c for c in (2, 3, 4)}


def test_an_unknown_roi_lists_those_there_are(case: Path, tmp_path: Path) -> None:
    plan = write(rtstruct([(3, "low", block_contours())]), tmp_path / "r.dcm")
    seg = segmentation(case, tmp_path / "g.dcm", block_frames())
    message = refused(
        case,
        tmp_path / "out",
        row(plan, "lwo"),
        row(seg, "9", "r2"),
        row(nifti(tmp_path / "n.nii", block_array() * 4), "1", "r3"),
    )
    assert "rater r1: r.dcm has no region 'lwo'; it has: 3 (low)." in message
    assert "rater r2: g.dcm has no region '9'; it has: 1 (part 1)." in message
    assert "rater r3: n.nii has no region '1'; it has: 4." in message


def test_segments_of_one_slice_and_overlapping_ones(case: Path, tmp_path: Path) -> None:
    frames = np.concatenate([block_frames()] * 2, axis=3)
    frames[:2] = frames[3:] = 0
    frames[..., 1] = np.roll(frames[..., 1], 1, axis=2)
    seg = segmentation(case, tmp_path / "g.dcm", frames)
    first = dicom_voxels(annotate(case, tmp_path / "1", row(seg, "1")) / "r1.nii.gz")
    both = dicom_voxels(annotate(case, tmp_path / "2", row(seg)) / "r1.nii.gz")
    assert np.array_equal(first, BLOCK[BLOCK[:, 2] == 2])
    assert len(both) == 8


@pytest.mark.parametrize("kind", ["rtstruct", "seg"])
def test_another_frame_of_reference_is_another_study(case: Path, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x.dcm"
    if kind == "rtstruct":
        write(rtstruct([(1, "gtv", block_contours())], frame="9.9.9"), file)
    else:
        dataset = dcmread(segmentation(case, tmp_path / "s.dcm", block_frames()))
        dataset.FrameOfReferenceUID = "9.9.9"
        dataset.save_as(file)
    message = refused(case, tmp_path / "out", row(file))
    assert "another frame of reference" in message
    assert "9.9.9" not in message
    assert FRAME not in message
    record = json.loads((case / "ct.json").read_text())
    record["identifiers"]["frame_of_reference"] = None
    (tmp_path / "r.json").write_text(json.dumps(record))
    annotate_case("a", case / "ct.nii.gz", tmp_path / "r.json", [row(file)], tmp_path, SETTINGS)
    assert np.array_equal(dicom_voxels(tmp_path / "r1.nii.gz"), BLOCK)


def test_only_closed_contours_enclose_an_area(case: Path, tmp_path: Path) -> None:
    plan = write(rtstruct([(1, "line", block_contours())], kind="OPEN_PLANAR"), tmp_path / "r.dcm")
    assert "type OPEN_PLANAR; only CLOSED_PLANAR" in refused(case, tmp_path / "out", row(plan))


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_a_contour_that_is_there_twice(case: Path, tmp_path: Path, kind: str) -> None:
    """It encloses what it encloses, and no hole as large as itself; unless XOR is what is said."""
    first, second = block_contours()
    plan = write(rtstruct([(1, "gtv", [first, second, second])], kind=kind), tmp_path / "r.dcm")
    annotate_case("a", case / "ct.nii.gz", case / "ct.json", [row(plan)], tmp_path, SETTINGS)
    expected = BLOCK if kind == "CLOSED_PLANAR" else [voxel for voxel in BLOCK if voxel[2] == 2]
    assert np.array_equal(dicom_voxels(tmp_path / "r1.nii.gz"), expected)


def test_contours_outside_the_image(case: Path, tmp_path: Path) -> None:
    contours = [*block_contours(), square((1.5, 4.5), (0.6, 2.4), 4)]
    contours += [square((1.5, 4.5), (0.6, 2.4), k) for k in (5, 6)]
    plan = write(rtstruct([(1, "gtv", contours)]), tmp_path / "r.dcm")
    message = refused(case, tmp_path / "out", row(plan))
    assert "20 % of the mask (54 of 270 mm3) lies outside the image" in message
    out = annotate(case, tmp_path / "out", row(plan), outside="clip")
    assert len(dicom_voxels(out / "r1.nii.gz")) == 4 * 6


def test_masks_that_say_not_where_they_lie(case: Path, tmp_path: Path) -> None:
    image = nib.Nifti1Image(block_array(), None)
    nib.save(image, tmp_path / "a.nii")
    elsewhere = series_affine()
    elsewhere[2, 3] += 500
    rows = [
        row(tmp_path / "a.nii", rater="r1"),
        row(nrrd(tmp_path / "b.nrrd", block_array(), origin=False), rater="r2"),
        row(nifti(tmp_path / "c.nii", block_array(), elsewhere), rater="r3"),
        row(nifti(tmp_path / "d.nii", block_array() * np.float32(0.3)), rater="r4"),
    ]
    message = refused(case, tmp_path / "out", *rows)
    assert "a.nii has neither qform nor sform" in message
    assert "b.nrrd does not say where it lies" in message
    assert "c.nii: 100 % of the mask (108 of 108 mm3) lies outside" in message
    assert "d.nii holds no labels: its values run from 0 to 0.3" in message


def test_files_that_are_no_annotation(case: Path, tmp_path: Path) -> None:
    (tmp_path / "page.xml").write_text("<html/>")
    (tmp_path / "cut.nii.gz").write_bytes(
        nifti(tmp_path / "x.nii.gz", block_array()).read_bytes()[:40]
    )
    cut = nrrd(tmp_path / "cut.nrrd", block_array())
    cut.write_bytes(cut.read_bytes()[:-30])
    rows = [
        row(tmp_path / "page.xml", rater="r1"),
        row(tmp_path / "gone.nii", rater="r2"),
        row(write(ct_slice(0), tmp_path / "ct.dcm"), rater="r3"),
        row(tmp_path / "cut.nii.gz", rater="r4"),
        row(cut, rater="r5"),
    ]
    lines = refused(case, tmp_path / "out", *rows).splitlines()
    supported = "Supported are NIfTI, NRRD (.seg.nrrd too), DICOM SEG, DICOM RTSTRUCT, LIDC XML."
    assert "page.xml is XML of another kind (html)" in lines[1]
    assert "gone.nii is not a file" in lines[2]
    assert lines[3] == f"  - rater r3: ct.dcm is of a format that is not supported. {supported}"
    assert "cut.nii.gz" in lines[4]
    assert "cut.nrrd" in lines[5]
    assert len(lines) == 6


def test_a_mask_on_a_finer_grid_is_resampled(case: Path, tmp_path: Path) -> None:
    fine = block_array().repeat(2, axis=0).repeat(2, axis=1)
    affine = series_affine() @ np.diag([0.5, 0.5, 1, 1])
    affine[:3, 3] -= series_affine()[:3, :3] @ [0.25, 0.25, 0]
    out = annotate(case, tmp_path / "out", row(nifti(tmp_path / "f.nii", fine, affine)))
    assert np.array_equal(dicom_voxels(out / "r1.nii.gz"), BLOCK)


def test_the_table_of_raters(case: Path, tmp_path: Path) -> None:
    part = block_array()
    part[..., 2] = 0
    part[2, 1, 3] = 0
    out = annotate(
        case,
        tmp_path / "out",
        row(nifti(tmp_path / "a.nii", block_array()), rater="b"),
        row(nifti(tmp_path / "b.nii", block_array()), rater="c"),
        row(nifti(tmp_path / "c.nii", part), rater="d"),
        row(None, rater="a"),
    )
    with (out / "raters.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [list(r.values())[:4] for r in rows] == [
        ["a", "0", "0", "0"],
        ["b", "2", "12", "108"],
        ["c", "2", "12", "108"],
        ["d", "1", "5", "45"],
    ]
    figures = {r["rater"]: (float(r["staple_sensitivity"]), float(r["staple_specificity"]))
               for r in rows}  # fmt: skip
    assert figures["a"] == (0, 1)
    assert figures["b"] == figures["c"] == pytest.approx((1, 1), abs=1e-4)
    assert figures["d"] == pytest.approx((5 / 12, 1), abs=1e-4)
    assert np.array_equal(dicom_voxels(out / "staple.nii.gz"), BLOCK)


def test_the_table_of_one_rater_leaves_staples_figures_blank(case: Path, tmp_path: Path) -> None:
    out = annotate(case, tmp_path / "out", row(nifti(tmp_path / "a.nii", block_array())))
    lines = (out / "raters.tsv").read_text().splitlines()
    assert lines[0].split("\t") == RATER_COLUMNS
    assert lines[1].split("\t") == ["r1", "2", "12", "108", "", ""]
    assert np.array_equal(dicom_voxels(out / "staple.nii.gz"), BLOCK)


@pytest.mark.parametrize(("threshold", "voxels"), [(0.5, 12), (0.7, 6), (0.71, 2), (1.0, 0)])
def test_the_threshold_of_a_fractional_segmentation(
    case: Path, tmp_path: Path, threshold: float, voxels: int
) -> None:
    """Fractions 0.5 in one slice, 0.7 in the next but for two pixels of 0.84.

    A fraction of exactly the threshold marks, 0.7 (which binary numbers only come near) too.
    """
    file = segmentation(case, tmp_path / "f.dcm", block_frames(np.float32), "FRACTIONAL")
    dataset = dcmread(file)
    stored = dataset.pixel_array // 255
    stored[0] *= 50
    stored[1] *= 70
    stored[1, :, 2] = stored[1, :, 2] // 70 * 84
    dataset.MaximumFractionalValue, dataset.PixelData = 100, stored.tobytes()
    dataset.save_as(file)
    out = annotate(case, tmp_path / "out", row(file), fractional_threshold=threshold)
    assert load(out / "r1.nii.gz").data.sum() == voxels


def labels_and_voxels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A label map (slice, row, column) of two labels, and the voxels of each."""
    labels = block_frames()[..., 0]
    labels[3] *= 2
    return labels, BLOCK[BLOCK[:, 2] == 2], BLOCK[BLOCK[:, 2] == 3]


def test_a_label_map_segmentation(case: Path, tmp_path: Path) -> None:
    labels, low, high = labels_and_voxels()
    file = segmentation(case, tmp_path / "l.dcm", labels, "LABELMAP")
    assert dcmread(file).SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.7"
    for roi, voxels in {"part 1": low, "2": high, None: BLOCK}.items():
        out = annotate(case, tmp_path / "out", row(file, roi))
        assert np.array_equal(dicom_voxels(out / "r1.nii.gz"), voxels), roi
    assert "has no region '3'" in refused(case, tmp_path / "none", row(file, "3"))


@pytest.mark.parametrize("encoding", [RLELossless, JPEGLSLossless])
@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_compressed_segmentations(case: Path, tmp_path: Path, kind: str, encoding: str) -> None:
    frames = block_frames(np.float32) if kind == "FRACTIONAL" else labels_and_voxels()[0]
    file = segmentation(case, tmp_path / "c.dcm", frames, kind, encoding)
    assert dcmread(file).file_meta.TransferSyntaxUID == encoding
    out = annotate(case, tmp_path / "out", row(file))
    assert np.array_equal(dicom_voxels(out / "r1.nii.gz"), BLOCK)


@pytest.mark.parametrize("kind", ["rtstruct", "seg"])
@pytest.mark.parametrize("meta", [True, False])
def test_files_without_preamble(case: Path, tmp_path: Path, kind: str, meta: bool) -> None:
    """With the file meta information and, as an old archive may send them, without any."""
    file = tmp_path / "x.dcm"
    if kind == "rtstruct":
        write(rtstruct([(1, "gtv", block_contours())]), file)
    else:
        segmentation(case, file, block_frames())
    content = file.read_bytes()
    assert content[128:132] == b"DICM"
    length = int.from_bytes(content[140:144], "little")
    file.write_bytes(content[132 if meta else 144 + length :])
    out = annotate(case, tmp_path / "out", row(file))
    assert np.array_equal(dicom_voxels(out / "r1.nii.gz"), BLOCK)


def test_frames_left_out_between_others_are_empty_slices(case: Path, tmp_path: Path) -> None:
    """Frames on every second slice: nothing says that they are twice as thick."""
    frames = np.zeros_like(block_frames())
    frames[[0, 2, 4]] = block_frames()[2]
    dataset = dcmread(segmentation(case, tmp_path / "s.dcm", frames))
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    if "SpacingBetweenSlices" in measures:
        del measures.SpacingBetweenSlices
    assert dataset.NumberOfFrames == 3
    dataset.save_as(tmp_path / "s.dcm")
    out = annotate(case, tmp_path / "out", row(tmp_path / "s.dcm"))
    voxels = dicom_voxels(out / "r1.nii.gz")
    assert sorted(set(voxels[:, 2])) == [0, 2, 4]
    assert len(voxels) == 3 * 6


def test_a_rater_of_lidc_names_a_session_by_number(case: Path, tmp_path: Path) -> None:
    file = tmp_path / "lidc.xml"
    file.write_text("<LidcReadMessage><readingSession/><readingSession/></LidcReadMessage>")
    message = refused(case, tmp_path / "out", row(file, rater="smith"), row(file, rater="r3"))
    assert "lidc.xml holds 2 reading sessions, and the rater 'smith' names none" in message
    assert "the rater 'r3' names none" in message
