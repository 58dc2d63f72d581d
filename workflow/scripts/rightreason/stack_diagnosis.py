"""What is irregular in a stack of CT slices: repeats and tilt (for gaps see `slice_spacing`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rightreason.dicom_slices import Slice

# Headers often round positions to a tenth of a millimetre; what deviates by more is real.
POSITION_TOLERANCE_MM = 0.06
REPEAT_TOLERANCE_MM = 0.01
# No gantry tilts further than 30 degrees; what leans more is described wrongly.
MOST_TILT_DEG = 40.0


@dataclass(frozen=True)
class Lean:
    """How slices drift in their plane along the stack.

    Attributes
    ----------
    aside : (slices, 3) array
        Offset of each kept slice from the first one within the plane, LPS mm.
    degrees : float
        Angle between the stack and the normal of its slices; 0 unless tilted.
    tilted : bool
        Whether the drift is more than rounded positions explain.
    stray : (name, mm) or None
        The slice furthest from the others, when neither tilt nor rounding explains it.
    """

    aside: NDArray[np.float64]
    degrees: float
    tilted: bool
    stray: tuple[str, float] | None

    @property
    def angle(self) -> str:
        """The angle for sentences, in degrees: "18.5", or "0.03"."""
        return f"{self.degrees:{'.1f' if self.degrees >= 0.1 else '.1g'}}"

    @property
    def tolerance_mm(self) -> float:
        """What rounding explains: in a tilted stack two rounded coordinates go into each place."""
        return POSITION_TOLERANCE_MM * (2 if self.degrees >= 1 else 1)


def direction_problems(item: Slice) -> list[str]:
    """Refuse an orientation that is not two perpendicular unit vectors."""
    row, column = np.reshape(np.array(item.orientation), (2, 3))
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(length - 1) for length in lengths) > 1e-3 or abs(float(row @ column)) > 1e-3:
        return [
            "the orientation of the slices is not two perpendicular unit vectors: row "
            f"{row.tolist()}, column {column.tolist()}"
        ]
    return []


def by_place(ordered: Sequence[Slice]) -> list[list[Slice]]:
    """Gather slices that stand at one position along the normal, the one to take first.

    Returns
    -------
    list of list of Slice
        Along the normal; at each position by time, acquisition, instance number and file.
    """
    along = heights(ordered)
    places: list[list[Slice]] = []
    for item, here, before in zip(ordered, along, [-np.inf, *along[:-1]], strict=True):
        if here - before < REPEAT_TOLERANCE_MM:
            places[-1].append(item)
        else:
            places.append([item])
    return [sorted(place, key=_first) for place in places]


def _first(item: Slice) -> tuple[float, ...]:
    numbers = (item.temporal_position, item.acquisition_number, item.instance_number)
    return (*(np.inf if n is None else n for n in numbers), item.file, item.frame or 0)


def heights(slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Return the position of each slice along the normal of the first, mm."""
    return np.array([s.position for s in slices]) @ slices[0].normal


def repeat_problem(places: Sequence[Sequence[Slice]], correctable: bool = True) -> str:
    """Name the positions that are taken several times; empty when there are none."""
    repeats = [place for place in places if len(place) > 1]
    if not repeats:
        return ""
    way = "; or set `convert: repeated_position: first`" if correctable else ""
    sizes = {len(place) for place in places}
    if len(sizes) == 1:
        (count,) = sizes
        return (
            f"every position is taken {count} times: the series holds {count} volumes; keep the "
            f"files of one{way}"
        )
    names = some([" and ".join(name(item) for item in place) for place in repeats])
    times = "twice" if max(sizes) == 2 else f"up to {max(sizes)} times"
    return f"{len(repeats)} position(s) are taken {times}, by slices that differ: {names}{way}"


def lean_of(ordered: Sequence[Slice], kept: Sequence[Slice]) -> Lean:
    """Measure the drift of slices in their plane, whatever the header's own tag says of it.

    Parameters
    ----------
    ordered : sequence of Slice
        All, for one that stands aside of the others must not be dropped unseen.
    kept : sequence of Slice
        One at each position.
    """
    along, aside = _drift(ordered)
    slope = along @ aside / max(float(along @ along), 1e-12)
    drift = np.linalg.norm(aside, axis=1)
    tilted = float(drift.max()) > POSITION_TOLERANCE_MM
    degrees = float(np.degrees(np.arctan(np.linalg.norm(slope)))) if tilted else 0.0
    lean = Lean(_drift(kept)[1], degrees, tilted, None)
    apart = np.linalg.norm(aside - np.outer(along, slope), axis=1)
    if tilted and apart.max() > lean.tolerance_mm:
        worst = int(drift.argmax())
        lean = replace(lean, stray=(name(ordered[worst]), float(drift[worst])))
    return lean


def _drift(slices: Sequence[Slice]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    normal = slices[0].normal
    offsets = np.array([s.position for s in slices]) - np.array(slices[0].position)
    along = offsets @ normal
    return along, offsets - np.outer(along, normal)


def tilt_problem(slices: Sequence[Slice], lean: Lean, may_correct: bool) -> str:
    """Say that slices stand aside, or that the gantry was tilted; empty when all is well."""
    if lean.stray is not None:
        worst, drift = lean.stray
        return f"slices stand aside of one another by up to {drift:.2f} mm ({worst})"
    leans = (
        f"the stack leans {lean.angle} degrees from the normal of its slices (the header says "
        f"{slices[0].tilt_deg:g})"
    )
    if lean.degrees > MOST_TILT_DEG:
        return f"{leans}, which no gantry does: position and orientation contradict each other"
    if lean.tilted and not may_correct:
        return f"the gantry was tilted: {leans}; or set `convert: tilt: correct`"
    return ""


def name(item: Slice) -> str:
    """Return what an error sentence calls a slice."""
    return item.path.name if item.frame is None else f"frame {item.frame + 1}"


def some(names: Sequence[str], most: int = 5) -> str:
    """Join the first few names for a sentence."""
    shown = "; ".join(names[:most])
    return shown if len(names) <= most else f"{shown}; and {len(names) - most} more"
