"""How tests read the jobs of a run: a job that is done twice is no set."""

from __future__ import annotations

import pytest

from tests.runs import jobs_in


def told(rule: str, case: str, number: int) -> str:
    """Say that a job begins, as Snakemake does."""
    return (
        f"[Mon Jan  5 10:00:00 2026]\nrule {rule}:\n    output: {case}.txt\n    jobid: {number}\n"
        f"    reason: Missing output files: {case}.txt\n    wildcards: case={case}\n"
    )


def test_each_job_is_read_once() -> None:
    output = told("convert", "a", 1) + told("convert", "b", 2) + told("prepare", "a", 3)
    assert jobs_in(output) == {
        ("convert", "case=a"), ("convert", "case=b"), ("prepare", "case=a"),
    }  # fmt: skip


@pytest.mark.parametrize("number", [1, 4])
def test_a_job_that_is_done_twice_fails(number: int) -> None:
    output = told("convert", "a", 1) + told("convert", "b", 2) + told("convert", "a", number)
    with pytest.raises(AssertionError, match=r"'convert', 'case=a'.* was done twice"):
        jobs_in(output)


def test_a_job_that_is_tried_again_may_stand_there_twice() -> None:
    output = told("convert", "a", 1) + "Trying to restart job 1.\n" + told("convert", "a", 1)
    assert jobs_in(output) == {("convert", "case=a")}
    with pytest.raises(AssertionError, match=r"'convert', 'case=b'.* was done twice"):
        jobs_in(output + 2 * told("convert", "b", 2))
