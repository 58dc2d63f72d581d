"""What a run that failed ends in: a sentence for each job that did, on what to do about it.

Snakemake tells of a failed job in the same record as its lists of files, which the profiles keep
from the screen (`quiet: rules`), and not at all what SLURM's word means. So a `Witness` on its
logger hears what is said of each job, and `tell` is called once, at the end of the run, with those
that failed for good.

Of Snakemake 9.27 this takes: the attributes of log records of the event `job_error`, the jobs in
`workflow.scheduler.failed`, and the words of snakemake-executor-plugin-slurm 2.8.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rightreason.errors import InputError
from rightreason.job_logs import killed_for_memory, last_line, last_record, slurm_log
from rightreason.refusals import remedy

PROFILE = "profiles/slurm/profile.v9+.yaml"
ALIKE = 5
"""Jobs of one rule with one fate that are told of one by one; the others are counted."""

_STATUS = re.compile(r"SLURM status is: '(\w+)'")
_QUOTED = re.compile(r"The error message was '(.*?)'\.?$", re.DOTALL | re.MULTILINE)
_REFUSED = re.compile(r"sbatch failed|failed array sbatch")
_THREW = re.compile(r"submission failed with exception: (.*?)(?:For further error|\Z)", re.DOTALL)
_TOO_LONG = re.compile(r"^Array sbatch command exceeds argument-length")
_LONGEST = 2000


@dataclass(frozen=True)
class Limit:
    """A resource that SLURM enforces: what it is called in rules, in words, and its unit."""

    resource: str
    word: str
    unit: str


LIMITS = {
    "OUT_OF_MEMORY": Limit("mem_mb", "memory", "MB"),
    "TIMEOUT": Limit("runtime", "time", "minutes"),
}


@dataclass(frozen=True)
class Said:
    """What was said of a job when it failed: by the executor, and its number there."""

    message: str = ""
    number: str = ""


class Witness(logging.Filter):
    """Hears what Snakemake says of failed jobs, whatever `quiet` keeps from the screen.

    To be added to Snakemake's logger. It lets all records through, and cuts the one that quotes the
    command of a refused job array, which is tens of thousands of characters long.
    """

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[int, Said] = {}
        self.refused = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Note what is said of a failed job; the last time counts, since there are retries.

        Raises
        ------
        InputError
            When the plugin for SLURM is about to submit an array whose commands are too long for
            it: of its second way to do so, all tasks would run the job of the first.
        """
        event, about = getattr(record, "event", None), record.__dict__
        if event is not None:
            if str(event) == "job_error":
                number = about["aux"].get("external_jobid") or ""
                self.said[about["jobid"]] = Said(about["rule_msg"] or "", number)
        elif _TOO_LONG.match(str(record.msg)):
            raise InputError(
                "The commands of a job array are too long for the command line: lower "
                f"slurm-array-limit in {PROFILE}."
            )
        elif "sbatch call:" in str(record.msg):
            self.refused = _quoted(str(record.msg)) or self.refused
            record.msg = f"{str(record.msg)[:_LONGEST]} […]"
        return True


@dataclass(frozen=True)
class Failed:
    """A job that failed for good.

    Attributes
    ----------
    rule, wildcards
        Its rule, and which of the rule's jobs it is.
    attempt : int
        How often it was tried.
    resources : mapping of str to object
        What it asked for in its last attempt.
    logs, said
        Its own logs, and what was said of it.
    """

    rule: str
    wildcards: Mapping[str, str]
    attempt: int
    resources: Mapping[str, Any]
    logs: tuple[Path, ...]
    said: Said

    @property
    def name(self) -> str:
        """The rule, and which of its jobs."""
        return ", ".join([self.rule, *(f"{key} {value}" for key, value in self.wildcards.items())])

    @property
    def slurm_log(self) -> Path:
        """SLURM's log of its last attempt."""
        return slurm_log(self.rule, self.wildcards.values(), self.said.number)

    @property
    def fate(self) -> str:
        """How it ended: SLURM's status, `refused` or `lost` where SLURM never had it, or empty."""
        status = _STATUS.search(self.said.message)
        if status:
            memory = status[1] == "FAILED" and killed_for_memory(self.slurm_log)
            return "OUT_OF_MEMORY" if memory else status[1]
        if _REFUSED.search(self.said.message):
            return "refused"
        return "lost" if _THREW.search(self.said.message) else ""


