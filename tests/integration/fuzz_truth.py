"""What a volume made of damaged files must be: read slice by slice by other decoders."""

from __future__ import annotations

import gzip
import json
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from scipy.ndimage import map_coordinates

from tests.integration.fuzz_inputs import RATER, Source

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# Positions rounded in the headers are evened out by as much.
PLACE_TOLERANCE_MM = 0.13


@dataclass(frozen=True)
class Plane:
    """A slice as another decoder reads it: HU (rows, columns), and where it lies, LPS mm."""

    pixels: NDArray[Any]
    corner: NDArray[Any]
    along_row: NDArray[Any]
    along_column: NDArray[Any]

    def at(self, places: NDArray[Any], tilted: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return values at places (..., 3), and which of them lie within the slice."""
        offsets = places - self.corner
        index = np.stack(
            [offsets @ step / (step @ step) for step in (self.along_column, self.along_row)]
        )
        margin = 1e-3 if tilted else 0.3
        last = np.reshape(self.pixels.shape, (2, 1, 1)) - 1
        inside = ((index > -margin) & (index < last + margin)).all(axis=0)
        order = 1 if tilted else 0
        return map_coordinates(self.pixels, index, order=order, mode="nearest"), inside


def check_volume(source: Source, image: Path, volume: Path, record: Path) -> tuple[str, str]:
    """Say whether a volume is the undamaged one, or what its (damaged) files hold, or wrong."""
    notes = json.loads(record.read_text())
    made: Any = nib.load(volume)
    data, affine = np.asarray(made.dataobj), made.affine
    if list(data.shape) != notes["shape"] or not np.allclose(affine, notes["affine"], atol=1e-3):
        return "wrong", "record and volume disagree"
    files = [image] if image.is_file() else sorted(
        p for p in image.rglob("*") if not p.name.startswith(".")
    )  # fmt: skip
    problem = "" if notes["source"] == "nifti" else _unaccounted(notes, len(files))
    problem = problem or _places(notes, affine)
    values = _nifti_values if notes["source"] == "nifti" else _values
    problem = problem or values(notes, files, data, affine)
    if problem:
        return "wrong", f"{problem}; corrections {notes['corrections']}"
    undamaged: Any = nib.load(source.out / "ct.nii.gz")
    same = data.shape == undamaged.shape and np.allclose(affine, undamaged.affine, atol=0.01)
    if same and np.array_equal(data, np.asarray(undamaged.dataobj)):
        return "same", ""
    return "proved", str(notes["corrections"])


def _values(notes: Any, files: list[Path], data: NDArray[Any], affine: NDArray[Any]) -> str:
    """Hold every slice of a volume against the files that it was made of."""
    axis, planes = notes["slice_axis"], {}
    for k, entry in enumerate(notes["slices"]):
        if entry["index"] is not None:
            planes[k] = read_plane(files[entry["index"]], entry["frame"])
    left = {file for entry in notes["left_out"] for file in entry["files"]}
    known = list(planes.values())
    if len(known) < len(notes["acquired"]):
        known = [read_plane(f, None) for i, f in enumerate(files) if i not in left]
    direction = (LPS_TO_RAS @ affine)[:3, axis]
    known.sort(key=lambda plane: float(plane.corner @ direction))
    tilted = any(correction.startswith("tilt") for correction in notes["corrections"])
    for k, entry in enumerate(notes["slices"]):
        grid = np.moveaxis(np.indices(data.shape), 0, -1).take(k, axis=axis)
        places = (grid @ affine[:3, :3].T + affine[:3, 3]) * [-1, -1, 1]
        if entry["between"] is None:
            of = [planes[k]]
        else:
            of = [known[place] for place in entry["between"]]
        problem = _slice_problem(of, places, data.take(k, axis=axis), direction, tilted)
        if problem:
            return f"slice {k}: {problem}"
    return ""


def _nifti_values(notes: Any, files: list[Path], data: NDArray[Any], affine: NDArray[Any]) -> str:
    """Hold a volume against what SimpleITK reads from the NIfTI image, and that as a whole."""
    (file,) = files
    if file.name.endswith(".gz"):
        try:
            gzip.decompress(file.read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            return f"the packed file is damaged and was read ({error})"
    image = SimpleITK.ReadImage(str(file))
    found = np.eye(4)
    found[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    found[:3, 3] = image.GetOrigin()
    if not np.allclose(LPS_TO_RAS @ found, affine, atol=1e-3):
        return f"it lies elsewhere: {(LPS_TO_RAS @ found).tolist()} instead of {affine.tolist()}"
    values = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    return "" if np.allclose(values, data, atol=1e-3) else "its values differ"


def _slice_problem(
    of: list[Plane],
    places: NDArray[Any],
    found: NDArray[Any],
    direction: NDArray[Any],
    tilted: bool,
) -> str:
    """Compare a slice of a volume with its plane, or with what lies between two planes."""
    unit = direction / np.linalg.norm(direction)
    off = [(places - plane.corner) @ unit for plane in of]
    values, insides = zip(*(plane.at(places, tilted) for plane in of), strict=True)
    inside = np.logical_and.reduce(insides)
    if len(of) == 1:
        if np.abs(off[0]).max() > PLACE_TOLERANCE_MM:
            return f"it lies {np.abs(off[0]).max():.3f} mm off its plane"
        expected, slack = values[0], np.zeros(inside.shape)
    else:
        weight = off[0] / (off[0] - off[1])
        if weight.min() < -0.01 or weight.max() > 1.01:
            return "it does not lie between its planes"
        expected = (1 - weight) * values[0] + weight * values[1]
        slack = 0.03 * np.abs(values[0] - values[1])
    if inside.mean() < 0.5 or not (tilted or inside.size == inside.sum() == of[0].pixels.size):
        return "it does not cover its plane"
    rounded = tilted or len(of) > 1
    slack = slack + (1.01 if rounded else 1e-5 * max(1.0, float(np.abs(expected).max())))
    wrong = (np.abs(found - expected) > slack) & inside
    return f"{int(wrong.sum())} pixels differ" if wrong.any() else ""


def _unaccounted(notes: Any, files: int) -> str:
    used = {entry["index"] for entry in notes["slices"] if entry["index"] is not None}
    left = {file for entry in notes["left_out"] for file in entry["files"]}
    missing = set(range(files)) - used - left
    return f"files {sorted(missing)} are neither used nor left out" if missing else ""


def _places(notes: Any, affine: NDArray[Any]) -> str:
    """Hold the positions of the record against the affine."""
    axis = notes["slice_axis"]
    direction = affine[:3, axis] / np.linalg.norm(affine[:3, axis])
    for k, entry in enumerate(notes["slices"]):
        at = float((affine[:3, 3] + k * affine[:3, axis]) @ direction)
        if abs(at - entry["position_mm"]) > 0.01:
            return f"slice {k} is at {at}, the record says {entry['position_mm']}"
    return ""


def read_plane(file: Path, frame: int | None) -> Plane:
    """Read a slice: pixels by SimpleITK (GDCM), by pydicom where that declines; place by pydicom.

    GDCM takes an image for one at the origin when it does not know its SOP class.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset: Any = pydicom.dcmread(file, force=True)
        try:
            # GDCM turns MONOCHROME1 over, as for a display.
            if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
                raise ValueError("MONOCHROME1")
            pixels = _by_simpleitk(file, frame)
        except (RuntimeError, ValueError):
            pixels = _by_pydicom(dataset, frame)
    along = np.array(_get(dataset, frame, "ImageOrientationPatient"), dtype=float)
    rows, columns = (float(value) for value in _get(dataset, frame, "PixelSpacing"))
    corner = np.array(_get(dataset, frame, "ImagePositionPatient"), dtype=float)
    return Plane(pixels, corner, along[:3] * columns, along[3:] * rows)


def _by_simpleitk(file: Path, frame: int | None) -> NDArray[Any]:
    if frame is not None:
        raise ValueError("a frame")
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(file))
    pixels = SimpleITK.GetArrayFromImage(reader.Execute()).astype(float)
    if pixels.ndim != 3 or pixels.shape[0] != 1:
        raise ValueError("not one slice")
    return pixels[0]


