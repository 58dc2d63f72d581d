"""Which of the slices in a folder are the case's volume: one series, chosen by rule."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rightreason import convert_words as words
from rightreason.dicom_candidates import Candidate, alike, candidates
from rightreason.dicom_headers import Headers
from rightreason.dicom_slices import Slice
from rightreason.errors import InputError
from rightreason.stack_diagnosis import REPEAT_TOLERANCE_MM


def choose(case: str, image: Path, headers: Headers, series: str | None) -> list[Slice]:
    """Choose the slices of the case's volume; note in `headers` what is left out and why.

    Localizers, secondary captures, colour pictures and other modalities are not among the slices
    to begin with (see `read_headers`). A single slice is no volume, however often it was scanned.
    A derived series is taken only
    when it is named: by `series`, or because `image` is that one file.

    Parameters
    ----------
    case : str
        For error sentences.
    image : path
        The folder or file, for error sentences.
    headers : Headers
        What the folder holds.
    series : str or None
        SeriesInstanceUID, or the short index that an earlier error showed.

    Returns
    -------
    list of Slice
        In no particular order, without byte-identical duplicates.

    Raises
    ------
    InputError
        When there is no candidate, or several and `series` names none of them, or when slices that
        belong to the chosen series cannot be part of its volume.
    """
    slices = _without_duplicates(headers)
    volumes = [c for c in candidates(slices) if c.extent_mm >= REPEAT_TOLERANCE_MM]
    chosen = _pick(case, image, volumes, headers, series)
    _check_one_scan(case, chosen)
    _check_nothing_missing(case, slices, chosen)
    used, used_files = {id(s) for s in chosen.slices}, {s.file for s in chosen.slices}
    in_volumes = {id(s) for c in volumes for s in c.slices}
    for item in slices:
        if id(item) not in used:
            reason = _reason(item, id(item) in in_volumes, chosen)
            if item.file in used_files:
                reason = words.SOME_FRAMES.format(reason=reason)
            headers.leave_out(reason, [item.file])
    return chosen.slices


def _reason(item: Slice, in_volume: bool, chosen: Candidate) -> str:
    if not item.placed:
        return words.UNPLACED
    if not in_volume:
        return words.SINGLE
    if item.series.derived and not chosen.derived:
        return words.DERIVED
    if item.series.uid == chosen.slices[0].series.uid and alike(item, chosen.slices[0]):
        return words.OTHER_RECONSTRUCTION
    return words.OTHER_SERIES


def _pick(
    case: str, image: Path, volumes: list[Candidate], headers: Headers, series: str | None
) -> Candidate:
    listing = [c.describe(index) for index, c in enumerate(volumes, start=1)]
    if series:
        named = [c for i, c in enumerate(volumes, 1) if series in (str(i), c.slices[0].series.uid)]
        problem = f"`series` is {series!r}, which names {len(named) or 'none'} of the volumes in"
    else:
        named = [c for c in volumes if not c.derived] or (volumes if image.is_file() else [])
        problem = f"{len(named) or 'no'} CT series could be the volume in"
    if len(named) == 1:
        return named[0]
    if not listing:
        found = Counter({reason: len(files) for reason, files in headers.left_out.items()})
        for placed, reason in ((True, "single CT slice"), (False, words.UNPLACED)):
            found[reason] += len({s.file for s in headers.slices if s.placed == placed})
        what = ", ".join(f"{n} x {reason}" for reason, n in sorted(found.items()) if n)
        raise InputError(
            f"Case {case}: {image} holds no CT volume. A series of at least two parallel CT "
            f"slices was expected; found: {what}. Correct the column `image` of the case table."
        )
    raise InputError.of(
        f"Case {case}: {problem} {image}; exactly one was expected. Name one by its index or its "
        "SeriesInstanceUID in the column `series` of the case table (a derived series is taken "
        "only when it is named):",
        listing,
    )


def _without_duplicates(headers: Headers) -> list[Slice]:
    """Drop files that repeat another file byte for byte; the first by path stays."""
    alike = Counter(_place(s) for s in headers.slices)
    seen: dict[bytes, int] = {}
    dropped = set()
    for item in headers.slices:
        if alike[_place(item)] > 1 and item.frame in (None, 0):
            digest = hashlib.sha256(item.path.read_bytes()).digest()
            if seen.setdefault(digest, item.file) != item.file:
                dropped.add(item.file)
    if dropped:
        headers.leave_out(words.DUPLICATE, sorted(dropped))
    return [s for s in headers.slices if s.file not in dropped]


def _place(item: Slice) -> tuple[object, ...]:
    return item.series.uid, item.position, item.orientation, item.frame


def _check_one_scan(case: str, chosen: Candidate) -> None:
    """Refuse slices that one series cannot hold: positions of two scans have nothing in common."""
    problems = []
    for what, uids in (
        ("StudyInstanceUID", {s.series.study_uid for s in chosen.slices}),
        ("FrameOfReferenceUID", {s.series.frame_of_reference for s in chosen.slices}),
    ):
        if len(uids) > 1:
            problems.append(f"{len(uids)} different {what}s among {len(chosen.slices)} slices")
    if problems:
        raise InputError.of(
            f"Case {case}: the slices of the chosen series are not of one scan, so that their "
            "positions cannot be compared. Export the series again, or de-identify it with one "
            "and the same UID for the same original:",
            problems,
        )


def _check_nothing_missing(case: str, slices: Sequence[Slice], chosen: Candidate) -> None:
    """Refuse a volume from whose own series a slice would silently drop out."""
    first = chosen.slices[0]
    used = {id(s) for s in chosen.slices}
    problems = []
    for item in slices:
        if item.series.uid != first.series.uid or id(item) in used:
            continue
        if not item.placed:
            problems.append(f"{item.path.name} has no position, orientation or pixel spacing")
        elif abs(float(np.dot(item.normal, first.normal))) > 1 - 1e-3 and (
            sum(other.placed and alike(item, other) for other in slices) == 1
        ):
            problems.append(
                f"{item.path.name} is parallel to the other slices but has {item.columns} x "
                f"{item.rows} pixels of {item.spacing[0]:g} mm instead of {first.columns} x "
                f"{first.rows} of {first.spacing[0]:g} mm"
            )
    if problems:
        raise InputError.of(
            f"Case {case}: slices of the chosen series cannot be part of its volume. Export the "
            "series again, or take them out of the folder:",
            problems,
        )
