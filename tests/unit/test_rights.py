"""What another user may not read or write is named before anything is deleted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rightreason import left_running, rights
from rightreason.contents import ContentDigests
from rightreason.errors import InputError
from rightreason.left_running import RUNNING, alone, check_undisturbed
from rightreason.table_files import file_problems
from rightreason.whole import write_whole

from tests.users import GROUP, User

FIRST, SECOND = 65533, 65534


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of the first user's, which his group shares."""
    if os.geteuid() != 0:
        pytest.skip("only root can do something as another user")
    folder = tmp_path / "study"
    folder.mkdir()
    os.chown(folder, FIRST, GROUP)
    folder.chmod(0o2775)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def first(folder: Path) -> User:
    return User(FIRST, folder, 0o002, (GROUP,))


@pytest.fixture
def second(folder: Path) -> User:
    return User(SECOND, folder, 0o002, (GROUP,))


def write(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def refused(user: User, work: Callable[[], None]) -> str:
    """Return the sentence that a user gets; empty where he gets none."""
    heard, said = os.pipe()

    def listen() -> None:
        try:
            work()
        except InputError as error:
            os.write(said, str(error).encode())

    user.does(listen)
    os.close(said)
    with os.fdopen(heard) as file:
        return file.read()


def job(**given: Any) -> Any:
    return SimpleNamespace(**{"output": [], "log": [], "benchmark": None} | given)


def test_state_that_all_may_use_is_no_reason_to_refuse(first: User, second: User) -> None:
    assert refused(second, rights.check_state) == ""
    first.does(lambda: write(".snakemake/metadata/@long/a", ".snakemake/rightreason/running/a"))
    assert refused(second, rights.check_state) == ""
    assert refused(first, rights.check_state) == ""


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        (".snakemake", 0o755, "written"),
        (".snakemake/locks", 0o755, "written"),
        (".snakemake/metadata", 0o700, "read or written"),
        (".snakemake/metadata/@long", 0o700, "read or written"),
        (".snakemake/metadata/a", 0o600, "read or written"),
        (".snakemake/metadata/a", 0o640, "written"),
        (".snakemake/rightreason/running/a", 0o600, "read or written"),
        ("results", 0o700, "read"),
        ("results/annotate/a", 0o2700, "read"),
        ("results/convert/a.nii.gz", 0o600, "read"),
        ("results/.made/convert/a.tsv", 0o600, "read"),
    ],
)
def test_state_that_is_closed_is_named(
    first: User, second: User, name: str, mode: int, words: str
) -> None:
    first.does(
        lambda: write(
            ".snakemake/metadata/a",
            ".snakemake/metadata/@long/a",
            ".snakemake/rightreason/running/a",
            ".snakemake/locks/a",
            "results/annotate/a/votes.nii.gz",
            "results/convert/a.nii.gz",
            "results/convert/.b.nii.gz.0a1b2c3d",
            "results/.made/convert/a.tsv",
        )
    )
    Path("results/convert/.b.nii.gz.0a1b2c3d").chmod(0o600)
    assert refused(second, rights.check_state) == ""
    Path(name).chmod(mode)
    said = refused(second, rights.check_state)
    assert said.startswith(f"In this folder the user {second.name} cannot work:\n")
    (line,) = [line for line in said.splitlines() if line.startswith("  - ")]
    assert line.startswith(f"  - {name} may not be {words} (it belongs to {FIRST}, group {GROUP}, ")
    assert "umask 002" in said
    assert refused(first, rights.check_state) == ""


def test_a_folder_without_state_must_be_his_to_write(folder: Path, second: User) -> None:
    folder.chmod(0o755)
    assert "  - . may not be written (it belongs to" in refused(second, rights.check_state)


@pytest.mark.parametrize(
    ("closed", "mode", "told"),
    [
        ("results/annotate/a", 0o755, "results/annotate/a may not be written"),
        ("results/annotate", 0o755, "results/annotate may not be written"),
        ("results/.made/annotate", 0o755, "results/.made/annotate may not be written"),
        ("logs/annotate", 0o755, "logs/annotate may not be written"),
        ("results/annotate", 0o700, "results/annotate may not be written"),
    ],
)
def test_what_due_jobs_lack_is_named(
    first: User, second: User, closed: str, mode: int, told: str
) -> None:
    first.does(
        lambda: write(
            "results/annotate/a/votes.nii.gz",
            "results/.made/annotate/a.tsv",
            "logs/annotate/a.log",
        )
    )
    due = [job(output=["results/annotate/a", "not/yet"], log=["logs/annotate/a.log"])]
    assert refused(second, lambda: rights.check(due)) == ""
    Path(closed).chmod(mode)
    said = refused(second, lambda: rights.check(due))
    assert [line for line in said.splitlines() if line.startswith(f"  - {told} (it belongs to")]
    assert refused(second, lambda: rights.check([])) == ""


