"""The undamaged inputs of the fuzz test: a few slices of each kind of real series."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

NAME, IDENTITY, BIRTH = "Yamada^Tarou", "SECRET4711", "19330405"
# The first reading session of a LIDC file.
RATER = "reader1"
SECRETS = ("Yamada", "Tarou", IDENTITY, BIRTH)


@dataclass(frozen=True)
class Annotation:
    """A file and what to take from it; `checksum`: whether the format notices a changed byte."""

    file: Path
    roi: str | None
    checksum: bool = False


@dataclass
class Source:
    """A series; `out` holds what convert and annotate made of it undamaged."""

    name: str
    folder: Path
    out: Path
    files: list[Path]
    series: str | None = None
    annotations: list[Annotation] = field(default_factory=list)

    @property
    def single_file(self) -> bool:
        """Whether `image` names the one file, as it must for a derived multi-frame file."""
        return len(self.files) == 1


def build_sources(real_ct: Path, folder: Path) -> dict[str, Source]:
    """Write the inputs below `folder`; each file names the same patient, whom nothing may name."""
    lidc = by_height(real_ct / "lidc" / "dicom")
    sts = by_height(real_ct / "sts" / "STS_001" / "dicom")
    ge = by_height(real_ct / "dcm_qa_ct" / "GE_tilt_variable_spacing")
    philips = real_ct / "dcm_qa_ct" / "Philips_mixed_study"
    made = {
        "lidc": named(lidc[5:10], 512),
        "small": named(lidc[:6], 48),
        "tilted": named(even(ge)[:6], 64),
        "jpeg2000": named(by_height(real_ct / "totalseg" / "dicom")[:4], 0),
        "sarcoma": named(sts[18:24], 512),
        "liver": named(by_height(real_ct / "dcmqi" / "dicom"), 512),
        "mixed": [
            *named(by_height(philips / "S2010")[8:13], 64),
            *named([philips / "S1000" / "I10", philips / "S4010" / "I10"], 0),
            philips / "S1000" / "DIRFILE",
        ],
        "multi-frame": named([real_ct / "pydicom" / "enhanced_multiframe_ct.dcm"], 0),
        "big-endian": named(lidc[3:8], 48, ExplicitVRBigEndian),
        "implicit": named(lidc[3:8], 48, ImplicitVRLittleEndian),
    }
    sources = {}
    for name, datasets in made.items():
        where = folder / name / "in"
        where.mkdir(parents=True)
        files = []
        for number, dataset in enumerate(datasets):
            path = where / f"{(number * 7 + 3) % 11:02d}.dcm"
            if isinstance(dataset, Path):
                path = path.with_suffix("")
                shutil.copyfile(dataset, path)
            else:
                dataset.save_as(path, enforce_file_format=True)
            files.append(path)
        sources[name] = Source(name, where, folder / name / "out", sorted(files))
    add_nifti(folder, sources)
    add_annotations(real_ct, folder, sources)
    return sources


def add_nifti(folder: Path, sources: dict[str, Source]) -> None:
    """Give a CT as NIfTI, plain and packed."""
    values = np.random.default_rng(0).integers(-1000, 1500, (20, 24, 9), dtype=np.int16)
    affine = np.diag([-0.7, -0.7, 2.5, 1.0])
    affine[:3, 3] = 11, 12, -100
    for name, suffix in (("nifti", ".nii"), ("nifti packed", ".nii.gz")):
        where = folder / name / "in"
        where.mkdir(parents=True)
        image = nib.Nifti1Image(values, affine)
        image.set_qform(affine, 1)
        image.set_sform(affine, 1)
        nib.save(image, where / f"ct{suffix}")
        sources[name] = Source(name, where, folder / name / "out", [where / f"ct{suffix}"])


def add_annotations(real_ct: Path, folder: Path, sources: dict[str, Source]) -> None:
    """Give three of the series their experts' files."""
    sarcoma, liver = real_ct / "sts" / "STS_001", real_ct / "dcmqi"
    given = {
        "sarcoma": [("rtstruct.dcm", sarcoma / "rtstruct.dcm", "GTV_Mass_CT", False),
                    ("mask.nii.gz", sarcoma / "mask.nii.gz", None, True)],
        "liver": [("liver.dcm", liver / "liver.dcm", None, False),
                  ("liver.nrrd", liver / "liver_seg.nrrd", None, True),
                  ("partial.dcm", liver / "partial_overlaps.dcm", "GREEN", False)],
        "lidc": [("lidc.xml", real_ct / "lidc" / "lidc.xml", None, False)],
    }  # fmt: skip
    for name, entries in given.items():
        for new, original, roi, checksum in entries:
            file = folder / name / "annotations" / new
            file.parent.mkdir(exist_ok=True)
            if new.endswith(".dcm"):
                dataset = pydicom.dcmread(original)
                personal(dataset)
                dataset.save_as(file)
            else:
                shutil.copyfile(original, file)
            sources[name].annotations.append(Annotation(file, roi, checksum))


