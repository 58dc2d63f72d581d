"""Whether an annotation belongs to a case, by what DICOM says of where it was drawn."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rightreason.ct_record import CtRecord
from rightreason.errors import InputError

log = logging.getLogger(__name__)

_ROUNDING = 0.01


@dataclass(frozen=True)
class DrawnPlane:
    """A plane of an annotation, and the images that it says it was drawn on.

    Attributes
    ----------
    what : str
        Its name in sentences, such as `frame 3`.
    place : float
        Where it lies along the CT's slice axis, in slices of the volume.
    instances : sequence of str
        SOPInstanceUIDs; several where it was drawn on a resampled image.
    """

    what: str
    place: float
    instances: Sequence[str]


@dataclass(frozen=True)
class Provenance:
    """What an annotation says of its origin; empty where it says nothing.

    Attributes
    ----------
    frame : str
        FrameOfReferenceUID.
    studies, series : sequence of str
        UIDs of the studies and series it belongs or refers to.
    planes : sequence of DrawnPlane
        Its planes.
    instances : sequence of str
        Further SOPInstanceUIDs it refers to.
    """

    frame: str = ""
    studies: Sequence[str] = ()
    series: Sequence[str] = ()
    planes: Sequence[DrawnPlane] = ()
    instances: Sequence[str] = field(default=())


def check_provenance(said: Provenance, ct: CtRecord, file_name: str) -> None:
    """Refuse an annotation of another study, or one whose planes are not where they say they are.

    Of another frame of reference: refused. Drawn on slices of this CT: each plane must lie within
    half a slice distance of a slice it names. Drawn on other images only: they must be of the same
    study (or, where no study is named, of the same frame of reference). What names no images is
    refused only where study or frame of reference speak against it. Where nothing can be compared,
    geometry alone decides.

    Raises
    ------
    InputError
        As above.
    """
    frame = _same(ct, [said.frame], "frame_of_reference")
    if frame is False:
        raise InputError(
            f"{file_name} belongs to another frame of reference than the CT: it was drawn on "
            f"another study. {_ADVICE}"
        )
    known = {instance for instance in ct.instances if instance}
    planes = {uid for plane in said.planes for uid in plane.instances}
    named = {ct.digest(uid) for uid in planes | set(said.instances)} - {None}
    if known & named:
        for plane in said.planes:
            _check_plane(plane, ct, file_name)
        return
    study = _same(ct, said.series, "series") or _same(ct, said.studies, "study")
    belongs = study or (study is None and frame) if known and named else study is not False or frame
    if not belongs:
        raise InputError(
            f"{file_name} belongs to another study: none of the images that it was drawn on is "
            f"among the slices of the CT. {_ADVICE}"
            if named
            else f"{file_name} belongs to another study than the CT. {_ADVICE}"
        )
    if known and named:
        log.info("%s: drawn on other images of the same study; placed by its geometry", file_name)


_ADVICE = "Give the annotation of this case, or the CT that it was drawn on."


def _same(ct: CtRecord, uids: Iterable[str], what: str) -> bool | None:
    """Say whether one of the UIDs is the CT's; None where there is nothing to compare."""
    digests = {ct.digest(uid) for uid in uids} - {None}
    if not digests or not ct.identifiers[what]:
        return None
    return ct.identifiers[what] in digests


def _check_plane(plane: DrawnPlane, ct: CtRecord, file_name: str) -> None:
    digests = {ct.digest(uid) for uid in plane.instances}
    drawn_on = [k for k, instance in enumerate(ct.instances) if instance and instance in digests]
    if not drawn_on or ct.stack is None:
        return
    off = np.abs(ct.stack.places[drawn_on] - plane.place)
    k = drawn_on[int(off.argmin())]
    if off.min() > ct.stack.half_distance(k) + _ROUNDING:
        raise InputError(
            f"{file_name}: {plane.what} says that it was drawn on slice {k + 1} of the "
            f"{len(ct.instances)} slices of the CT, but lies "
            f"{off.min() * ct.grid.spacing_mm[ct.slice_axis]:.1f} mm off it. One of the two was "
            f"moved since. {_ADVICE}"
        )
