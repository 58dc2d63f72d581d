"""A study that several users of the machine work on, each with his own rights and umask."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runs import Job, due, finish, jobs_in, snakemake
from tests.users import GROUP, User
from tests.workflow.conftest import SHARDED, TABLES
from tests.workflow.contract import (
    Edit,
    Finished,
    a_new_raters_row,
    edit_a_mask,
    new_bytes_of_an_annotation,
    of_annotation,
)

STUDY = (*SHARDED, *TABLES)
FIRST, SECOND = 65533, 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter; that of pytest is for root alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can run something as another user")
    for program in ("setpriv", "unshare"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}, to run something as another user with")
    folder = Path(tempfile.mkdtemp(prefix="rightreason-users-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def study(place: Path, finished_shards: Path) -> Path:
    """A copy of the finished run there, all of it root's."""
    return Path(shutil.copytree(finished_shards, place / "study", symlinks=True))


def user(place: Path, number: int, umask: int, groups: tuple[int, ...] = ()) -> User:
    """Return somebody who can run Snakemake here, with a home; skip, with the reason, otherwise."""
    home = place / str(number)
    home.mkdir(mode=0o700)
    os.chown(home, number, number)
    found = User(number, home, umask, groups)
    reason = found.can_work()
    if reason:
        pytest.skip(f"another user cannot run the Python of root: {reason}")
    return found


def give(folder: Path, owner: int, group: int) -> None:
    subprocess.run(["chown", "-R", f"{owner}:{group}", str(folder)], check=True)


def share(folder: Path) -> None:
    """Let its group in, as docs/failures.md says."""
    subprocess.run(["chmod", "-R", "g+rwX", str(folder)], check=True)
    for at, _, _ in os.walk(folder):
        Path(at).chmod(0o2775)


def executed(folder: Path, user: User, *more: str) -> set[Job]:
    return jobs_in(finish(folder, *STUDY, *more, user=user)) - {("all", "")}


def assert_contract(folder: Path, user: User, edit: Edit) -> None:
    expected = edit(Finished(folder, SHARDED[1]))
    assert executed(folder, user) == expected
    assert due(folder, *STUDY, user=user) == set()


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for name in ("results", "logs")
        for path in sorted((folder / name).rglob("*"))
        if path.is_file()
    }


def owners(folder: Path) -> set[int]:
    return {path.stat().st_uid for path in folder.rglob("*")}


def modes(path: Path) -> tuple[int, int, str]:
    status = path.stat()
    return status.st_uid, status.st_gid, stat.filemode(status.st_mode)


def test_a_copy_of_his_own_with_umask_077(place: Path, study: Path) -> None:
    second = user(place, SECOND, 0o077)
    give(study, SECOND, SECOND)
    assert executed(study, second) == set()
    assert_contract(study, second, new_bytes_of_an_annotation)
    assert owners(study / "results") == {SECOND}
    assert modes(study / "results/report/index.html") == (SECOND, SECOND, "-rw-------")
    # What the first made keeps the rights that it had.
    assert modes(study / "results/train/small/seed0/fold0/weights.ckpt")[2] == "-rw-r--r--"


def test_a_folder_that_a_group_shares(place: Path, study: Path) -> None:
    """The second replaces what the first made, and the first goes on."""
    first, second = (user(place, number, 0o002, (GROUP,)) for number in (FIRST, SECOND))
    give(study, FIRST, GROUP)
    share(study)
    assert executed(study, second) == set()
    assert_contract(study, second, new_bytes_of_an_annotation)
    assert modes(study / "results/report/index.html") == (SECOND, GROUP, "-rw-rw-r--")
    assert modes(study / "logs/report/report.log")[0] == SECOND
    assert modes(study / "results/train/small/seed0/fold0/weights.ckpt")[0] == FIRST
    assert due(study, *STUDY, user=first) == set()
    assert_contract(study, first, a_new_raters_row)
    assert due(study, *STUDY, user=second) == set()


def test_what_a_umask_of_077_keeps_from_the_others_is_named_and_nothing_is_lost(
    place: Path, study: Path
) -> None:
    first, second = (user(place, number, 0o002, (GROUP,)) for number in (FIRST, SECOND))
    give(study, FIRST, GROUP)
    share(study)
    case = edit_a_mask(study)
    expected = of_annotation(Finished(study, SHARDED[1]), case)
    secretive = replace(second, umask=0o077)
    made = f"results/annotate/{case}"
    assert executed(study, secretive, "--until", "annotate") == {("annotate", f"case={case}")}
    before = contents(study)
    refused = snakemake(study, *STUDY, user=first)
    assert refused.returncode != 0
    assert f"{made} may not be read" in refused.stdout
    assert f"it belongs to {second.name}, group {GROUP}, as drwx" in refused.stdout
    assert "Traceback" not in refused.stdout
    assert contents(study) == before
    # Of the first's files they are not his to change, and need not be.
    subprocess.run(second.command(["chmod", "-R", "--silent", "g+rwX", "."]), cwd=study)
    assert executed(study, first) == expected - {("annotate", f"case={case}")}


def test_who_may_not_write_is_told_so(place: Path, study: Path) -> None:
    second = user(place, SECOND, 0o022)
    before = contents(study)
    edit_a_mask(study)
    for more in (("--dry-run",), ()):
        refused = snakemake(study, *STUDY, *more, user=second)
        assert refused.returncode != 0
        assert f"In this folder the user {second.name} cannot work:" in refused.stdout
        assert ".snakemake may not be written (it belongs to root, group root, as drwxr-xr-x)" in (
            refused.stdout
        )
        assert "Traceback" not in refused.stdout
    # What Snakemake keeps, but no results.
    for at, _, files in os.walk(study / ".snakemake"):
        Path(at).chmod(0o777)
        for name in files:
            Path(at, name).chmod(0o666)
    refused = snakemake(study, *STUDY, user=second)
    assert refused.returncode != 0
    assert "Write-protected output files for rule" in refused.stdout
    assert "    output: results/" in refused.stdout.partition("Write-protected")[2]
    assert "Traceback" not in refused.stdout
    assert contents(study) == before
