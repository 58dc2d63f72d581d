"""The rerun contract, each edit made for real: the jobs that ran, compared both ways."""

import os
import shutil
from pathlib import Path

import pytest
from rightreason import made

from tests.runs import Job, bytes_of, checkout, due, finish, jobs_in, rules_of, snakemake
from tests.workflow.conftest import SHARDED, TABLES
from tests.workflow.contract import (
    ROWS,
    ROWS_WITH_TRAINING,
    Edit,
    Finished,
    edit_a_mask,
    new_bytes_of_an_annotation,
    of_annotation,
)

NO_PROFILE = ("--workflow-profile", "none")


def executed(folder: Path, *more: str) -> set[Job]:
    """Run for real, and return the jobs that Snakemake says it ran."""
    return jobs_in(finish(folder, *SHARDED, *TABLES, *more)) - {("all", "")}


def assert_contract(folder: Path, edit: Edit) -> None:
    expected = edit(Finished(folder, SHARDED[1]))
    assert executed(folder) == expected
    assert due(folder, *SHARDED, *TABLES) == set()


@pytest.mark.parametrize("edit", ROWS, ids=lambda edit: edit.__name__)
def test_row(shards_run: Path, edit: Edit) -> None:
    assert_contract(shards_run, edit)


@pytest.mark.slow
@pytest.mark.parametrize("edit", ROWS_WITH_TRAINING, ids=lambda edit: edit.__name__)
def test_row_with_training(shards_run: Path, edit: Edit) -> None:
    assert_contract(shards_run, edit)


def test_a_fresh_clone_over_finished_results(shards_run: Path, tmp_path: Path) -> None:
    clone = checkout(tmp_path / "clone")
    for name in ("results", ".snakemake", "study"):
        shutil.rmtree(clone / name, ignore_errors=True)
        shutil.copytree(shards_run / name, clone / name, symlinks=True)
    assert executed(clone) == set()


def test_results_without_the_record_of_what_they_were_made_from(shards_run: Path) -> None:
    """Snakemake alone would find nothing to do."""
    shutil.rmtree(shards_run / ".snakemake")
    result = snakemake(shards_run, *SHARDED, *TABLES)
    assert result.returncode != 0
    assert "would take it for up to date whatever has changed since: results/" in result.stdout
    assert "Nothing to be done" not in result.stdout
    finish(shards_run, "--touch", "--forceall", *SHARDED, *TABLES)
    assert_contract(shards_run, new_bytes_of_an_annotation)


def test_a_study_that_was_moved(shards_run: Path, tmp_path: Path) -> None:
    moved = shards_run.rename(tmp_path / "another place")
    assert executed(moved) == set()
    assert_contract(moved, new_bytes_of_an_annotation)


def test_another_number_of_cores(shards_run: Path) -> None:
    assert executed(shards_run, "--cores", "1") == set()
    case = edit_a_mask(shards_run)
    expected = of_annotation(Finished(shards_run, SHARDED[1]), case)
    assert executed(shards_run, "--cores", "3") == expected


def test_one_core_makes_the_bytes_that_two_made(shards_run: Path) -> None:
    """A network, its maps and the measures of a case, made anew where they lie."""
    # Made of what has the same bytes as before, but that folders count by their times.
    again = {
        "results/train/small/seed0/fold0/weights.ckpt": {"train"},
        "results/saliency/small/integrated_gradients/shard0": {"saliency"},
        "results/overlap/A01.tsv": {"gather_saliency", "overlap"},
    }
    before = bytes_of(shards_run / "results")
    for output, rules in again.items():
        said = finish(shards_run, output, *SHARDED, *TABLES, "--force", "--cores", "1")
        assert rules_of(jobs_in(said)) == rules
    assert bytes_of(shards_run / "results") == before


def test_another_umask(shards_run: Path) -> None:
    """Of the same user; others are in `test_other_users.py`."""
    before = os.umask(0o077)
    try:
        assert_contract(shards_run, new_bytes_of_an_annotation)
    finally:
        os.umask(before)
    assert executed(shards_run) == set()


@pytest.mark.parametrize("edit", [*ROWS, *ROWS_WITH_TRAINING], ids=lambda edit: edit.__name__)
def test_row_planned_without_our_profile(shards_run: Path, edit: Edit) -> None:
    """Only more may run, never less."""
    expected = edit(Finished(shards_run, SHARDED[1]))
    assert due(shards_run, *SHARDED, *TABLES, *NO_PROFILE) >= expected


def test_row_without_our_profile(shards_run: Path) -> None:
    """What it makes is whole, and with the profile again nothing is due."""
    expected = new_bytes_of_an_annotation(Finished(shards_run, SHARDED[1]))
    assert executed(shards_run, *NO_PROFILE) >= expected
    assert made.verify(shards_run / "results")[1] == []
    assert due(shards_run, *SHARDED, *TABLES) == set()
