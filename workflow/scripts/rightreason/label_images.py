"""Annotations as images of labels: NIfTI and NRRD, with 3D Slicer's segmentations."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError
from rightreason.images import Grid, Volume
from rightreason.placed_nifti import load_placed
from rightreason.roi_choice import choose_rois
from rightreason.unpacking import MOST_BYTES, MOST_SHRUNK, MOST_TOLD, DamagedError, fits_gzip

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_PLACED_SPACES = {
    "left-posterior-superior", "lps", "right-anterior-superior", "ras",
    "left-anterior-superior", "las",
}  # fmt: skip
_MOST_HEADER = 1 << 20


def read_nifti(path: Path, roi: str | None) -> Volume:
    """Read a NIfTI file of labels; 0 is background, `roi` a label.

    Raises
    ------
    InputError
        When it has no usable geometry, holds no labels, or not the one named.
    """
    volume = load_placed(path)
    return Volume(_select(_labels(volume.data, path), roi, path), volume.grid)


def read_nrrd(path: Path, roi: str | None) -> Volume:
    """Read an NRRD file of labels, or a segmentation of 3D Slicer (`.seg.nrrd`).

    In a segmentation, `roi` is a segment's name or label value; segments may lie in several layers
    and overlap.

    Raises
    ------
    InputError
        When it has no usable geometry, holds no labels, or not the one named.
    """
    import SimpleITK

    fields = _nrrd_fields(path)
    if fields.get("space", "").lower() not in _PLACED_SPACES or not (
        "space directions" in fields and "space origin" in fields
    ):
        raise InputError(
            f"{path.name} does not say where it lies in the patient (NRRD fields `space`, "
            "`space directions`, `space origin`). Save it with its geometry."
        )
    _check_claims(path, fields)
    try:
        image: Any = SimpleITK.ReadImage(str(path))
        array = SimpleITK.GetArrayFromImage(image)
    except RuntimeError as error:
        raise InputError(f"{path.name} cannot be read as NRRD; it may be damaged.") from error
    if image.GetDimension() != 3:
        raise InputError(f"{path.name} has {image.GetDimension()} dimensions; a mask has three.")
    layers = array if array.ndim == 4 else array[..., None]
    data = _labels(layers.transpose(2, 1, 0, 3), path)
    segments = _segments(fields)
    mask = (
        _select_segments(data, segments, roi, path) if segments
        else _select(data.max(axis=3), roi, path)
    )  # fmt: skip
    return Volume(mask, _grid(image, mask.shape))


def _check_claims(path: Path, fields: dict[str, str]) -> None:
    """Hold what the header claims against the file, before SimpleITK takes memory for it."""
    import SimpleITK

    if {"data file", "datafile"} & {name.lower() for name in fields}:
        # Neither that file's content nor where it lies would be known.
        raise InputError(
            f"{path.name} keeps its voxels in another file; one file was expected. Save it as "
            "one `.nrrd`."
        )
    reader: Any = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        shape = [*reader.GetSize(), reader.GetNumberOfComponents()]
        one: Any = SimpleITK.Image([1, 1], reader.GetPixelID())
        claimed = math.prod(shape) * int(one.GetSizeOfPixelComponent())
    except RuntimeError as error:
        raise InputError(f"{path.name} cannot be read as NRRD; it may be damaged.") from error
    packed = fields.get("encoding", "").lower() in ("gz", "gzip")
    if claimed > MOST_BYTES or claimed > path.stat().st_size * (MOST_SHRUNK if packed else 1):
        raise InputError(
            f"{path.name} claims {' x '.join(map(str, shape))} voxels "
            f"({claimed / 1024**2:.0f} MB), which the file does not hold, or which is more than "
            f"the {MOST_TOLD} of the largest CT. Save it again."
        )
    if packed:
        _check_packed(path, claimed)


def _check_packed(path: Path, claimed: int) -> None:
    """Unpack to the end, where the checksum is, which SimpleITK does not read."""
    with path.open("rb") as file:
        while file.readline(_MOST_HEADER).strip():
            pass
        try:
            fits = fits_gzip(file, claimed)
        except DamagedError as error:
            raise InputError(
                f"{path.name} is damaged: what is unpacked is not what was packed. Copy it again."
            ) from error
    if not fits:
        raise InputError(
            f"{path.name} unpacks to more than the {claimed} bytes that its header claims; "
            "it is not read further. Save it again."
        )


def _labels(data: NDArray[Any], path: Path) -> NDArray[Any]:
    """Refuse values that are no labels: fractions, negative or infinite numbers."""
    whole = data.dtype.kind in "iub" or bool(np.array_equal(data, np.rint(data)))
    if not whole or (data.size and data.min() < 0):
        raise InputError(
            f"{path.name} holds no labels: its values run from {np.nanmin(data):g} to "
            f"{np.nanmax(data):g}, whole numbers from 0 up were expected. Save it as a label map."
        )
    return data


def _select(data: NDArray[Any], roi: str | None, path: Path) -> NDArray[np.bool_]:
    if roi is None:
        return np.asarray(data != 0)
    numbers = [int(value) for value in np.unique(data) if value != 0]
    (chosen,) = choose_rois(roi, [(number, "") for number in numbers], path.name)
    return np.asarray(data == numbers[chosen])


def _select_segments(
    data: NDArray[Any], segments: list[tuple[int, str, int]], roi: str | None, path: Path
) -> NDArray[np.bool_]:
    mask = np.zeros(data.shape[:3], dtype=bool)
    for index in choose_rois(roi, [(value, name) for value, name, _ in segments], path.name):
        value, name, layer = segments[index]
        if layer >= data.shape[3]:
            raise InputError(f"{path.name} is damaged: segment {name} is in a layer it lacks.")
        mask |= data[..., layer] == value
    return mask


def _nrrd_fields(path: Path) -> dict[str, str]:
    """Read the text header: `field: value` and `key:=value` lines up to the first empty one."""
    with path.open("rb") as file:
        head, blank, _ = file.read(_MOST_HEADER).replace(b"\r\n", b"\n").partition(b"\n\n")
    if not blank:
        raise InputError(f"{path.name} cannot be read as NRRD; it may be damaged.")
    fields = {}
    for line in head.decode("utf-8", "replace").splitlines()[1:]:
        name, mark, value = line.partition(":")
        if mark and not line.startswith("#"):
            fields[name.strip()] = value.removeprefix("=").strip()
    return fields


def _segments(fields: dict[str, str]) -> list[tuple[int, str, int]]:
    """Return (label value, name, layer) of each segment, in the order of the header's numbers."""
    numbers = sorted(
        int(match[1])
        for name in fields
        if (match := re.fullmatch(r"Segment(\d+)_LabelValue", name))
    )
    return [
        (
            int(fields[f"Segment{n}_LabelValue"]),
            fields.get(f"Segment{n}_Name", ""),
            int(fields.get(f"Segment{n}_Layer", 0)),
        )
        for n in numbers
    ]


def _grid(image: Any, shape: tuple[int, ...]) -> Grid:
    lps = np.eye(4)
    lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    return Grid((shape[0], shape[1], shape[2]), _LPS_TO_RAS @ lps)
