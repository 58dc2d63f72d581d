"""Finished runs, made once and shared by all tests."""

import shutil
from pathlib import Path

import pytest

from tests.runs import checkout, finish

SMALL = ("--configfile", "tests/small.yaml")
TABLES = ("--config", "cases=study/cases.tsv", "annotations=study/annotations.tsv")


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the smallest study has run on the embedded cohort."""
    folder = checkout(tmp_path_factory.mktemp("demo") / "checkout")
    finish(folder, *SMALL)
    return folder


@pytest.fixture(scope="session")
def finished(demo_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the smallest study has run on a copy of that cohort, from outside."""
    folder = checkout(tmp_path_factory.mktemp("outside") / "checkout")
    shutil.copytree(demo_run / "results" / "demo", folder / "study")
    finish(folder, *SMALL, *TABLES)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to edit."""
    return Path(shutil.copytree(finished, tmp_path / "checkout", symlinks=True))
