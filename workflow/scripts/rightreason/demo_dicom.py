"""The embedded cohort's CT series as DICOM: CT Image Storage with full geometry, and a localizer.

The two sites have scanners of their own: they differ in manufacturer, kernel, rescale intercept and
in the end of the body at which the instances begin. File names follow neither position nor instance
number. Nothing is random: identifiers are hashes of the cohort's seed and the case.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.demo_plan import EXTERNAL_SITE, PlannedCase

CHARACTER_SETS = ("", "ISO 2022 IR 87")
DATE, TIME = "20200401", "093000"
FAMILY = ("Yamada=山田=やまだ", "Satou=佐藤=さとう", "Suzuki=鈴木=すずき",
          "Takahashi=高橋=たかはし", "Tanaka=田中=たなか", "Itou=伊藤=いとう")  # fmt: skip
GIVEN = {"M": ("Tarou=太郎=たろう", "Ichirou=一郎=いちろう", "Makoto=誠=まこと"),
         "F": ("Hanako=花子=はなこ", "Yuuko=裕子=ゆうこ", "Keiko=恵子=けいこ")}  # fmt: skip


@dataclass(frozen=True)
class Geometry:
    """Where a series lies in DICOM's patient space (x left, y back, z head; mm).

    Attributes
    ----------
    origin : tuple of three float
        Centre of the voxel [0, 0, 0]: first column, first row, lowest slice.
    pixel_mm, slice_mm : float
        Edge of a pixel; distance of the slices.
    """

    origin: tuple[float, float, float]
    pixel_mm: tuple[float, float]
    slice_mm: float

    @property
    def affine(self) -> NDArray[np.float64]:
        """Affine (RAS+) of an array indexed [column, row, slice from the lowest up]."""
        (x, y, z), (dx, dy) = self.origin, self.pixel_mm
        return np.array(
            [[-dx, 0, 0, -x], [0, -dy, 0, -y], [0, 0, self.slice_mm, z], [0, 0, 0, 1.0]]
        )


@dataclass(frozen=True)
class Scanner:
    """What the series of one site have in common."""

    manufacturer: str
    model: str
    kernel: str
    intercept: int
    head_first_instance: bool


SCANNERS = {False: Scanner("Demo Medical", "Aperture 64", "FC52", -1024, False),
            True: Scanner("Example Imaging", "Gantry 16", "Br59", -8192, True)}  # fmt: skip


def uid(seed: int, *purpose: object) -> str:
    """Return the UID of one thing in the cohort of one seed."""
    text = "/".join(str(part) for part in ("rightreason", seed, *purpose))
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:15], 'big')}"


def write_series(
    folder: Path, case: PlannedCase, hu: NDArray[np.int16], geometry: Geometry, seed: int
) -> list[Any]:
    """Write one case's series and its localizer.

    Parameters
    ----------
    folder : path
        Where the files go; made if need be.
    case : PlannedCase
        Whose series; its `compression` decides the transfer syntax.
    hu : (X, Y, Z) array of int16
        HU, columns first, slices from the lowest up, at least -1024.
    geometry : Geometry
        Where the array lies.
    seed : int
        The cohort's seed, of which the UIDs are made.

    Returns
    -------
    list of pydicom.Dataset
        The slices from the lowest up, without compression: what annotations refer to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scanner = SCANNERS[case.site == EXTERNAL_SITE]
    n = hu.shape[2]
    slices = []
    for k in range(n):
        number = n - k if scanner.head_first_instance else k + 1
        ds = _slice(case, scanner, hu[:, :, k], geometry, k, number, seed)
        slices.append(ds)
        _save(_compressed(ds, case.compression), folder / f"{_shuffled_name(seed, case, k)}.dcm")
    scout = _localizer(case, scanner, hu, geometry, seed)
    _save(scout, folder / f"{_shuffled_name(seed, case, 'localizer')}.dcm")
    return slices


