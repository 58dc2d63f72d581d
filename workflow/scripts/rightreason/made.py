"""What was made: the digest of each output, recorded when it is made and held against it later.

Standard library only: every job records and checks.
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from rightreason import rights
from rightreason.errors import InputError
from rightreason.made_records import (
    OUTSIDE,
    RECORDS,
    Line,
    files_at,
    group_of,
    name_of,
    read_record,
    record_of,
    recorded,
    remember,
    sha256_of,
    stat_of,
    write_record,
)

RESULTS = Path("results")
# As for digests of files from outside: what changed this recently may change again unseen.
SETTLED_NS = 2_000_000_000
TOLD = 20
ASIDE = re.compile(r"\..+\.[a-z0-9_]{8}")
UNNEEDED = (
    "Where nothing is due, Snakemake makes a file that was deleted only when told to: name it, as "
    "in `snakemake --cores 2 results/convert/a.nii.gz`, and then run as always."
)
# What this process has read already.
_SEEN: set[Line] = set()


class ChangedError(InputError):
    """Outputs are not as they were made: no fault of the case that they were read for."""


@dataclass(frozen=True)
class Problem:
    """An output that is not as it was made.

    Attributes
    ----------
    path : path
        The file.
    how : str
        The rest of a sentence that begins with it.
    output : path
        What to delete, so that the workflow makes it anew: the file, or the folder that one job
        makes as a whole.
    """

    path: Path
    how: str
    output: Path


def record(outputs: Iterable[Path | str], results: Path = RESULTS) -> None:
    """Record each output, once a job has made all of them.

    Parameters
    ----------
    outputs : iterable of path
        Files and folders below `results`; of a folder every file but hidden ones. What is not below
        it, or belongs to the embedded cohort, is passed over, as is what is not there.
    results : path
        The folder of all results.
    """
    groups: dict[str, list[str]] = {}
    for output in outputs:
        name = name_of(output, results)
        if name is not None:
            groups.setdefault(group_of(name), []).extend(files_at(results, name))
    for group, names in sorted(groups.items()):
        write_record(results, group, names)


def check(paths: Iterable[Path | str], results: Path = RESULTS) -> None:
    """Refuse outputs that are not as they were made.

    A file whose size, times and inode are as recorded is not read again; else its bytes count, so
    that a copied study passes.

    Parameters
    ----------
    paths : iterable of path
        Files, or folders with all that was made below them; what is not below `results`, or belongs
        to the embedded cohort, is passed over.
    results : path
        The folder of all results.

    Raises
    ------
    ChangedError
        When any is missing, changed or was never recorded; all at once, with what to do.
    """
    problems = [
        problem
        for path in paths
        for name in [name_of(path, results)]
        if name is not None
        for file in _below(results, name)
        for problem in [_problem(results, file, read=False)]
        if problem
    ]
    if problems:
        raise ChangedError(sentences(problems))


def digest(path: Path | str, results: Path = RESULTS) -> str:
    """Return the SHA-256 that was recorded of a file, which is not read: that is `check`'s to do.

    Raises
    ------
    ChangedError
        When it is missing, has no record, or another size.
    """
    name = name_of(path, results)
    lines = recorded(results, name)[1] if name is not None else []
    how = _size_problem(Path(path), lines[0]) if lines else "has no record of how it was made"
    if how:
        raise ChangedError(sentences([Problem(Path(path), how, Path(path))]))
    return lines[0].sha256


def verify(results: Path = RESULTS) -> tuple[int, list[Problem]]:
    """Hold every recorded file against its record by its bytes, and find files without a record.

    Returns
    -------
    checked : int
        Number of recorded files.
    problems : list of Problem
        In the order of paths.
    """
    records = sorted((results / RECORDS).rglob("*.tsv"))
    made = {line.name for path in records for line in read_record(path).lines()}
    there = {name for name in files_at(results, ".") if name.split("/")[0] != OUTSIDE}
    found = (_problem(results, name, read=True) for name in sorted(made | there))
    return len(made), [problem for problem in found if problem]


def sentences(problems: list[Problem]) -> str:
    """Say what is wrong with outputs and how they are made anew."""
    listed = [f"{problem.path} {problem.how}" for problem in problems[:TOLD]]
    if len(problems) > TOLD:
        listed.append(f"and {len(problems) - TOLD} more")
    outputs = sorted({str(problem.output) for problem in problems})
    command = shlex.join(["rm", "-rf", *outputs[:TOLD]])
    more = " and so on" if len(outputs) > TOLD else ""
    heading = "Outputs are not as they were made:"
    remedy = f"Delete them, and run again, which makes anew what is needed: {command}{more}"
    return "\n".join([str(InputError.of(heading, listed)), remedy])


def leftovers(results: Path = RESULTS) -> list[Path]:
    """Return the files that `write_whole` had not put into place when it was killed."""
    return [path for path in sorted(results.rglob(".*")) if ASIDE.fullmatch(path.name)]


def _below(results: Path, name: str) -> list[str]:
    """Name what was made at or below a path, and what lies there."""
    if (results / name).is_file():
        return [name]
    records = [record_of(results, name), *(results / RECORDS / name).rglob("*.tsv")]
    made = {line.name for path in records for line in read_record(path).lines()}
    return sorted({each for each in made if each.startswith(f"{name}/")}
                  | set(files_at(results, name))) or [name]  # fmt: skip


def _problem(results: Path, name: str, read: bool) -> Problem | None:
    """Hold one file against its record; `read` its bytes even where nothing speaks for a change."""
    path = results / name
    group, lines = recorded(results, name)
    if not lines:
        how = "has no record of how it was made" if path.exists() else "is missing"
        return Problem(path, how, path)
    how = _size_problem(path, lines[0]) or _bytes_problem(results, group, lines, read)
    folder = name.startswith(f"{group}/")
    return Problem(path, how, results / group if folder else path) if how else None


def _size_problem(path: Path, made: Line) -> str:
    try:
        size, expected = path.stat().st_size, made.stat[0]
    except (FileNotFoundError, NotADirectoryError):
        return "is missing"
    if size < expected:
        return f"is truncated: {size} of {expected} bytes"
    return f"has {size} bytes, and had {expected} when it was made" if size > expected else ""


def _bytes_problem(results: Path, group: str, lines: list[Line], read: bool) -> str:
    path = results / lines[0].name
    stat = stat_of(path)
    seen = replace(lines[0], stat=stat)
    if not read and (seen in lines or seen in _SEEN):
        return ""
    if sha256_of(path) != seen.sha256:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(lines[0].stat[1] / 1e9))
        return f"has other bytes than when it was made, on {when}"
    if seen not in lines and time.time_ns() - stat[2] > SETTLED_NS:
        remember(record_of(results, group), seen)
    _SEEN.add(seen)
    return ""


def main() -> None:
    """Check everything below `results/`; `make verify` calls this."""
    try:
        checked, problems = verify()
    except PermissionError as error:
        sys.exit(f"rightreason: {rights.sentence_of(error)}")
    left = leftovers()
    if left:
        size = sum(path.stat().st_size for path in left) / 2**20
        print(
            f"{len(left)} file{'s' * (len(left) > 1)} ({size:.1f} MB) of jobs that were killed "
            f"while writing may go: {shlex.join(['rm', *map(str, left)])}"
        )
    if problems:
        sys.exit(f"rightreason: {sentences(problems)}\n{UNNEEDED}")
    if checked:
        print(f"All {checked} files below {RESULTS}/ are as they were made.")
    else:
        print("There are no results to verify.")


if __name__ == "__main__":
    main()
