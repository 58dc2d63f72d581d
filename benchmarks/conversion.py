"""What the proof of a conversion costs, beside the conversion itself.

`make bench` writes a classic CT series of 300 slices of 512 x 512, then measures, interleaved, in
one run of some repetitions:

- dcm2niix alone, as the stage calls it (`-z n`, plain .nii) and as many people do (`-z y`, gzip);
- the stage's own `convert_case`, and within it each of its parts.

The proof is reading the headers, the geometry of the stack, and the values of at least five slices
decoded by pydicom; it should cost at most a third of the conversion. Wall clock, files in the page
cache, nothing kept from one repetition to the next but imported modules; medians and ranges.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from rightreason import convert, dicom_elements
from rightreason.config_sections import Convert

SLICES, EDGE, REPETITIONS = 300, 512, 7
AIM = 1 / 3
# Functions of the stage, by the module that calls them and their name there.
PARTS = {
    "headers": ("convert", "read_headers"),
    "choice of the series": ("convert", "choose"),
    "geometry": ("convert", "stack_slices"),
    "dcm2niix, and loading its file": ("converter", "_run"),
    "values": ("converter", "prove_values"),
    "writing .nii.gz": ("images", "save"),
}
PROOF = ("headers", "geometry", "values")
WHOLE, PLAIN, GZIP = "convert_case", "dcm2niix -z n", "dcm2niix -z y"

Times = dict[str, list[float]]


def main(repetitions: int) -> None:
    """Measure and print a table."""
    times: Times = {name: [] for name in (PLAIN, GZIP, *PARTS, WHOLE, "proof")}
    with tempfile.TemporaryDirectory(prefix="rightreason-bench-") as name:
        series, out = Path(name, "in"), Path(name, "out")
        series.mkdir()
        write_series(series)
        measure(series, out, {name: [] for name in times})
        for _ in range(repetitions):
            measure(series, out, times)
    print(
        f"{SLICES} slices of {EDGE} x {EDGE}, {repetitions} repetitions, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}\n"
    )
    print("| part | median, s | range, s |\n|---|---|---|")
    for part, seconds in times.items():
        print(f"| {part} | {middle(seconds):.3f} | {min(seconds):.3f} to {max(seconds):.3f} |")
    for conversion in (PLAIN, GZIP):
        ratio = middle(times["proof"]) / middle(times[conversion])
        verdict = "met" if ratio <= AIM else "missed"
        print(f"\nproof / {conversion} = {ratio:.3f} (aim: at most {AIM:.3f}, {verdict})")


def middle(seconds: list[float]) -> float:
    """Return the median."""
    return statistics.median(seconds)


def measure(series: Path, out: Path, times: Times) -> None:
    """Time everything once."""
    binary = str(import_module("dcm2niix").bin)
    for name, compression in ((PLAIN, "n"), (GZIP, "y")):
        with folder(out), clock(times, name):
            subprocess.run(
                [binary, "-z", compression, "-b", "n", "-f", "volume", "-o", out, series],
                check=True, capture_output=True,
            )  # fmt: skip
    dicom_elements._value.cache_clear()
    with ExitStack() as stack:
        for name, (module, function) in PARTS.items():
            owner = import_module(f"rightreason.{module}")
            timed = timer(times, name, getattr(owner, function))
            stack.enter_context(mock.patch.object(owner, function, timed))
        stack.enter_context(folder(out))
        with clock(times, WHOLE):
            volume, record = out / "a.nii.gz", out / "a.json"
            convert.convert_case("a", series, None, volume, record, Convert().model_dump())
    times["proof"].append(sum(times[part][-1] for part in PROOF))


@contextmanager
def clock(times: Times, name: str) -> Iterator[None]:
    """Note how long a block takes."""
    start = time.perf_counter()
    yield
    times[name].append(time.perf_counter() - start)


def timer(times: Times, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, with a clock."""

    def timed(*arguments: Any, **named: Any) -> Any:
        with clock(times, name):
            return function(*arguments, **named)

    return timed


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """Give a block an empty folder, and delete it outside of the block's time."""
    path.mkdir()
    yield
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def write_series(folder: Path) -> None:
    """Write the slices: a body of ellipses and noise, headers of about eighty elements."""
    noise = np.random.default_rng(0).normal(0, 12, (EDGE + SLICES, EDGE)).astype(np.float32)
    uids = {name: generate_uid(entropy_srcs=[name]) for name in ("study", "series", "frame")}
    for k in range(SLICES):
        dataset = header(k, uids)
        dataset.PixelData = hounsfield(k, noise[k : k + EDGE]).tobytes()
        dataset.save_as(folder / f"IM{k:04d}.dcm", enforce_file_format=True)