def base_dataset(case: PlannedCase, seed: int, sop_class: str, sop_instance: str) -> Any:
    """Return a dataset with the patient, the study and the file meta information."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = sop_instance
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = uid(0, "implementation")
    ds.SpecificCharacterSet = list(CHARACTER_SETS)
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, sop_instance
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = DATE
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = TIME
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.PatientName = _name(case, seed)
    ds.PatientID = f"demo-{case.patient}"
    ds.PatientBirthDate = f"{int(DATE[:4]) - case.age - 1}0701"
    ds.PatientSex, ds.PatientAge = case.sex, f"{case.age:03d}Y"
    ds.StudyInstanceUID = uid(seed, case.case, "study")
    ds.StudyID = "1"
    return ds


def _slice(
    case: PlannedCase, scanner: Scanner, hu: NDArray[np.int16], geometry: Geometry, k: int,
    number: int, seed: int,
) -> Any:  # fmt: skip
    ds = _ct(case, scanner, seed, "ct", k, ["ORIGINAL", "PRIMARY", "AXIAL"])
    x, y, z = geometry.origin
    dx, dy = geometry.pixel_mm
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 2, number, 1
    ds.SeriesDescription = "Chest post mortem"
    ds.ConvolutionKernel = scanner.kernel
    ds.SliceThickness = _decimal(geometry.slice_mm)
    ds.SpacingBetweenSlices = _decimal(geometry.slice_mm)
    ds.ImagePositionPatient = [_decimal(v) for v in (x, y, z + k * geometry.slice_mm)]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.SliceLocation = _decimal(z + k * geometry.slice_mm)
    ds.PixelSpacing = [_decimal(dy), _decimal(dx)]
    _pixels(ds, hu.T.astype(np.int32), scanner.intercept)
    return ds


def _localizer(
    case: PlannedCase, scanner: Scanner, hu: NDArray[np.int16], geometry: Geometry, seed: int
) -> Any:
    """Return the scout view: the mean along the body's depth, head up."""
    ds = _ct(case, scanner, seed, "localizer", 0, ["ORIGINAL", "PRIMARY", "LOCALIZER"])
    x, y, z = geometry.origin
    top = z + (hu.shape[2] - 1) * geometry.slice_mm
    ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 1, 1, 1
    ds.SeriesDescription = "Scout"
    ds.SliceThickness = _decimal(geometry.pixel_mm[1] * hu.shape[1])
    ds.ImagePositionPatient = [_decimal(v) for v in (x, y + float(ds.SliceThickness) / 2, top)]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "0", "-1"]
    ds.PixelSpacing = [_decimal(geometry.slice_mm), _decimal(geometry.pixel_mm[0])]
    _pixels(ds, hu.mean(axis=1).T[::-1].astype(np.int32), scanner.intercept)
    return ds


def _ct(
    case: PlannedCase, scanner: Scanner, seed: int, series: str, k: int, image_type: list[str]
) -> Any:
    from pydicom.uid import CTImageStorage

    ds = base_dataset(case, seed, CTImageStorage, uid(seed, case.case, series, k))
    ds.SeriesInstanceUID = uid(seed, case.case, series)
    ds.FrameOfReferenceUID = uid(seed, case.case, "frame of reference")
    ds.PositionReferenceIndicator = ""
    ds.Modality, ds.ImageType = "CT", image_type
    ds.Manufacturer, ds.ManufacturerModelName = scanner.manufacturer, scanner.model
    ds.BodyPartExamined, ds.PatientPosition = "CHEST", "HFS"
    ds.KVP = "120"
    return ds


def _pixels(ds: Any, hu: NDArray[np.int32], intercept: int) -> None:
    """Store HU: 12 of 16 bits without sign above -1024, all 16 above -8192."""
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = "1", str(intercept), "HU"
    bits = 12 if intercept == -1024 else 16
    stored = np.clip(hu - intercept, 0, 2**bits - 1).astype("<u2")
    ds.Rows, ds.Columns = stored.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, bits, bits - 1, 0
    ds.WindowCenter, ds.WindowWidth = "-600", "1500"
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"


def _compressed(ds: Any, compression: str) -> Any:
    """Return the slice in its case's transfer syntax, pixel for pixel the same."""
    if not compression:
        return ds
    from copy import deepcopy

    from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

    out = deepcopy(ds)
    if compression == "jpeg2000":
        # pydicom's own encoder wants pylibjpeg beside the codec, for nothing else that we need.
        from openjpeg.utils import encode_array
        from pydicom.encaps import encapsulate

        pixels = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        stream = encode_array(pixels, bits_stored=ds.BitsStored, photometric_interpretation=2)
        out.PixelData = encapsulate([stream])
        out["PixelData"].VR, out["PixelData"].is_undefined_length = "OB", True
        out.file_meta.TransferSyntaxUID = JPEG2000Lossless
    else:
        syntax = RLELossless if compression == "rle" else JPEGLSLossless
        out.compress(syntax, generate_instance_uid=False)
    return out


def _name(case: PlannedCase, seed: int) -> str:
    digest = hashlib.sha256(f"{seed}/name/{case.patient}".encode()).digest()
    given = GIVEN[case.sex][digest[1] % len(GIVEN[case.sex])].split("=")
    family = FAMILY[digest[0] % len(FAMILY)].split("=")
    return "=".join(f"{f}^{g}" for f, g in zip(family, given, strict=True))


def _shuffled_name(seed: int, case: PlannedCase, what: object) -> str:
    return hashlib.sha256(f"{seed}/{case.case}/{what}".encode()).hexdigest()[:12]


def _decimal(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _save(ds: Any, path: Path) -> None:
    ds.save_as(path, enforce_file_format=True)