def test_where_nobody_else_writes_nothing_is_looked_through(
    folder: Path, first: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study of one user pays nothing for the sharing of others."""
    first.does(lambda: write(".snakemake/metadata/a", "results/a"))
    Path("results/a").chmod(0)
    assert "results/a may not be read" in refused(first, rights.check_state)
    Path(".snakemake").chmod(0o755)
    monkeypatch.setattr(rights.os, "walk", lambda _: pytest.fail("it was looked through"))
    assert refused(first, rights.check_state) == ""


def test_a_benchmark_of_somebody_else_makes_way(first: User, second: User) -> None:
    first.does(lambda: write("logs/a.benchmark.tsv", "logs/b.benchmark.tsv"))
    Path("logs/a.benchmark.tsv").chmod(0o644)
    due = [job(benchmark=f"logs/{name}.benchmark.tsv") for name in "abc"]
    assert refused(second, lambda: rights.check(due)) == ""
    assert [path.name for path in Path("logs").iterdir()] == ["b.benchmark.tsv"]


def test_more_than_twenty_are_counted_as_more(first: User, second: User) -> None:
    names = [f"results/{number}" for number in range(30)]
    first.does(lambda: write(*names))
    first.does(lambda: write(".snakemake/log/a"))
    for name in names:
        Path(name).chmod(0o600)
    said = refused(second, rights.check_state)
    assert said.count("  - results/") == 20
    assert "  - and more\n" in said


def test_tables_name_what_may_not_be_read(folder: Path, first: User, second: User) -> None:
    first.does(lambda: write("dicom/a/1.dcm", "mask.nii.gz"))

    def ask() -> None:
        row = {"image": "dicom/a", "region": "mask.nii.gz"}
        paths = {column: folder / name for column, name in row.items()}
        found = file_problems(row, paths, "row 1", ["image"], check=True)
        if found:
            raise InputError("\n".join(found))

    # The folders of pytest above it are root's.
    for above in folder.parents:
        if above.stat().st_uid == 0 and not above.stat().st_mode & 1:
            above.chmod(0o711)
    assert refused(second, ask) == ""
    Path("dicom/a").chmod(0o700)
    Path("mask.nii.gz").chmod(0o640)
    assert refused(second, ask) == f"row 1, column image: you may not read {folder}/dicom/a"
    assert refused(first, ask) == ""


def test_a_job_that_is_refused_something_says_whose_it_is(first: User, second: User) -> None:
    first.does(lambda: write("results/a"))
    Path("results/a").chmod(0o600)

    def read() -> None:
        try:
            Path("results/a").read_bytes()
        except PermissionError as error:
            raise InputError(rights.sentence_of(error)) from None

    said = refused(second, read)
    whose = f"it belongs to {FIRST}, group {GROUP}, as -rw-------"
    assert said.startswith(f"results/a was refused to the user {second.name} ({whose}). Whom")


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_what_is_written_whole_has_the_rights_of_any_new_file(
    folder: Path, second: User, umask: int, mode: int
) -> None:
    replace(second, umask=umask).does(lambda: write_whole("a.tsv", b"x"))
    found = (folder / "a.tsv").stat()
    assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (mode, SECOND, GROUP)


def test_a_lock_is_seen_by_the_group_whatever_the_umask(first: User, second: User) -> None:
    first.does(lambda: write(str(RUNNING / "x")))
    secretive = replace(first, umask=0o077)

    def both() -> None:
        with alone("logs/x.log"):
            (path,) = [path for path in RUNNING.iterdir() if path.name != "x"]
            assert path.stat().st_mode & 0o777 == 0o660
            os.write(ready[1], b"1")
            os.read(done[0], 1)

    ready, done = os.pipe(), os.pipe()
    holder = os.fork()
    if holder == 0:
        secretive._become(both)
        os._exit(0)
    os.close(ready[1])
    assert os.read(ready[0], 1) == b"1"
    said = refused(second, left_running.check)
    os.write(done[1], b"1")
    assert os.waitpid(holder, 0)[1] == 0
    assert said.startswith("A job of an earlier run still works here")
    assert f"logs/x.log (process {holder} on host " in said
    assert refused(second, left_running.check) == ""


def test_a_lock_that_cannot_be_opened_counts_as_held(first: User, second: User) -> None:
    path = left_running._path("logs/x.log")
    first.does(lambda: write(str(path)))
    path.chmod(0o600)

    def work() -> None:
        with alone("logs/x.log"):
            pass

    for ask in (left_running.check, work):
        said = refused(second, ask)
        assert "a job (process ? on host ?)" in said
        assert said.endswith(f"Where there is no such process any more, remove {path}.")


def test_a_mark_of_somebody_else_that_cannot_be_read_counts(first: User) -> None:
    first.does(lambda: write(str(RUNNING / "y")))
    mark = left_running._mark(left_running._path("logs/x.log"))
    write(str(mark))
    mark.chmod(0o600)

    def work() -> None:
        with alone("logs/x.log"):
            check_undisturbed("logs/x.log")

    assert "Another run began the job of logs/x.log" in refused(first, work)
    assert not mark.exists()


def test_digests_that_somebody_keeps_to_himself_are_made_anew(first: User, second: User) -> None:
    first.does(lambda: write("image", "digests"))
    Path("digests").chmod(0o600)
    own = ContentDigests(Path("none")).of("image")

    def ask() -> None:
        raise InputError(ContentDigests(Path("digests")).of("image"))

    assert refused(second, ask) == own
