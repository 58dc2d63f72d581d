"""What entered a model: the geometry that links its input image to the CT.

`prepare` writes one such record beside every prepared image; `predict` and `saliency` use it to
assemble the network's input and to put maps back, `overlap` to know the seen region.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rightreason.images import Grid

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class InputRecord:
    """Geometry of one prepared image.

    The prepared image is oriented LPS+ (x to the patient's left, y to the back, z to the head), so
    that a slice indexed [y, x] is the picture radiologists are used to. For the kinds `slices` and
    `subset` its z axis is the CT's own slice axis within the box, and only the slices named in
    `slices` entered the model; for `volume` all of the resampled box did.

    Attributes
    ----------
    kind : str
        `slices`, `subset` or `volume`.
    shape, affine
        Grid of the prepared image.
    ct_shape, ct_affine
        Grid of the CT in `results/convert/`.
    box : three (start, stop) pairs
        The crop, half-open, along the CT's array axes.
    ct_slice_axis : int
        Which array axis of the CT is the slice axis (z of the prepared image).
    slices : list of int
        z indices of the prepared image that entered the model, in order from the feet to the head.
        `subset` repeats some when the box has fewer slices than channels.
    ct_slices : list of int
        The same slices as indices along the CT's slice axis; empty for `volume`.
    """

    kind: str
    shape: tuple[int, int, int]
    affine: list[list[float]]
    ct_shape: tuple[int, int, int]
    ct_affine: list[list[float]]
    box: list[list[int]]
    ct_slice_axis: int
    slices: list[int]
    ct_slices: list[int]

    @property
    def grid(self) -> Grid:
        """Grid of the prepared image."""
        return Grid(self.shape, np.array(self.affine))

    @property
    def ct_grid(self) -> Grid:
        """Grid of the CT."""
        return Grid(self.ct_shape, np.array(self.ct_affine))

    def to_json(self) -> bytes:
        """Serialise; the same record gives the same bytes."""
        return (json.dumps(asdict(self), sort_keys=True, indent=1) + "\n").encode()

    @classmethod
    def read(cls, path: Path | str) -> InputRecord:
        """Read a record written by `to_json`."""
        fields = json.loads(Path(path).read_text())
        for name in ("shape", "ct_shape"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


def to_samples(image: NDArray[T], record: InputRecord) -> NDArray[T]:
    """Assemble a network's input from a prepared image, or from what lies on its grid.

    Parameters
    ----------
    image : (X, Y, Z) array
        The prepared image.
    record : InputRecord
        Its geometry.

    Returns
    -------
    array like `image`
        `slices`: (K, 1, Y, X), one sample per slice; `subset`: (1, K, Y, X), slices as channels;
        `volume`: (1, 1, Z, Y, X).
    """
    zyx = image.transpose(2, 1, 0)
    if record.kind == "volume":
        return np.ascontiguousarray(zyx[None, None])
    chosen = zyx[record.slices]
    return np.ascontiguousarray(chosen[:, None] if record.kind == "slices" else chosen[None])


def from_samples(maps: NDArray[np.float32], record: InputRecord) -> NDArray[np.float32]:
    """Put per-sample maps back onto the grid of the prepared image.

    Parameters
    ----------
    maps : array
        Shaped like the output of `to_samples`; for `subset` also (1, 1, Y, X), one map that holds
        for every slice of the subset.
    record : InputRecord
        Geometry of the prepared image.

    Returns
    -------
    (X, Y, Z) array of float32
        Zero in slices that did not enter the model (they are outside the seen region and never
        scored). A slice that entered several channels gets the sum of their maps.
    """
    # Views: in a file, too, x is fastest.
    if record.kind == "volume":
        whole: NDArray[np.float32] = maps[0, 0].transpose(2, 1, 0)
        return whole
    out = np.zeros(record.shape[::-1], dtype=np.float32)
    if record.kind == "subset" and maps.shape[1] == 1:
        out[record.slices] = maps[0]
    else:
        np.add.at(out, record.slices, maps[:, 0] if record.kind == "slices" else maps[0])
    return out.transpose(2, 1, 0)
