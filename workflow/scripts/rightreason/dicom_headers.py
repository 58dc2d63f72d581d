"""What the headers of a folder of DICOM files say, slice by slice, without touching pixels."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pydicom
from pydicom import config as pydicom_config
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from rightreason import convert_words as words
from rightreason.dicom_elements import OddHeaderError, read_plain
from rightreason.dicom_slices import Slice, slices_of
from rightreason.dicom_texts import texts
from rightreason.errors import InputError
from rightreason.unpacking import check_dicom

# Deviations from the standard that do not matter here would otherwise be printed, values and all.
pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "legacy converted enhanced CT",
}
DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
SECONDARY_CAPTURE_CLASS = "1.2.840.10008.5.1.4.1.1.7"

_TAGS = [
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality",
    "Manufacturer", "SeriesDescription", "ManufacturerModelName", "PatientName", "PatientID",
    "PatientBirthDate", "SliceThickness", "GantryDetectorTilt", "ConvolutionKernel",
    "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "AcquisitionNumber", "InstanceNumber",
    "TemporalPositionIdentifier",
    "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID", "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored",
    "PixelRepresentation", "RescaleIntercept", "RescaleSlope", "RescaleType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
_WANTED = frozenset(int(Tag(keyword)) for keyword in _TAGS)
# Most headers are within the first; private elements can make one long.
_START_BYTES = (1 << 15, 1 << 20)
# First tags of a file without the preamble: group 0002, or 0008 in either byte order.
_BARE_STARTS = {
    b"\x02\x00" + element + b"\x00" for element in (b"\x00", b"\x01", b"\x02", b"\x10")
} | {
    order
    for element in (b"\x00", b"\x01", b"\x05", b"\x08", b"\x12", b"\x16", b"\x18")
    for order in (b"\x08\x00" + element + b"\x00", b"\x00\x08\x00" + element)
}
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"
_UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


@dataclass
class Headers:
    """All slices found in a folder, and the files that are no CT slices, by reason."""

    slices: list[Slice] = field(default_factory=list)
    left_out: dict[str, list[int]] = field(default_factory=dict)

    def leave_out(self, reason: str, files: list[int]) -> None:
        """Note that these files are not used, and why."""
        known = self.left_out.setdefault(reason, [])
        known.extend(file for file in files if file not in known)
        known.sort()


def read_headers(case: str, image: Path) -> Headers:
    """Read the headers of every file in a folder (at any depth), or of one file.

    Raises
    ------
    InputError
        When there is no file, or when a DICOM file is damaged; every damaged file is listed.
    """
    # Hidden files are the file manager's or the workflow's, never a scanner's.
    paths = [image] if image.is_file() else sorted(
        p for p in image.rglob("*") if not p.name.startswith(".") and (p.is_file() or _broken(p))
    )  # fmt: skip
    if not paths:
        raise InputError(
            f"Case {case}: {image} holds no files. A folder of DICOM files, one multi-frame DICOM "
            "file or a NIfTI file was expected; correct the column `image` of the case table."
        )
    headers, problems = Headers(), []
    for index, path in enumerate(paths):
        try:
            reason, slices = _read_file(path, index)
        except InputError as error:
            problems.append(str(error))
            continue
        headers.slices.extend(slices)
        if reason:
            headers.leave_out(reason, [index])
    if problems:
        raise InputError.of(
            f"Case {case}: files in {image} are damaged. Export them again, or take them out:",
            problems,
        )
    return headers


def _broken(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _read_file(path: Path, index: int) -> tuple[str | None, list[Slice]]:
    if _broken(path):
        raise InputError(f"{path.name} is a link to a file that is not there.")
    try:
        with path.open("rb") as file:
            return _read_open_file(path, file, index)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror or type(error).__name__})."
        ) from error
    except InputError:
        raise
    except Exception as error:
        # Never the error's own words: pydicom quotes values, a name among them.
        raise InputError(
            f"{path.name} cannot be read as DICOM: its header is damaged ({type(error).__name__})."
        ) from error


def _read_open_file(path: Path, file: IO[bytes], index: int) -> tuple[str | None, list[Slice]]:
    start = file.read(_START_BYTES[0])
    if not start:
        raise InputError(f"{path.name} is empty.")
    is_part10 = start[128:132] == b"DICM"
    if not is_part10 and start[:4] not in _BARE_STARTS:
        if path.suffix.lower() in (".dcm", ".dicom"):
            raise InputError(f"{path.name} is named like a DICOM file and is none.")
        return words.NOT_DICOM, []
    header, encoding = _header(file, start, is_part10)
    reason = _no_slice_because(path, header)
    if reason:
        return reason, []
    slices = list(slices_of(header, path, index, encoding))
    if encoding != DeflatedExplicitVRLittleEndian:
        _check_pixels_complete(path, file, encoding, _pixel_bytes(header))
    frames = int(header.get("NumberOfFrames") or 1)
    if len(slices) < frames:
        reason = words.LOCALIZER_FRAMES if slices else words.LOCALIZER
    return reason, slices


def _header(file: IO[bytes], start: bytes, is_part10: bool) -> tuple[Any, str]:
    """Return the header and the transfer syntax; leave the file where the pixels begin."""
    for most in _START_BYTES if is_part10 else ():
        start += file.read(most - len(start))
        try:
            plain = read_plain(start, _WANTED)
        except OddHeaderError:
            continue
        file.seek(plain.end)
        return plain, plain.file_meta["TransferSyntaxUID"]
    file.seek(0)
    check_dicom(file, Path(file.name).name)
    dataset: Any = pydicom.dcmread(
        file, stop_before_pixels=True, specific_tags=_TAGS, force=not is_part10
    )
    implicit, little = dataset.original_encoding
    found = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset, str(
        dataset.file_meta.get("TransferSyntaxUID", found if little else ExplicitVRBigEndian)
    )


def _no_slice_because(path: Path, header: Any) -> str | None:
    """Say why a file can never be a slice of a CT volume, or return None."""
    sop_class = str(header.get("SOPClassUID") or "")
    # Anonymisers empty UIDs and forget that the file's own header repeats two of them.
    sop_class = sop_class or str(header.file_meta.get("MediaStorageSOPClassUID", ""))
    if sop_class == DIRECTORY_CLASS:
        return words.DIRECTORY
    modality = texts(header.get("Modality"))
    if not modality and (not sop_class or sop_class in CT_CLASSES):
        raise InputError(f"{path.name} ends, or breaks off, before it says what it is.")
    if modality != ["CT"]:
        # A damaged length makes a value of what follows; only what looks like a code is shown.
        if modality and re.fullmatch("[A-Z]{2,12}", modality[0]):
            return words.OTHER_MODALITY.format(modality=modality[0])
        return words.UNCLEAR_MODALITY
    if sop_class.startswith(SECONDARY_CAPTURE_CLASS):
        return words.SECONDARY_CAPTURE
    if sop_class not in CT_CLASSES:
        return words.NO_CT
    shown = " ".join(texts(header.get("PhotometricInterpretation")))
    if header.get("SamplesPerPixel", 1) != 1 or shown.startswith(("RGB", "YBR", "PALETTE")):
        return words.COLOUR
    if shown not in ("MONOCHROME1", "MONOCHROME2"):
        raise InputError(f"{path.name} does not say that it is grey (PhotometricInterpretation).")
    if "LOCALIZER" in texts(header.get("ImageType")):
        return words.LOCALIZER
    return None


def _pixel_bytes(header: Any) -> int:
    """Return how many bytes the pixels take where they are not compressed."""
    frames, bits = int(header.get("NumberOfFrames") or 1), int(header.get("BitsAllocated"))
    return int(header.get("Rows")) * int(header.get("Columns")) * frames * bits // 8


def _check_pixels_complete(path: Path, file: IO[bytes], encoding: str, needed: int) -> None:
    """Hold the length that the pixel element announces against the file and the matrix."""
    big = encoding == ExplicitVRBigEndian
    start = file.tell()
    element = file.read(12)
    if len(element) < 12 or element[:4] != (b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00"):
        raise InputError(f"{path.name} has no pixels: it is truncated, or no image.")
    head = 12 if element[4:6] in (b"OW", b"OB", b"UN") else 8
    (length,) = struct.unpack(">I" if big else "<I", element[head - 4 : head])
    size = file.seek(0, 2)
    if length == 0xFFFFFFFF:
        file.seek(max(size - 4096, 0))
        complete = _SEQUENCE_END in file.read()
    else:
        complete = start + head + length <= size
    if not complete:
        raise InputError(f"{path.name} is truncated: it ends before its pixels do.")
    if encoding in _UNCOMPRESSED and length < needed:
        raise InputError(
            f"{path.name} holds {length} bytes of pixels, its header describes {needed}."
        )
