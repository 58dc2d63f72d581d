"""The quick reader of headers against pydicom; frames; what damage must not let out."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)
from rightreason import dicom_headers
from rightreason.dicom_elements import OddHeaderError, read_plain
from rightreason.dicom_headers import Headers, read_headers
from rightreason.errors import InputError

from tests.dicom_files import ROWS, ct_slice, enhanced, write, write_series

PYDICOM_FILES = sorted(p for p in Path(get_testdata_file("CT_small.dcm")).parent.iterdir()
                       if p.is_file())  # fmt: skip
KANJI = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def found(path: Path) -> tuple[Headers | None, str]:
    try:
        return read_headers("a", path), ""
    except InputError as error:
        return None, str(error)


def by_pydicom(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Headers | None, str]:
    def refuse(start: bytes, wanted: object) -> None:
        raise OddHeaderError

    with monkeypatch.context() as patch:
        patch.setattr(dicom_headers, "read_plain", refuse)
        return found(path)


def is_plain(path: Path) -> bool:
    try:
        read_plain(path.read_bytes(), dicom_headers._WANTED)
    except OddHeaderError:
        return False
    return True


def undefined_lengths(dataset: Dataset) -> None:
    """Add sequences of undefined length, nested, standard and private."""
    inner = Dataset()
    inner.CodeValue = "1"
    inner.PurposeOfReferenceCodeSequence = Sequence([Dataset()])
    inner.PurposeOfReferenceCodeSequence.is_undefined_length = True
    dataset.ReferencedImageSequence = Sequence([inner, Dataset()])
    for item in dataset.ReferencedImageSequence:
        item.is_undefined_length_sequence_item = True
    dataset["ReferencedImageSequence"].is_undefined_length = True
    block = dataset.private_block(0x0043, "ACME", create=True)
    block.add_new(0x10, "SQ", [inner])
    dataset[0x0043, 0x1010].is_undefined_length = True


@pytest.mark.parametrize(
    ("encoding", "plain"),
    [
        (ImplicitVRLittleEndian, True), (ExplicitVRLittleEndian, True), (RLELossless, True),
        (JPEGLSLossless, True), (ExplicitVRBigEndian, False),
        (DeflatedExplicitVRLittleEndian, False),
    ],
)  # fmt: skip
def test_the_quick_reader_agrees_with_pydicom_in_every_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, plain: bool
) -> None:
    dataset = ct_slice(2, PatientName=KANJI, SpecificCharacterSet="ISO_IR 192",
                       SeriesDescription="頭部 5.0", PixelRepresentation=0)  # fmt: skip
    undefined_lengths(dataset)
    if encoding in (RLELossless, JPEGLSLossless):
        dataset.compress(encoding, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = encoding
    if encoding == ExplicitVRBigEndian:
        dataset["PixelData"].VR = "OW"
    path = write(dataset, tmp_path / "a.dcm")
    assert is_plain(path) == plain
    headers, _ = found(path)
    assert headers is not None
    assert headers == by_pydicom(path, monkeypatch)[0]
    (item,) = headers.slices
    assert (item.series.description, item.instance_number) == ("頭部 5.0", 3)
    assert item.pixel_format == (16, 16, 0, encoding)


def test_the_quick_reader_agrees_with_pydicom_on_its_test_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sum(map(is_plain, PYDICOM_FILES)) > 40
    for path in PYDICOM_FILES:
        assert found(path) == by_pydicom(path, monkeypatch), path.name


def test_the_quick_reader_agrees_with_pydicom_on_real_ct(
    real_ct: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [real_ct / name for name in ("lidc/dicom", "totalseg/dicom", "dcmqi/dicom",
              "sts/STS_001/dicom", "dcm_qa_ct", "pydicom")]  # fmt: skip
    for image in images:
        headers, _ = found(image)
        assert headers is not None
        assert headers == by_pydicom(image, monkeypatch)[0]
        classic = {item.path for item in headers.slices if item.frame is None}
        assert all(map(is_plain, classic)), image


@pytest.mark.parametrize("encoding", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_the_quick_reader_agrees_with_pydicom_on_damaged_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """600 headers with flipped bytes: the same slices, or a sentence from at least one of both."""
    chance = random.Random(0)
    dataset = ct_slice(1)
    undefined_lengths(dataset)
    dataset.file_meta.TransferSyntaxUID = encoding
    path = write(dataset, tmp_path / "a.dcm")
    whole, alike = path.read_bytes(), 0
    for _ in range(600):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            damaged[chance.randrange(132, len(whole) - 2 * ROWS * 8)] = chance.randrange(256)
        path.write_bytes(damaged)
        quick, slow = found(path), by_pydicom(path, monkeypatch)
        alike += quick == slow
        assert quick == slow or "damaged" in quick[1] + slow[1]
    assert alike > 500


def test_localizer_frames_are_no_slices_and_derived_frames_say_so(tmp_path: Path) -> None:
    dataset = enhanced(5)
    kinds = ["ORIGINAL\\PRIMARY\\LOCALIZER\\NONE", "ORIGINAL\\PRIMARY\\AXIAL\\NONE",
             "ORIGINAL\\PRIMARY\\AXIAL\\NONE", "DERIVED\\PRIMARY\\AXIAL\\NONE", None]  # fmt: skip
    for frame, kind in zip(dataset.PerFrameFunctionalGroupsSequence, kinds, strict=True):
        if kind:
            frame.CTImageFrameTypeSequence = [Dataset()]
            frame.CTImageFrameTypeSequence[0].FrameType = kind.split("\\")
    headers = read_headers("a", write(dataset, tmp_path / "a.dcm"))
    assert [item.frame for item in headers.slices] == [1, 2, 3, 4]
    assert [item.series.derived for item in headers.slices] == [False, False, True, False]
    assert headers.left_out == {"localizer frames of a volume": [0]}


def test_a_file_of_nothing_but_localizer_frames(tmp_path: Path) -> None:
    dataset = enhanced(2)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.CTImageFrameTypeSequence = [Dataset()]
    shared.CTImageFrameTypeSequence[0].FrameType = ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]
    headers = read_headers("a", write(dataset, tmp_path / "a.dcm"))
    assert (headers.slices, headers.left_out) == ([], {"localizer": [0]})


def test_fewer_pixels_than_the_header_describes(tmp_path: Path) -> None:
    path = write(ct_slice(0, Columns=80), tmp_path / "a.dcm")
    with pytest.raises(InputError, match=r"holds 96 bytes of pixels, its header describes 960"):
        read_headers("a", path)


def test_a_link_to_nothing_is_a_missing_slice(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "in")
    (folder / "099.dcm").symlink_to(tmp_path / "nowhere.dcm")
    with pytest.raises(InputError, match=r"099\.dcm is a link to a file that is not there"):
        read_headers("a", folder)


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("Thorax 山田 太郎 5.0", "Thorax … … 5.0"),
        ("YAMADA Thorax", "… Thorax"),
        ("4711_19500102 CT", "…_… CT"),
        ("born 1950-01-02, 02.01.1950", "born …, …"),
        ("Thorax B30", "Thorax B30"),
    ],
)
@pytest.mark.parametrize("charset", ["ISO_IR 192", ["", "ISO 2022 IR 87"]])
def test_a_description_that_names_the_patient_is_told_without_the_name(
    tmp_path: Path, description: str, shown: str, charset: Any
) -> None:
    dataset = ct_slice(0, SpecificCharacterSet=charset, PatientName=KANJI,
                       PatientBirthDate="19500102", SeriesDescription=description)  # fmt: skip
    (item,) = read_headers("a", write(dataset, tmp_path / "a.dcm")).slices
    assert item.series.description == shown


def test_a_damaged_length_does_not_let_neighbours_into_the_record(tmp_path: Path) -> None:
    """The manufacturer's length runs on over the elements that follow it, a name among them."""
    path = write(ct_slice(0, ReferringPhysicianName="Yamada^Tarou"), tmp_path / "a.dcm")
    whole = path.read_bytes()
    at = whole.index(b"ACME")
    end = whole.index(b"Yamada^Tarou") + len("Yamada^Tarou")
    damaged = whole[: at - 2] + (end - at).to_bytes(2, "little") + whole[at:]
    path.write_bytes(damaged)
    (item,) = read_headers("a", path).slices
    assert item.series.manufacturer == "ACME"
    assert "amada" not in repr(item)


