"""What earlier stages wrote into tables, in English, told in the language of the report."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from string import Formatter

from rightreason import convert_words, overlap_words, saliency_words, summary_words, trust_words
from rightreason.sentences import paragraph, semicolons
from rightreason.words import _

KNOWN = (
    *convert_words.LEFT_OUT, *convert_words.CORRECTIONS, *saliency_words.REASONS,
    *overlap_words.UNDEFINED, *trust_words.NOTES, *summary_words.NOTES, *summary_words.POWER,
    summary_words.NO_REASON, summary_words.WITH_COUNT,
)  # fmt: skip
"""The messages that tables are written with; of several that fit a text the first one is meant."""

INNER = "reason"
"""The place of a message that holds another one."""
NUMBER = "n"
"""The place of a message that holds a number of things."""


def told(text: str) -> str:
    """Tell a text from a table, one message or several, in the language that is spoken.

    Parameters
    ----------
    text : str
        As a stage wrote it; what no message of `KNOWN` fits is returned as it is.
    """
    found = _told(text)
    if found is None:
        found = _each(text, "; ", semicolons)
    if found is None:
        found = _each(text, ". ", lambda parts: paragraph(*parts), end=".")
    return text if found is None else found


def _each(text: str, separator: str, join: Callable[[list[str]], str], end: str = "") -> str | None:
    """Tell the parts of a text; None where one of them is not known."""
    parts = [part.removesuffix(end) + end for part in text.split(separator)]
    found = [said for part in parts if (said := _told(part)) is not None]
    return join(found) if len(found) == len(parts) else None


def _told(text: str) -> str | None:
    if text in _exact():
        return _(text)
    for message, pattern in _patterns():
        places = pattern.fullmatch(text)
        if places:
            values = places.groupdict()
            if INNER in values:
                values[INNER] = told(values[INNER])
            return _(message).format(**values)
    return None


@cache
def _exact() -> frozenset[str]:
    return frozenset(message for message in KNOWN if "{" not in message)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((message, re.compile(_pattern(message))) for message in KNOWN if "{" in message)


def _pattern(message: str) -> str:
    """Return a regular expression that fits what a message became when its places were filled."""
    seen: set[str] = set()
    parts = []
    for literal, name, _spec, _conversion in Formatter().parse(message):
        parts.append(re.escape(literal))
        if name:
            fits = r"\d+" if name == NUMBER else ".+?"
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{fits})")
            seen.add(name)
    return "".join(parts)
