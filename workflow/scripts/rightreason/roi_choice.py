"""Choosing what `roi` names: by name or by number."""

from __future__ import annotations

from collections.abc import Sequence

from rightreason.errors import InputError


def choose_rois(
    roi: str | None, rois: Sequence[tuple[int | None, str]], file_name: str
) -> list[int]:
    """Return the places, in `rois`, of those that `roi` names.

    Parameters
    ----------
    roi : str or None
        A name or a number; a name wins where both would fit; None takes all.
    rois : sequence of (number, name)
        What the file holds; names may be empty, several may share one name, and a number is None
        where the format knows names only.
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
        there = ", ".join(_called(number, name) for number, name in rois)
        raise InputError(f"{file_name} has no region {roi!r}; it has: {there or 'none at all'}.")
    return chosen


def _called(number: int | None, name: str) -> str:
    if number is None:
        return name
    return f"{number} ({name})" if name else str(number)
