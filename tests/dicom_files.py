"""Small DICOM files made by hand: CT series, single and multi-frame, contours, segmentations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
FRAME = "1.2.3.4.5"
ROWS, COLUMNS = 6, 8
ORIGIN = (-20.0, -30.0, 100.0)
ROW_SPACING, COLUMN_SPACING, STEP = 2.0, 1.5, 3.0


def stored(k: int) -> np.ndarray:
    """Stored values of slice k, all different: 100 k + 10 row + column."""
    return (100 * k + 10 * np.arange(ROWS)[:, None] + np.arange(COLUMNS)).astype(np.int16)


def ct_slice(k: int, **changes: Any) -> Dataset:
    """One axial CT slice at z = 100 + 3 k mm; `changes` are attributes to set (None: to delete)."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CT_IMAGE
    dataset.SOPInstanceUID = f"1.2.3.9.{k + 1}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.7", "1.2.3.8"
    dataset.FrameOfReferenceUID = FRAME
    dataset.PatientName, dataset.PatientID = "Nobody^Known", "4711"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Manufacturer, dataset.ManufacturerModelName = "ACME", "Scan 1"
    dataset.SeriesDescription, dataset.ConvolutionKernel = "Thorax", "B30"
    dataset.SeriesNumber, dataset.InstanceNumber = 2, k + 1
    dataset.ImagePositionPatient = [*ORIGIN[:2], ORIGIN[2] + STEP * k]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = [ROW_SPACING, COLUMN_SPACING], STEP
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -200
    dataset.PixelData = stored(k).tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def write(dataset: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def recoded(folder: Path, encoding: int) -> Path:
    """Let GDCM encode every file of a folder."""
    for path in folder.iterdir():
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(encoding))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
    return folder


def write_series(
    folder: Path,
    slices: Sequence[int] = range(6),
    change: Callable[[int, Dataset], None] = lambda k, dataset: None,
    **changes: Any,
) -> Path:
    """Write slices under names that sort in another order than their positions."""
    for k in slices:
        dataset = ct_slice(k, **changes)
        change(k, dataset)
        write(dataset, folder / f"{(k * 5 + 2) % 97:03d}.dcm")
    return folder


def enhanced(count: int = 6) -> Dataset:
    """The series of `write_series` as one multi-frame file, its frames in falling order."""
    dataset = ct_slice(0, ImagePositionPatient=None, ImageOrientationPatient=None,
                       PixelSpacing=None, SliceThickness=None, RescaleSlope=None,
                       RescaleIntercept=None)  # fmt: skip
    dataset.SOPClassUID, dataset.NumberOfFrames = ENHANCED_CT, count
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]
    shared.PixelMeasuresSequence = [
        _item(PixelSpacing=[ROW_SPACING, COLUMN_SPACING], SliceThickness=STEP)
    ]
    shared.PixelValueTransformationSequence = [
        _item(RescaleSlope=1, RescaleIntercept=-200, RescaleType="HU")
    ]
    dataset.SharedFunctionalGroupsSequence = [shared]
    order = list(range(count))[::-1]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(k, place) for place, k in enumerate(order)]
    dataset.PixelData = b"".join(stored(k).tobytes() for k in order)
    return dataset


def enhanced_of(slices: Sequence[Dataset]) -> Dataset:
    """Uncompressed classic slices of one scan as one multi-frame file, in the given order."""
    first = slices[0]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ENHANCED_CT, "1.2.3.11"
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
                 "Manufacturer", "SeriesNumber", "SamplesPerPixel", "PhotometricInterpretation",
                 "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
                 "PixelRepresentation"):  # fmt: skip
        setattr(dataset, name, first[name].value)
    dataset.ImageType, dataset.InstanceNumber = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], 1
    dataset.NumberOfFrames = len(slices)
    shared = Dataset()
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=first.ImageOrientationPatient)]
    shared.PixelMeasuresSequence = [
        _item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)
    ]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for place, item in enumerate(slices, start=1):
        frame = Dataset()
        frame.PlanePositionSequence = [_item(ImagePositionPatient=item.ImagePositionPatient)]
        frame.FrameContentSequence = [
            _item(StackID="1", InStackPositionNumber=place, DimensionIndexValues=[1, place])
        ]
        frame.PixelValueTransformationSequence = [
            _item(RescaleSlope=item.RescaleSlope, RescaleIntercept=item.RescaleIntercept,
                  RescaleType="HU")
        ]  # fmt: skip
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    dataset.PixelData = b"".join(item.pixel_array.tobytes() for item in slices)
    return dataset


def _frame(k: int, place: int) -> Dataset:
    frame = Dataset()
    frame.PlanePositionSequence = [_item(ImagePositionPatient=[*ORIGIN[:2], ORIGIN[2] + STEP * k])]
    frame.FrameContentSequence = [
        _item(StackID="1", InStackPositionNumber=place + 1, DimensionIndexValues=[1, place + 1])
    ]
    return frame


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for name, value in values.items():
        setattr(item, name, value)
    return item


def rtstruct(
    rois: Sequence[tuple[int, str, Sequence[np.ndarray]]],
    frame: str = FRAME,
    kind: str = "CLOSED_PLANAR",
) -> Dataset:
    """An RTSTRUCT of (number, name, contours); a contour is (points, 3) in LPS mm."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTSTRUCT, "1.2.3.10"
    dataset.Modality = "RTSTRUCT"
    dataset.StructureSetROISequence = [
        _item(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID=frame)
        for number, name, _ in rois
    ]
    dataset.ROIContourSequence = [
        _item(
            ReferencedROINumber=number,
            ContourSequence=[
                _item(ContourGeometricType=kind, NumberOfContourPoints=len(points),
                      ContourData=[f"{value:.4f}" for value in np.ravel(points)])
                for points in contours
            ],
        )
        for number, _, contours in rois
    ]  # fmt: skip
    return dataset
