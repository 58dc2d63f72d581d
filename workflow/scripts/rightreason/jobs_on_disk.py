"""The jobs of a run by what they leave on disk: their logs, benchmarks and Snakemake's marks.

Only names and times are looked at, and of a few files what is in them: a cohort has a hundred
thousand jobs.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARKS = Path(".snakemake/incomplete")
BENCHMARK = ".benchmark.tsv"
TOGETHER = "cam.methods"
"""The name of the job that makes all CAM methods of a model."""
VIEW = ".view"
"""The ending of the jobs of `report` that make what the viewer shows of a case."""

FINDINGS = ".findings"
"""The ending of the jobs of `trust` that need annotations."""

GATHER = ".gather"
"""The ending of the jobs that write one small table for many files."""
GATHERED = {
    "prepare": "gather_prepared",
    "predict": "gather_predictions",
    "saliency": "gather_saliency",
}
"""The rules of these jobs, by stage."""
THRESHOLD = ("validation", "thresholds")
"""What the job of `threshold` makes."""

Job = tuple[str, str]
"""Stage, and which of its jobs: the name of its log within `logs/<stage>/`, without the ending."""


@dataclass(frozen=True)
class Left:
    """What the jobs left in `logs/`.

    Attributes
    ----------
    logs, benchmarks : mapping of job to float
        When the job's log, and its benchmark, were last written (seconds since the epoch).
    """

    logs: dict[Job, float]
    benchmarks: dict[Job, float]

    def unfinished(self, since: float) -> list[Job]:
        """List the jobs that wrote to their log since then, and have no benchmark after it."""
        return sorted(
            job for job, written in self.logs.items()
            if written >= since and self.benchmarks.get(job, 0) < written
        )  # fmt: skip


def look(logs: Path) -> Left:
    """Look through `logs/`."""
    found = Left({}, {})
    for stage in _folders(logs):
        for path, written in _files(Path(stage.path)):
            name = path[len(stage.path) + 1 :]
            if name.endswith(BENCHMARK):
                found.benchmarks[stage.name, name.removesuffix(BENCHMARK)] = written
            elif name.endswith(".log"):
                found.logs[stage.name, name.removesuffix(".log")] = written
    return found


def _folders(path: Path) -> list[os.DirEntry[str]]:
    if not path.is_dir():
        return []
    with os.scandir(path) as entries:
        return [entry for entry in entries if entry.is_dir()]


def _files(folder: Path) -> Iterator[tuple[str, float]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(Path(entry.path))
            else:
                try:
                    yield entry.path, entry.stat().st_mtime
                except FileNotFoundError:  # The run goes on while it is looked at.
                    continue


def started(folder: Path) -> set[Job]:
    """List the jobs that Snakemake has marked as begun: running, or handed to the cluster."""
    jobs = {job for output in outputs_named(folder / MARKS) if (job := _job(output))}
    return {_joined(job, folder / "logs") for job in jobs}


def outputs_named(marks: Path) -> Iterator[str]:
    """Yield the outputs of which Snakemake keeps something in a folder below `.snakemake`.

    A file each, named for the output's path in base64, cut where that is long.
    """
    for parent, _inner, names in os.walk(marks):
        above = "".join(part.removeprefix("@") for part in Path(parent).relative_to(marks).parts)
        yield from (_decoded(above + name) for name in names)


def _decoded(name: str) -> str:
    try:
        return urlsafe_b64decode(name).decode()
    except ValueError:
        return ""


def _job(output: str) -> Job | None:
    """Name the job an output belongs to; None for what is no output of a stage."""
    root, _, path = output.partition("/")
    stage, _, inner = path.partition("/")
    if root != "results" or not inner:
        return None
    *folders, last = inner.split("/")
    name = last.split(".")[0]
    if stage in GATHERED and not folders:
        return stage, f"{name}{GATHER}"
    names = {
        "demo": "demo",
        "train": "/".join(folders),
        "predict": "/".join([*folders, "threshold" if name in THRESHOLD else name]),
        "saliency": "/".join([*folders, name]),
        "trust": "/".join([*folders, last.removesuffix(".tsv")]),
        "summary": "summary",
        "report": f"{name}{VIEW}" if folders == ["cases"] else "report",
    }
    return stage, names.get(stage, name)


def _joined(job: Job, logs: Path) -> Job:
    """Name the one job of the methods that are made in one pass.

    These have no log of their own; neither has, for some seconds, any other method that is new.
    """
    stage, name = job
    if stage != "saliency" or (logs / stage / f"{name}.log").exists():
        return job
    model, _, shard = (*name.split("/"), "", "")[:3]
    return (stage, f"{model}/{TOGETHER}/{shard}") if shard else job


def stage_of(job: Job) -> str:
    """Name the stage of a job; what makes the views for the report has a name of its own."""
    stage, name = job
    return "make_view" if stage == "report" and name.endswith(VIEW) else stage


def measured(logs: Path, job: Job) -> tuple[float, float] | None:
    """Read a job's benchmark: seconds, and the most memory it held in MB; None where it has none.

    Snakemake takes it away when the job begins anew, which may be while one looks.

    The memory of a job that ended before it was looked at is 0.
    """
    path = logs / job[0] / f"{job[1]}{BENCHMARK}"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        row = dict(zip(lines[0].split("\t"), lines[1].split("\t"), strict=True))
        peak = row.get("max_rss", "NA")
        return float(row["s"]), 0.0 if peak in ("-", "NA") else float(peak)
    except (OSError, IndexError, KeyError, ValueError):
        return None
