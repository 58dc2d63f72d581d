"""How long what is left of a run will take, from what its jobs have taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rightreason.jobs_on_disk import Job, measured
from rightreason.status_log import Run

SAMPLE = 40
"""As many benchmarks of a rule are read, spread over its jobs: a cohort has a hundred thousand."""

PHASES = (
    ("demo",),
    ("convert", "annotate", "prepare", "gather_prepared"),
    ("train",),
    ("threshold", "given_threshold", "predict", "gather_predictions"),
    ("saliency_cam", "saliency", "gather_saliency"),
    ("overlap", "trust", "trust_findings"),
    ("summary",),
    ("make_view",),
    ("report",),
)
"""Rules whose jobs run side by side; one phase follows another."""

ON_GPU = {
    "train", "threshold", "predict", "saliency_cam", "saliency", "trust", "trust_findings",
}  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """What a job of a rule takes.

    Attributes
    ----------
    seconds : float
        The mean of its benchmarks, or of a sample of them.
    jobs : int
        Benchmarks there are.
    fresh : bool
        Whether they are of this run; else of earlier ones.
    """

    seconds: float
    jobs: int
    fresh: bool


def paces(
    benchmarks: Mapping[str, list[tuple[Job, float]]], logs: Path, since: float
) -> dict[str, Pace]:
    """Read what the jobs of each rule take, in this run, or else in earlier ones.

    Parameters
    ----------
    benchmarks : mapping of rule to list of (job, seconds since the epoch)
        Its benchmarks, and when each was written.
    logs : path
        The folder `logs`.
    since : float
        When this run began.
    """
    found = {}
    for rule, all_of in benchmarks.items():
        fresh = [job for job, written in all_of if written >= since]
        jobs = fresh or [job for job, _written in all_of]
        step = max(1, len(jobs) // SAMPLE)
        read = [took[0] for job in jobs[::step] if (took := measured(logs, job))]
        if read:
            found[rule] = Pace(sum(read) / len(read), len(jobs), bool(fresh))
    return found


def time_left(
    run: Run, failed: Mapping[str, int], busy: set[str], known: Mapping[str, Pace], now: float
) -> dict[str, float | None]:
    """Estimate, for each rule that has jobs to do, how long its phase still needs for them.

    The work of a phase is its jobs to do, each of the mean length, over how many ran side by side:
    as in this run so far, or, before the first is through, what the cores or GPUs allow.

    Parameters
    ----------
    run : Run
        The run.
    failed : mapping of rule to int
        Jobs that failed: nothing is left of them.
    busy : set of str
        Rules of which a job is running.
    known : mapping of rule to Pace
        What a job takes.
    now : float
        Seconds since the epoch.

    Returns
    -------
    dict of rule to float or None
        Seconds; None where nothing is known of a rule. They add up to the time left.
    """
    others = tuple((rule,) for rule in run.planned if not any(rule in p for p in PHASES))
    left: dict[str, float | None] = {}
    for phase in (*PHASES, *others):
        to_do = {
            rule: run.planned[rule] - _n(run, rule) - failed.get(rule, 0)
            for rule in phase if rule in run.planned
        }  # fmt: skip
        to_do = {rule: n for rule, n in to_do.items() if n > 0}
        left |= dict.fromkeys(to_do, None)
        to_do = {rule: n for rule, n in to_do.items() if rule in known}
        work = {rule: n * known[rule].seconds for rule, n in to_do.items()}
        total = sum(work.values()) / _abreast(run, phase, sum(to_do.values()), known)
        at_work = [known[rule].seconds for rule in busy & set(to_do)]
        if at_work:
            # A job that runs has done at most one job's work, however long ago another ended.
            total = max(0.0, total - min(_since(run, phase, now), max(at_work)))
        for rule, share in work.items():
            left[rule] = total * share / sum(work.values()) if total else 0.0
    return left


def _n(run: Run, rule: str) -> int:
    return run.done[rule].n if rule in run.done else 0


def _abreast(run: Run, phase: tuple[str, ...], to_do: int, known: Mapping[str, Pace]) -> float:
    """Say how many jobs of a phase run side by side."""
    done = {rule: run.done[rule] for rule in phase if rule in run.done and rule in known}
    worked = sum(done[rule].n * known[rule].seconds for rule in done)
    if done:
        begin = min(done[rule].first - known[rule].seconds for rule in done)
        span = max(done[rule].last for rule in done) - max(begin, run.started)
        measured = worked / span if span > 0 else 1.0
    elif ON_GPU & set(phase) and not run.remote:
        # Networks share a GPU or all cores.
        measured = run.gpus or 1
    else:
        measured = run.slots or to_do
    # A phase that waits for others in between is no slower for it.
    return max(min(measured, to_do), min(1.0, _overall(run, known)), 0.01)


def _overall(run: Run, known: Mapping[str, Pace]) -> float:
    """Say how many jobs of any rule ran side by side so far."""
    done = {rule: done for rule, done in run.done.items() if rule in known}
    span = max((each.last for each in done.values()), default=run.started) - run.started
    return sum(each.n * known[rule].seconds for rule, each in done.items()) / span if span else 1.0


def _since(run: Run, phase: tuple[str, ...], now: float) -> float:
    """Say for how long the running jobs of a phase may have run: since a job ended last."""
    ended = [run.done[rule].last for rule in phase if rule in run.done]
    ended = ended or [done.last for done in run.done.values()]
    return max(0.0, now - max(ended, default=run.started))