def _by_pydicom(dataset: Any, frame: int | None) -> NDArray[Any]:
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit
            else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        )  # fmt: skip
    pixels = dataset.pixel_array.astype(float)
    if frame is not None and pixels.ndim == 3:
        pixels = pixels[frame]
    slope = float(_get(dataset, frame, "RescaleSlope", 1))
    return np.asarray(pixels * slope + float(_get(dataset, frame, "RescaleIntercept", 0)))


def _get(dataset: Any, frame: int | None, keyword: str, otherwise: Any = None) -> Any:
    """Return an attribute: from the frame's groups, the shared ones, the top."""
    sources = [dataset]
    if frame is not None:
        shared = dataset.get("SharedFunctionalGroupsSequence") or []
        groups = [dataset.PerFrameFunctionalGroupsSequence[frame], *shared]
        sources = [e.value[0] for g in groups for e in g if e.VR == "SQ" and e.value] + sources
    values = [s.get(keyword) for s in sources if s.get(keyword) not in (None, "")]
    return values[0] if values else otherwise


def check_masks(source: Source, number: int, file: Path, out: Path) -> tuple[str, str]:
    """Say whether a rater's mask is the undamaged one, or at least one that the file can hold."""
    made: Any = nib.load(out / "masks" / f"{RATER}.nii.gz")
    undamaged: Any = nib.load(source.out / f"mask{number}.nii.gz")
    mask, truth = np.asarray(made.dataobj), np.asarray(undamaged.dataobj)
    if mask.shape != truth.shape or not np.allclose(made.affine, undamaged.affine, atol=1e-4):
        return "wrong", "the mask is not on the grid of the CT"
    if not set(np.unique(mask).tolist()) <= {0, 1}:
        return "wrong", "the mask holds other values than 0 and 1"
    if np.array_equal(mask, truth):
        return "same", ""
    original = source.annotations[number].file.read_bytes()
    # Another file in its place has a checksum of its own, or none.
    swapped = any(file.read_bytes() == a.file.read_bytes() for a in source.annotations)
    same_kind = file.read_bytes()[:4] == original[:4]
    if source.annotations[number].checksum and same_kind and not swapped:
        return "wrong", f"{int((mask != truth).sum())} voxels differ and the checksum was not read"
    return "proved", f"{int((mask != truth).sum())} voxels as the damaged file has them"
