"""One real CT slice, three times over, in every encoding at hand: one volume, or one sentence."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
import SimpleITK
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from rightreason.convert import convert_case
from rightreason.errors import InputError

from tests.dicom_files import recoded

Change = Callable[[int, Dataset], None]
UNREAD = "rewritten: files that dcm2niix does not read, uncompressed"


def series(folder: Path, name: str = "CT_small.dcm", change: Change | None = None,
           count: int = 3) -> Path:  # fmt: skip
    """Slices of one file of pydicom's, 2 mm apart."""
    folder.mkdir()
    for k in range(count):
        dataset = dcmread(get_testdata_file(name))
        dataset.remove_private_tags()
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImagePositionPatient, dataset.InstanceNumber = [0, 0, 2 * k], k + 1
        dataset.ImageOrientationPatient, dataset.GantryDetectorTilt = [1, 0, 0, 0, 1, 0], 0
        dataset.PixelSpacing = dataset.get("PixelSpacing", [1, 1])
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3", "1.2.2"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.4.{k}"
        if change is not None:
            change(k, dataset)
        big = dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
        dcmwrite(folder / f"{k}.dcm", dataset, force_encoding=True, little_endian=not big,
                 implicit_vr=dataset.file_meta.TransferSyntaxUID.is_implicit_VR)  # fmt: skip
    return folder


def convert(image: Path) -> tuple[np.ndarray, list[str]]:
    """Return (slices, rows, columns) HU and what had to be done."""
    out = image.parent / "out"
    convert_case("a", image, None, out / "a.nii.gz", out / "a.json", {"timeout_s": 60})
    # Read without our own code; dcm2niix turns the rows over.
    array = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(out / "a.nii.gz")))
    return array[:, ::-1], json.loads((out / "a.json").read_text())["corrections"]


def original(count: int = 3) -> np.ndarray:
    return np.stack([dcmread(get_testdata_file("CT_small.dcm")).pixel_array - 1024] * count)


def compressed(encoding: str, fragments: int = 1, **options: Any) -> Change:
    def change(k: int, dataset: Dataset) -> None:
        dataset.compress(encoding, generate_instance_uid=False, **options)
        frames = list(generate_frames(dataset.PixelData, number_of_frames=1))
        dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments)

    return change


def said(encoding: str) -> Change:
    def change(k: int, dataset: Dataset) -> None:
        dataset.file_meta.TransferSyntaxUID = encoding

    return change


def big_endian(k: int, dataset: Dataset) -> None:
    words = dataset.pixel_array.astype(">i2").tobytes()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dataset.PixelData = words
    dataset["PixelData"].VR = "OW"


@pytest.mark.parametrize(
    ("change", "corrections"),
    [
        (said(ImplicitVRLittleEndian), []),
        (big_endian, []),
        (said(DeflatedExplicitVRLittleEndian), [UNREAD]),
        (compressed(RLELossless), []),
        (compressed(JPEGLSLossless), []),
        (compressed(JPEGLSLossless, fragments=2), [UNREAD]),
        (compressed(JPEGLSLossless, fragments=5), [UNREAD]),
    ],
)
def test_encodings(tmp_path: Path, change: Change, corrections: list[str]) -> None:
    volume, done = convert(series(tmp_path / "in", change=change))
    assert np.array_equal(volume, original())
    assert done == corrections


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize(
    "encoding", ["JPEGLosslessProcess14_1", "JPEGLosslessProcess14", "JPEG2000Lossless",
                 "JPEG2000", "JPEGLSLossless", "RLELossless"]
)  # fmt: skip
def test_encodings_of_gdcm(tmp_path: Path, encoding: str, fragments: int) -> None:
    folder = recoded(series(tmp_path / "in"), getattr(gdcm.TransferSyntax, encoding))
    for path in folder.iterdir() if fragments > 1 and encoding != "RLELossless" else ():
        dataset = dcmread(path)
        frames = list(generate_frames(dataset.PixelData, number_of_frames=1))
        dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments)
        dataset.save_as(path)
    volume, _ = convert(folder)
    assert np.array_equal(volume, original())


def test_mixed_encodings_lose_no_slice(tmp_path: Path) -> None:
    """dcm2niix drops the deflated and the fragmented file without a word; exit code 0."""
    changes = [compressed(RLELossless), compressed(JPEGLSLossless), said(ImplicitVRLittleEndian),
               said(DeflatedExplicitVRLittleEndian), compressed(JPEGLSLossless, fragments=2),
               big_endian]  # fmt: skip

    def change(k: int, dataset: Dataset) -> None:
        dataset.PixelData = (dataset.pixel_array + 50 * k).astype("<i2").tobytes()
        changes[k](k, dataset)

    volume, done = convert(series(tmp_path / "in", change=change, count=6))
    assert np.array_equal(volume, original(6) + 50 * np.arange(6)[:, None, None])
    assert done == [UNREAD]


