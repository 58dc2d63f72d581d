"""Damage to files, as data: what is drawn once can be repeated and printed."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag
from pydicom.uid import generate_uid

ANY_FILE = ("flip header", "flip header", "flip body", "flip body", "zero block", "double block",
            "truncate", "truncate header", "empty", "swap in")  # fmt: skip
SERIES = ("remove", "duplicate", "duplicate under new UID", "rename", "edit", "edit", "edit",
          "edit all", "edit all", "delete element", "foreign element")  # fmt: skip
DICOM_ANNOTATION = ("edit", "delete element", "foreign element")
# What to write into an element; the text as a scanner or a bad tool might have written it.
EDITS: tuple[tuple[str, Any], ...] = (
    ("Rows", 0), ("Rows", 1), ("Rows", 65535), ("Rows", 47), ("Columns", 0), ("Columns", 513),
    ("BitsAllocated", 8), ("BitsAllocated", 32), ("BitsAllocated", 12), ("BitsAllocated", 1),
    ("BitsStored", 8), ("BitsStored", 12), ("BitsStored", 0), ("BitsStored", 33),
    ("HighBit", 11), ("HighBit", 0), ("PixelRepresentation", 0), ("PixelRepresentation", 1),
    ("PixelRepresentation", 7), ("SamplesPerPixel", 3), ("SamplesPerPixel", 0),
    ("PhotometricInterpretation", "MONOCHROME1"), ("PhotometricInterpretation", "RGB"),
    ("PhotometricInterpretation", "PALETTE COLOR"), ("PlanarConfiguration", 1),
    ("RescaleSlope", "0"), ("RescaleSlope", "-1"), ("RescaleSlope", "2"), ("RescaleSlope", "0.5"),
    ("RescaleSlope", "1e300"), ("RescaleSlope", "NaN"), ("RescaleSlope", ""),
    ("RescaleSlope", "1\\2"), ("RescaleSlope", "1,0"), ("RescaleIntercept", "-1000000"),
    ("RescaleIntercept", "-1024.5"), ("RescaleIntercept", "inf"), ("RescaleIntercept", "x"),
    ("RescaleType", "OD"), ("ImagePositionPatient", "0\\0\\0"), ("ImagePositionPatient", "1\\2"),
    ("ImagePositionPatient", "nan\\0\\0"), ("ImagePositionPatient", "1e30\\0\\0"),
    ("ImagePositionPatient", ""), ("ImageOrientationPatient", "0\\0\\0\\0\\0\\0"),
    ("ImageOrientationPatient", "1\\0\\0\\0\\0\\-1"),
    ("ImageOrientationPatient", "1\\0\\0\\1\\0\\0"),
    ("ImageOrientationPatient", "-1\\0\\0\\0\\1\\0"),
    ("ImageOrientationPatient", "2\\0\\0\\0\\2\\0"),
    ("PixelSpacing", "0\\0"), ("PixelSpacing", "-1\\1"), ("PixelSpacing", "1\\2"),
    ("PixelSpacing", "1"), ("PixelSpacing", "1e-30\\1e-30"), ("PixelSpacing", "1e9\\1e9"),
    ("SliceThickness", "0"), ("SliceThickness", "-5"), ("SliceThickness", "thick"),
    ("SpacingBetweenSlices", "0"), ("SpacingBetweenSlices", "-3"), ("GantryDetectorTilt", "20"),
    ("GantryDetectorTilt", "-90"), ("GantryDetectorTilt", "x"), ("InstanceNumber", "1"),
    ("InstanceNumber", ""), ("InstanceNumber", "-1"), ("InstanceNumber", "99999999999"),
    ("InstanceNumber", "1.5"), ("AcquisitionNumber", "7"), ("NumberOfFrames", "0"),
    ("NumberOfFrames", "2"), ("NumberOfFrames", "-1"), ("NumberOfFrames", "999999999"),
    ("SeriesInstanceUID", "1.2.3"), ("SeriesInstanceUID", ""), ("StudyInstanceUID", "1.2.3"),
    ("FrameOfReferenceUID", "1.2.3"), ("FrameOfReferenceUID", ""), ("SOPInstanceUID", "1.2.3"),
    ("SOPInstanceUID", ""), ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.4"), ("SOPClassUID", ""),
    ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2.1"), ("Modality", "MR"), ("Modality", ""),
    ("ImageType", "ORIGINAL\\PRIMARY\\LOCALIZER"), ("ImageType", "DERIVED\\SECONDARY"),
    ("ImageType", ""), ("SpecificCharacterSet", "ISO 2022 IR 87"), ("SpecificCharacterSet", "XX"),
    ("Manufacturer", "Philips"), ("Manufacturer", "SIEMENS"), ("Manufacturer", "GE"),
    ("Manufacturer", "Canon\\Yamada^Tarou"), ("ConvolutionKernel", "\x1b$B;3ED"),
    ("TransferSyntaxUID", "1.2.840.10008.1.2"), ("TransferSyntaxUID", "1.2.840.10008.1.2.1"),
    ("TransferSyntaxUID", "1.2.840.10008.1.2.1.99"), ("TransferSyntaxUID", "1.2.840.10008.1.2.2"),
    ("TransferSyntaxUID", "1.2.840.10008.1.2.4.90"), ("TransferSyntaxUID", "1.2.840.10008.1.2.5"),
    ("TransferSyntaxUID", "1.2.3"), ("PixelData", b""), ("PixelData", b"\0"), ("PixelData", None),
    ("SegmentationType", "FRACTIONAL"), ("MaximumFractionalValue", 0), ("SegmentNumber", 9),
    ("ROINumber", "77"), ("ContourGeometricType", "POINT"), ("ContourData", "1\\2"),
    ("ContourData", "nan\\0\\0\\1\\1\\0\\2\\0\\0"), ("ReferencedFrameOfReferenceUID", "1.2.3"),
)  # fmt: skip


@dataclass(frozen=True)
class Damage:
    """One damage.

    Attributes
    ----------
    kind : str
        One of `ANY_FILE`, `SERIES`, `DICOM_ANNOTATION`.
    file : int
        Which file, modulo the number there are.
    place : float
        Where in the file, 0 to 1.
    value : int
        What is put there, or which edit.
    """

    kind: str
    file: int
    place: float
    value: int

    @classmethod
    def random(cls, chance: random.Random, annotation: bool) -> Damage:
        kinds = ANY_FILE + (DICOM_ANNOTATION if annotation else SERIES)
        return cls(chance.choice(kinds), chance.randrange(100), chance.random(),
                   chance.randrange(1 << 16))  # fmt: skip


def apply(damage: Damage, folder: Path, others: Sequence[Path]) -> None:
    """Damage a file of a folder, or the folder."""
    files = sorted(folder.iterdir())
    if not files:
        return
    path = files[damage.file % len(files)]
    other = others[damage.value % len(others)]
    if damage.kind == "remove":
        path.unlink()
    elif damage.kind == "rename":
        path.rename(folder / ("." * (damage.value % 2) + f"z{damage.value}"))
    elif damage.kind == "duplicate":
        (folder / f"again{damage.value}.dcm").write_bytes(path.read_bytes())
    elif damage.kind == "swap in":
        path.write_bytes(other.read_bytes())
    elif damage.kind in ("edit", "duplicate under new UID", "delete element", "foreign element"):
        _through_pydicom(damage, path)
    elif damage.kind == "edit all":
        for file in files:
            _through_pydicom(damage, file)
    else:
        path.write_bytes(_bytes(damage, path.read_bytes()))


def _bytes(damage: Damage, whole: bytes) -> bytes:
    data, size = bytearray(whole), len(whole)
    at = int(damage.place * size)
    head = int(damage.place * min(size, 3000))
    if not size or damage.kind == "empty":
        return b""
    if damage.kind == "flip header":
        data[head] ^= 1 + damage.value % 255
    elif damage.kind == "flip body":
        data[at] ^= 1 + damage.value % 255
    elif damage.kind == "zero block":
        data[at : at + damage.value % 5000] = bytes(len(data[at : at + damage.value % 5000]))
    elif damage.kind == "double block":
        data[head:head] = data[head : head + damage.value % 200]
    elif damage.kind == "truncate":
        del data[at:]
    else:
        del data[head:]
    return bytes(data)


def _through_pydicom(damage: Damage, path: Path) -> None:
    """Edit an element and write the file again; what pydicom cannot write stays as it was."""
    before = path.read_bytes()
    target = path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset: Any = pydicom.dcmread(path, force=True)
            if damage.kind == "duplicate under new UID":
                dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(damage.value)])
                target = path.with_name(f"copy{damage.value}.dcm")
            elif damage.kind == "delete element":
                tags = [tag for tag in dataset if tag.tag.group < 0x7FE0]
                del dataset[tags[damage.value % len(tags)].tag]
            elif damage.kind == "foreign element":
                tags = [tag.tag for tag in dataset if tag.tag.group < 0x7FE0]
                tag = tags[damage.value % len(tags)]
                dataset.add_new(tag, "LO", "Yamada^Tarou")
            else:
                _edit(dataset, *EDITS[damage.value % len(EDITS)])
            dataset.save_as(target, enforce_file_format=False)
        except Exception:
            path.write_bytes(before)


def _edit(dataset: Any, keyword: str, value: Any) -> None:
    """Set an element at the top, or at its first place within sequences."""
    tag = Tag(tag_for_keyword(keyword))
    if keyword == "TransferSyntaxUID":
        # The label alone changes; the data set stays as it is encoded.
        dataset.file_meta.TransferSyntaxUID = value
        return
    if keyword == "PixelData":
        if value is None:
            del dataset[tag]
        else:
            dataset[tag].value = value
        return
    home = _home(dataset, tag) or dataset
    vr = "US" if isinstance(value, int) else "LO"
    if isinstance(value, str) and "\\" in value:
        home.add_new(tag, vr, value.split("\\"))
    else:
        home.add_new(tag, vr, value)


def _home(dataset: Any, tag: Any) -> Any:
    if tag in dataset:
        return dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                home = _home(item, tag)
                if home is not None:
                    return home
    return None
