"""What the plugin for SLURM does otherwise, on stand-ins that do what it does."""

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm as plugin
from rightreason.slurm_mends import ask_squeue_alone, mend, number_from_one, remember


@pytest.mark.parametrize(
    ("due", "arrays"),
    [(60, [range(25), range(25, 50), range(50, 60)]), (25, [range(25)]), (26, [range(25), [25]])],
)
def test_jobs_are_handed_over_an_array_at_a_time(due: int, arrays: list) -> None:
    given: list[list[int]] = []
    executor = SimpleNamespace(_submit_array_jobs=given.append, max_array_size=25)
    number_from_one(executor)
    executor._submit_array_jobs(list(range(due)))
    assert given == [list(jobs) for jobs in arrays]


class Job:
    """A job that the executor has handed over."""

    def __init__(self, state: str) -> None:
        self.state = state


class Executor:
    """Looks at its jobs as the plugin does, which gives back none while SLURM does not answer."""

    max_array_size = 25

    def __init__(self) -> None:
        self.answers = True
        self.reported: list[tuple[str, Job, str | None]] = []

    def report_job_success(self, job: Job) -> None:
        self.reported.append(("success", job, None))

    def report_job_error(self, job: Job, msg: str | None = None) -> None:
        self.reported.append(("error", job, msg))

    def _submit_array_jobs(self, jobs: list[Job]) -> None:
        self.reported.extend(("submitted", job, None) for job in jobs)

    async def check_active_jobs(self, jobs: list[Job]) -> AsyncIterator[Job]:
        for job in jobs if self.answers else ():
            if job.state == "COMPLETED":
                self.report_job_success(job)
            elif job.state == "FAILED":
                self.report_job_error(job, msg="failed")
            else:
                yield job


def looked(executor: Executor, jobs: list[Job]) -> list[Job]:
    """Return the jobs that are looked at again."""

    async def look() -> list[Job]:
        return [job async for job in executor.check_active_jobs(jobs)]

    # The browser that other tests drive keeps the loop of this thread.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, look()).result()


def test_no_job_is_forgotten_while_slurm_does_not_answer() -> None:
    executor, told = Executor(), list[str]()
    remember(executor, told.append)
    done, failed, runs = jobs = [Job("COMPLETED"), Job("FAILED"), Job("RUNNING")]
    executor.answers = False
    assert looked(executor, jobs) == jobs
    assert executor.reported == []
    assert told == ["SLURM does not answer: 3 jobs are asked for again later."]
    executor.answers = True
    assert looked(executor, jobs) == [runs]
    assert executor.reported == [("success", done, None), ("error", failed, "failed")]
    assert len(told) == 1
    # A job that ended is not asked for again, a new one is: whatever was reported before.
    executor.answers = False
    assert looked(executor, [runs]) == [runs]
    assert told[1:] == ["SLURM does not answer: 1 job is asked for again later."]


def test_no_other_command_than_squeue_is_asked() -> None:
    module = ModuleType("plugin")
    ask_squeue_alone(module)
    # The plugin's own question: is it known, and three times as long as it waits at first?
    assert module.get_min_job_age() > 3 * 10_000


@pytest.mark.parametrize("arrays", ["convert, annotate", "", None])
def test_without_arrays_the_plugin_asks_as_it_is_told_to(
    arrays: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "get_min_job_age", int, raising=False)
    executor = Executor()
    submit, look = executor._submit_array_jobs, executor.check_active_jobs
    mend(executor, arrays, print)
    assert (sys.modules[__name__].get_min_job_age is not int) == bool(arrays)  # type: ignore[attr-defined]
    assert (executor._submit_array_jobs != submit) == bool(arrays)
    assert executor.check_active_jobs != look


def test_the_plugin_is_still_one_that_this_changes() -> None:
    assert plugin.Executor.__module__ == plugin.__name__
    assert list(inspect.signature(plugin.Executor._submit_array_jobs).parameters) == [
        "self", "jobs"
    ]  # fmt: skip
    assert inspect.isasyncgenfunction(plugin.Executor.check_active_jobs)
    assert "get_min_job_age()" in inspect.getsource(plugin.Executor.check_active_jobs)
    assert "self.max_array_size" in inspect.getsource(plugin.Executor.run_array_jobs)
