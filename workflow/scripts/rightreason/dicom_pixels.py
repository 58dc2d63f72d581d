"""Pixels of CT slices through pydicom: the independent decoder that dcm2niix is held against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
)
from pydicom.valuerep import DSfloat

from rightreason.codestreams import stated_size
from rightreason.convert_words import JPEG_2000
from rightreason.dicom_geometry import Stack
from rightreason.dicom_slices import Slice
from rightreason.errors import InputError

_UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


class PixelReader:
    """Decodes slices; keeps the last file open to it, for frames are asked for one by one."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._dataset: Any = None

    def _open(self, item: Slice) -> Any:
        if item.path != self._path:
            self._dataset = pydicom.dcmread(item.path, force=True)
            # A data set without the file header says not how it is encoded; its first bytes did.
            self._dataset.file_meta.TransferSyntaxUID = item.pixel_format[3]
            self._path = item.path
        return self._dataset

    def stored(self, item: Slice) -> NDArray[Any]:
        """Decode one slice: (rows, columns) of stored integers, before rescaling.

        Raises
        ------
        InputError
            When the pixels cannot be decoded, or are not rows x columns.
        """
        try:
            dataset = self._open(item)
        except Exception as error:
            # Never the error's own words here: pydicom quotes values, a name among them.
            raise InputError(f"{item.path.name} cannot be read ({type(error).__name__})") from error
        self._check_size(item, dataset)
        try:
            # GDCM ends the whole process over a codestream of another kind than its header.
            plugin = "pylibjpeg" if item.pixel_format[3] in JPEG2000TransferSyntaxes else ""
            values = np.asarray(pixel_array(dataset, index=item.frame, decoding_plugin=plugin))
        except Exception as error:
            raise InputError(
                f"the pixels of {item.path.name} cannot be decoded ({_encoding(item)}; "
                f"{type(error).__name__})"
            ) from error
        _check_bits(item, dataset)
        if values.shape != (item.rows, item.columns):
            raise InputError(
                f"{item.path.name} decodes to {values.shape} pixels, its header says "
                f"{(item.rows, item.columns)}"
            )
        return values

    def _check_size(self, item: Slice, dataset: Any) -> None:
        """Refuse a codestream of another size than its header says."""
        if item.pixel_format[3] in _UNCOMPRESSED:
            return
        try:
            frames = int(dataset.get("NumberOfFrames") or 1)
            codestream = get_frame(dataset.PixelData, item.frame or 0, number_of_frames=frames)
        except Exception:
            return  # What cannot be decoded is said where it is decoded.
        size = stated_size(codestream)
        if size not in (None, (item.rows, item.columns)):
            raise InputError(
                f"the pixels of {item.path.name} are {size} in themselves, its header says "
                f"{(item.rows, item.columns)}"
            )

    def hounsfield(self, item: Slice) -> NDArray[np.float64]:
        """Decode one slice and rescale it: (rows, columns) in HU."""
        slope, intercept = item.rescale
        return self.stored(item).astype(np.float64) * slope + intercept

    def contradiction(self, item: Slice) -> str:
        """Say how a slice's codestream contradicts its header; empty when it does not.

        Only JPEG 2000 states a sign and a precision of its own. pydicom then reads the codestream
        as what it is, and its bits as the header says.
        """
        if item.pixel_format[3] not in JPEG2000TransferSyntaxes:
            return ""
        _, bits, signed, _ = item.pixel_format
        try:
            dataset = self._open(item)
            frames = int(dataset.get("NumberOfFrames") or 1)
            codestream = get_frame(dataset.PixelData, item.frame or 0, number_of_frames=frames)
            stated = get_j2k_parameters(codestream)
            precision, is_signed = int(stated["precision"]), bool(stated["is_signed"])
        except Exception:
            return ""  # What cannot be decoded is said where it is decoded.
        if (precision, is_signed) == (bits, bool(signed)):
            return ""
        return JPEG_2000[is_signed, signed != 0].format(precision=precision, bits=bits)


def _encoding(item: Slice) -> str:
    """Name the encoding of a slice, which may be one that no decoder here knows."""
    bits, syntax = item.pixel_format[1], UID(item.pixel_format[3])
    known = syntax in AllTransferSyntaxes
    return f"{syntax.name.partition(' (')[0] if known else 'unknown encoding'}, {bits} bits"


def _check_bits(item: Slice, dataset: Any) -> None:
    """Refuse values that stand at the upper end of their words, which no decoder here moves down.

    A HighBit that only contradicts BitsStored is common, and harmless.
    """
    allocated, bits, _, encoding = item.pixel_format
    high = dataset.get("HighBit")
    below = (high if isinstance(high, int) else bits - 1) + 1 - bits
    if below <= 0 or allocated != 16 or encoding not in _UNCOMPRESSED:
        return
    words = np.frombuffer(
        dataset.PixelData, ">u2" if encoding == ExplicitVRBigEndian else "<u2",
        count=len(dataset.PixelData) // 2,
    )  # fmt: skip
    if not (words & ((1 << below) - 1)).any():
        raise InputError(
            f"{item.path.name} stores its {bits} bits at the upper end of 16 (HighBit "
            f"{dataset.HighBit}), which was abolished; have it exported anew"
        )


def undecodable(slices: Sequence[Slice], most: int = 10) -> list[str]:
    """Decode every slice and say of the first few that fail what is wrong with them."""
    reader, problems = PixelReader(), []
    for item in slices:
        try:
            reader.stored(item)
        except InputError as error:
            problems.append(str(error))
    more = len(problems) - most
    return problems[:most] + ([f"and {more} more slices"] if more > 0 else [])


def rewrite_plainly(stack: Stack, folder: Path) -> None:
    """Write each slice as a classic, uncompressed CT file that holds nothing but the image.

    Parameters
    ----------
    stack : Stack
        The copies are numbered in its order and stand exactly on its grid.
    folder : path
        An existing, empty folder.

    Raises
    ------
    InputError
        When a slice cannot be decoded, or stores more than 16 bits.
    """
    reader = PixelReader()
    for number, (item, position) in enumerate(zip(stack.slices, stack.positions, strict=True)):
        values = reader.stored(item)
        signed = values.dtype.kind == "i"
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = f"2.25.{number + 10}"
        dataset.StudyInstanceUID = "2.25.1"
        dataset.SeriesInstanceUID = "2.25.2"
        dataset.FrameOfReferenceUID = "2.25.3"
        dataset.Modality = "CT"
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.SeriesNumber, dataset.InstanceNumber = 1, number + 1
        dataset.ImagePositionPatient = _decimals(position.tolist())
        dataset.ImageOrientationPatient = _decimals(item.orientation)
        dataset.PixelSpacing = _decimals(item.spacing)
        dataset.RescaleSlope, dataset.RescaleIntercept = _decimals(item.rescale)
        dataset.Rows, dataset.Columns = item.rows, item.columns
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit, dataset.PixelRepresentation = 15, int(signed)
        plain = values.astype("<i2" if signed else "<u2")
        if not np.array_equal(plain, values):
            raise InputError(f"{item.path.name} stores values of more than 16 bits")
        dataset.add_new("PixelData", "OW", plain.tobytes())
        dataset.save_as(folder / f"{number:05d}.dcm", enforce_file_format=True)


def _decimals(numbers: Sequence[float]) -> list[DSfloat]:
    return [DSfloat(number, auto_format=True) for number in numbers]
