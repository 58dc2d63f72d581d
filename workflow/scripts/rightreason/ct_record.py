"""What `convert` recorded of a case's CT, as annotations need it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason.acquired import Stack
from rightreason.identifiers import uid_digest
from rightreason.images import Grid

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Plane:
    """The pixels of a DICOM slice: how many, and the steps between them in RAS+ mm."""

    columns: int
    rows: int
    column_mm: Vector
    row_mm: Vector


@dataclass(frozen=True)
class CtRecord:
    """A case's CT: the grid of its volume, and the DICOM slices that it was made of.

    Attributes
    ----------
    case : str
        Case id; it salts the digests.
    grid : Grid
        Of the volume.
    slice_axis : int
        The volume's slice axis.
    origins : (n, 3) array
        RAS+ mm of the centre of column 0, row 0 of each acquired slice, along the slice axis; n is
        0 where the image is no DICOM.
    instances : tuple of str or None
        Digests of the acquired slices' SOPInstanceUIDs.
    plane : Plane or None
        Their pixels; None where the image is no DICOM.
    identifiers : mapping
        Digests (or None) of `frame_of_reference`, `study` and `series`.
    """

    case: str
    grid: Grid
    slice_axis: int
    origins: NDArray[np.float64]
    instances: tuple[str | None, ...]
    plane: Plane | None
    identifiers: Mapping[str, str | None]

    @classmethod
    def read(cls, path: Path, grid: Grid) -> CtRecord:
        """Read `results/convert/{case}.json`; `grid` is that of the volume beside it."""
        fields: dict[str, Any] = json.loads(Path(path).read_text())
        plane = fields["plane"]
        acquired = fields["acquired"]
        return cls(
            case=fields["case"],
            grid=grid,
            slice_axis=int(fields["slice_axis"]),
            origins=np.array([a["origin_mm"] for a in acquired], dtype=float).reshape(-1, 3),
            instances=tuple(a["instance"] for a in acquired),
            plane=Plane(
                int(plane["columns"]), int(plane["rows"]),
                np.array(plane["column_mm"], dtype=float), np.array(plane["row_mm"], dtype=float),
            ) if plane else None,
            identifiers=fields["identifiers"],
        )  # fmt: skip

    @cached_property
    def stack(self) -> Stack | None:
        """The acquired slices along the slice axis; None where the image is no DICOM."""
        if not len(self.origins):
            return None
        places = np.array([self.place(origin) for origin in self.origins])
        return Stack(self.slice_axis, places, self.grid.shape[self.slice_axis])

    def place(self, point: Vector) -> float:
        """Return where a point in RAS+ mm lies along the slice axis, in slices of the volume."""
        inverse = np.linalg.inv(self.grid.affine)[self.slice_axis]
        return float(inverse[:3] @ point + inverse[3])

    def digest(self, uid: str) -> str | None:
        """Return what the record would hold for a UID."""
        return uid_digest(self.case, uid)
