"""`kill -9` of a whole run, as a power loss ends it; and a second run beside the first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs import checkout, due, finish, jobs_in, snakemake
from tests.workflow.conftest import SMALL, TABLES

CASES = ("A01", "A02", "A03")
CONVERT = (*(f"results/convert/{case}.nii.gz" for case in CASES), *SMALL, *TABLES)
# In every Python of the run: the job of A02 falls asleep when half of its volume is on disk.
SLEEPER = """
import os, time
def fsync(handle, real=os.fsync):
    path = os.readlink(f"/proc/self/fd/{handle}")
    if "/.A02.nii.gz." in path:
        os.truncate(path, os.path.getsize(path) // 2)
        open("asleep", "w").close()
        time.sleep(3600)
    real(handle)
os.fsync = fsync
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = checkout(tmp_path / "checkout")
    finish(folder, "results/demo/cases.tsv", *SMALL)
    (folder / "results" / "demo").rename(folder / "study")
    return folder


@pytest.fixture
def running(folder: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run of which all jobs but one are done, and that one is writing its output."""
    (tmp_path / "sleeper").mkdir()
    (tmp_path / "sleeper" / "sitecustomize.py").write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *CONVERT],
        cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "sleeper")},
    )  # fmt: skip
    others = [folder / f"results/.made/convert/{case}.tsv" for case in CASES if case != "A02"]
    while not all(path.exists() for path in [folder / "asleep", *others]):
        assert process.poll() is None
        time.sleep(0.2)
    # Until Snakemake has heard of the last of them.
    time.sleep(3)
    yield process
    kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_second_run_says_so_and_after_a_kill_only_what_was_unfinished_is_redone(
    folder: Path, running: subprocess.Popen[bytes]
) -> None:
    beside = snakemake(folder, *CONVERT)
    assert beside.returncode != 0
    assert "Directory cannot be locked" in beside.stdout
    assert running.poll() is None
    kill(running)
    converted = folder / "results" / "convert"
    assert not (converted / "A02.nii.gz").exists()
    whole = {path: path.stat().st_mtime_ns for path in converted.glob("A0[13].*")}
    assert len(whole) == 4
    after = snakemake(folder, *CONVERT)
    assert after.returncode != 0
    assert "can be removed with the --unlock argument" in after.stdout
    finish(folder, "--unlock", *CONVERT)
    assert jobs_in(finish(folder, *CONVERT)) == {("convert", "case=A02")}
    assert due(folder, *CONVERT) == set()
    assert whole.items() <= {p: p.stat().st_mtime_ns for p in converted.iterdir()}.items()