def test_near_lossless(tmp_path: Path) -> None:
    change = compressed(JPEGLSNearLossless, jls_error=2)
    volume, _ = convert(series(tmp_path / "in", change=change))
    apart = np.abs(volume - original())
    assert 0 < apart.max() <= 2


def test_precision_that_the_header_understates(tmp_path: Path) -> None:
    folder = recoded(series(tmp_path / "in"), gdcm.TransferSyntax.JPEG2000Lossless)
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.save_as(path)
    volume, done = convert(folder)
    assert np.array_equal(volume, original())
    assert done == [
        "rewritten: JPEG 2000 of 16 bits with sign, which its header calls 12 bits with"
    ]


def test_lossy_decoders_that_round_differently(tmp_path: Path) -> None:
    """8-bit JPEG: dcm2niix and libjpeg are one unit apart here and there."""

    def change(k: int, dataset: Dataset) -> None:
        picture = np.clip(dataset.pixel_array // 10, 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=90)
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PixelData = encapsulate([file.getvalue()])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.PixelRepresentation, dataset.RescaleSlope = 0, 10

    folder = series(tmp_path / "in", change=change)
    volume, done = convert(folder)
    assert np.array_equal(volume[0], dcmread(folder / "0.dcm").pixel_array * 10.0 - 1024)
    assert done == [
        "rewritten: lossy encoding, which decoders round differently by one stored unit"
    ]


def test_an_encoding_without_a_decoder_is_named(tmp_path: Path) -> None:
    """12-bit lossy JPEG: GDCM writes it, and neither dcm2niix nor pydicom's plugins read it."""

    def twelve_bits(k: int, dataset: Dataset) -> None:
        dataset.PixelData = np.clip(dataset.pixel_array, 0, 4095).astype("<u2").tobytes()
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 11, 0

    folder = series(tmp_path / "in", change=twelve_bits)
    recoded(folder, gdcm.TransferSyntax.JPEGExtendedProcess2_4)
    with pytest.raises(InputError) as caught:
        convert(folder)
    heading, *problems = str(caught.value).split("\n")
    assert "of an encoding that neither dcm2niix nor pydicom decodes here" in heading
    assert problems == [
        f"  - the pixels of {k}.dcm cannot be decoded (JPEG Extended, 12 bits; RuntimeError)"
        for k in range(3)
    ]


def test_bits_at_the_upper_end_are_not_taken_for_values(tmp_path: Path) -> None:
    def change(k: int, dataset: Dataset) -> None:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 15, 0
        dataset.PixelData = (dataset.pixel_array.astype("<u2") << 4).tobytes()

    with pytest.raises(InputError, match="stores its 12 bits at the upper end of 16"):
        convert(series(tmp_path / "a", change=change))

    def harmless(k: int, dataset: Dataset) -> None:
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 12, 15, 0

    assert np.array_equal(convert(series(tmp_path / "b", change=harmless))[0], original())


def test_what_no_decoder_reads_is_said_in_one_line_each(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        convert(series(tmp_path / "in", "JPEG-lossy.dcm"))
    heading, *problems = str(caught.value).split("\n")
    assert heading.startswith("Case a: no volume could be made of the 3 slices.")
    assert [problem[:35] for problem in problems] == [
        f"  - the pixels of {k}.dcm cannot be d" for k in range(3)
    ]


REAL = {
    "J2K_pixelrep_mismatch.dcm": (-3024, 872), "693_J2KI.dcm": (-3995, 1812),
    "JPEG2000.dcm": (-1054, -779), "MR_small_bigendian.dcm": (-897, 1121),
    "MR_small_expb.dcm": (-897, 1121), "MR_small_RLE.dcm": (-897, 1121),
    "MR_small_jp2klossless.dcm": (-897, 1121), "MR_small_jpeg_ls_lossless.dcm": (-897, 1121),
    "MR_small_implicit.dcm": (-897, 1121), "MR_small_padded.dcm": (-897, 1121),
    "image_dfl.dcm": (-1024, -769), "JPEGLSNearLossless_08.dcm": (-1024, -769),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_files_of_pydicom(tmp_path: Path, name: str) -> None:
    volume, _ = convert(series(tmp_path / "in", name))
    expected = dcmread(get_testdata_file(name)).pixel_array.astype(int) - 1024
    assert np.array_equal(volume, [expected] * 3)
    assert (volume.min(), volume.max()) == REAL[name]