def by_height(folder: Path) -> list[Path]:
    """Return the slices of a folder from the feet to the head."""
    heights = {}
    for path in folder.iterdir():
        if path.name != "DIRFILE":
            heights[path] = float(pydicom.dcmread(path, stop_before_pixels=True)
                                  .ImagePositionPatient[2])  # fmt: skip
    return sorted(heights, key=heights.__getitem__)


def even(paths: Sequence[Path]) -> list[Path]:
    """Return the longest run of slices that are evenly spaced."""
    heights = [float(pydicom.dcmread(p, stop_before_pixels=True).ImagePositionPatient[2])
               for p in paths]  # fmt: skip
    best: list[Path] = []
    for start in range(len(paths) - 1):
        stop = start + 2
        step = heights[start + 1] - heights[start]
        while stop < len(paths) and abs(heights[stop] - heights[stop - 1] - step) < 0.05:
            stop += 1
        best = max(best, list(paths[start:stop]), key=len)
    return best


def personal(dataset: Any) -> None:
    """Make the file that of the patient whose name must not come out."""
    dataset.PatientName, dataset.PatientID = NAME, IDENTITY
    dataset.PatientBirthDate, dataset.ReferringPhysicianName = BIRTH, NAME
    dataset.PatientComments = f"{NAME} {IDENTITY} {BIRTH}"


def named(paths: Sequence[Path], edge: int, encoding: str = ExplicitVRLittleEndian) -> list[Any]:
    """Read files, crop them to `edge` pixels (0: leave the pixels as they are stored)."""
    datasets = []
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset: Any = pydicom.dcmread(path)
            personal(dataset)
            datasets.append(cropped(dataset, edge, encoding) if edge else dataset)
    return datasets


def cropped(dataset: Any, edge: int, encoding: str) -> Any:
    """Return the middle of a slice, at its place in the patient, in another encoding."""
    row = max(0, (dataset.Rows - edge) // 2)
    column = max(0, (dataset.Columns - edge) // 2)
    pixels = dataset.pixel_array[row : row + edge, column : column + edge]
    along = np.reshape(np.array(dataset.ImageOrientationPatient, dtype=float), (2, 3))
    rows, columns = (float(value) for value in dataset.PixelSpacing)
    corner = np.array(dataset.ImagePositionPatient, dtype=float)
    corner += column * columns * along[0] + row * rows * along[1]
    made: Any = pydicom.Dataset()
    for element in dataset:
        made.add(element)
    made.file_meta = dataset.file_meta
    made.file_meta.TransferSyntaxUID = encoding
    made.ImagePositionPatient = [f"{value:.6f}" for value in corner]
    made.Rows, made.Columns = pixels.shape
    order = ">" if encoding == ExplicitVRBigEndian else "<"
    made.add_new("PixelData", "OW", pixels.astype(pixels.dtype.newbyteorder(order)).tobytes())
    return made
