"""Jobs that a real SLURM kills for memory and for time."""

from pathlib import Path

import pytest

from tests.runs import ROOT
from tests.slurm.slurm_runs import Task, tasks, through_slurm

pytestmark = pytest.mark.slow


class Killed:
    """What the run of killed.smk printed, and what SLURM says of its jobs."""

    def __init__(self, folder: Path) -> None:
        (folder / "profiles").symlink_to(ROOT / "profiles")
        snakefile = ROOT / "tests" / "slurm" / "killed.smk"
        # Each attempt at a time limit takes a minute more than the last: one repetition will do.
        self.run = through_slurm(folder, "--snakefile", str(snakefile), "--retries", "1")
        self.tasks = tasks(self.run.stdout)

    def of(self, rule: str) -> list[Task]:
        found = [task for task in self.tasks if task.rule == rule]
        return sorted(found, key=lambda task: float(task.number.replace("_", ".")))

    def told(self, job: str) -> str:
        lines = [line for line in self.run.stdout.splitlines() if line.startswith(f"{job}:")]
        assert len(lines) == 1, self.run.stdout[-6000:]
        return lines[0]


@pytest.fixture(scope="module")
def killed(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    return Killed(tmp_path_factory.mktemp("killed"))


def test_each_is_tried_again_with_more(killed: Killed) -> None:
    asked = [task.asked for task in killed.of("convert")]
    assert ["mem=400M" in text for text in asked] == [True, True, False, False]
    assert ["mem=800M" in text for text in asked] == [False, False, True, True]
    assert [task.time_limit for task in killed.of("prepare")] == ["00:01:00", "00:02:00"]
    assert {task.state for task in killed.of("prepare")} == {"TIMEOUT"}


def test_what_was_enough_the_second_time_goes_on(killed: Killed) -> None:
    assert "convert, case small" not in killed.run.stdout
    assert killed.of("convert")[0].in_array


def test_memory_ends_in_a_sentence_with_rule_case_limit_and_remedy(killed: Killed) -> None:
    told = killed.told("convert, case large")
    assert (
        "SLURM killed the job for memory in the last of 2 attempts, with a limit of 800 MB" in told
    )
    assert "under set-resources: `convert: {mem_mb: 1600}`" in told


def test_time_ends_in_a_sentence_with_rule_case_limit_and_remedy(killed: Killed) -> None:
    told = killed.told("prepare, case long")
    assert (
        "SLURM killed the job for time in the last of 2 attempts, with a limit of 2 minutes."
        in told
    )
    assert "under set-resources: `prepare: {runtime: 4}`" in told


def test_the_run_fails(killed: Killed) -> None:
    assert killed.run.returncode == 1
