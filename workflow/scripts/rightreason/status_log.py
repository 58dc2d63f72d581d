"""What Snakemake's own log says of a run; written alike on a workstation and on a cluster.

The format is that of Snakemake 9.27. The profiles' `quiet: rules` leaves the plan (jobs of each
rule) and every finished job in it, but neither what has started nor what has failed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOGS = Path(".snakemake/log")
_ENDING = ".snakemake.log"
_PLAN = re.compile(r"^Job stats:\n.*\n-.*\n((?:.+\n)*)", re.MULTILINE)
_FINISHED = re.compile(r"^\[(.{24})\]\nFinished jobid: \d+ \(Rule: (\w+)\)$", re.MULTILINE)
_COHORT = re.compile(r"^The study: ((\d+) cases? of .*?(\d+) cases? annotated.*)$", re.MULTILINE)
_PROVIDED = re.compile(r"^Provided (cores|remote nodes): (\d+)", re.MULTILINE)
_GPUS = re.compile(r'^Provided resources:.*\bgpu=(?:Resource\("gpu", )?(\d+)', re.MULTILINE)
_ELAPSED = re.compile(r"^Elapsed time: (?:(\d+) days?, )?(\d+):(\d+):([\d.]+)", re.MULTILINE)
_HOST = re.compile(r"^  Host: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """The jobs of a rule that are through: how many, and when the first and the last ended."""

    n: int
    first: float
    last: float


@dataclass(frozen=True)
class Run:
    """A run of Snakemake; times are seconds since the epoch.

    Attributes
    ----------
    log : path
        Its log.
    started : float
        When it began.
    seconds : float or None
        How long it took; None while it runs, or when it was killed.
    cohort : str
        The study in one line; empty where the log does not say.
    cases, annotated : int or None
        Cases of the study, and those with an annotation.
    planned : mapping of rule to int
        Jobs of this run, `all` not among them.
    done : mapping of rule to Done
        Those that are through.
    slots : int or None
        Cores, or jobs at once on a cluster (`remote`); None where there is no limit.
    gpus : int or None
        Jobs that may use a GPU at once.
    host : str
        Where Snakemake itself runs; empty where the log does not say.
    broken : bool
        Whether it ended because of a failed job.
    idle : bool
        Whether nothing was due.
    """

    log: Path
    started: float
    seconds: float | None
    cohort: str
    cases: int | None
    annotated: int | None
    planned: dict[str, int]
    done: dict[str, Done]
    slots: int | None
    remote: bool
    gpus: int | None
    host: str
    broken: bool
    idle: bool


def runs(folder: Path) -> Iterator[Run]:
    """Read the logs in a working directory, that of the run that began last first.

    What only looked at the workflow (`--lint`, `--unlock`) left one too, without a plan.
    """
    for log in sorted((folder / LOGS).glob(f"[0-9]*{_ENDING}"), reverse=True):
        yield parse(log)


def parse(log: Path) -> Run:
    """Read one log; its name says when the run began."""
    text = log.read_text(encoding="utf-8", errors="replace")
    cohort, provided, gpus = _COHORT.search(text), _PROVIDED.search(text), _GPUS.search(text)
    host = _HOST.search(text)
    return Run(
        log=log,
        started=_started(log),
        seconds=_seconds(text),
        cohort=cohort[1] if cohort else "",
        cases=int(cohort[2]) if cohort else None,
        annotated=int(cohort[3]) if cohort else None,
        planned=_planned(text),
        done=_done(text),
        slots=int(provided[2]) if provided else None,
        remote=bool(provided and provided[1] == "remote nodes"),
        gpus=int(gpus[1]) if gpus else None,
        host=host[1] if host else "",
        broken="\nExiting because a job execution failed" in text,
        idle="\nNothing to be done" in text,
    )


def _started(log: Path) -> float:
    stamp = log.name.removesuffix(_ENDING).partition(".")[0]
    return time.mktime(time.strptime(stamp, "%Y-%m-%dT%H%M%S"))


def _seconds(text: str) -> float | None:
    ends = _ELAPSED.findall(text[-2000:])
    if not ends:
        return None
    days, hours, minutes, seconds = ends[-1]
    return 86400 * int(days or 0) + 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _planned(text: str) -> dict[str, int]:
    plan = _PLAN.search(text)
    rows = [line.rsplit(None, 1) for line in plan[1].splitlines()] if plan else []
    return {
        row[0]: int(row[1])
        for row in rows
        if len(row) == 2 and row[1].isdecimal() and row[0] not in ("all", "total")
    }


def _done(text: str) -> dict[str, Done]:
    stamps: dict[str, list[str]] = {}
    for found in _FINISHED.finditer(text):
        stamps.setdefault(found[2], []).append(found[1])
    stamps.pop("all", None)
    return {
        # Only two are read as times: a cohort has a hundred thousand.
        rule: Done(len(all_of), _time(all_of[0]), _time(all_of[-1]))
        for rule, all_of in stamps.items()
    }


def _time(stamp: str) -> float:
    return time.mktime(time.strptime(stamp, "%a %b %d %H:%M:%S %Y"))
