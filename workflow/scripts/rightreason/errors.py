"""The one exception that speaks to the user."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator


class InputError(Exception):
    """Something the user handed in cannot be used.

    The message is a sentence (or several lines, one per problem) that says what was expected, what
    was found, in which case or file, and what to do. Jobs print it without a traceback.
    """

    @classmethod
    def of(cls, heading: str, problems: Iterable[str]) -> InputError:
        """Return one error that lists every problem under `heading`."""
        return cls("\n".join([heading, *(f"  - {problem}" for problem in problems)]))


def unknown(what: str, value: str, there: Iterable[str]) -> str:
    """Say that a name is unknown, which there are, and which one was likely meant."""
    there = list(there)
    near = difflib.get_close_matches(value, there, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{what}: {value!r} is unknown; there are {', '.join(there)}.{hint}"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from, or while another was dealt with."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def of_memory(error: BaseException) -> bool:
    """Say whether want of memory is behind an error, whatever its reader took it for."""
    return any(
        isinstance(cause, MemoryError)
        or (isinstance(cause, OSError) and cause.errno == errno.ENOMEM)
        for cause in causes(error)
    )
