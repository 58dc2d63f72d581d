"""`kill -9` of a whole run, as a power loss ends it, or of Snakemake alone; and a second run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.runs import checkout, due, finish, jobs_in, snakemake
from tests.workflow.conftest import SMALL, TABLES

CASES = ("A01", "A02", "A03")
CONVERT = (*(f"results/convert/{case}.nii.gz" for case in CASES), *SMALL, *TABLES)
ANNOTATE = "results/annotate/A01"
# In every Python of the run: a job falls asleep when half of a file of these names is on disk.
SLEEPER = """
import os, time
def fsync(handle, real=os.fsync):
    path = os.readlink(f"/proc/self/fd/{{handle}}")
    name = os.path.basename(path)
    if name.startswith({names!r}):
        os.truncate(path, os.path.getsize(path) // 2)
        open("asleep" + name[:4], "w").close()
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


@contextmanager
def asleep(
    folder: Path, names: tuple[str, ...], targets: tuple[str, ...], whole: list[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run until jobs sleep amid files of these names, and the others' outputs are recorded."""
    sleeper = folder.parent / "sleeper"
    sleeper.mkdir()
    (sleeper / "sitecustomize.py").write_text(SLEEPER.format(names=names))
    process = subprocess.Popen(
        # A core for each job that sleeps, and one for the others.
        [sys.executable, "-m", "snakemake", "--cores", str(len(names) + 1), *targets],
        cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(sleeper)},
    )  # fmt: skip
    try:
        waited = [folder / f"asleep{name[:4]}" for name in names]
        waited += [folder / f"results/.made/{name}.tsv" for name in whole]
        deadline = time.monotonic() + 300
        while not all(path.exists() for path in waited):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        # Until Snakemake has heard of the last of them.
        time.sleep(3)
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a run and all its jobs, those that have outlived it, too."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def running(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run of which all jobs but one are done, and that one is writing its output."""
    whole = [f"convert/{case}" for case in CASES if case != "A02"]
    with asleep(folder, (".A02.nii.gz.",), CONVERT, whole) as process:
        yield process


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


def contents(*folders: Path) -> dict[Path, tuple[int, bytes]]:
    """What lies in folders, hidden files too: times and bytes."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_outlives_a_kill_of_snakemake_alone_is_left_alone_until_it_is_gone(
    folder: Path,
) -> None:
    targets = (ANNOTATE, *CONVERT)
    with asleep(folder, (".A02.", ".vot"), targets, ["convert/A01", "convert/A03"]) as process:
        process.kill()
        process.wait()
        finish(folder, "--unlock", *targets)
        before = contents(folder / "results", folder / "logs")
        half = [path for path in before if path.name.startswith((".A02.nii.gz.", ".votes.nii.gz."))]
        assert len(half) == 2
        refused = snakemake(folder, *targets)
        assert refused.returncode != 0
        assert "2 jobs of an earlier run still work here" in refused.stdout
        told = re.findall(r"logs/(\S+)\.log \(process (\d+) on host", refused.stdout)
        assert sorted(job for job, _ in told) == ["annotate/A01", "convert/A02"]
        assert "Traceback" not in refused.stdout
        assert contents(folder / "results", folder / "logs") == before
        # Where nothing looks before the first job, the job itself does.
        beside = snakemake(folder, "--no-hooks", CONVERT[1], *SMALL, *TABLES)
        assert beside.returncode != 0
        assert "rightreason: A job of an earlier run still works here" in beside.stdout
        assert contents(folder / "results") == {
            path: had for path, had in before.items() if path.is_relative_to(folder / "results")
        }
        remedy = re.search(r"end them with `kill (\d+) (\d+)`; then start again", refused.stdout)
        assert remedy
        assert set(remedy.groups()) == {number for _, number in told}
        for number in remedy.groups():
            os.kill(int(number), signal.SIGTERM)
        while any(Path("/proc", number, "exe").exists() for number in remedy.groups()):
            time.sleep(0.1)
    again = jobs_in(finish(folder, *targets))
    assert again == {("convert", "case=A02"), ("annotate", "case=A01")}
    assert due(folder, *targets) == set()
    whole = {path: had for path, had in before.items() if path.match("results/convert/A0[13].*")}
    assert len(whole) == 4
    assert whole.items() <= contents(folder / "results").items()
    assert not any((folder / ".snakemake/rightreason/running").iterdir())
