"""Whether an annotation belongs to a case, by its UIDs and by where its planes lie."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from rightreason.annotate import annotate_case
from rightreason.ct_record import CtRecord
from rightreason.errors import InputError
from rightreason.images import Grid, load
from rightreason.provenance import DrawnPlane, Provenance, check_provenance

from tests.ct_records import read_ct
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
)  # fmt: skip
from tests.unit.test_annotate import block_contours, block_frames, segmentation

SETTINGS = {"outside": "error", "max_volume_change": 0.05, "fractional_threshold": 0.5}
SLICES = 6
STUDY, SERIES = "1.2.3.7", "1.2.3.8"


def grid() -> Grid:
    affine = np.diag([-COLUMN_SPACING, -ROW_SPACING, STEP, 1.0])
    affine[:3, 3] = -ORIGIN[0], -ORIGIN[1], ORIGIN[2]
    return Grid((COLUMNS, ROWS, SLICES), affine)


@pytest.fixture
def ct(tmp_path: Path) -> CtRecord:
    return read_ct(tmp_path, [ct_slice(k) for k in range(SLICES)], grid())


def plane(place: float, *instances: str) -> DrawnPlane:
    return DrawnPlane("frame 1", place, instances)


def uid(k: int) -> str:
    """SOPInstanceUID of slice k."""
    return f"1.2.3.9.{k + 1}"


# What an annotation says, and whether it belongs to the case.
RULES = {
    "nothing at all": (Provenance(), True),
    "this frame": (Provenance(FRAME), True),
    "another frame": (Provenance("9.9"), False),
    "another frame, these slices": (Provenance("9.9", planes=[plane(2, uid(2))]), False),
    "these slices": (Provenance(planes=[plane(2, uid(2))]), True),
    "these slices, another study's UID": (
        Provenance(studies=["9.9"], planes=[plane(2, uid(2))]), True,
    ),
    "these slices and others": (
        Provenance(planes=[plane(2, uid(2)), plane(40, "9.9")]), True,
    ),
    "these slices, without planes": (Provenance(instances=[uid(2)]), True),
    "other slices, nothing else": (Provenance(planes=[plane(2, "9.9")]), False),
    "other slices, this study": (
        Provenance(studies=["9.8", STUDY], planes=[plane(2, "9.9")]), True,
    ),
    "other slices, this study and frame": (
        Provenance(FRAME, [STUDY], planes=[plane(2, "9.9")]), True,
    ),
    "other slices, this series": (Provenance(series=[SERIES], instances=["9.9"]), True),
    "other slices, another study, this frame": (
        Provenance(FRAME, ["9.8"], instances=["9.9"]), False,
    ),
    "other slices, this frame, no study": (Provenance(FRAME, instances=["9.9"]), True),
    "another study, no slices, no frame": (Provenance(studies=["9.8"]), False),
    "another study, no slices, this frame": (Provenance(FRAME, ["9.8"]), True),
    "another series of this study, no slices": (Provenance("", [STUDY], ["9.7"]), True),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_what_belongs_to_a_case(ct: CtRecord, rule: str) -> None:
    said, belongs = RULES[rule]
    if belongs:
        check_provenance(said, ct, "x.dcm")
        return
    with pytest.raises(InputError, match=r"^x\.dcm belongs to another") as caught:
        check_provenance(said, ct, "x.dcm")
    assert "9.9" not in str(caught.value)


def test_other_images_of_the_study_are_logged(
    ct: CtRecord, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    check_provenance(Provenance(studies=[STUDY], instances=["9.9"]), ct, "x.dcm")
    assert caplog.messages == [
        "x.dcm: drawn on other images of the same study; placed by its geometry"
    ]


@pytest.mark.parametrize("said", [Provenance("9.9", ["9.8"], ["9.7"], instances=["9.6"])])
def test_without_anything_to_compare_geometry_decides(ct: CtRecord, said: Provenance) -> None:
    with pytest.raises(InputError, match="belongs to another"):
        check_provenance(said, ct, "x.dcm")
    nothing = dict.fromkeys(("frame_of_reference", "study", "series"))
    nifti = replace(ct, origins=np.zeros((0, 3)), instances=(), plane=None, identifiers=nothing)
    check_provenance(said, nifti, "x.dcm")
    blank = replace(ct, instances=(None,) * SLICES, identifiers=nothing)
    check_provenance(said, blank, "x.dcm")


def test_a_plane_must_lie_where_it_says(ct: CtRecord) -> None:
    for place in (1.5, 2.0, 2.5):
        check_provenance(Provenance(planes=[plane(place, uid(2))]), ct, "x.dcm")
    with pytest.raises(InputError) as caught:
        check_provenance(Provenance(planes=[plane(4.0, uid(2))]), ct, "x.dcm")
    expected = (
        "x.dcm: frame 1 says that it was drawn on slice 3 of the 6 slices of the CT, but lies "
        "6.0 mm off it."
    )
    assert expected in str(caught.value)
    # Drawn on a resampled image: any of the slices it was made of.
    check_provenance(Provenance(planes=[plane(4.4, uid(2), uid(4))]), ct, "x.dcm")


def test_frames_of_one_file_share_its_digest(ct: CtRecord) -> None:
    multi = replace(ct, instances=(ct.digest("1.2"),) * SLICES)
    check_provenance(Provenance(planes=[plane(5, "1.2")]), multi, "x.dcm")
    with pytest.raises(InputError, match=r"slice 6 of the 6 .* 6\.0 mm off"):
        check_provenance(Provenance(planes=[plane(7, "1.2")]), multi, "x.dcm")


def test_half_a_distance_is_of_the_slice_itself(tmp_path: Path) -> None:
    """In an uneven stack: 1.5 mm beside slices 3 mm apart, 4.5 mm beside one 9 mm away."""
    heights = [100.0, 103, 106, 115]
    slices = [ct_slice(k, ImagePositionPatient=[*ORIGIN[:2], z]) for k, z in enumerate(heights)]
    uneven = read_ct(tmp_path, slices, grid())
    check_provenance(Provenance(planes=[plane(3.6, uid(3))]), uneven, "x")
    with pytest.raises(InputError, match=r"slice 3 of the 4 .* 2\.1 mm off"):
        check_provenance(Provenance(planes=[plane(2.7, uid(2))]), uneven, "x")


def annotated(tmp_path: Path, file: Path) -> int:
    """Return how many voxels a file marks on the case."""
    read_ct(tmp_path, [ct_slice(k) for k in range(SLICES)], grid())
    rows = [{"rater": "r", "file": str(file), "roi": None}]
    annotate_case(
        "a", tmp_path / "ct.nii.gz", tmp_path / "ct.json", rows, tmp_path / "out", SETTINGS
    )
    return int(load(tmp_path / "out" / "r.nii.gz").data.sum())


def _items(dataset: Dataset, *sequences: str) -> list[Dataset]:
    found = [dataset]
    for sequence in sequences:
        found = [item for source in found for item in source.get(sequence) or []]
    return found


def rename(dataset: Dataset) -> None:
    """Give every referenced image another UID."""
    for element in dataset.iterall():
        if element.keyword == "ReferencedSOPInstanceUID":
            element.value = f"{element.value}.99"


SEG_CHANGES: dict[str, tuple[Callable[[Dataset], None], str | None]] = {
    "as it is": (lambda d: None, None),
    "other images of this study": (rename, None),
    "another study": (
        lambda d: (rename(d), setattr(d, "StudyInstanceUID", "9.9")), "none of the images",
    ),
    "moved by two slices": (
        lambda d: [
            setattr(p, "ImagePositionPatient", [*p.ImagePositionPatient[:2],
                                                p.ImagePositionPatient[2] + 2 * STEP])
            for p in _items(d, "PerFrameFunctionalGroupsSequence", "PlanePositionSequence")
        ],
        "frame 1 says that it was drawn on slice 4 of the 6 slices of the CT, but lies 6.0 mm off",
    ),
    "no references": (
        lambda d: [
            delattr(f, "DerivationImageSequence")
            for f in _items(d, "PerFrameFunctionalGroupsSequence")
        ] + [delattr(d, "ReferencedSeriesSequence")],
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", SEG_CHANGES)
def test_segmentations_and_their_references(tmp_path: Path, change: str) -> None:
    write_series(tmp_path / "in", range(SLICES))
    dataset = dcmread(segmentation(tmp_path, tmp_path / "s.dcm", block_frames()))
    assert dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence
    alter, problem = SEG_CHANGES[change]
    alter(dataset)
    dataset.save_as(tmp_path / "s.dcm")
    if problem is None:
        assert annotated(tmp_path, tmp_path / "s.dcm") == 12
    else:
        with pytest.raises(InputError, match=problem):
            annotated(tmp_path, tmp_path / "s.dcm")


def plan(
    *slices: int, study: str = "", own_study: str = "", listed: tuple[str, ...] = ()
) -> Dataset:
    """An RTSTRUCT of the block's two contours, drawn on the given slices."""
    dataset = rtstruct([(1, "gtv", block_contours())])
    contours = dataset.ROIContourSequence[0].ContourSequence
    for contour, k in zip(contours, slices, strict=False):
        image = Dataset()
        image.ReferencedSOPInstanceUID = uid(k)
        contour.ContourImageSequence = [image]
    if own_study:
        dataset.StudyInstanceUID = own_study
    frame, referenced, series = Dataset(), Dataset(), Dataset()
    frame.FrameOfReferenceUID = FRAME
    referenced.ReferencedSOPInstanceUID = study
    series.SeriesInstanceUID = "9.5"
    series.ContourImageSequence = []
    for instance in listed:
        image = Dataset()
        image.ReferencedSOPInstanceUID = instance
        series.ContourImageSequence.append(image)
    referenced.RTReferencedSeriesSequence = [series]
    frame.RTReferencedStudySequence = [referenced]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    return dataset


