"""What a check says to the person who has to act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rightreason.errors import InputError


def sentence(check: Callable[..., None], *arguments: Any, **more: Any) -> str:
    """Return what a check refuses with; empty where it lets the run go on."""
    try:
        check(*arguments, **more)
    except InputError as error:
        return str(error)
    return ""
