"""How far a run is, from what lies on disk: `make status`, in another terminal, at any time.

Standard library only, and nothing is written or locked: it may look at a run while that goes on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rightreason.jobs_on_disk import (
    FINDINGS,
    GATHER,
    GATHERED,
    TOGETHER,
    Job,
    Left,
    look,
    stage_of,
    started,
)
from rightreason.status_log import Run, runs
from rightreason.status_pace import Pace, paces, time_left
from rightreason.status_process import lives
from rightreason.status_text import screen


@dataclass(frozen=True)
class Stage:
    """A line of the screen.

    Attributes
    ----------
    name : str
        Of the stage.
    rules : tuple of str
        Its rules.
    per : str
        `cases` or `annotated` where the stage has one job for each; else empty.
    there : str
        Where it leaves one file or folder for each of these, as a pattern below `results/`.
    """

    name: str
    rules: tuple[str, ...]
    per: str = ""
    there: str = ""


STAGES = (
    Stage("demo", ("demo",)),
    Stage("convert", ("convert",), "cases", "convert/*.json"),
    Stage("annotate", ("annotate",), "annotated", "annotate/*"),
    Stage("prepare", ("prepare", "gather_prepared"), "cases", "prepare/volume/*.json"),
    Stage("train", ("train",)),
    Stage("predict", ("threshold", "given_threshold", "predict", "gather_predictions")),
    Stage("saliency", ("saliency_cam", "saliency", "gather_saliency")),
    Stage("trust", ("trust", "trust_findings")),
    Stage("overlap", ("overlap",), "annotated", "overlap/*.curves.npz"),
    Stage("summary", ("summary",)),
    Stage("make_view", ("make_view",), "cases", "report/cases/*.js"),
    Stage("report", ("report",)),
)
"""The stages in the order data flow; a rule that is in none has a line of its own after them."""


@dataclass(frozen=True)
class Row:
    """How far a stage is.

    Attributes
    ----------
    stage : str
        Its name.
    rules : tuple of str
        Its rules.
    cases, of_cases : int or None
        Cases that are through it, and all there are; None where it is not done case by case, or
        the log does not say how many there are.
    planned, done, running, failed : int
        Jobs of this run.
    pace : Pace or None
        What a job takes; None where none was measured.
    """

    stage: str
    rules: tuple[str, ...]
    cases: int | None
    of_cases: int | None
    planned: int
    done: int
    running: int
    failed: int
    pace: Pace | None


@dataclass(frozen=True)
class Status:
    """Everything the screen shows.

    Attributes
    ----------
    run : Run
        What Snakemake's log says.
    alive : bool or None
        Whether the run goes on; None where it was begun on another machine and has no end yet.
    rows : list of Row
        In the order of the stages.
    left : mapping of rule to seconds or None
        Time until the rules with jobs to do are through; None where nothing is known of one.
    failed : list of Job
        Jobs that failed, or were cut off.
    now : float
        When this was looked at (seconds since the epoch).
    """

    run: Run
    alive: bool | None
    rows: list[Row]
    left: dict[str, float | None]
    failed: list[Job]
    now: float


def rule_of(job: Job) -> str:
    """Name the rule of a job."""
    stage, name = job
    if stage in GATHERED and name.endswith(GATHER):
        return GATHERED[stage]
    if stage == "predict" and name.endswith(("/threshold", "/given_threshold")):
        return name.rpartition("/")[2]
    if stage == "trust" and name.endswith(FINDINGS):
        return "trust_findings"
    together = stage == "saliency" and f"/{TOGETHER}/" in name
    return "saliency_cam" if together else stage_of(job)


def status(folder: Path, now: float | None = None) -> Status | None:
    """Look at the newest run in a working directory; None where there was none.

    Parameters
    ----------
    folder : path
        Where Snakemake runs: `.snakemake`, `logs` and `results` lie in it.
    now : float, optional
        Seconds since the epoch; by default the time it is.
    """
    now = time.time() if now is None else now
    for run in runs(folder):
        alive = False if run.seconds is not None else lives(run, folder)
        if run.planned or run.idle or alive:
            return _status(run, alive, folder, now)
    return None


def _status(run: Run, alive: bool | None, folder: Path, now: float) -> Status:
    left_behind = look(folder / "logs")
    begun = started(folder) if alive is not False else set()
    # Copied results have logs of any time: a rule that is through, or was not due, has not failed.
    due = {rule for rule, n in run.planned.items() if rule not in run.done or run.done[rule].n < n}
    failed = [
        job for job in left_behind.unfinished(run.started)
        if job not in begun and rule_of(job) in due
    ]  # fmt: skip
    known = paces(_by_rule(left_behind), folder / "logs", run.started)
    results = folder / "results"
    rows = [_row(stage, run, begun, failed, known, results) for stage in _stages(run)]
    counts = {rule: sum(rule_of(job) == rule for job in failed) for rule in run.planned}
    busy = {rule_of(job) for job in begun}
    left = time_left(run, counts, busy, known, now)
    shown = [row for row in rows if row.planned or row.cases]
    return Status(run, alive, shown, left, failed, now)


def _by_rule(left: Left) -> dict[str, list[tuple[Job, float]]]:
    by_rule: dict[str, list[tuple[Job, float]]] = {}
    for job, written in sorted(left.benchmarks.items()):
        by_rule.setdefault(rule_of(job), []).append((job, written))
    return by_rule


def _stages(run: Run) -> list[Stage]:
    known = {rule for stage in STAGES for rule in stage.rules}
    return [*STAGES, *(Stage(rule, (rule,)) for rule in run.planned if rule not in known)]


def _row(
    stage: Stage, run: Run, begun: set[Job], failed: list[Job], known: dict[str, Pace],
    results: Path,
) -> Row:  # fmt: skip
    planned = sum(run.planned.get(rule, 0) for rule in stage.rules)
    done = sum(run.done[rule].n for rule in stage.rules if rule in run.done)
    of_cases = {"cases": run.cases, "annotated": run.annotated}.get(stage.per)
    cases = None
    if of_cases is not None:
        # What this run has yet to make anew is not through, even where its old output still lies.
        cases = min(_there(results, stage.there), of_cases - (planned - done))
    return Row(
        stage.name, stage.rules, cases, of_cases, planned, done,
        _of(stage, begun), _of(stage, failed),
        _mean([known[rule] for rule in stage.rules if rule in known]),
    )  # fmt: skip


def _of(stage: Stage, jobs: Iterable[Job]) -> int:
    return sum(rule_of(job) in stage.rules for job in jobs)


def _there(results: Path, pattern: str) -> int:
    return sum(1 for _entry in results.glob(pattern))


def _mean(of_rules: list[Pace]) -> Pace | None:
    if not of_rules:
        return None
    jobs = sum(pace.jobs for pace in of_rules)
    mean = sum(pace.seconds * pace.jobs for pace in of_rules) / jobs
    return Pace(mean, jobs, all(pace.fresh for pace in of_rules))


def main(folder: Path) -> str:
    """Return the screen for a working directory."""
    found = status(folder)
    if found is None:
        return (
            "No run of Snakemake has begun here: `make demo` starts the embedded cohort, the "
            "README says how to start yours."
        )
    return screen(found, folder)


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
