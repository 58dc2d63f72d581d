"""The embedded study, all of its 32 cases, through profiles/slurm, as a newcomer tries it."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from tests.page_numbers import assert_page_says_the_tables
from tests.runs import Job, checkout, due, finish, jobs_in
from tests.slurm.slurm_runs import Task, tasks, through_slurm

pytestmark = pytest.mark.slow

# The demo's own config asks for no GPU, so that its numbers are the same on every machine.
ON_A_GPU = ("--config", "device=auto")
NETWORKS = {
    "train", "threshold", "predict", "saliency", "saliency_cam", "trust", "trust_findings",
}  # fmt: skip
# Neither makes another one due.
MADE_AGAIN = (
    "results/train/subset_densenet/seed0/fold1/weights.ckpt",
    "results/convert/B01.nii.gz",
)


class Demo:
    """The demo's run, and what SLURM says of its jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = checkout(folder)
        self.planned = due(self.folder, *ON_A_GPU)
        self.run = through_slurm(self.folder, "--quiet", "host", *ON_A_GPU)
        assert self.run.returncode == 0, self.run.stdout[-6000:]
        self.tasks: list[Task] = tasks(self.run.stdout)

    def done(self) -> set[Job]:
        return jobs_in(self.run.stdout) - {("all", "")}


@pytest.fixture(scope="module")
def demo(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo") / "checkout")


def test_all_that_was_planned_is_done_once(demo: Demo) -> None:
    assert "Using workflow specific profile profiles/slurm" in demo.run.stdout
    assert demo.done() == demo.planned
    handed_over = Counter(rule for rule, _ in demo.planned if not rule.startswith("gather_"))
    assert handed_over["convert"] == 32
    assert Counter(task.rule for task in demo.tasks) == handed_over
    assert {task.state for task in demo.tasks} == {"COMPLETED"}


def test_networks_ask_for_a_gpu_and_nothing_else_does(demo: Demo) -> None:
    assert {task.rule for task in demo.tasks if task.gpu} == NETWORKS
    assert all(task.gpu for task in demo.tasks if task.rule in NETWORKS)


def test_the_cases_go_in_arrays_of_at_most_25(demo: Demo) -> None:
    arrays = Counter(
        task.number.split("_")[0] for task in demo.tasks if task.rule == "convert" and task.in_array
    )
    assert sorted(arrays.values()) == [7, 25]


def test_the_page_says_what_the_tables_say(demo: Demo) -> None:
    methods = ["gradcam", "hirescam", "integrated_gradients"]
    assert assert_page_says_the_tables(demo.folder / "results", methods) > 1000


def test_a_workstation_finds_nothing_to_do_and_makes_the_same_bytes(demo: Demo) -> None:
    """The last test: it deletes outputs."""
    assert due(demo.folder, *ON_A_GPU) == set()
    before = {path: _digest(demo.folder / path) for path in MADE_AGAIN}
    for path in MADE_AGAIN:
        (demo.folder / path).unlink()
    finish(demo.folder, *MADE_AGAIN, *ON_A_GPU)
    assert {path: _digest(demo.folder / path) for path in MADE_AGAIN} == before


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
