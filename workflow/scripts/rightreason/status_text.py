"""The screen of `make status`: at most 24 lines of 80 columns."""

from __future__ import annotations

import re
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rightreason.durations import duration

if TYPE_CHECKING:
    from rightreason.jobs_on_disk import Job
    from rightreason.status import Row, Status

LINES, COLUMNS = 24, 80
HEAD = ("stage", "cases through", "jobs through", "running", "failed", "a job takes", "left")
WIDTHS = (-10, 15, 15, 8, 7, 13, 12)
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]{12} ", re.MULTILINE)
_FAULT = "This is a fault of rightreason"


def screen(found: Status, folder: Path) -> str:
    """Draw the screen.

    Parameters
    ----------
    found : Status
        What to show.
    folder : path
        The working directory, for what failed jobs wrote into their logs.
    """
    head = [*_headline(found), ""]
    table = [_line(HEAD), *(_line(_cells(row, found)) for row in found.rows), ""]
    if found.run.idle or not found.rows:
        table = table[:-1] if found.rows else []
    below = _left(found)
    room = LINES - len(head) - len(table) - len(below)
    return "\n".join([*head, *table, *below, *_failures(found.failed, folder, room)])


def _headline(found: Status) -> list[str]:
    run = found.run
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    passed = duration(found.now - run.started)
    slots = "jobs at once" if run.remote else "core" if run.slots == 1 else "cores"
    where = f", {run.slots} {slots}" if run.slots else ""
    if run.idle:
        said = f"Nothing was due at {began}: every result is there and up to date."
    elif run.seconds is not None:
        took = duration(run.seconds)
        end = "stopped at failed jobs" if run.broken else "was stopped before its end"
        done, planned = sum(d.n for d in run.done.values()), sum(run.planned.values())
        end = "finished" if done == planned and not run.broken else end
        said = f"The run of {began} {end} after {took}{where}."
    elif found.alive is None:
        said = f"The run of {began}, on {run.host}, has no end in its log: {passed} so far{where}."
    elif not found.alive:
        said = (
            f"The run of {began} was cut off; `snakemake` with the same arguments goes on, after "
            "`snakemake --unlock` where it asks for that."
        )
    elif not run.planned:
        said = f"A run began {passed} ago, and is still planning its jobs."
    else:
        queued = "; queued jobs count as running" if run.remote else ""
        said = f"Running for {passed}, since {began}{where}{queued}."
    cohort = textwrap.wrap(run.cohort, COLUMNS, max_lines=2, placeholder=" …")
    return [*cohort, *textwrap.wrap(said, COLUMNS)]


def _line(cells: tuple[str, ...]) -> str:
    """Set a row: the first column to the left, the others to the right."""
    return "".join(
        f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}"
        for cell, width in zip(cells, WIDTHS, strict=True)
    ).rstrip()


def _cells(row: Row, found: Status) -> tuple[str, ...]:
    through = "" if row.cases is None else f"{max(row.cases, 0)} of {row.of_cases}"
    jobs = f"{row.done} of {row.planned}" if row.planned else "none due"
    pace = (
        "" if row.pace is None else f"{duration(row.pace.seconds)}{'' if row.pace.fresh else ' *'}"
    )
    return (
        row.stage, through, jobs, str(row.running or ""), str(row.failed or ""), pace,
        _stage_left(row, found),
    )  # fmt: skip


def _stage_left(row: Row, found: Status) -> str:
    if found.run.seconds is not None or found.alive is False:
        return ""
    parts = [found.left[name] for name in row.rules if name in found.left]
    if not parts:
        return ""
    known = [part for part in parts if part is not None]
    if not known:
        return "unknown"
    return (">" if len(known) < len(parts) else "") + duration(sum(known))


def _left(found: Status) -> list[str]:
    """Say the time left, what it does not know, and where it comes from."""
    run = found.run
    if run.seconds is not None or found.alive is False or not run.planned:
        return []
    known = [part for part in found.left.values() if part is not None]
    unknown = [rule for rule, part in found.left.items() if part is None]
    earlier = any(row.pace and not row.pace.fresh and row.done < row.planned for row in found.rows)
    if not known and unknown:
        text = f"Time left: unknown until the first job of {_names(unknown)} is through."
    elif unknown:
        text = (
            f"Time left: at least {duration(sum(known))}; more is known when the first job of "
            f"{_names(unknown)} is through."
        )
    else:
        text = f"Time left: about {duration(sum(known))}."
    if found.failed:
        text += " Less, since what needs a failed job will not run."
    if earlier:
        text += " (* in an earlier run)"
    return textwrap.wrap(text, COLUMNS)


def _names(rules: list[str]) -> str:
    return " and ".join(rules) if len(rules) < 3 else f"each of {len(rules)} rules"


def _failures(failed: list[Job], folder: Path, room: int) -> list[str]:
    """Name failed jobs, their logs and what these say last, as many as there is room for."""
    if not failed:
        return []
    n = min(len(failed), max(1, (room - 1) // 2))
    lines = []
    for stage, name in failed[:n]:
        log = Path("logs", stage, f"{name}.log")
        reason = textwrap.wrap(
            last_words(folder / log), COLUMNS - 2, max_lines=max(1, (room - 1) // n - 1),
            placeholder=" …", initial_indent="  ", subsequent_indent="  ",
        )  # fmt: skip
        lines += [f"Failed: {stage} {name}, see {log}", *reason]
    more = len(failed) - n
    return [*lines, f"and {more} more failed."] if more > 0 else lines


def last_words(log: Path) -> str:
    """Return what a failed job wrote into its log last."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")[-20000:].strip()
    except FileNotFoundError:
        text = ""
    message = _RECORD.split(text)[-1]
    if message.startswith(_FAULT):
        return message.splitlines()[-1]
    return " ".join(message.split()) or "It says nothing: was the job killed, for memory or time?"