@pytest.mark.parametrize("keyword", ["RescaleSlope", "InstanceNumber", "ImagePositionPatient"])
def test_errors_do_not_quote_values(tmp_path: Path, keyword: str) -> None:
    path = write(ct_slice(0), tmp_path / "a.dcm")
    dataset: Any = ct_slice(0)
    dataset.add_new(keyword, "LO", "Yamada^Tarou")
    path = write(dataset, tmp_path / "a.dcm")
    with pytest.raises(InputError) as caught:
        read_headers("a", path)
    assert "a.dcm cannot be read as DICOM: its header is damaged" in str(caught.value)
    assert "amada" not in str(caught.value)


@pytest.mark.parametrize("value", ["NaN", "inf"])
def test_numbers_that_are_none_are_refused(tmp_path: Path, value: str) -> None:
    dataset: Any = ct_slice(0)
    dataset.add_new("RescaleSlope", "LO", value)
    path = write(dataset, tmp_path / "a.dcm")
    with pytest.raises(InputError, match="header is damaged"):
        read_headers("a", path)


@pytest.mark.parametrize("spacing", [[1e-30, 1e-30], [1e9, 1e9], [0, 1], [-1, 1]])
def test_a_pixel_spacing_that_no_scanner_has_places_nothing(
    tmp_path: Path, spacing: list[float]
) -> None:
    path = write(ct_slice(0, PixelSpacing=spacing), tmp_path / "a.dcm")
    (item,) = read_headers("a", path).slices
    assert (item.spacing, item.placed) == ((), False)


@pytest.mark.parametrize("value", ["-1", "-999"])
def test_a_negative_number_of_frames(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match=f"says that it has {value} frames"):
        read_headers("a", write(ct_slice(0, NumberOfFrames=value), tmp_path / "a.dcm"))


@pytest.mark.parametrize(
    ("kind", "left_out"), [("RGB", True), ("PALETTE COLOR", True), ("X", False)]
)
def test_what_is_not_grey_is_no_slice(tmp_path: Path, kind: str, left_out: bool) -> None:
    headers, problem = found(write(ct_slice(0, PhotometricInterpretation=kind), tmp_path / "a.dcm"))
    if left_out:
        assert headers is not None
        assert (headers.slices, headers.left_out) == ([], {"colour picture": [0]})
    else:
        assert "a.dcm does not say that it is grey" in problem
