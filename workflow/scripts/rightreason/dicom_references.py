"""What a derived DICOM object says of the images it was derived from, and how it is named."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from rightreason.dicom_frames import FramePlane
from rightreason.dicom_sources import Source

_CODES: Any = codes


def uid_of(digest: bytes, purpose: str) -> UID:
    """Return a UID (of the arc for UUIDs, which needs no registration) for one purpose.

    >>> uid_of(b"content", "series") == uid_of(b"content", "series")
    True
    """
    found = hashlib.sha256(digest + purpose.encode()).digest()
    return UID(f"2.25.{uuid.UUID(bytes=found[:16], version=5).int}")


def digest_of(names: Sequence[str], planes: Sequence[FramePlane], content: Sequence[Any]) -> bytes:
    """Digest all that makes an object another one: names, sources, places, texts and pixels."""
    total = hashlib.sha256()
    where = [
        (p.position, [(s.slice.series.uid, s.slice.uid, s.slice.frame) for s in p.sources])
        for p in planes
    ]
    for text in (*names, repr(where)):
        total.update(text.encode() + b"\0")
    for part in content:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype} {part.shape}".encode())
            total.update(np.ascontiguousarray(part).data)
        else:
            total.update(str(part).encode() + b"\0")
    return total.digest()


def refer(made: Any, planes: Sequence[FramePlane], derivation: Any) -> None:
    """Let an object refer to its sources, and each of its frames to its own.

    highdicom would refer by position alone, and not at all where a single frame matches none.

    Parameters
    ----------
    made : highdicom.SOPClass
        The object, which is changed.
    planes : sequence of FramePlane
        Where its frames lie, in any order.
    derivation : pydicom.sr.coding.Code
        What made frames of images.
    """
    sources = {s.slice.uid: s for plane in planes for s in plane.sources}
    instances = [
        _item(ReferencedSOPClassUID=s.sop_class, ReferencedSOPInstanceUID=uid)
        for uid, s in sorted(sources.items())
    ]
    made.SourceImageSequence = instances
    series = next(iter(sources.values())).slice.series.uid
    made.ReferencedSeriesSequence = [
        _item(SeriesInstanceUID=series, ReferencedInstanceSequence=instances)
    ]
    places = np.array([plane.position for plane in planes])
    for frame in made.PerFrameFunctionalGroupsSequence:
        at = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        plane = planes[int(np.abs(places - at).max(axis=1).argmin())]
        frame.DerivationImageSequence = [
            _item(
                DerivationCodeSequence=[CodedConcept.from_code(derivation)],
                SourceImageSequence=[_source(s, plane.preserved) for s in plane.sources],
            )
        ]


def _source(source: Source, preserved: bool) -> Dataset:
    item = _item(
        ReferencedSOPClassUID=source.sop_class,
        ReferencedSOPInstanceUID=source.slice.uid,
        PurposeOfReferenceCodeSequence=[
            CodedConcept.from_code(_CODES.cid7202.SourceImageForImageProcessingOperation)
        ],
        SpatialLocationsPreserved="YES" if preserved else "NO",
    )
    if source.slice.frame is not None:
        item.ReferencedFrameNumber = source.slice.frame + 1
    return item


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
