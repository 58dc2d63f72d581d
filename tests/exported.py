"""A converted series with a map of known values, exported; and independent readings of it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from rightreason.case_files import ModelFiles
from rightreason.convert import convert_case
from rightreason.export import export_case
from rightreason.images import Volume, load, save
from rightreason.inputs import InputRecord
from rightreason.whole import write_whole

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
HALF = {"rule": "half", "part": "positive"}
SETTINGS = {"binarisation": HALF, "name": "half", "reference": "union"}
UNSEEN = np.float32(-1.17549435e-38)

Field = Callable[[np.ndarray], np.ndarray]


def height(ras: np.ndarray) -> np.ndarray:
    """A map that differs at every voxel: a value for each place (..., 3) in RAS mm."""
    return np.asarray(ras @ [1.0, 0.37, 2.11], dtype=np.float32)


def rising(ras: np.ndarray) -> np.ndarray:
    """The same, above 0 wherever a patient may lie."""
    return height(ras) + np.float32(5000)


@dataclass(frozen=True)
class Scene:
    """What went into an export.

    Attributes
    ----------
    ct : Volume
        The converted volume.
    conversion : dict
        Its record.
    expected : array
        The map on the CT grid, `UNSEEN` where the model saw nothing.
    out : path
        The folder of the objects.
    """

    ct: Volume
    conversion: dict[str, Any]
    expected: np.ndarray
    out: Path

    def read(self, kind: str) -> Any:
        """Read the only model's object, `seg` or `pm`."""
        return pydicom.dcmread(self.out / f"m.cam.{kind}.dcm")


def write_map(
    folder: Path, ct: Volume, axis: int, box: Sequence[Sequence[int]], chosen: Sequence[int] | None,
    values: Field,
) -> tuple[np.ndarray, ModelFiles]:  # fmt: skip
    """Write a map on the CT's own voxels within a box, or within some slices of it."""
    affine = ct.grid.affine.copy()
    affine[:3, 3] = (affine @ [*(start for start, _ in box), 1])[:3]
    shape = tuple(stop - start for start, stop in box)
    plane = np.stack(np.meshgrid(*map(np.arange, shape[:2]), [0], indexing="ij"), axis=-1)
    data = np.concatenate([
        values((plane + [0, 0, k]) @ affine[:3, :3].T + affine[:3, 3]) for k in range(shape[2])
    ], axis=2)  # fmt: skip
    record = InputRecord(
        kind="volume" if chosen is None else "slices",
        shape=shape, affine=affine.tolist(), ct_shape=ct.data.shape,
        ct_affine=ct.grid.affine.tolist(), box=[list(pair) for pair in box], ct_slice_axis=axis,
        slices=[k - box[axis][0] for k in chosen or []], ct_slices=list(chosen or []),
    )  # fmt: skip
    save(folder / "map.nii.gz", data, affine, np.float32)
    write_whole(folder / "record.json", record.to_json())
    expected = np.full(ct.data.shape, UNSEEN)
    inside = [np.arange(*pair) for pair in box]
    if chosen is not None:
        inside[axis] = np.array(chosen)
        data = data.take(inside[axis] - box[axis][0], axis=axis)
    expected[np.ix_(*inside)] = data
    maps = {"cam": folder / "map.nii.gz"}
    return expected, ModelFiles(folder / "record.json", maps, {}, [])


def exported(
    image: Path, folder: Path, slices: int | None = None, values: Field = height,
    settings: dict[str, Any] = SETTINGS, annotations: Path | None = None, model: str = "m",
    **policies: str,
) -> Scene:  # fmt: skip
    """Convert a series, give it a map that leaves out the outermost voxels, and export it.

    `slices`: of how many to see one only; None for a model that sees the whole box.
    """
    volume, record = folder / "a.nii.gz", folder / "a.json"
    convert_case("a", image, None, volume, record, {"timeout_s": 300, **policies})
    ct, conversion = load(volume), json.loads(record.read_text())
    axis = conversion["slice_axis"]
    box = [[1, size - 1] if size > 2 else [0, size] for size in ct.data.shape]
    chosen = None if slices is None else range(*box[axis], slices)
    expected, files = write_map(folder, ct, axis, box, chosen, values)
    export_case("a", image, record, {model: files}, annotations, settings, folder / "out")
    return Scene(ct, conversion, expected, folder / "out")


def pixels_of(dataset: Any) -> np.ndarray:
    """Return (frames, rows, columns), read without any library's idea of a volume."""
    shape = int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns
    if "FloatPixelData" in dataset:
        return np.frombuffer(dataset.FloatPixelData, dtype="<f4").reshape(shape)
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    return bits[: np.prod(shape)].reshape(shape)


def planes_of(dataset: Any) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    """Yield the functional groups, the places (rows, columns, 3; RAS mm) and pixels of frames."""
    (shared,) = dataset.SharedFunctionalGroupsSequence
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
    between_rows, between_columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    rows, columns = np.arange(dataset.Rows), np.arange(dataset.Columns)
    pixels = pixels_of(dataset)
    for frame, values in zip(dataset.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        corner = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        lps = (
            corner
            + rows[:, None, None] * between_rows * cosines[3:]
            + columns[None, :, None] * between_columns * cosines[:3]
        )
        yield frame, lps * [-1, -1, 1], values


def on_ct(ct: Volume, ras: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the CT's voxels at places, which must be voxel centres to a tenth of a voxel."""
    inverse = np.linalg.inv(ct.grid.affine)
    at = ras @ inverse[:3, :3].T + inverse[:3, 3]
    assert np.abs(at - np.rint(at)).max() < 0.1
    return tuple(np.moveaxis(np.rint(at).astype(int), -1, 0))


def assert_as_the_map(scene: Scene, kind: str, attended: np.ndarray | None = None) -> None:
    """Every pixel of an object holds what the CT grid holds at its place, and nothing is lost."""
    wanted = scene.expected if attended is None else attended
    found = np.zeros(wanted.shape, dtype=int)
    for _, ras, values in planes_of(scene.read(kind)):
        at = on_ct(scene.ct, ras)
        assert np.array_equal(values, wanted[at])
        found[at] += 1
    assert found.max() == 1
    assert not (found == 0)[wanted > 0 if kind == "seg" else wanted != UNSEEN].any()


def assert_valid(path: Path, source: Path | None = None) -> None:
    """`dciodvfy` (Debian's dicom3tools) finds no error but the source's own; else the test skips.

    What identifies the study is taken over as it is, a StudyID that is too long, say.
    """
    if not shutil.which("dciodvfy"):
        pytest.skip("dciodvfy is not installed: apt-get install dicom3tools")
    said = said_of(path)
    assert {"ParametricMap", "Segmentation"} & set(said)
    errors = {line for line in said if line.startswith(("Error", "Abort"))}
    assert errors - set(said_of(source) if source else ()) == set()


def said_of(path: Path) -> list[str]:
    """Return the lines that the validator prints of a file."""
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()
