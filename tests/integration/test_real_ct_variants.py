"""One real CT in many guises: every encoding, every orientation, tilt either way, every order."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from rightreason.convert import convert_case
from rightreason.images import Volume, load

from tests.dicom_files import enhanced_of, recoded, write
from tests.volumes import LPS_TO_RAS

POLICIES = {"timeout_s": 60, "tilt": "correct", "gap": "interpolate"}
SIDE = 96


def convert(image: Path, out: Path) -> Volume:
    convert_case("a", image, None, out / "ct.nii.gz", out / "ct.json", POLICIES)
    return load(out / "ct.nii.gz")


@pytest.fixture(scope="session")
def slices(real_ct: Path) -> list[Dataset]:
    """Six neighbouring slices of a chest from the feet up, cut to 96 x 96 pixels."""
    files = [pydicom.dcmread(path) for path in (real_ct / "lidc" / "dicom").iterdir()]
    files.sort(key=lambda item: float(item.ImagePositionPatient[2]))
    for item in files:
        pixels = item.pixel_array[200 : 200 + SIDE, 250 : 250 + SIDE].copy()
        item.Rows = item.Columns = SIDE
        item.PixelData = pixels.tobytes()
    return files[4:10]


def encoded(item: Dataset, encoding: str, path: Path) -> None:
    big, implicit = encoding == ExplicitVRBigEndian, encoding == ImplicitVRLittleEndian
    if encoding in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
        item.compress(encoding, generate_instance_uid=False)
    elif big:
        item.PixelData = item.pixel_array.astype(">i2").tobytes()
    if encoding in (ExplicitVRBigEndian, ImplicitVRLittleEndian):
        item["PixelData"].VR = "OW"
    item.file_meta.TransferSyntaxUID = encoding
    dcmwrite(path, item, implicit_vr=implicit, little_endian=not big, force_encoding=True)


ENCODINGS = [
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless,
]  # fmt: skip


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_of_one_scan(
    slices: list[Dataset], tmp_path: Path, encoding: str, multi: bool
) -> None:
    (tmp_path / "in").mkdir()
    items = [enhanced_of(slices)] if multi else deepcopy(slices)
    for number, item in enumerate(items):
        encoded(item, encoding, tmp_path / "in" / f"{number}.dcm")
    assert_places(convert(tmp_path / "in", tmp_path), slices, exact=True)


def test_lossless_jpeg(slices: list[Dataset], tmp_path: Path) -> None:
    for number, item in enumerate(slices):
        write(item, tmp_path / "in" / f"{number}.dcm")
    recoded(tmp_path / "in", gdcm.TransferSyntax.JPEGLosslessProcess14_1)
    assert_places(convert(tmp_path / "in", tmp_path), slices, exact=True)


# Columns: the directions of rows and of columns, and the one in which the table moves; LPS.
BODIES = {
    "supine": np.eye(3),
    "prone": np.diag([-1.0, -1.0, 1.0]),
    "turned by 37 degrees": np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]),
    "sagittal": np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
    "coronal": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
}


def turned(degrees: float, about: str) -> np.ndarray:
    """Rotation of the slices about their rows (a gantry's tilt) or their columns."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if about == "rows":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("degrees", "about"), [(0, "rows"), (15, "rows"), (-15, "rows"), (15, "columns")]
)
def test_orientations_tilt_and_order(
    slices: list[Dataset], tmp_path: Path, body: str, degrees: float, about: str
) -> None:
    """Each pixel of each slice stands where its header puts it; gaps, numbering, multi-frame."""
    placed = deepcopy(slices)
    directions = BODIES[body] @ turned(degrees, about)
    for k, item in enumerate(placed):
        item.ImageOrientationPatient = np.round(directions[:, :2].T.ravel(), 8).tolist()
        place = [-100, -110, 30] + BODIES[body][:, 2] * 2.5 * k
        item.ImagePositionPatient = np.round(place, 5).tolist()
        item.GantryDetectorTilt = degrees
    for gap in (False, True):
        here = placed[:3] + placed[4:] if gap else placed
        volumes = []
        for order in (1, -1):
            for number, item in enumerate(here[::order]):
                item.InstanceNumber = number + 1
            folder = tmp_path / f"{gap}{order}"
            for number, item in enumerate(here):
                write(item, folder / f"{number}.dcm")
            multi = write(enhanced_of(here[::order]), tmp_path / f"{gap}{order}.dcm")
            volumes += [convert(image, tmp_path / "out") for image in (folder, multi)]
        assert_places(volumes[0], here, exact=degrees == 0)
        assert 6 in volumes[0].grid.shape
        for other in volumes[1:]:
            assert volumes[0].grid.difference(other.grid) is None
            assert np.array_equal(volumes[0].data, other.data)


def assert_places(ct: Volume, slices: list[Dataset], exact: bool) -> None:
    """Look some pixels of each slice up by their place in the patient."""
    to_index = np.linalg.inv(ct.grid.affine) @ LPS_TO_RAS
    for item in slices:
        hu = item.pixel_array.astype(int) - 1024
        origin = np.array(item.ImagePositionPatient, dtype=float)
        along = np.array(item.ImageOrientationPatient, dtype=float).reshape(2, 3)
        for row, column in ((1, 1), (40, 70), (90, 30), (94, 94)):
            place = origin + (column * along[0] + row * along[1]) * float(item.PixelSpacing[0])
            found = ct.data[tuple(np.rint((to_index @ [*place, 1])[:3]).astype(int))]
            # A tilted slice is moved by parts of a pixel: between a pixel and its neighbours.
            near = hu[row - 1 : row + 2, column - 1 : column + 2]
            low, high = (hu[row, column],) * 2 if exact else (near.min() - 1, near.max() + 1)
            assert low <= found <= high