PLANS = {
    "on these slices": (plan(2, 3), None),
    "on the slices beside": (plan(2, 4), "a contour of ROI 1 \\(gtv\\) says that it was drawn on "
                             "slice 5 of the 6 slices of the CT, but lies 3.0 mm off it"),
    "other images, study referred to": (plan(study=STUDY, own_study="9.8", listed=("9.9",)), None),
    "other images, study its own": (plan(own_study=STUDY, listed=("9.9",)), None),
    "another study": (plan(study="9.7", own_study="9.8", listed=("9.9",)), "another study"),
    "listed images, none by contour": (plan(study="9.7", listed=(uid(0), uid(1))), None),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_contours_and_their_references(tmp_path: Path, name: str) -> None:
    dataset, problem = PLANS[name]
    file = write(dataset, tmp_path / "r.dcm")
    if problem is None:
        assert annotated(tmp_path, file) == 12
    else:
        with pytest.raises(InputError, match=problem):
            annotated(tmp_path, file)


def test_an_roi_without_a_frame_takes_the_only_one_of_the_file(tmp_path: Path) -> None:
    dataset = plan()
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = ""
    assert annotated(tmp_path, write(dataset, tmp_path / "r.dcm")) == 12
    dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "9.9"
    with pytest.raises(InputError, match="another frame of reference"):
        annotated(tmp_path, write(dataset, tmp_path / "q.dcm"))
