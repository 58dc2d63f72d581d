"""Pixels of CT slices through pydicom: the independent decoder that dcm2niix is held against."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import DSfloat

from rightreason.dicom_geometry import Stack
from rightreason.dicom_slices import Slice
from rightreason.errors import InputError


def stored_values(item: Slice) -> NDArray[Any]:
    """Decode one slice: (rows, columns) of stored integers, before rescaling.

    Raises
    ------
    InputError
        When the pixels cannot be decoded, or are not rows x columns.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset: Any = pydicom.dcmread(item.path, force=True)
            if "TransferSyntaxUID" not in dataset.file_meta:
                dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
            values = np.asarray(pydicom.pixels.pixel_array(dataset, index=item.frame))
    except Exception as error:
        raise InputError(f"the pixels of {item.path.name} cannot be decoded ({error})") from error
    if values.shape != (item.rows, item.columns):
        raise InputError(
            f"{item.path.name} decodes to {values.shape} pixels, its header says "
            f"{(item.rows, item.columns)}"
        )
    return values


def hounsfield_values(item: Slice) -> NDArray[np.float64]:
    """Decode one slice and rescale it: (rows, columns) in HU."""
    slope, intercept = item.rescale
    return stored_values(item).astype(np.float64) * slope + intercept


def undecodable(slices: Sequence[Slice]) -> list[str]:
    """Decode every slice and say of each that fails what is wrong with it."""
    problems = []
    for item in slices:
        try:
            stored_values(item)
        except InputError as error:
            problems.append(str(error))
    return problems


def rewrite_plainly(stack: Stack, folder: Path) -> None:
    """Write each slice as a classic, uncompressed CT file that holds nothing but the image.

    Parameters
    ----------
    stack : Stack
        The copies are numbered in its order and stand exactly on its grid.
    folder : path
        An existing, empty folder.
    """
    for number, (item, position) in enumerate(zip(stack.slices, stack.positions, strict=True)):
        values = stored_values(item)
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
