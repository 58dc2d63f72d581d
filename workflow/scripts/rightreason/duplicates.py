"""Cases that are one image, byte for byte, under two names.

Such an image counts twice in every mean, and where the two stand for different patients a network
may be trained on the one and tested on the other.

Standard library only: it runs whenever a run begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from rightreason.errors import InputError

NOTHING = hashlib.sha256().hexdigest()
"""The digest of an empty folder, of which a sentence of its own tells."""


class Image(Protocol):
    """What a case's image is: a file or folder, and which of its series."""

    image: Path
    series: str | None


def check(cases: Mapping[str, Image], digest_of: Callable[[Path], str | None]) -> None:
    """Refuse a run in which two cases are one image.

    Parameters
    ----------
    cases : mapping of case id to object
        Those of the study.
    digest_of : function of path
        The digest of a file or folder from outside (names and contents); None for one that this
        run has not looked at.

    Raises
    ------
    InputError
        Naming all such cases.
    """
    first: dict[tuple[str, str | None], str] = {}
    problems = []
    for case, row in cases.items():
        digest = digest_of(row.image)
        if digest is None or digest == NOTHING:
            continue
        other = first.setdefault((digest, row.series), case)
        if other != case:
            problems.append(f"{other} and {case}: {cases[other].image} and {row.image}")
    if problems:
        raise InputError(
            f"{InputError.of('Cases are one image under two names, byte for byte:', problems)}\n"
            "It would count twice, and a network could be tested on what it was trained on. Leave "
            "one of them out of the table of cases."
        )
