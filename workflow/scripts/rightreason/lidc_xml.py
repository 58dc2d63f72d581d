"""Annotations of the Lung Image Database Consortium (LIDC XML).

One file holds the reading sessions of one CT, each by a radiologist whom nothing tells apart but
the order. A nodule is drawn slice by slice, in pixels of the DICOM slices.

At the rim: the drawn pixels are the first ones outside the nodule (Armato et al., Med Phys 2011;
McNitt-Gray et al., Acad Radiol 2007), so that a voxel belongs to the region when its centre lies
strictly inside the outline. What an excluding outline strictly encloses is cut out.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rightreason.contours import fill_polygon
from rightreason.ct_record import CtRecord, Plane
from rightreason.errors import InputError
from rightreason.images import Volume
from rightreason.lidc_messages import Message, Nodule, Outline, read_message
from rightreason.marked_planes import MarkedPlane, stack_planes
from rightreason.provenance import DrawnPlane, Provenance, check_provenance
from rightreason.roi_choice import choose_rois

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Drawn:
    """An outline and where its slice lies, in slices of the volume."""

    outline: Outline
    place: float


def read_lidc(
    path: Path, rater: str, roi: str | None, ct: CtRecord, max_volume_change: float
) -> Volume:
    """Read the nodules of one reading session.

    Parameters
    ----------
    path : path
        The file.
    rater : str
        Its trailing number names the session: `1` or `reader1` is the first in the file.
    roi : str or None
        A noduleID; None takes all. Marks of a single point (nodules under 3 mm, and what is no
        nodule) have no extent and are left out.
    ct : CtRecord
        The CT.
    max_volume_change : float
        Largest accepted change of the volume by resampling.

    Raises
    ------
    InputError
        When the file cannot be read, belongs to another study, has no such session or nodule, or
        when the case's image is no DICOM.
    """
    message = read_message(path)
    if ct.plane is None or ct.stack is None:
        raise InputError(
            f"{path.name} is drawn in pixels of DICOM slices, and the image of case {ct.case} is "
            "no DICOM. Give the DICOM series as `image`, or the annotation as a mask."
        )
    nodules = message.sessions[_session(path, rater, len(message.sessions))]
    chosen = choose_rois(roi, [(None, nodule.name) for nodule in nodules], path.name)
    drawn = [
        _Drawn(outline, _place(outline, ct, path))
        for index in chosen
        for outline in _extended(nodules[index], roi, path)
    ]
    _log_points([nodules[index] for index in chosen], path, rater)
    check_provenance(_provenance(message, drawn, ct, path), ct, path.name)
    planes = _masks(drawn, ct, ct.plane, path)
    return stack_planes(planes, ct, path.name, max_volume_change, strict=True)


def _provenance(message: Message, drawn: Sequence[_Drawn], ct: CtRecord, path: Path) -> Provenance:
    """Say of each outline where its z puts it, which must fit the slice that it names."""
    planes = [
        DrawnPlane(
            f"the outline at z = {d.outline.z_mm:g} mm", _along(d.outline.z_mm, ct, path),
            [d.outline.instance],
        )
        for d in drawn
    ]  # fmt: skip
    return Provenance(
        studies=message.studies, series=message.series, planes=planes, instances=message.instances
    )


def _session(path: Path, rater: str, count: int) -> int:
    number = re.search(r"(\d+)$", rater)
    if number is None or not 1 <= int(number[1]) <= count:
        raise InputError(
            f"{path.name} holds {count} reading sessions, and the rater {rater!r} names none of "
            f"them. End the rater's name with the session's number, 1 to {count}: `reader1` is the "
            "first session in the file."
        )
    return int(number[1]) - 1


def _extended(nodule: Nodule, roi: str | None, path: Path) -> list[Outline]:
    outlines = [outline for outline in nodule.outlines if len(outline.points) > 1]
    if roi is not None and not outlines:
        raise InputError(
            f"{path.name}: {nodule.name} is a mark of a single point (a nodule under 3 mm, or "
            "none) and has no extent. Name a nodule that was drawn, or leave `roi` empty."
        )
    return outlines


def _log_points(nodules: Sequence[Nodule], path: Path, rater: str) -> None:
    points = sum(len(outline.points) == 1 for nodule in nodules for outline in nodule.outlines)
    log.info("%s, rater %s: %d marks of a single point left out", path.name, rater, points)


def _along(z_mm: float, ct: CtRecord, path: Path) -> float:
    """Return where a z of LPS (and RAS) mm lies along the slice axis, beyond its ends too."""
    stack = ct.stack
    heights = ct.origins[:, 2]
    steps = np.diff(heights)
    if stack is None or len(heights) < 2 or not (np.all(steps > 0) or np.all(steps < 0)):
        raise InputError(
            f"{path.name} names slices by their z, and the slices of the CT are not stacked along "
            "it. Give the axial series that was read."
        )
    return _extended_line(z_mm, heights, stack.places)


def _extended_line(x: float, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> float:
    """Interpolate linearly; beyond the ends the outermost pieces go on."""
    if xs[0] > xs[-1]:
        xs, ys = xs[::-1], ys[::-1]
    k = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(xs) - 2))
    return float(ys[k] + (x - xs[k]) * (ys[k + 1] - ys[k]) / (xs[k + 1] - xs[k]))


def _place(outline: Outline, ct: CtRecord, path: Path) -> float:
    """Return where an outline's slice lies: the slice it names, else by its z."""
    digest = ct.digest(outline.instance)
    if ct.stack is not None and digest is not None and digest in ct.instances:
        return float(ct.stack.places[ct.instances.index(digest)])
    return _along(outline.z_mm, ct, path)


def _masks(drawn: Sequence[_Drawn], ct: CtRecord, plane: Plane, path: Path) -> list[MarkedPlane]:
    """Fill the outlines of each slice: the included ones united, less the excluded ones."""
    by_place: dict[float, list[Outline]] = defaultdict(list)
    for d in drawn:
        by_place[round(d.place, 2)].append(d.outline)
    planes = []
    for place in sorted(by_place):
        included, excluded = (np.zeros((plane.columns, plane.rows), dtype=bool) for _ in range(2))
        for outline in by_place[place]:
            part = included if outline.included else excluded
            part |= _strictly_inside(outline, plane, path)
        origin = np.array([_extended_line(place, ct.stack.places, ct.origins[:, axis])
                           for axis in range(3)]) if ct.stack else ct.origins[0]  # fmt: skip
        planes.append(
            MarkedPlane(
                f"the outline at z = {by_place[place][0].z_mm:g} mm", included & ~excluded,
                origin, plane.column_mm, plane.row_mm,
            )
        )  # fmt: skip
    return planes


def _strictly_inside(outline: Outline, plane: Plane, path: Path) -> NDArray[np.bool_]:
    """Fill an outline without the pixels whose centres lie on it."""
    points = outline.points
    if (points < 0).any() or (points >= [plane.columns, plane.rows]).any():
        raise InputError(
            f"{path.name}: the outline at z = {outline.z_mm:g} mm leaves the {plane.columns} x "
            f"{plane.rows} pixels of the CT's slices; it was drawn on another image."
        )
    inside = fill_polygon(points.astype(np.float64), (plane.columns, plane.rows))
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        steps = max(int(np.gcd(*np.abs(end - start))), 1)
        on = start + np.arange(steps + 1)[:, None] * (end - start) // steps
        inside[on[:, 0], on[:, 1]] = False
    return inside
