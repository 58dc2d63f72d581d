"""Job arrays of SLURM that would never be submitted, or whose tasks would be taken for each other.

snakemake-executor-plugin-slurm 2.8 keeps back jobs that do not fill an array while others of their
rule are ready. Snakemake takes them for running, and hands them over only once: with fewer jobs at
once than are ready, they are forgotten, and the run waits for ever, without a word.

It asks `sacct` for each job's JobIDRaw, in which the number of an array is its last task alone, and
looks the other tasks up by that number: all end, for Snakemake, when the last one does, and as it
does. `squeue` names tasks as the plugin does, but only for as long as SLURM keeps them in memory.
"""

from __future__ import annotations

import re
import subprocess

from rightreason.errors import InputError

LONGEST_WAIT = 180
"""Seconds between two of the plugin's looks at its jobs, at most."""
_SECONDS = 60


def check(
    arrays: str | None,
    due: int,
    jobs: int | None,
    per_timespan: int | None,
    sample: int | None = None,
) -> None:
    """Refuse a run in which jobs of an array might be forgotten.

    Parameters
    ----------
    arrays : str or None
        The option `--slurm-array-jobs`; None for other executors.
    due : int
        Jobs of the run.
    jobs, per_timespan, sample : int or None
        The options `--jobs`, `--max-jobs-per-timespan` (its number of jobs) and
        `--scheduler-subsample`; None for no limit.

    Raises
    ------
    InputError
        When there are arrays, and a limit below the jobs of the run.
    """
    limits = {
        "--jobs": jobs, "--max-jobs-per-timespan": per_timespan, "--scheduler-subsample": sample
    }  # fmt: skip
    for option, limit in limits.items():
        if arrays and limit is not None and limit < due:
            raise InputError(
                f"{due} jobs are due, and `{option}` lets Snakemake hand over {limit} at once. "
                "With job arrays (slurm-array-jobs) its plugin for SLURM would wait for the rest "
                "for ever. Leave the option as it is in profiles/slurm, since SLURM itself limits "
                'how many jobs run at once; or do without arrays: --slurm-array-jobs ""'
            )


def check_status(command: str | None, kept: int | None) -> None:
    """Refuse a run with job arrays in which a task would be given the end of another.

    Parameters
    ----------
    command : str or None
        The option `--slurm-status-command`.
    kept : int or None
        Seconds for which SLURM keeps a job that ended; None where it is not known.

    Raises
    ------
    InputError
        When the plugin asks `sacct`, or would since `squeue` might miss the end of a job.
    """
    without = 'do without arrays: --slurm-array-jobs "" --slurm-status-command sacct'
    if command != "squeue":
        raise InputError(
            f"With job arrays, Snakemake's plugin for SLURM takes the end of an array's last task "
            f"for that of all, when it asks {command or 'sacct'}. Leave slurm-status-command: "
            f"squeue as it is in profiles/slurm; or {without}"
        )
    if kept is not None and kept <= LONGEST_WAIT:
        raise InputError(
            f"This SLURM forgets a job {kept} s after its end (MinJobAge), and Snakemake may look "
            f"{LONGEST_WAIT} s later. Ask its administrators for MinJobAge=300, SLURM's default; "
            f"or {without}"
        )


def kept_seconds() -> int | None:
    """Ask SLURM for how many seconds it keeps a job that ended; None without an answer."""
    try:
        config = subprocess.run(
            ("scontrol", "show", "config"),
            capture_output=True, text=True, check=True, timeout=_SECONDS,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"^MinJobAge *= *(\d+) sec", config, flags=re.MULTILINE)
    return int(found[1]) if found else None
