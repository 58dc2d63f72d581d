"""The tasks of an array end one by one on a real SLURM: each for itself."""

from pathlib import Path

import pytest

from tests.runs import ROOT, jobs_in
from tests.slurm.slurm_runs import tasks, through_slurm
from tests.workflow.contract import of_cases

pytestmark = pytest.mark.slow

LONG = ("--quiet", "host", "--snakefile", str(ROOT / "tests/slurm/long.smk"))


@pytest.mark.parametrize("last", [1, 4], ids=["the first", "the last"])
def test_one_that_fails_takes_no_other_with_it(cluster: None, tmp_path: Path, last: int) -> None:
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    options = ("--config", "cases=4", f"fails={last}")
    first = through_slurm(tmp_path, "--retries", "0", *LONG, *options)
    assert first.returncode == 1
    states = sorted(task.state for task in tasks(first.stdout))
    assert states == ["COMPLETED", "COMPLETED", "COMPLETED", "FAILED"]
    assert first.stdout.count("Finished jobid") == 3
    made = {path.name for path in (tmp_path / "made" / "first").iterdir()}
    assert len(made) == 3
    (failed,) = {f"c{number:02}" for number in range(4)} - made
    assert f"convert, case {failed}: It left no log of its own; SLURM's ends: " in first.stdout
    assert first.stdout.count("convert, case") == 1
    due = through_slurm(tmp_path, "--dry-run", *LONG, *options)
    assert jobs_in(due.stdout) - {("all", "")} == of_cases("convert", [failed]) | of_cases(
        "prepare", ["c00", "c01", "c02", "c03"]
    )
