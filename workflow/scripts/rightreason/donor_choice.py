"""Which other patients' maps are placed on a case, for the shuffled chance.

Standard library only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass

Place = tuple[bytes, str, str]
"""Hash, patient and case of a donor."""


@dataclass(frozen=True)
class Donors:
    """The cases that may lend their maps: of the training sites, one of each patient and label.

    They lie on a ring by their hashes (consistent hashing: Karger et al., STOC 1997), and a case
    takes those that follow its own hash: who lends to whom does not depend on the order of the
    table, a case that is no donor changes nobody's donors, and a new donor takes one place in the
    lists of the few cases that lie just before it.

    Attributes
    ----------
    rings : dict of label to list of Place
        Sorted.
    """

    rings: dict[str, list[Place]]

    @classmethod
    def of(cls, members: Iterable[tuple[str, str, str]]) -> Donors:
        """Make the rings of (case, patient, label) of the training sites."""
        lowest: dict[tuple[str, str], Place] = {}
        for case, patient, label in members:
            place = (_hash(f"donor/{patient}/{case}"), patient, case)
            lowest[label, patient] = min(place, lowest.get((label, patient), place))
        rings: dict[str, list[Place]] = {}
        for (label, _), place in sorted(lowest.items()):
            rings.setdefault(label, []).append(place)
        return cls({label: sorted(places) for label, places in rings.items()})

    def choose(self, case: str, patient: str, label: str, count: int) -> list[str]:
        """Return at most `count` donors of the same label and of other patients."""
        ring = self.rings.get(label, [])
        start = bisect(ring, (_hash(f"case/{case}"), "", ""))
        # One more than wanted: the patient's own other case may be among them.
        some = range(start, start + min(count + 1, len(ring)))
        following = [ring[place % len(ring)] for place in some]
        return [donor for _, owner, donor in following if owner != patient][:count]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
