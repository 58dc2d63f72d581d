"""What the one who runs may read and write, where several people share a folder.

Snakemake ends in a traceback at what it may not write, takes state that it may not look at for
none, and deletes a job's old outputs before the job finds that it may not read its inputs. So a run
asks first.

Standard library only: it runs whenever the workflow is parsed.
"""
# Of what lies in a folder that may not be entered, pathlib raises; os.path says it is not there.
# ruff: noqa: PTH110, PTH112, PTH120

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rightreason.errors import InputError
from rightreason.made_records import group_of, name_of, record_of

STATE, RESULTS = Path(".snakemake"), Path("results")
# Of `.snakemake`, what every run makes files in; and where it must open all that is there.
WRITTEN = ("log", "locks", "slurm_logs", "rightreason")
OPENED = ("metadata", "incomplete", "rightreason/running")
TOLD = 20
READ, WRITE, PASS = os.R_OK, os.W_OK, os.X_OK
REMEDY = (
    "Whom it belongs to can let a group in, `chgrp -R GROUP .; chmod -R g+rwX .; find . -type d "
    "-exec chmod g+s {} +`, and all of it must then work with `umask 002`; or work in a copy that "
    "is yours. docs/failures.md tells more."
)


def check_state(folder: Path = STATE, results: Path = RESULTS) -> None:
    """Refuse to plan where Snakemake could not read its record of what was done, or add to it.

    Where others can write, too, all is looked through that Snakemake may open to make a plan.

    Raises
    ------
    InputError
        Naming what may not be read or written.
    """
    if not os.path.isdir(folder):
        _refuse(_lacking(folder.parent, READ | WRITE | PASS))
        return
    problems = _lacking(folder, READ | WRITE | PASS)
    for name in (*WRITTEN, *OPENED):
        problems += _lacking(folder / name, READ | WRITE | PASS)
    # What lies in a folder that may not be entered has been told of with it.
    if not problems and _shared(folder):
        for name in OPENED:
            problems += _closed(folder / name, WRITE)
        problems += _lacking(results, READ | PASS) or _closed(results, 0)
    _refuse(problems)


def check(jobs: Sequence[Any], results: Path = RESULTS) -> None:
    """Refuse to start jobs that may not write where their outputs, logs and records belong.

    What Snakemake does not delete itself of former attempts, and may not write either, is removed:
    the benchmarks.

    Parameters
    ----------
    jobs : sequence of object
        Snakemake's jobs that are due.
    results : path
        The folder of all results.

    Raises
    ------
    InputError
        Naming what may not be written.
    """
    problems: dict[str, None] = {}
    # Each once: folders hold the outputs of many cases.
    for path, wanted in dict.fromkeys(_written(jobs, results)):
        problems.update(dict.fromkeys(_lacking(path, wanted)))
    _refuse(list(problems))
    for job in jobs:
        if job.benchmark and os.path.exists(job.benchmark) and not _may(job.benchmark, WRITE):
            Path(job.benchmark).unlink()


def sentence_of(error: PermissionError) -> str:
    """Say what a job was not allowed to do."""
    if error.filename is None:
        return f"Something was refused to {_me()}: {os.strerror(error.errno or errno.EACCES)}."
    path = Path(os.fsdecode(error.filename))
    there = path if os.path.lexists(path) else path.parent
    return f"{path} was refused to {_me()} ({_whose(there)}). {REMEDY}"


def may_read(path: Path, mode: int) -> bool:
    """Tell whether a file or folder may be read, and only ask where its mode leaves that open.

    Parameters
    ----------
    path : path
        The file.
    mode : int
        Its `st_mode`.
    """
    wanted = READ | PASS if stat.S_ISDIR(mode) else READ
    return mode & wanted == wanted or _may(path, wanted)


def _written(jobs: Sequence[Any], results: Path) -> Iterator[tuple[str, int]]:
    """Give the folders that jobs make files in, and what they need to do there."""
    for job in jobs:
        outputs = [str(path) for path in job.output]
        names = [name for path in outputs if (name := name_of(path, results)) is not None]
        records = [str(record_of(results, group_of(name))) for name in names]
        benchmark = [str(job.benchmark)] if job.benchmark else []
        for path in (*outputs, *map(str, job.log), *benchmark, *records):
            yield _there(os.path.dirname(path)), WRITE | PASS
            if os.path.isdir(path):
                yield path, READ | WRITE | PASS


def _there(folder: str) -> str:
    """Return the folder, or the nearest one above it that is there."""
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder or "."


def _shared(folder: Path) -> bool:
    """Tell whether another user may have left something in a folder."""
    status = folder.stat()
    return status.st_uid != os.geteuid() or bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _closed(folder: Path, more: int) -> list[str]:
    """List what lies below a folder and may not be read, and what `more` is asked for."""
    problems: list[str] = []
    for parent, folders, files in os.walk(folder):
        for name in folders:
            problems += _lacking(f"{parent}/{name}", READ | PASS | more)
        for name in files:
            # Hidden: what a job that was killed has left aside.
            if not name.startswith("."):
                problems += _lacking(f"{parent}/{name}", READ | more)
        if len(problems) > TOLD:
            break
    return problems


def _lacking(path: Path | str, wanted: int) -> list[str]:
    """Say what of the wanted is not allowed, where there is such a path."""
    if _may(path, wanted) or not os.path.lexists(path):
        return []
    verbs = [verb for way, verb in ((READ, "read"), (WRITE, "written")) if wanted & way]
    refused = [verb for way, verb in ((READ, "read"), (WRITE, "written"))
               if wanted & way and not _may(path, way)]  # fmt: skip
    return [f"{path} may not be {' or '.join(refused or verbs)} ({_whose(path)})"]


def _may(path: Path | str, wanted: int) -> bool:
    return os.access(path, wanted, effective_ids=True)


def _refuse(problems: list[str]) -> None:
    if not problems:
        return
    told = problems[:TOLD]
    if len(problems) > TOLD:
        told.append("and more")
    raise InputError(f"{InputError.of(f'In this folder {_me()} cannot work:', told)}\n{REMEDY}")


def _me() -> str:
    return f"the user {_user(os.geteuid())}"


def _whose(path: Path | str) -> str:
    """Say whom a file belongs to, and what it allows."""
    try:
        status = os.lstat(path)
    except OSError:
        return "which cannot be looked at"
    mode = stat.filemode(status.st_mode)
    return f"it belongs to {_user(status.st_uid)}, group {_group(status.st_gid)}, as {mode}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
