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


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to edit."""
    return Path(shutil.copytree(finished, tmp_path / "checkout", symlinks=True))
