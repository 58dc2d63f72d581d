"""A whole study through profiles/slurm, on a real SLURM, and the rerun contract there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from rightreason import made

from tests.runs import Job, bytes_of, checkout, due, finish, jobs_in
from tests.slurm.slurm_runs import Task, tasks, through_slurm
from tests.workflow.contract import (
    ROWS,
    ROWS_WITH_TRAINING,
    Edit,
    Finished,
    cases_of,
    change_config,
    edit_a_mask,
    new_bytes_of_an_annotation,
    of_annotation,
    of_cases,
)

pytestmark = pytest.mark.slow

SMALL = ("--configfile", "tests/slurm/study.yaml")
TABLES = ("--config", "cases=study/cases.tsv", "annotations=study/annotations.tsv")
# Shows each job, which the profile's `quiet` does not; see tests/runs.py.
SHOWN = ("--quiet", "host", *SMALL, *TABLES)
# Ready together; jobs of the others go alone where the tasks that they wait for end one by one.
IN_ARRAYS = {"convert", "overlap", "make_view"}
PER_CASE = {*IN_ARRAYS, "annotate", "prepare"}
ON_A_GPU = {
    "train", "threshold", "predict", "saliency", "saliency_cam", "trust", "trust_findings",
}  # fmt: skip
HERE = {"gather_prepared", "gather_predictions", "gather_saliency"}


class Study:
    """A study in a checkout, whose first run went through SLURM."""

    def __init__(self, folder: Path) -> None:
        self.folder = checkout(folder)
        finish(folder, "results/demo/cases.tsv", *SMALL)
        (folder / "results" / "demo").rename(folder / "study")
        self.planned = due(folder, *SMALL, *TABLES)
        self.first = self.run()
        self.tasks = tasks(self.first.stdout)

    def run(self, *more: str) -> subprocess.CompletedProcess[str]:
        result = through_slurm(self.folder, *SHOWN, *more)
        assert result.returncode == 0, result.stdout[-6000:]
        return result

    def done(self, *more: str) -> set[Job]:
        return jobs_in(self.run(*more).stdout) - {("all", "")}

    def of(self, rules: set[str]) -> list[Task]:
        return [task for task in self.tasks if task.rule in rules]


@pytest.fixture(scope="module")
def study(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(tmp_path_factory.mktemp("slurm") / "checkout")


def test_every_job_is_done_and_the_report_is_there(study: Study) -> None:
    assert jobs_in(study.first.stdout) - {("all", "")} == study.planned
    assert (study.folder / "results/report/index.html").stat().st_size > 100_000
    assert {task.state for task in study.tasks} == {"COMPLETED"}


def test_each_job_but_the_local_ones_is_one_of_slurm(study: Study) -> None:
    submitted = [rule for rule, _ in study.planned if rule not in HERE]
    assert sorted(task.rule for task in study.tasks) == sorted(submitted)
    assert {rule for rule, _ in study.planned} >= HERE


def test_the_profile_is_loaded(study: Study) -> None:
    assert "Using workflow specific profile profiles/slurm" in study.first.stdout
    assert {task.account for task in study.tasks} == {"lab"}
    assert {task.partition for task in study.of(ON_A_GPU)} == {"gpu"}
    assert {task.partition for task in study.tasks if task.rule not in ON_A_GPU} == {"cpu"}


def test_jobs_per_case_go_in_arrays_and_no_others(study: Study) -> None:
    assert IN_ARRAYS <= {task.rule for task in study.tasks if task.in_array} <= PER_CASE
    assert all(task.in_array for task in study.of(IN_ARRAYS))
    arrays = {task.number.split("_")[0] for task in study.of({"convert"})}
    assert len(arrays) == 1
    assert len(study.of({"convert"})) == 8


def test_networks_ask_for_a_gpu_and_nothing_else_does(study: Study) -> None:
    assert {task.rule for task in study.tasks if task.gpu} == ON_A_GPU
    assert all(task.gpu for task in study.of(ON_A_GPU))
    assert all("gres/gpu=1" in task.asked for task in study.of(ON_A_GPU))


def test_memory_and_time_are_those_of_the_rules(study: Study) -> None:
    assert {("mem=2000M" in t.asked, t.time_limit) for t in study.of({"convert"})} == {
        (True, "00:10:00")
    }
    assert {("mem=8000M" in t.asked, t.time_limit) for t in study.of({"train"})} == {
        (True, "10:00:00")
    }


@pytest.mark.parametrize("edit", [*ROWS, *ROWS_WITH_TRAINING], ids=lambda edit: edit.__name__)
def test_row_of_the_contract(study: Study, edit: Edit) -> None:
    """One edit after the other, of one study."""
    assert_contract(study, edit)


def assert_contract(study: Study, edit: Edit) -> None:
    expected = edit(Finished(study.folder, SMALL[1]))
    assert study.done() == expected


def test_a_study_that_was_moved(study: Study) -> None:
    study.folder = study.folder.rename(study.folder.with_name("another place"))
    assert study.done() == set()
    assert_contract(study, new_bytes_of_an_annotation)


def test_a_fresh_clone_over_finished_results(study: Study, tmp_path: Path) -> None:
    # Of the study as the rows above have left it.
    clone = checkout(tmp_path / "clone", study.folder)
    shutil.rmtree(clone / "study")
    for name in ("results", ".snakemake", "study"):
        shutil.copytree(study.folder / name, clone / name, symlinks=True)
    result = through_slurm(clone, *SHOWN)
    assert result.returncode == 0, result.stdout[-6000:]
    assert jobs_in(result.stdout) - {("all", "")} == set()


def test_another_number_of_cores(study: Study) -> None:
    """More threads for jobs, more cores where Snakemake runs: nothing is due or made otherwise."""
    more = ("--local-cores", "2", "--set-threads", "train=2", "overlap=2")
    assert study.done(*more) == set()
    again = ("results/train/small/seed0/fold0/weights.ckpt", "results/overlap/A01.tsv")
    before = bytes_of(study.folder / "results")
    for output in again:
        (task,) = tasks(study.run(*more, "--force", output).stdout)
        assert task.rule == output.split("/")[1]
        assert "cpu=2," in task.asked
    assert bytes_of(study.folder / "results") == before
    # Their times are new; the bytes speak.
    assert study.done() == set()


def test_another_umask(study: Study) -> None:
    """Of the same user: others are tried on a workstation."""
    before = os.umask(0o077)
    try:
        assert_contract(study, new_bytes_of_an_annotation)
    finally:
        os.umask(before)
    assert study.done() == set()


def test_without_our_profile_only_more_may_run(study: Study) -> None:
    """By Snakemake's own options: all is planned here, and one case's output made through SLURM."""
    case = edit_a_mask(study.folder)
    expected = of_annotation(Finished(study.folder, SMALL[1]), case)
    none = ("--workflow-profile", "none")
    assert due(study.folder, *SMALL, *TABLES, *none) >= expected
    asked = ("--default-resources", "slurm_partition=cpu", "slurm_account=lab", "mem_mb=2000")
    annotated = ("--executor", "slurm", "--jobs", "100", f"results/annotate/{case}")
    run = study.run(*none, *asked, *annotated)
    assert "Using workflow specific profile" not in run.stdout
    assert {(task.partition, task.in_array) for task in tasks(run.stdout)} == {("cpu", False)}
    made_anew = jobs_in(run.stdout)
    assert made_anew >= {("annotate", f"case={case}")}
    assert made.verify(study.folder / "results")[1] == []
    assert study.done() == expected - made_anew


def test_dicom_objects_asked_for_later_go_in_arrays_too(study: Study) -> None:
    """The last test: the rows of the contract are of a study without them."""
    change_config(
        Finished(study.folder, SMALL[1]), lambda config: config.update(report={"dicom": True})
    )
    run = study.run()
    cases = cases_of(study.folder)
    assert jobs_in(run.stdout) - {("all", "")} == of_cases("export", cases) | {("report", "")}
    exported = [task for task in tasks(run.stdout) if task.rule == "export"]
    assert len(exported) == len(cases)
    assert all(task.in_array and not task.gpu for task in exported)
    assert {task.state for task in exported} == {"COMPLETED"}
    made = study.folder / "results" / "export"
    assert sorted(path.name for path in made.iterdir()) == cases
    assert all((made / case / "small.gradcam.pm.dcm").stat().st_size > 1000 for case in cases)
