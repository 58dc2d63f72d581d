"""Finished runs, made once and shared by all tests."""

import shutil
from pathlib import Path

import pytest

from tests.runs import checkout, finish

SMALL = ("--configfile", "tests/small.yaml")
TABLES = ("--config", "cases=study/cases.tsv", "annotations=study/annotations.tsv")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the smallest study has run on a copy of the embedded cohort.

    The copy is a study from outside, as a user's is: its files are known by content.
    """
    folder = checkout(tmp_path_factory.mktemp("finished") / "checkout")
    finish(folder, "results/demo/cases.tsv", *SMALL)
    (folder / "results" / "demo").rename(folder / "study")
    finish(folder, *SMALL, *TABLES)
    return folder


SHARDED = ("--configfile", "tests/slurm/study.yaml")


@pytest.fixture(scope="session")
def finished_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a study of one model in two shards, in which an edit costs less to follow up."""
    folder = checkout(tmp_path_factory.mktemp("shards") / "checkout")
    finish(folder, "results/demo/cases.tsv", *SHARDED)
    (folder / "results" / "demo").rename(folder / "study")
    finish(folder, *SHARDED, *TABLES)
    return folder


@pytest.fixture
def shards_run(finished_shards: Path, tmp_path: Path) -> Path:
    """A copy of that finished run, to edit."""
    return Path(shutil.copytree(finished_shards, tmp_path / "checkout", symlinks=True))


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to edit."""
    return Path(shutil.copytree(finished, tmp_path / "checkout", symlinks=True))
