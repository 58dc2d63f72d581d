"""Processes with their time and memory: a command, and each Python job that a workflow starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HOOK = """
import atexit, os, resource, sys
def _told():
    own, waited = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = own.ru_utime + own.ru_stime + waited.ru_utime + waited.ru_stime
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    line = f"{sys.argv[0]}\\t{cpu:.3f}\\t{max(peak, waited.ru_maxrss)}\\n"
    file = os.open(os.environ["MEASURED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)
if "MEASURED" in os.environ:
    atexit.register(_told)
"""
"""Python imports `sitecustomize` before all else: a job counts from its first moment."""


# Not `ru_maxrss` of the process itself: it starts at the size of the process that started it.


@dataclass(frozen=True)
class Measured:
    """What a Python process and those it waited for took.

    Attributes
    ----------
    name : str
        The script.
    wall, cpu : float
        Seconds; wall is 0 for a job of a workflow.
    megabytes : float
        Peak of the largest process.
    output : str
        What was printed.
    """

    name: str
    wall: float
    cpu: float
    megabytes: float
    output: str = ""


def python(hook: Path, folder: Path, *arguments: str) -> Measured:
    """Run Python with arguments; the processes it starts leave a line in the hook (`jobs_in`)."""
    hook.mkdir(parents=True, exist_ok=True)
    (hook / "sitecustomize.py").write_text(HOOK)
    (hook / "measured.tsv").unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if "SNAKEMAKE" not in key}
    paths = [str(hook), *filter(None, [environment.get("PYTHONPATH")])]
    environment |= {"PYTHONPATH": ":".join(paths), "MEASURED": str(hook / "measured.tsv")}
    command = [sys.executable, *arguments]
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    wall = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-6000:]}")
    # The first to start is the last to end.
    last = _lines(hook)[-1]
    return Measured(last.name, wall, last.cpu, last.megabytes, done.stdout)


def snakemake(hook: Path, folder: Path, *arguments: str) -> Measured:
    """Run snakemake in a checkout."""
    return python(hook, folder, "-m", "snakemake", "--nocolor", "--cores", "2", *arguments)


def jobs_in(hook: Path) -> dict[str, list[Measured]]:
    """Return what each script job of the last run took, by its stage."""
    found: dict[str, list[Measured]] = {}
    for job in _lines(hook):
        if ".snakemake/scripts/" in job.name:
            found.setdefault(Path(job.name).stem.rpartition(".")[2], []).append(job)
    return found


def _lines(hook: Path) -> list[Measured]:
    rows = [line.split("\t") for line in (hook / "measured.tsv").read_text().splitlines()]
    return [Measured(name, 0.0, float(cpu), int(kb) / 1024) for name, cpu, kb in rows]
