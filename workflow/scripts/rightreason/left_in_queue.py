"""Jobs that a run which was killed has left in SLURM's queue.

Nobody cancels them, and Snakemake does not know them again: the next run would hand the same jobs
over, and two would write the same files at once.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from rightreason.errors import InputError

# Jobs of snakemake-executor-plugin-slurm bear the random number of their run as a name, which tells
# them from a job in which Snakemake itself may run.
_NAME = re.compile(r"(.*_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SQUEUE = ("squeue", "--me", "--noheader", "--format", "%F|%j|%Z")
_SECONDS = 60


def check(folder: Path) -> None:
    """Refuse to run beside jobs that an earlier run left, where SLURM tells of its jobs.

    Parameters
    ----------
    folder : path
        The working directory of the run.

    Raises
    ------
    InputError
        When SLURM has such jobs.
    """
    try:
        queue = subprocess.run(
            _SQUEUE, capture_output=True, text=True, check=True, timeout=_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    left = numbers(queue, folder)
    if left:
        raise InputError(
            f"SLURM still has jobs of an earlier run in {folder}, which was killed: "
            f"{', '.join(left)}. A second one of each would write the same files. Wait until they "
            f"have ended (squeue --me), or cancel them: scancel {' '.join(left)}"
        )


def numbers(queue: str, folder: Path) -> list[str]:
    """List the numbers of the jobs of runs in a folder, arrays by one, from what `squeue` says."""
    rows = [line.split("|", 2) for line in queue.splitlines() if line.count("|") >= 2]
    found = {
        number for number, name, where in rows
        if _NAME.fullmatch(name) and Path(where).resolve() == folder.resolve()
    }  # fmt: skip
    return sorted(found, key=int)
