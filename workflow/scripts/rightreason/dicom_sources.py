"""The DICOM instances that a case's CT was made of, found again in the files from outside.

`convert` kept no UID, only digests salted with the case: they tell which instance is which, and the
positions which of its frames.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.valuerep import DA, TM

from rightreason.ct_record import CtRecord
from rightreason.dicom_geometry import LPS_TO_RAS
from rightreason.dicom_headers import CT_CLASSES, read_headers
from rightreason.dicom_slices import Slice
from rightreason.errors import InputError

CLASSIC_CT = next(iter(CT_CLASSES))
NO_DATE, NO_TIME = "19000101", "000000"
# What a file must hold, empty or not, and what anonymisers take out altogether.
_EXPECTED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
             "StudyID", "AccessionNumber", "ReferringPhysicianName")  # fmt: skip
_PER_FILE = ("NumberOfFrames", "SharedFunctionalGroupsSequence",
             "PerFrameFunctionalGroupsSequence", "DimensionIndexSequence",
             "DimensionOrganizationSequence", "SpacingBetweenSlices")  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One acquired slice of a case's CT: an instance, or one frame of it."""

    slice: Slice
    sop_class: str


def find_sources(case: str, image: Path, ct: CtRecord) -> list[Source]:
    """Find the acquired slices of a case's CT by SOP instance and position.

    Parameters
    ----------
    case : str
        For error sentences.
    image : path
        The folder or file that the CT was made of.
    ct : CtRecord
        What `convert` recorded.

    Returns
    -------
    list of Source
        In the order of the record's acquired slices.

    Raises
    ------
    InputError
        When a slice is not there (any more), or has no UIDs by which it could be referred to.
    """
    there = {_key(ct.digest(s.uid), s): s for s in read_headers(case, image).slices if s.placed}
    wanted = [
        (instance, *np.round(origin, 3).tolist())
        for instance, origin in zip(ct.instances, ct.origins, strict=True)
    ]
    if not all(ct.instances):
        raise InputError(
            f"Case {case}: slices have no SOPInstanceUID, so that nothing can refer to them. "
            "Export the series again, or set `report: dicom: false`."
        )
    lost = [key for key in wanted if key not in there]
    if lost:
        raise InputError(
            f"Case {case}: {len(lost)} of the {len(wanted)} slices that the CT was made of are not "
            f"in {image} as they were. Remove results/convert/{case}.json and run again."
        )
    found = [there[key] for key in wanted]
    first = found[0].series
    missing = [
        name
        for name, uid in (
            ("StudyInstanceUID", first.study_uid),
            ("SeriesInstanceUID", first.uid),
            ("FrameOfReferenceUID", first.frame_of_reference),
        )
        if not uid
    ]
    if missing:
        raise InputError(
            f"Case {case}: the series has no {' and no '.join(missing)}, without which a DICOM "
            "object cannot say where it belongs. Export it again, or set `report: dicom: false`."
        )
    classes = {path: _sop_class(path) for path in {item.path for item in found}}
    return [Source(item, classes[item.path]) for item in found]


def made_of(conversion: Path, ct: CtRecord, sources: Sequence[Source]) -> list[list[Source]]:
    """Say what each slice of the CT was made of: one acquired slice, or the two around it.

    Parameters
    ----------
    conversion : path
        The record of `convert`.
    ct : CtRecord
        The same, read.
    sources : sequence of Source
        From `find_sources`.

    Raises
    ------
    InputError
        When the files are others than those of the record.
    """
    entries = json.loads(conversion.read_text())["slices"]
    stack = ct.stack
    assert stack is not None
    parts = []
    for k, entry in enumerate(entries):
        if entry["between"]:
            parts.append([sources[i] for i in entry["between"]])
            continue
        source = sources[int(np.abs(stack.places - k).argmin())]
        if (source.slice.file, source.slice.frame) != (entry["index"], entry["frame"]):
            raise InputError(
                f"Case {ct.case}: slice {k + 1} of the CT lies where another file is than the one "
                f"it was made of. Remove {conversion} and run again."
            )
        parts.append([source])
    return parts


def header_for(source: Source) -> tuple[Any, Any]:
    """Read the header of an instance as one that a derived object can be made from.

    Whatever names patient, study and equipment stays as it is, but for values that no DICOM object
    may hold: these are blank. The geometry is that of the one slice, in the attributes of classic
    CT.

    Returns
    -------
    header : pydicom.Dataset
        Without its character set: highdicom refuses many (every one with an empty first part, as
        Japanese ones have).
    character_set : str, sequence of str or None
        To be set in the derived object.
    """
    item = source.slice
    header: Any = pydicom.dcmread(item.path, stop_before_pixels=True, force=True)
    header.decode()
    character_set = header.get("SpecificCharacterSet") or None
    if character_set:
        del header.SpecificCharacterSet
    # What must hold something where it is there, and holds nothing, is better not there.
    for element in list(header):
        if element.keyword in _PER_FILE or element.is_empty:
            del header[element.tag]
    for keyword in _EXPECTED:
        if keyword not in header:
            setattr(header, keyword, "")
    for keyword, kind in (
        ("PatientBirthDate", DA), ("StudyDate", DA), ("StudyTime", TM),
    ):  # fmt: skip
        if not _holds(header, keyword, kind):
            setattr(header, keyword, "")
    if header.get("PatientIdentityRemoved") == "YES" and not (
        header.get("DeidentificationMethod") or header.get("DeidentificationMethodCodeSequence")
    ):
        header.DeidentificationMethod = "not stated"
    if header.PatientSex not in ("M", "F", "O", "", None):
        header.PatientSex = ""
    header.SOPClassUID, header.SOPInstanceUID = CLASSIC_CT, item.uid
    header.StudyInstanceUID, header.SeriesInstanceUID = item.series.study_uid, item.series.uid
    header.FrameOfReferenceUID = item.series.frame_of_reference
    header.ImagePositionPatient = list(item.position)
    header.ImageOrientationPatient = list(item.orientation)
    header.PixelSpacing = list(item.spacing)
    return header, character_set


def moment_of(header: Any) -> tuple[str, str]:
    """Return date and time of the images: the first of its kind that the header has.

    A derived object that is made again must be the same, so it bears no time of its own.
    """
    for what in ("Content", "Acquisition", "Series", "Study"):
        date, time = f"{what}Date", f"{what}Time"
        if header.get(date) and _holds(header, date, DA):
            given = header.get(time) and _holds(header, time, TM)
            return str(header.get(date)), str(header.get(time)) if given else NO_TIME
    return NO_DATE, NO_TIME


def _key(digest: str | None, item: Slice) -> tuple[Any, ...]:
    origin = LPS_TO_RAS[:3, :3] @ item.position
    return digest, *np.round(np.round(origin, 6), 3).tolist()


def _holds(header: Any, keyword: str, kind: Any) -> bool:
    try:
        kind(str(header.get(keyword) or ""))
    except Exception:
        return False
    return True


def _sop_class(path: Path) -> str:
    header: Any = pydicom.dcmread(path, specific_tags=["SOPClassUID"], force=True)
    return str(header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID", ""))
