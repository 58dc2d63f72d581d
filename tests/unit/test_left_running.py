"""Locks of jobs that outlive their run."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rightreason import left_running
from rightreason.digest import SCRIPTS
from rightreason.errors import InputError
from rightreason.left_running import RUNNING, Holder, alone, check, check_undisturbed

START = "import sys; sys.path.insert(0, {!r}); from rightreason.left_running import *\n"
HOLD = """
import subprocess
with alone({job!r}):
    child = subprocess.Popen(["sleep", "60"]) if {child} else None
    print(child.pid if child else 0, flush=True)
    sys.stdin.read()
"""
# Two at once would find each other's file.
TURNS = """
import os
from rightreason.errors import InputError
done = 0
while done < 100:
    try:
        with alone("logs/x.log"):
            os.close(os.open("inside", os.O_CREAT | os.O_EXCL))
            os.unlink("inside")
            done += 1
    except InputError:
        pass
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def start(body: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START.format(str(SCRIPTS)) + body],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def holding() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """What starts a process that holds the lock of a job; its first line is its child's id."""
    started: list[subprocess.Popen[str]] = []

    def hold(job: str, child: bool = False) -> subprocess.Popen[str]:
        started.append(start(HOLD.format(job=job, child=child)))
        return started[-1]

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def entered(job: str) -> bool:
    try:
        with alone(job):
            return True
    except InputError:
        return False


def test_held_until_its_process_is_killed_whatever_becomes_of_its_children(
    holding: Callable[..., subprocess.Popen[str]],
) -> None:
    process = holding("logs/x.log", child=True)
    child = int(process.stdout.readline())
    assert not entered("logs/x.log")
    assert entered("logs/y.log")
    process.kill()
    process.wait()
    os.kill(child, 0)
    assert entered("logs/x.log")
    assert not any(RUNNING.iterdir())
    os.kill(child, 9)


def test_a_run_is_refused_beside_all_that_is_left_and_tidies_up_after_what_was_killed(
    holding: Callable[..., subprocess.Popen[str]],
) -> None:
    check()
    jobs = [holding(f"logs/annotate/{case}.log") for case in "ab"]
    for job in jobs:
        job.stdout.readline()
    assert not entered("logs/annotate/a.log")
    here = platform.node()
    with pytest.raises(InputError) as refused:
        check()
    said = str(refused.value)
    assert said.startswith(
        "2 jobs of an earlier run still work here, though the Snakemake that started them was "
        "ended: logs/annotate/"
    )
    for case, job in zip("ab", jobs, strict=True):
        assert f"logs/annotate/{case}.log (process {job.pid} on host {here})" in said
    numbers = {f"{a.pid} {b.pid}" for a, b in (jobs, jobs[::-1])}
    assert any(f"or end them with `kill {each}`; then start again." in said for each in numbers)
    assert "remove" not in said
    jobs[0].kill()
    jobs[0].wait()
    with pytest.raises(InputError, match=f"A job .* it with `kill {jobs[1].pid}`"):
        check()
    jobs[1].kill()
    jobs[1].wait()
    check()
    assert not any(RUNNING.iterdir())


@pytest.mark.parametrize("where", ["lockf", "open"])
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_locks_jobs_go_on(monkeypatch: pytest.MonkeyPatch, where: str, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(left_running.fcntl if where == "lockf" else left_running.os, where, refuse)
    with alone("logs/x.log"), alone("logs/x.log"):
        check_undisturbed("logs/x.log")
        check()
    monkeypatch.undo()
    assert not any((RUNNING.parent / "running").glob("*"))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EAGAIN])
def test_both_words_for_held_are_known(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(left_running.fcntl, "lockf", refuse)
    # Nobody has written yet who it is.
    with pytest.raises(InputError, match=r"a job \(process \? on host \?\)"), alone("logs/x.log"):
        pass


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail() -> None:
    RUNNING.parent.parent.mkdir()
    RUNNING.parent.write_text("a file where the folder should be")
    worked = []
    with alone("logs/x.log"):
        worked.append("here")
        check_undisturbed("logs/x.log")
    check()
    assert worked == ["here"]
    assert RUNNING.parent.read_text() == "a file where the folder should be"


def test_never_two_at_once_though_each_deletes_the_file() -> None:
    processes = [start(TURNS) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert not [path for path in RUNNING.iterdir() if not path.suffix]


def test_only_who_was_disturbed_hears_of_it() -> None:
    """A mark that was left for a holder which was killed is none for the next one."""
    with alone("logs/x.log"):
        (path,) = RUNNING.iterdir()
        check_undisturbed("logs/x.log")
        mark = path.with_suffix(".refused")
        mark.write_text("1 elsewhere")
        check_undisturbed("logs/x.log")
        for own in ("", f"{os.getpid()} {platform.node()}"):
            mark.write_text(own)
            with pytest.raises(InputError, match="is not taken for whole: start again"):
                check_undisturbed("logs/x.log")
    assert not any(RUNNING.iterdir())


def test_of_another_machine_it_is_said_where_and_what_if_it_has_died() -> None:
    here = platform.node()
    holders = [
        Holder("1", "node7", "logs/a.log", RUNNING / "a"),
        Holder("2", here, "logs/b.log", RUNNING / "b"),
        Holder("3", "node7", "logs/c.log", RUNNING / "c"),
    ]
    said = left_running._sentence(holders)
    assert "`kill 1 3` on node7" in said
    assert "`kill 2`" in said
    assert f"`kill 2` on {here}" not in said
    assert said.endswith(
        f"Where there is no such process any more, remove {RUNNING / 'a'}, {RUNNING / 'c'}."
    )
