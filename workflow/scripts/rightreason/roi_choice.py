"""Choosing what `roi` names: by name or by number."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rightreason.errors import InputError


def choose_rois(roi: str | None, rois: Sequence[tuple[int, str]], file_name: str) -> list[int]:
    """Return the places, in `rois`, of those that `roi` names.

    Parameters
    ----------
    roi : str or None
        A name or a number; a name wins where both would fit; None takes all.
    rois : sequence of (number, name)
        What the file holds; names may be empty, and several may share one name.
    file_name : str
        For the error sentence.

    Raises
    ------
    InputError
        When nothing is called so; the sentence lists what there is.
    """
    if roi is None:
        return list(range(len(rois)))
    chosen = [i for i, (_, name) in enumerate(rois) if name.strip() == roi]
    if not chosen and roi.isdigit():
        chosen = [i for i, (number, _) in enumerate(rois) if number == int(roi)]
        if len(chosen) > 1:
            raise InputError(
                f"{file_name} has {len(chosen)} regions of number {roi}; name one: "
                f"{', '.join(rois[i][1] for i in chosen)}."
            )
    if not chosen:
        there = ", ".join(f"{number} ({name})" if name else str(number) for number, name in rois)
        raise InputError(f"{file_name} has no region {roi!r}; it has: {there or 'none at all'}.")
    return chosen


def check_frame(uid: str, frame: str | None, file_name: str) -> None:
    """Raise `InputError` when a FrameOfReferenceUID is not the one whose digest the CT has."""
    if uid and frame and hashlib.sha256(uid.encode()).hexdigest()[:16] != frame:
        raise InputError(
            f"{file_name} belongs to another frame of reference than the CT: it was drawn on "
            "another study. Give the annotation of this case, or the CT that it was drawn on."
        )
