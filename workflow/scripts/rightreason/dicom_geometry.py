"""The geometry of a stack of CT slices, worked out from their headers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rightreason import convert_words as words
from rightreason.dicom_slices import Slice
from rightreason.errors import InputError
from rightreason.images import Grid
from rightreason.slice_spacing import Spacing, spacing_of, spacing_problems
from rightreason.stack_correction import Correction, evenly_resampled, missing_filled, tilt_shifts
from rightreason.stack_diagnosis import (
    Lean,
    by_place,
    direction_problems,
    lean_of,
    repeat_problem,
    tilt_problem,
)

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# What the tag may be off by: scanners round it to a tenth, or to half a degree.
_TAG_TOLERANCE_DEG = 0.5


@dataclass(frozen=True)
class Policies:
    """What may be corrected; whatever is not allowed is refused (section `convert` of the config).

    Attributes
    ----------
    gap : "error" or "interpolate"
    uneven_spacing : "error" or "resample"
    tilt : "error" or "correct"
    repeated_position : "error" or "first"
    """

    gap: str = "error"
    uneven_spacing: str = "error"
    tilt: str = "error"
    repeated_position: str = "error"

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Policies:
        """Take the policies out of the section `convert` of the config."""
        return cls(**{f.name: settings[f.name] for f in fields(cls) if f.name in settings})


REFUSE_ALL = Policies()


@dataclass(frozen=True)
class Stack:
    """Slices in order along their normal, the grid they make, and what is to be corrected.

    Attributes
    ----------
    slices : list of Slice
        The acquired slices, ordered by position along the normal; each position once.
    grid : Grid
        Array axes column, row, slice; the affine leads to RAS+ mm. Where there is a correction, it
        is a helper that holds the acquired slices evenly and upright, in their order; only its
        first slice and its plane are true.
    correction : Correction or None
        How the volume follows from the acquired slices; None when it consists of them.
    repeated : list of Slice
        What was left out because its position was taken.
    geometry : dict
        What the record says of the acquired slices: tilt, steps and overlap.
    notes : list of str
        What the summary says about the geometry, beyond `correction`.
    """

    slices: list[Slice]
    grid: Grid
    correction: Correction | None
    repeated: list[Slice]
    geometry: dict[str, Any]
    notes: list[str]

    @property
    def positions(self) -> NDArray[np.float64]:
        """Where the grid puts the first pixel of each slice: (slices, 3), LPS mm."""
        lps = LPS_TO_RAS @ self.grid.affine
        return np.asarray(lps[:3, 3] + np.outer(np.arange(len(self.slices)), lps[:3, 2]))

    @property
    def rounding_mm(self) -> float:
        """How far a slice's own position is from where a regular grid puts it, at most."""
        if self.correction is not None:
            return 0.0
        given = np.array([item.position for item in self.slices])
        return float(np.abs(given - self.positions).max())


def stack_slices(case: str, slices: Sequence[Slice], policies: Policies = REFUSE_ALL) -> Stack:
    """Order slices along their normal; prove that they make a regular volume, or plan how to.

    Parameters
    ----------
    case : str
        For error sentences.
    slices : sequence of Slice
        At least two, of one matrix, pixel spacing and orientation.
    policies : Policies
        Which irregularities may be corrected.

    Raises
    ------
    InputError
        When positions are repeated, slices are missing or unevenly spaced, or the stack is tilted,
        and the policy for it is to refuse; when slices stand aside of one another; all at once.
    """
    problems = direction_problems(slices[0])
    if problems:
        raise _irregular(case, slices, problems)
    normal = slices[0].normal
    ordered = sorted(slices, key=lambda s: (float(np.dot(s.position, normal)), s.file))
    places = by_place(ordered)
    kept = [place[0] for place in places]
    may_repeat = policies.repeated_position == "first" and len(kept) > 1
    problems = [] if may_repeat else [repeat_problem(places, correctable=len(kept) > 1)]
    if len(kept) < 2:
        raise _irregular(case, slices, problems)
    lean = lean_of(ordered, kept)
    spacing = spacing_of(kept, lean.tolerance_mm)
    problems += [tilt_problem(kept, lean, policies.tilt == "correct")]
    problems += spacing_problems(
        kept, spacing, policies.gap == "interpolate", policies.uneven_spacing == "resample"
    )
    problems = [problem for problem in problems if problem]
    if problems:
        raise _irregular(case, slices, problems)
    return _planned(kept, places, lean, spacing)


def _irregular(case: str, slices: Sequence[Slice], problems: list[str]) -> InputError:
    return InputError.of(
        f"Case {case}: the {len(slices)} slices make no regular volume. Export the series again, "
        "complete and once; or name another one in the column `series`:",
        problems,
    )


def _planned(kept: list[Slice], places: list[list[Slice]], lean: Lean, spacing: Spacing) -> Stack:
    repeated = [item for place in places for item in place[1:]]
    notes = _tag_notes(kept[0], lean)
    if repeated:
        most, taken = max(map(len, places)), sum(len(place) > 1 for place in places)
        said = words.FIRST_TAKEN_ONCE if taken == 1 else words.FIRST_TAKEN
        notes.append(said.format(most=most, n=taken))
    regular = spacing.even and not spacing.gaps.size and not lean.tilted
    return Stack(
        kept,
        _grid(kept),
        None if regular else _correction(kept, lean, spacing),
        repeated,
        _geometry(kept, lean, spacing),
        notes,
    )


def _correction(kept: list[Slice], lean: Lean, spacing: Spacing) -> Correction:
    """Tilt first, then the spacing along the normal."""
    correction = Correction.none(kept)
    if lean.tilted:
        correction = tilt_shifts(correction, kept, lean)
    if not spacing.even:
        return evenly_resampled(correction, kept, spacing)
    return missing_filled(correction, kept, spacing)


def _geometry(kept: list[Slice], lean: Lean, spacing: Spacing) -> dict[str, Any]:
    thickness = min((s.thickness_mm for s in kept if s.thickness_mm), default=0.0)
    return {
        "tilt_deg": round(lean.degrees, 2),
        "header_tilt_deg": kept[0].tilt_deg,
        "steps_mm": sorted({round(step, 2) for step in spacing.steps.tolist()}),
        "overlap_mm": round(max(thickness - float(spacing.steps.min()), 0.0), 2),
    }


def _tag_notes(first: Slice, lean: Lean) -> list[str]:
    said = abs(first.tilt_deg)
    if abs(said - lean.degrees) <= _TAG_TOLERANCE_DEG:
        return []
    template = words.TILT_TAG if lean.tilted else words.NO_TILT_TAG
    return [template.format(said=f"{first.tilt_deg:g}", found=f"{lean.degrees:.1f}")]


def _grid(slices: Sequence[Slice]) -> Grid:
    """Return an upright grid: what drift there is within the tolerance is rounding."""
    first, last = np.array(slices[0].position), np.array(slices[-1].position)
    between_rows, between_columns = slices[0].spacing
    normal = slices[0].normal
    lps = np.eye(4)
    lps[:3, 0] = np.array(slices[0].orientation[:3]) * between_columns
    lps[:3, 1] = np.array(slices[0].orientation[3:]) * between_rows
    lps[:3, 2] = normal * float((last - first) @ normal) / (len(slices) - 1)
    lps[:3, 3] = first
    return Grid((slices[0].columns, slices[0].rows, len(slices)), LPS_TO_RAS @ lps)
