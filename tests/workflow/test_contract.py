"""The rerun contract, each edit made for real: the jobs that ran, compared both ways."""

import os
import shutil
from pathlib import Path

import pytest

from tests.runs import Job, checkout, due, finish, jobs_in, snakemake
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


def test_another_user_with_another_umask(shards_run: Path) -> None:
    """The first made all with umask 022; what the second makes, the first can go on with."""
    before = os.umask(0o077)
    try:
        assert_contract(shards_run, new_bytes_of_an_annotation)
    finally:
        os.umask(before)
    assert executed(shards_run) == set()


def test_without_our_profile_only_more_may_run(shards_run: Path) -> None:
    case = edit_a_mask(shards_run)
    expected = of_annotation(Finished(shards_run, SHARDED[1]), case)
    assert due(shards_run, *SHARDED, *TABLES, "--workflow-profile", "none") >= expected
