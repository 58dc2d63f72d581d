"""Independent readings of volumes, for tests to compare with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK
from rightreason.images import Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def in_frame_of(volume: Volume, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The voxels of `volume` at the indices of another grid: axes flipped, nothing resampled."""
    steps = np.linalg.inv(affine) @ volume.grid.affine
    flips = [axis for axis in range(3) if steps[axis, axis] < 0]
    data = np.flip(volume.data, flips)
    corner = [size - 1 if axis in flips else 0 for axis, size in enumerate(volume.data.shape)]
    assert np.allclose((steps @ [*corner, 1])[:3], 0, atol=0.01)
    assert np.allclose(np.abs(steps[:3, :3]), np.eye(3), atol=1e-4)
    assert data.shape == tuple(shape)
    return data


def simpleitk_series(folder: Path, series: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return (x, y, z) HU and the RAS affine, read by SimpleITK (GDCM)."""
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), series))
    image = reader.Execute()
    affine = np.eye(4)
    direction = np.reshape(image.GetDirection(), (3, 3))
    affine[:3, :3], affine[:3, 3] = direction * image.GetSpacing(), image.GetOrigin()
    return SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0), LPS_TO_RAS @ affine
