"""What snakemake-executor-plugin-slurm 2.8 does otherwise here: ways to lose jobs of a large run.

It numbers the tasks of all arrays of a rule that it submits together on end, and SLURM takes no
number as high as its MaxArraySize, which is 1,001 unless a site raised it.

While SLURM's controller does not answer, as when it is restarted, it asks `sacct` in place of
`squeue`, which mixes up the tasks of an array (`array_limits`). Where there is no `sacct`, it
forgets all its jobs: they end, and Snakemake waits for them without end.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from typing import Any


def mend(executor: Any, arrays: str | None, tell: Callable[[str], None]) -> None:
    """Do otherwise.

    Parameters
    ----------
    executor : object
        The plugin's, which runs this run's jobs.
    arrays : str or None
        The option `--slurm-array-jobs`.
    tell : function of str
        Is told when SLURM does not answer.
    """
    remember(executor, tell)
    if arrays:
        number_from_one(executor)
        ask_squeue_alone(sys.modules[type(executor).__module__])


def number_from_one(executor: Any) -> None:
    """Let each array begin with task 1: `_submit_array_jobs` is given those of one at a time."""
    submit, most = executor._submit_array_jobs, executor.max_array_size

    def submit_each(jobs: list[Any]) -> None:
        for first in range(0, len(jobs), most):
            submit(jobs[first : first + most])

    executor._submit_array_jobs = submit_each


def ask_squeue_alone(plugin: Any) -> None:
    """Keep the plugin from `sacct`: it goes there when it does not hear how long SLURM keeps jobs.

    How long that is was seen to before (`array_limits.check_status`).
    """
    plugin.get_min_job_age = lambda: sys.maxsize


def remember(executor: Any, tell: Callable[[str], None]) -> None:
    """Let `check_active_jobs` give back each job that it does not report as ended."""
    look, ended = executor.check_active_jobs, set[int]()

    def noting(report: Callable[..., None]) -> Callable[..., None]:
        def noted(job: Any, *more: Any, **named: Any) -> None:
            ended.add(id(job))
            report(job, *more, **named)

        return noted

    async def look_at_all(jobs: list[Any]) -> AsyncIterator[Any]:
        ended.clear()
        going_on = set()
        async for job in look(jobs):
            going_on.add(id(job))
            yield job
        unknown = [job for job in jobs if id(job) not in going_on | ended]
        if unknown:
            which = "1 job is" if len(unknown) == 1 else f"{len(unknown)} jobs are"
            tell(f"SLURM does not answer: {which} asked for again later.")
        for job in unknown:
            yield job

    executor.report_job_success = noting(executor.report_job_success)
    executor.report_job_error = noting(executor.report_job_error)
    executor.check_active_jobs = look_at_all
