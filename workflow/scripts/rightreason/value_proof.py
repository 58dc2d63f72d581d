"""The proof of a volume's values: what dcm2niix decoded against what pydicom decodes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEG2000MC,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from rightreason.convert_words import LOSSY, RESCALE
from rightreason.dicom_pixels import PixelReader
from rightreason.dicom_slices import Slice
from rightreason.errors import InputError

PROVED_SLICES = 5
# Their decoders may round differently; those of lossless encodings may not.
_LOSSY = {
    JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, JPEG2000MC, HTJ2K,
}  # fmt: skip


class UnprovedError(Exception):
    """Values on which the two decoders disagree, and what may be done about it.

    Attributes
    ----------
    problems : list of str
        One sentence per slice.
    remedies : list of str
        Why pydicom's values are the ones to take; empty when that cannot be known.
    """

    def __init__(self, problems: list[str], remedies: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems, self.remedies = problems, remedies


def prove_values(slices: Sequence[Slice], data: NDArray[Any], every: bool) -> None:
    """Hold slices spread over a volume, and one of each pixel format, against pydicom.

    Parameters
    ----------
    slices : sequence of Slice
        In the order of the volume.
    data : (columns, rows, slices) array
        HU: int16, which must be equal, or float32, which may be rounded.
    every : bool
        Whether to hold all slices, not a choice of at least five.

    Raises
    ------
    UnprovedError
        When a value differs, or pydicom cannot decode a slice.
    """
    count = len(slices)
    spread = np.linspace(0, count - 1, count if every else min(PROVED_SLICES, count))
    reader = PixelReader()
    rescales = {s.rescale for s in slices if s.frame is not None}
    formats = [(*s.pixel_format, *s.rescale, reader.contradiction(s)) for s in slices]
    chosen = set(spread.round().astype(int).tolist()) | {formats.index(f) for f in set(formats)}
    problems, remedies = [], []
    for index in sorted(chosen):
        problem, remedy = _compare(reader, slices[index], data[:, :, index].T, rescales)
        if problem:
            problems.append(problem)
            remedies.append(remedy)
    if problems:
        raise UnprovedError(problems, sorted(set(remedies)) if all(remedies) else [])


def _compare(
    reader: PixelReader, item: Slice, found: NDArray[Any], rescales: Collection[tuple[float, ...]]
) -> tuple[str, str]:
    """Return the problem with one slice and the remedy for it, empty when there is none.

    `rescales` are those of all frames: dcm2niix applies one of them to the whole file.
    """
    try:
        expected = reader.hounsfield(item)
    except InputError as error:
        return str(error), ""
    tolerance = 0.0 if found.dtype == np.int16 else 1e-6 * max(1.0, np.abs(expected).max())
    apart = np.abs(found.astype(np.float64) - expected)
    wrong = int((apart > tolerance).sum())
    if not wrong:
        return "", ""
    problem = (
        f"{item.path.name}: {wrong} pixels differ; dcm2niix reads {found.min():g} to "
        f"{found.max():g} HU, pydicom {expected.min():g} to {expected.max():g}"
    )
    if item.pixel_format[3] in _LOSSY and apart.max() <= abs(item.rescale[0]) + tolerance:
        return problem, LOSSY
    if item.frame is not None and _rescaled_as_another(item, expected, found, rescales):
        return problem, RESCALE
    return problem, reader.contradiction(item)


def _rescaled_as_another(
    item: Slice,
    expected: NDArray[np.float64],
    found: NDArray[Any],
    rescales: Collection[tuple[float, ...]],
) -> bool:
    """Say whether the stored values agree and are only rescaled as those of another frame."""
    slope, intercept = item.rescale
    stored = np.rint((expected - intercept) / slope)
    return any(
        np.allclose(stored * other_slope + other_intercept, found, rtol=1e-6, atol=1e-3)
        for other_slope, other_intercept in rescales
    )
