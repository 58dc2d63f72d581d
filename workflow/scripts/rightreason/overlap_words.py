"""Why a measure is undefined: messages the report can translate."""

from __future__ import annotations

from rightreason.marked_words import mark

NOTHING_MARKED = mark("nothing marked")
NOTHING_ATTENDED = mark("nothing attended")
ALL_ALIKE = mark("votes or evidence all alike")
EVERYTHING_MARKED = mark("everything marked")
NO_EVIDENCE = mark("no evidence")
NOT_MEASURED = mark("not measured")

UNDEFINED = (
    NOTHING_MARKED, NOTHING_ATTENDED, ALL_ALIKE, EVERYTHING_MARKED, NO_EVIDENCE, NOT_MEASURED,
)  # fmt: skip
