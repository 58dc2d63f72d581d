"""The tasks of an array end one by one on a real SLURM: each for itself."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs import ROOT, jobs_in
from tests.slurm.slurm_runs import start, tasks, through_slurm, wait_until
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


@pytest.fixture
def controller(cluster: None) -> Iterator[str]:
    """SLURM's controller, which a test may end: it works again when the test is over."""
    path = shutil.which("slurmctld", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path
    yield path
    ping = subprocess.run(["scontrol", "ping"], capture_output=True, text=True, check=False)
    if "UP" not in ping.stdout:
        subprocess.run([path], check=True)
    subprocess.run(["scancel", "--user", "root"], check=False)


def test_no_task_is_lost_or_taken_for_another_while_the_controller_is_away(
    controller: str, tmp_path: Path
) -> None:
    """One of two is done, and is the one that `sacct` knows the array's number of."""
    (tmp_path / "profiles").symlink_to(ROOT / "profiles")
    held, said, made = tmp_path / "hold.1", tmp_path / "said", tmp_path / "made" / "second"
    held.touch()
    run = start(tmp_path, said, "--retries", "0", *LONG, "--config", "cases=2")
    try:
        wait_until(lambda: made.exists() and list(made.iterdir()))
        subprocess.run(["scontrol", "shutdown", "slurmctld"], check=True)
        wait_until(lambda: "SLURM does not answer" in said.read_text() or run.poll() is not None)
        subprocess.run([controller], check=True)
        held.unlink()
        wait_until(lambda: run.poll() is not None)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
    assert run.returncode == 0, said.read_text()[-3000:]
    assert said.read_text().count("Finished jobid") == 5
    assert sorted(path.name for path in made.iterdir()) == ["c00", "c01"]
