"""What a job costs that goes through SLURM and does nothing itself, and how soon it is through.

A made-up study in a fresh checkout, with scripts that only make their outputs, through the
checkout's `profiles/slurm` (the lines marked YOUR SITE count) up to a stage. What Snakemake itself
takes is measured here; of the jobs, what SLURM's accounting (`sacct`) says: how many there were and
in how many arrays, how long one was at work, its CPU time and memory. At the end nothing may be
due: no job was lost.

    python -m benchmarks.scale_slurm [--cases 50] [--until prepare] [--folder /shared/disk]
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.made_up_study import write_study
from benchmarks.measured import python, snakemake
from benchmarks.scale import HOLLOW, head, planned_jobs, say
from tests.runs import checkout

PROFILE = ("-m", "snakemake", "--nocolor", "--workflow-profile", "profiles/slurm")
COLUMNS = "JobID,State,Elapsed,TotalCPU,MaxRSS,Comment"


class Task(NamedTuple):
    """A job of SLURM, as its accounting has it; seconds and MB."""

    number: str
    state: str
    rule: str
    elapsed: float
    cpu: float
    megabytes: float


def seconds(clock: str) -> float:
    """Read SLURM's `[days-][hours:]minutes:seconds[.fraction]`."""
    days, _, rest = clock.rpartition("-")
    parts = [float(part) for part in rest.split(":")]
    return int(days or 0) * 86400 + sum(part * 60**i for i, part in enumerate(reversed(parts)))


def tasks(output: str) -> list[Task]:
    """List the jobs of a run, which its output names; the memory is that of the largest step."""
    run = re.findall(r"^SLURM run ID: (\S+)$", output, flags=re.MULTILINE)[-1]
    query = ["sacct", "--noheader", "--parsable2", "--units", "M", "--name", run]
    numbers = subprocess.run([*query, "--allocations", "--format", "JobID"],
                             capture_output=True, text=True, check=True).stdout.split()  # fmt: skip
    table = subprocess.run(
        ["sacct", "--noheader", "--parsable2", "--units", "M", "--format", COLUMNS,
         "--jobs", ",".join(numbers)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = [line.split("|") for line in table.splitlines()]
    peak: dict[str, float] = {}
    for number, _, _, _, memory, _ in rows:
        job = number.split(".")[0]
        peak[job] = max(peak.get(job, 0.0), float(memory.rstrip("M") or 0))
    return [
        Task(number, state, re.sub(r"^rule_|_wildcards_.*$", "", comment), seconds(elapsed),
             seconds(cpu), peak[number])
        for number, state, elapsed, cpu, _, comment in rows if "." not in number
    ]  # fmt: skip


def tell(cases: int, until: str, folder: Path) -> None:
    """Run one study, and tell what it took."""
    tree = checkout(folder / "checkout")
    for script in (tree / "workflow" / "scripts").glob("*.py"):
        script.write_text(HOLLOW)
    options = ("--configfile", str(write_study(folder, cases, slices=1)), "--until", until)
    ran = python(folder / "hook", tree, *PROFILE, *options)
    found = tasks(ran.output)
    head("cases", "jobs", "wall, s", "s a job", "Snakemake itself, CPU ms a job", "MB")
    say(cases, len(found), f"{ran.wall:.0f}", f"{ran.wall / len(found):.1f}",
        f"{1000 * ran.cpu / len(found):.0f}", f"{ran.megabytes:.0f}")  # fmt: skip
    head("rule", "jobs", "arrays", "alone", "not done", "at work, s", "CPU s", "MB")
    for rule in dict.fromkeys(task.rule for task in found):
        of = [task for task in found if task.rule == rule]
        arrays = {task.number.split("_")[0] for task in of if "_" in task.number}
        say(rule, len(of), len(arrays), sum("_" not in task.number for task in of),
            sum(task.state != "COMPLETED" for task in of),
            *(f"{statistics.median(column):.1f}" for column in
              ([task.elapsed for task in of], [task.cpu for task in of])),
            f"{max(task.megabytes for task in of):.0f}")  # fmt: skip
    due = planned_jobs(snakemake(folder / "again", tree, "--dry-run", *options).output)
    if due:
        raise RuntimeError(f"{due} jobs of a run that ended well are due.")
    sys.stdout.write("\nNothing is due: no job was lost.\n")


def main() -> None:
    """Measure one study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--until", default="prepare", help="a stage of single cases")
    parser.add_argument("--folder", help="on a disk that the nodes see")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rightreason-slurm-", dir=chosen.folder) as name:
        tell(chosen.cases, chosen.until, Path(name))


if __name__ == "__main__":
    main()
