"""The language of the report: English in the code, other languages in `locale/{language}.po`.

A sentence is one message, with named places for what is filled in (`_("{n} cases").format(n=3)`):
other languages order their words otherwise, so no sentence is put together from halves.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from rightreason.marked_words import mark

__all__ = ["LOCALE", "SOURCE", "_", "mark", "plural", "speaking", "spoken"]

LOCALE = Path(__file__).parent / "locale"
SOURCE = "en"
"""The language of the code: what has no translation is shown in it."""

_ENGLISH = NullTranslations()
_SPOKEN: ContextVar[tuple[str, NullTranslations]] = ContextVar("spoken", default=(SOURCE, _ENGLISH))


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Translate messages into a language within the block.

    Parameters
    ----------
    language : str
        `en`, or one that has a file in `locale`.
    """
    token = _SPOKEN.set((language, _catalogue(language)))
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def _catalogue(language: str) -> NullTranslations:
    if language == SOURCE:
        return _ENGLISH
    with (LOCALE / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def spoken() -> str:
    """Return the language that is spoken."""
    return _SPOKEN.get()[0]


def _(message: str) -> str:
    """Return a message in the language that is spoken."""
    # The empty message is the catalogue's own header.
    return _SPOKEN.get()[1].gettext(message) if message else ""


def plural(one: str, many: str, n: int) -> str:
    """Return the message for one thing or for several, in the language that is spoken."""
    return _SPOKEN.get()[1].ngettext(one, many, n)
