"""What a Snakemake that was killed leaves in the queue of a real SLURM, and what is done again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs import ROOT, Job, jobs_in
from tests.slurm.slurm_runs import start, through_slurm, wait_until
from tests.workflow.contract import of_cases

pytestmark = pytest.mark.slow

LONG = ("--snakefile", str(ROOT / "tests/slurm/long.smk"), "--config", "cases=2")
CASES = ["c00", "c01"]
SHOWN = ("--quiet", "host", *LONG)


@pytest.fixture(autouse=True)
def nothing_left(cluster: None) -> Iterator[None]:
    """What a test leaves in the queue would outlive the cluster."""
    yield
    subprocess.run(["scancel", "--user", "root"], check=False)


def queued() -> set[str]:
    words = ["squeue", "--me", "--noheader", "--format", "%F"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())


def killed_at_the_second_array(folder: Path) -> str:
    """Kill a run that knows the first array to be done; return the number of the second."""
    (folder / "profiles").symlink_to(ROOT / "profiles")
    (folder / "hold").touch()
    said = folder / "said"
    run = start(folder, said, *SHOWN)
    try:
        wait_until(lambda: said.read_text().count("Submitted array job") == 2 and queued())
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    (number,) = queued()
    unlock = [sys.executable, "-m", "snakemake", *LONG, "--unlock"]
    subprocess.run(unlock, cwd=folder, check=True, capture_output=True)
    return number


def done(folder: Path) -> set[Job]:
    """Run to the end; return the jobs that it took."""
    run = through_slurm(folder, *SHOWN)
    assert run.returncode == 0, run.stdout[-3000:]
    assert sorted(path.name for path in (folder / "made" / "second").iterdir()) == CASES
    return jobs_in(run.stdout) - {("all", "")}


def test_the_next_run_is_refused_until_they_are_gone_and_does_only_the_unfinished(
    tmp_path: Path,
) -> None:
    number = killed_at_the_second_array(tmp_path)
    second = through_slurm(tmp_path, *LONG)
    assert second.returncode == 1
    assert f"or cancel them: scancel {number}" in second.stdout
    assert "Submitted" not in second.stdout
    # `through_slurm` has cancelled them.
    wait_until(lambda: not queued())
    (tmp_path / "hold").unlink()
    assert done(tmp_path) == of_cases("prepare", CASES)


def test_what_ended_well_after_the_kill_is_not_done_again(tmp_path: Path) -> None:
    """Each job itself records that its outputs are whole; Snakemake need not have seen it end."""
    killed_at_the_second_array(tmp_path)
    (tmp_path / "hold").unlink()
    wait_until(lambda: not queued())
    assert done(tmp_path) == set()
