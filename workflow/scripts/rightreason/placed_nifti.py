"""NIfTI files from outside: read only when they say, without contradiction, where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from rightreason.errors import InputError
from rightreason.images import Grid, Volume, load

FORMS_AGREE_MM = 0.05


def load_placed(path: Path) -> Volume:
    """Read a NIfTI file whose header places it in patient space.

    Raises
    ------
    InputError
        When it is no readable three-dimensional NIfTI image, when neither qform nor sform is set,
        or when the two place its corners more than 0.05 mm apart.
    """
    volume = load(path)
    image: Any = nib.Nifti1Image.from_filename(path)
    try:
        forms = [f for f in (image.get_sform(coded=True)[0], image.get_qform(coded=True)[0])
             if f is not None]  # fmt: skip
    except ValueError as error:
        raise InputError(f"The qform of {path} is damaged: {error}. Save it again.") from error
    if not forms:
        raise InputError(
            f"{path} has neither qform nor sform: nothing says where it lies in the patient. "
            "Save it with its geometry."
        )
    apart = _corners_apart(volume.grid, forms[0], forms[-1])
    if apart > FORMS_AGREE_MM:
        raise InputError(
            f"The qform and the sform of {path} place it up to {apart:.2f} mm apart. Set both to "
            "the right one."
        )
    return volume


def _corners_apart(grid: Grid, a: Any, b: Any) -> float:
    ends = [(0, size - 1) for size in grid.shape]
    corners = np.array([[i, j, k, 1.0] for i in ends[0] for j in ends[1] for k in ends[2]]).T
    return float(np.abs(((np.asarray(a) - np.asarray(b)) @ corners)[:3]).max())
