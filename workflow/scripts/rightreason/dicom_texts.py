"""Texts of a DICOM header as they may be shown: whole, clean, and without the patient in them."""

from __future__ import annotations

import itertools
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@contextmanager
def discreet() -> Iterator[None]:
    """Let no warning and no log of a library out: they quote a header's values, names among them.

    Decorates what a stage calls to read or write DICOM.
    """
    loggers = [logging.getLogger(library) for library in ("pydicom", "highdicom")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@lru_cache(maxsize=64)
def without(personal: str, text: str) -> str:
    """Take the words of a person's name, id and birth date out of a text."""
    for word in re.split(r"[\s^=,]+", personal):
        # Two signs are a name in Japanese, and nothing in particular in Latin letters.
        if len(word) > 2 or (len(word) == 2 and not word.isascii()):
            text = re.sub(re.escape(word), "…", text, flags=re.IGNORECASE)
        if re.fullmatch(r"\d{8}", word):
            orders = itertools.permutations((word[:4], word[4:6], word[6:]))
            text = re.sub("|".join(r"\W?".join(order) for order in orders), "…", text)
    return text


def plain(value: Any) -> str:
    """Return a text up to the first control character.

    In a damaged header a value may run on into its neighbours, a person's name among them; their
    tags hold control characters.
    """
    return re.split(r"[\x00-\x1f\x7f-\x9f]", " ".join(texts(value)), maxsplit=1)[0].strip()[:64]


def plain_uid(value: Any) -> str:
    """Return a UID up to the first sign that is neither digit nor dot."""
    return re.split(r"[^0-9.]", str(value or ""), maxsplit=1)[0]


def texts(value: Any) -> list[str]:
    """Return the parts of a text attribute, which may be missing, single or multiple."""
    if value is None or isinstance(value, str):
        return [value.strip()] if value else []
    return [str(part).strip() for part in value]
