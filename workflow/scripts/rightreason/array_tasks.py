"""A task of a SLURM array as the job that it is.

snakemake-executor-plugin-slurm 2.8 starts all tasks of an array with the command of its first job;
Snakemake then runs the task's own command below itself, and takes the outcome for that of the first
job: it waits for the first job's outputs, fails where they are missing, and may remove them where
the task failed. So the process becomes the task's own command, before it has read any rule.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import zlib
from collections.abc import Mapping, Sequence

OPTION = "--slurm-jobstep-array-execs="
NUMBER = "SLURM_ARRAY_TASK_ID"


def own_command(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Find a task's own command among the arguments that all tasks of an array are started with.

    Parameters
    ----------
    arguments : sequence of str
        Of the process. The plugin's option holds JSON in base64: of each task but the first, by its
        number in the array, the command, compressed by zlib, in hexadecimal digits.
    environment : mapping of str to str
        Of the process.

    Returns
    -------
    str or None
        A line for the shell; None for the first task, whose arguments are its own, and outside of
        arrays.
    """
    given = next((word for word in arguments if word.startswith(OPTION)), None)
    if given is None or NUMBER not in environment:
        return None
    commands = json.loads(base64.b64decode(given.removeprefix(OPTION)))
    packed = commands.get(environment[NUMBER])
    return None if packed is None else zlib.decompress(bytes.fromhex(packed)).decode()


def take_over() -> None:
    """Become the task's own command, where this process is a task of an array but its first."""
    command = own_command(sys.argv, os.environ)
    if command is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv("/bin/sh", ["/bin/sh", "-c", command])
