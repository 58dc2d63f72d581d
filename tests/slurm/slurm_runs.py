"""Runs through profiles/slurm, and what SLURM's own accounting says of their jobs."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

# The profile waits as a real cluster needs it; here, files and states are there at once.
SOON = ("--slurm-init-seconds-before-status-checks", "3", "--seconds-between-status-checks", "3",
        "--latency-wait", "5", "--workflow-profile", "profiles/slurm")  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A job of SLURM, as `sacct` has it."""

    number: str
    partition: str
    account: str
    state: str
    asked: str
    time_limit: str
    rule: str

    @property
    def in_array(self) -> bool:
        """Whether it is a task of a job array."""
        return "_" in self.number

    @property
    def gpu(self) -> bool:
        """Whether it asked for a GPU."""
        return "gres/gpu" in self.asked


def tasks(output: str) -> list[Task]:
    """List the jobs of a run, named in its output by SLURM's run ID."""
    run = re.search(r"^SLURM run ID: (\S+)$", output, flags=re.MULTILINE)
    assert run, output[-3000:]
    of_run = ("--name", run[1], "--format")
    columns = "JobID,Partition,Account,State,ReqTRES,Timelimit,Comment"
    table = subprocess.run(
        ["sacct", "--allocations", "--noheader", "--parsable2", *of_run, columns],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = [line.split("|") for line in table.splitlines()]
    # The comment names the rule, and the wildcards of the first job of an array.
    return [Task(*row[:6], re.sub(r"^rule_|_wildcards_.*$", "", row[6])) for row in rows]


def through_slurm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run snakemake through the checkout's profile; nothing is left in the queue after it."""
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--nocolor", *SOON, *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    subprocess.run(["scancel", "--user", "root"], check=False)
    return result


def start(folder: Path, said: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start snakemake through the checkout's profile; what it says goes to a file."""
    with said.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--nocolor", *SOON, *arguments],
            cwd=folder, start_new_session=True, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip


def wait_until(true: Callable[[], object]) -> None:
    """Wait for something to be so; fail when it takes minutes."""
    for _ in range(900):
        if true():
            return
        time.sleep(0.2)
    pytest.fail("SLURM took more than three minutes")
