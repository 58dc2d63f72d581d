"""Snakemake's limit on how many jobs start in a second, lifted where nobody asked for it.

Snakemake 9.27 keeps to it by a timer: each look at the ready jobs sets one, which a second later
leads to the next look, which sets one. Each job that ends begins such a chain of its own, and none
ends before all jobs have begun. A run of thousands of cases comes to thousands of threads, and of
looks a second, at hundreds of jobs each.
"""

from __future__ import annotations

from typing import Any

DEFAULT = (100, 1)
"""Jobs, and seconds: what holds without the option `--max-jobs-per-timespan`."""


def lift_default_rate(scheduler: Any) -> None:
    """Take the limit off a scheduler of Snakemake's, unless a user has set another one.

    Parameters
    ----------
    scheduler : object
        `workflow.scheduler`, before its first look at the jobs.
    """
    limiter = scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == DEFAULT:
        scheduler.job_rate_limiter = None
