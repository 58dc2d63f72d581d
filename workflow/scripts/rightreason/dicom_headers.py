"""What the headers of a folder of DICOM files say, slice by slice, without touching pixels."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pydicom
from pydicom import config as pydicom_config
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from rightreason.dicom_slices import Slice, slices_of, texts
from rightreason.errors import InputError

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
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "Modality", "Manufacturer",
    "SeriesDescription", "ManufacturerModelName", "SliceThickness", "GantryDetectorTilt",
    "ConvolutionKernel", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SeriesNumber",
    "AcquisitionNumber", "InstanceNumber",
    "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID", "SamplesPerPixel",
    "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored",
    "PixelRepresentation", "RescaleIntercept", "RescaleSlope", "RescaleType",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
# First tags of a data set written without the file header: group 0008 or 0002, either byte order.
_BARE_STARTS = {b"\x02\x00\x00\x00"} | {
    order
    for element in (b"\x00", b"\x01", b"\x05", b"\x08", b"\x12", b"\x16", b"\x18")
    for order in (b"\x08\x00" + element + b"\x00", b"\x00\x08\x00" + element)
}
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"


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
        p for p in image.rglob("*") if p.is_file() and not p.name.startswith(".")
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


def _read_file(path: Path, index: int) -> tuple[str | None, list[Slice]]:
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path.name} is empty.")
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = file.read(132)
        is_part10 = start[128:] == b"DICM"
        if not is_part10 and start[:4] not in _BARE_STARTS:
            if path.suffix.lower() in (".dcm", ".dicom"):
                raise InputError(f"{path.name} is named like a DICOM file and is none.")
            return "not DICOM", []
        file.seek(0)
        try:
            dataset: Any = pydicom.dcmread(
                file, stop_before_pixels=True, specific_tags=_TAGS, force=not is_part10
            )
            reason = _no_slice_because(dataset)
            if reason:
                return reason, []
            encoding = str(dataset.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian))
            if encoding != DeflatedExplicitVRLittleEndian:
                _check_pixels_complete(path, file, size, encoding)
            return None, list(slices_of(dataset, path, index, encoding))
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{path.name} cannot be read as DICOM ({error}).") from error


def _no_slice_because(dataset: Any) -> str | None:
    """Say why a file can never be a slice of a CT volume, or return None."""
    meta = getattr(dataset, "file_meta", None) or {}
    sop_class = str(dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID", ""))
    if sop_class == DIRECTORY_CLASS:
        return "directory of the medium"
    modality = dataset.get("Modality")
    if not modality and (not sop_class or sop_class in CT_CLASSES):
        raise ValueError("it ends, or breaks off, before it says what it is")
    if modality != "CT":
        return f"modality {modality or 'not given'}, not CT"
    if sop_class.startswith(SECONDARY_CAPTURE_CLASS):
        return "secondary capture"
    if sop_class not in CT_CLASSES:
        return "no CT image"
    if dataset.get("SamplesPerPixel", 1) != 1:
        return "colour picture"
    if "LOCALIZER" in texts(dataset.get("ImageType")):
        return "localizer"
    return None


def _check_pixels_complete(path: Path, file: IO[bytes], size: int, encoding: str) -> None:
    """Hold the length that the pixel element announces against the length of the file."""
    big = encoding == ExplicitVRBigEndian
    start = file.tell()
    element = file.read(12)
    if len(element) < 12 or element[:4] != (b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00"):
        raise InputError(f"{path.name} has no pixels: it is truncated, or no image.")
    head = 12 if element[4:6] in (b"OW", b"OB", b"UN") else 8
    (length,) = struct.unpack(">I" if big else "<I", element[head - 4 : head])
    if length == 0xFFFFFFFF:
        file.seek(max(size - 4096, 0))
        complete = _SEQUENCE_END in file.read()
    else:
        complete = start + head + length <= size
    if not complete:
        raise InputError(f"{path.name} is truncated: it ends before its pixels do.")