def hounsfield(k: int, noise: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return slice k, in HU: air, a trunk, two lungs, a spine; (rows, columns)."""
    y, x = np.mgrid[-1 : 1 : EDGE * 1j, -1 : 1 : EDGE * 1j].astype(np.float32)
    height = 2 * k / (SLICES - 1) - 1
    lung = 0.1 * (1 - height**2)
    values = np.full((EDGE, EDGE), -1000, np.float32)
    values[(x / 0.85) ** 2 + (y / 0.6) ** 2 < 1] = 45
    for side in (-0.4, 0.4):
        values[(x - side) ** 2 + (y / 1.3) ** 2 < lung] = -850
    values[x**2 + (y - 0.4) ** 2 < 0.012] = 400
    return np.asarray((values + noise).clip(-1024, 3071), np.int16)


def header(k: int, uids: dict[str, str]) -> Dataset:
    """Return what a scanner writes about slice k."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for name, value in COMMON.items():
        setattr(dataset, name, value)
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["slice", str(k)])
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uids["study"], uids["series"]
    dataset.FrameOfReferenceUID = uids["frame"]
    dataset.InstanceNumber, dataset.SliceLocation = k + 1, f"{-700 + k:.1f}"
    dataset.ImagePositionPatient = ["-174.65820", "-341.65820", f"{-700 + k:.1f}"]
    private = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    private.add_new(0x10, "OB", bytes(range(256)) * 40)
    return dataset


COMMON = {
    "SpecificCharacterSet": "ISO_IR 100", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "InstanceCreationDate": "20240102", "InstanceCreationTime": "101112.345000",
    "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "StudyDate": "20240102", "SeriesDate": "20240102",
    "AcquisitionDate": "20240102", "ContentDate": "20240102", "StudyTime": "100000.000000",
    "SeriesTime": "100500.000000", "AcquisitionTime": "100600.000000",
    "ContentTime": "100600.000000", "AccessionNumber": "A1", "Modality": "CT",
    "Manufacturer": "ACME", "InstitutionName": "Hospital", "InstitutionAddress": "Street 1",
    "ReferringPhysicianName": "A^B", "StationName": "CT1", "StudyDescription": "Thorax",
    "SeriesDescription": "Thorax 1.0 B30f", "InstitutionalDepartmentName": "Radiology",
    "PhysiciansOfRecord": "C^D", "OperatorsName": "E^F", "ManufacturerModelName": "Scan 64",
    "PatientName": "Nobody^Known", "PatientID": "4711", "PatientBirthDate": "19500102",
    "PatientSex": "O", "PatientAge": "074Y", "PatientSize": "1.7", "PatientWeight": "70",
    "BodyPartExamined": "CHEST", "ScanOptions": "SPIRAL", "SliceThickness": "1", "KVP": "120",
    "DataCollectionDiameter": "500", "DeviceSerialNumber": "1", "SoftwareVersions": "VB42",
    "ProtocolName": "Thorax", "ReconstructionDiameter": "350",
    "DistanceSourceToDetector": "1040", "DistanceSourceToPatient": "570",
    "GantryDetectorTilt": "0", "TableHeight": "148", "RotationDirection": "CW",
    "ExposureTime": "500", "XRayTubeCurrent": "200", "Exposure": "100", "FilterType": "WEDGE_3",
    "GeneratorPower": "30", "FocalSpots": "1.2", "DateOfLastCalibration": "20240102",
    "TimeOfLastCalibration": "050000.000000", "ConvolutionKernel": "B30f",
    "PatientPosition": "HFS", "StudyID": "1", "SeriesNumber": "3", "AcquisitionNumber": "2",
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "PositionReferenceIndicator": "", "ImageComments": "", "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2", "Rows": EDGE, "Columns": EDGE,
    "PixelSpacing": ["0.68359375", "0.68359375"], "BitsAllocated": 16, "BitsStored": 16,
    "HighBit": 15, "PixelRepresentation": 1, "SmallestImagePixelValue": -1024,
    "LargestImagePixelValue": 3071, "WindowCenter": ["50", "-600"],
    "WindowWidth": ["350", "1200"], "RescaleIntercept": "0", "RescaleSlope": "1",
    "RescaleType": "HU", "WindowCenterWidthExplanation": ["WINDOW1", "WINDOW2"],
}  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPETITIONS)
