"""What a job left in its own log, and in that of SLURM."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

SLURM_LOGS = Path(".snakemake/slurm_logs")
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", re.MULTILINE)
_MEMORY = re.compile(r"exceeded memory limit \((\d+) > (\d+)\)|\boom[-_]kill", re.IGNORECASE)
_TAIL = 100_000


def last_record(log: Path) -> str:
    """Read the last record of a job's log, without its time; of a traceback, only the last line.

    Empty where there is no such file, or nothing in it.
    """
    lines = _lines(log)
    text = "\n".join(lines)
    starts = [found.end() for found in _RECORD.finditer(text)]
    record = text[starts[-1] :].splitlines() if starts else lines[-1:]
    if len(record) > 2 and record[1].startswith("Traceback"):
        record = [record[0], record[-1]]
    return " ".join(line.strip() for line in record)


def slurm_log(rule: str, wildcards: Iterable[str], number: str) -> Path:
    """Find SLURM's log of a job; that of a task of an array is not where the plugin says it is.

    Parameters
    ----------
    rule, wildcards
        The job.
    number : str
        SLURM's number of it, as `12`, or `12_3` for a task of an array.
    """
    folder = SLURM_LOGS / f"rule_{rule}"
    if "_" in number:
        return folder / f"{number}.log"
    return folder / "_".join(wildcards).replace("/", "_") / f"{number}.log"


def killed_for_memory(log: Path) -> tuple[int, int] | bool:
    """Look in SLURM's log for its killing the job for memory.

    Which status SLURM then gives depends on how the site watches memory: OUT_OF_MEMORY with
    cgroups, FAILED where it only samples.

    Returns
    -------
    pair of int, or bool
        The memory held and the limit, in MB (2**20 bytes), where the log has them.
    """
    found = _MEMORY.search("\n".join(_lines(log)))
    if not found or not found[1]:
        return bool(found)
    return int(found[1]) >> 20, int(found[2]) >> 20


def last_line(log: Path) -> str:
    """Read the last line that says something; empty where there is none."""
    return (_lines(log) or [""])[-1]


def _lines(path: Path) -> list[str]:
    """Read the end of a file: what a job left may be long."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()]