def tell(jobs: Iterable[Any], witness: Witness) -> str:
    """Say of each failed job of Snakemake's what happened and what to do; empty where none failed.

    Parameters
    ----------
    jobs : iterable of object
        Those in `workflow.scheduler.failed`.
    witness : Witness
        What heard the run.

    Returns
    -------
    str
        One paragraph for each job, ordered by rule and wildcards. Of many jobs of a rule with the
        same fate, the first few, and how many more there are.
    """
    failed = sorted(
        (_failed(job, witness) for job in jobs), key=lambda job: (job.rule, *job.wildcards.values())
    )
    told: Counter[tuple[str, str]] = Counter()
    lines = []
    for job in failed:
        fate = job.rule, job.fate
        told[fate] += 1
        if told[fate] <= ALIKE:
            lines.append(sentence(job, witness.refused))
    lines.extend(
        f"{rule}: the same of {number - ALIKE} more jobs."
        for (rule, _), number in told.items()
        if number > ALIKE
    )
    return "\n\n".join(lines)


def sentence(job: Failed, refused: str = "") -> str:
    """Say of one job what happened and what to do.

    Parameters
    ----------
    job : Failed
        The job.
    refused : str
        SLURM's word on a job array that it did not take, of which the job may have been.
    """
    fate = job.fate
    if fate in LIMITS:
        what = _limit(job, LIMITS[fate])
    elif fate == "refused":
        why = _quoted(job.said.message) or refused or "It gave no reason."
        what = f"SLURM did not take the job. {why} {remedy(why, PROFILE)}"
    elif fate == "lost":
        found = _THREW.search(job.said.message)
        what = (
            f"The job could not be handed to SLURM. {' '.join(found[1].split()) if found else ''}"
        )
    elif fate in ("", "FAILED"):
        what = _own_word(job)
    else:
        what = (
            f"SLURM ended the job with the status {fate}, which says nothing against the job: run "
            "again; if it comes back, ask those who run the cluster."
        )
    return f"{job.name}: {what.strip()} {_where(job)}".rstrip()


def _failed(job: Any, witness: Witness) -> Failed:
    return Failed(
        rule=job.rule.name,
        wildcards=dict(job.wildcards.items()),
        attempt=job.attempt,
        resources=dict(job.resources.items()),
        logs=tuple(Path(log) for log in job.log),
        said=witness.said.get(job.jobid, Said()),
    )


def _limit(job: Failed, limit: Limit) -> str:
    """Say which limit a job met, and how to raise it."""
    had = job.resources.get(limit.resource)
    figure = f"a limit of {had:,} {limit.unit}" if isinstance(had, int) else "the partition's limit"
    held = killed_for_memory(job.slurm_log) if limit.resource == "mem_mb" else False
    if isinstance(held, tuple):
        figure = f"a limit of {held[1]:,} MB; it held {held[0]:,} MB"
    tries = f"the last of {job.attempt} attempts" if job.attempt > 1 else "its only attempt"
    more = 2 * had if isinstance(had, int) else "…"
    return (
        f"SLURM killed the job for {limit.word} in {tries}, with {figure}. Give it more in "
        f"{PROFILE}, under set-resources: `{job.rule}: {{{limit.resource}: {more}}}`; and run "
        "again."
    )


def _quoted(message: str) -> str:
    found = _QUOTED.search(message)
    return f"It says: “{' '.join(found[1].split())}”." if found and found[1].strip() else ""


def _own_word(job: Failed) -> str:
    """Quote how the job's own log ends, or the cluster's where it has none."""
    words = [word for word in map(last_record, job.logs) if word]
    if words:
        return f"Its log ends: {words[0]}"
    if job.said.number and last_line(job.slurm_log):
        return f"It left no log of its own; SLURM's ends: {last_line(job.slurm_log)}"
    return (
        "It ended without a word in its log, as a job does that the system kills for want of "
        "memory, or somebody by hand."
    )


def _where(job: Failed) -> str:
    places = [f"log: {log}" for log in job.logs if log.is_file()]
    if job.said.number:
        places.append(f"SLURM's log: {job.slurm_log}")
    return f"({'; '.join(places)})" if places else ""
