"""A job ends with its outputs recorded, or in a sentence."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rightreason import made
from rightreason.digest import SCRIPTS
from rightreason.left_running import RUNNING

SCRIPT = """
import errno, os, sys, warnings
sys.path.insert(0, {scripts!r})
from pathlib import Path
from types import SimpleNamespace
from rightreason.errors import InputError
from rightreason.job import job
from rightreason.whole import write_whole

class Named(list):
    def items(self):
        return [("volume", list(self))]

given = SimpleNamespace(
    log=[{log!r}], input=Named({given!r}), output={output!r}, rule="convert",
    wildcards=SimpleNamespace(case="x"), resources={resources!r},
)
with job(given):
    {body}
"""


def command(
    body: str,
    log: str = "logs/job.log",
    given: tuple[str, ...] = (),
    output: tuple[str, ...] = (),
    resources: dict[str, Any] | None = None,
) -> list[str]:
    script = SCRIPT.format(
        scripts=str(SCRIPTS), log=log, given=given, output=output, body=body,
        resources=resources or {},
    )  # fmt: skip
    return [sys.executable, "-c", script]


def run(
    folder: Path, body: str, log: str = "logs/job.log", **more: Any
) -> tuple[subprocess.CompletedProcess[str], str]:
    result = subprocess.run(command(body, log, **more), cwd=folder, capture_output=True, text=True)
    written = folder / log
    return result, written.read_text() if written.is_file() else ""


def test_the_users_fault_is_a_sentence_without_a_traceback(tmp_path: Path) -> None:
    result, log = run(tmp_path, "raise InputError('Case x has no slices; add some.')")
    assert result.returncode != 0
    assert "Case x has no slices; add some." in result.stderr
    assert "Case x has no slices; add some." in log
    assert "Traceback" not in result.stderr + log


def test_what_the_user_may_not_do_is_a_sentence_that_says_whose_it_is(tmp_path: Path) -> None:
    (tmp_path / "mask.nii.gz").touch(0o640)
    owner = (tmp_path / "mask.nii.gz").owner()
    result, log = run(tmp_path, "raise PermissionError(13, 'Permission denied', 'mask.nii.gz')")
    assert result.returncode != 0
    for told in (result.stderr, log):
        assert "mask.nii.gz was refused to the user " in told
        assert f"it belongs to {owner}, group " in told
        assert "umask 002" in told
        assert "Traceback" not in told


def test_our_fault_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    result, log = run(tmp_path, "1 / 0")
    assert result.returncode != 0
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in log


@pytest.mark.parametrize("body", ["pass", "warnings.warn('careful')"])
def test_success(tmp_path: Path, body: str) -> None:
    result, log = run(tmp_path, body)
    assert result.returncode == 0
    assert "finished in" in log
    assert ("careful" in log) == ("careful" in body)


def test_outputs_are_recorded_when_the_work_is_done(tmp_path: Path) -> None:
    output = "results/convert/x.nii.gz"
    result, _log = run(tmp_path, f"write_whole({output!r}, b'voxels')", output=(output,))
    assert result.returncode == 0
    assert made.verify(tmp_path / "results") == (1, [])


def test_a_job_that_fails_records_nothing(tmp_path: Path) -> None:
    output = "results/convert/x.nii.gz"
    body = f"write_whole({output!r}, b'voxels'); raise InputError('no')"
    result, _log = run(tmp_path, body, output=(output,))
    assert result.returncode != 0
    assert not (tmp_path / "results" / ".made").exists()


@pytest.mark.parametrize("policy", ["stop", "report"])
def test_a_changed_input_stops_the_job_before_its_work(tmp_path: Path, policy: str) -> None:
    """Whatever becomes of failed cases: it is no fault of the case."""
    given, output = "results/convert/x.nii.gz", "results/prepare/x.nii.gz"
    run(tmp_path, f"write_whole({given!r}, b'voxels')", output=(given,))
    (tmp_path / given).write_bytes(b"vox")
    result, log = run(
        tmp_path, "print('worked')", given=(given,), output=(output,),
        resources={"on_failed_case": policy},
    )  # fmt: skip
    assert result.returncode != 0
    assert "worked" not in result.stdout
    for said in (result.stderr, log):
        assert f"{given} is truncated: 3 of 6 bytes" in said
        assert f"rm -rf {given}" in said
        assert "Traceback" not in said
    assert not (tmp_path / output).exists()


FULL = "raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'results/convert/x.nii.gz')"


@pytest.mark.parametrize("policy", ["stop", "report"])
def test_a_full_disk_is_a_sentence_and_no_fault_of_the_case(tmp_path: Path, policy: str) -> None:
    body = f"""
    try:
        {FULL}
    except OSError as error:
        raise InputError("Case x cannot be written.") from error
    """
    result, log = run(
        tmp_path, body, output=("results/convert/x.nii.gz",), resources={"on_failed_case": policy}
    )
    assert result.returncode != 0
    for said in (result.stderr, log):
        assert "results/convert/x.nii.gz could not be written: No space left on device." in said
        assert "Make space there, and run again" in said
        assert "Traceback" not in said
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("policy", ["stop", "report"])
@pytest.mark.parametrize("refused", ["MemoryError()", "OSError(errno.ENOMEM, 'no memory')"])
def test_want_of_memory_is_a_sentence_and_no_fault_of_the_case(
    tmp_path: Path, policy: str, refused: str
) -> None:
    """A reader takes it for a damaged file; told of the case, it would never be tried again."""
    body = f"""
    try:
        raise {refused}
    except Exception as error:
        raise InputError("x.nii.gz cannot be read as a NIfTI image.") from error
    """
    result, log = run(
        tmp_path, body, output=("results/convert/x.nii.gz",), resources={"on_failed_case": policy}
    )
    assert result.returncode != 0
    for said in (result.stderr, log):
        assert "refused memory" in said
        assert "x.nii.gz cannot be read as a NIfTI image. (`ulimit -v`" in said
        assert "Traceback" not in said
    assert not (tmp_path / "results").exists()


def test_a_log_that_cannot_be_written_hides_no_sentence(tmp_path: Path) -> None:
    """/dev/full takes no byte, as a full disk."""
    result, _log = run(tmp_path, FULL, log="/dev/full")
    assert result.returncode != 0
    assert "results/convert/x.nii.gz could not be written" in result.stderr
    assert "Logging error" not in result.stderr
    assert "Traceback" not in result.stderr


def test_a_log_that_cannot_be_opened_is_told_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    result, _log = run(tmp_path, "raise InputError('Case x has no slices; add some.')")
    assert result.returncode != 0
    assert "there is no log: " in result.stderr
    assert "Case x has no slices; add some." in result.stderr
    assert "Traceback" not in result.stderr


OUTPUT = "results/annotate/x"
# A job that is at work until it is told to go on; of a folder it has written one file.
AT_WORK = f"""
    import logging, time
    logging.info("at work")
    write_whole("{OUTPUT}/a.tsv", b"a")
    while not Path("go on").exists():
        time.sleep(0.05)
    write_whole("{OUTPUT}/b.tsv", b"b")
"""


def at_work(folder: Path) -> subprocess.Popen[str]:
    job = subprocess.Popen(
        command(AT_WORK, output=(OUTPUT,)), cwd=folder, stderr=subprocess.PIPE, text=True
    )
    while not (folder / OUTPUT / "a.tsv").exists():
        assert job.poll() is None
        time.sleep(0.05)
    return job


def test_a_job_that_a_killed_run_left_keeps_its_files_and_its_log(tmp_path: Path) -> None:
    """And what it makes is not taken for whole: Snakemake deletes what the second was to make."""
    first = at_work(tmp_path)
    again, log = run(tmp_path, "print('worked')", output=(OUTPUT,))
    assert again.returncode != 0
    assert "worked" not in again.stdout
    told = (
        "A job of an earlier run still works here, though the Snakemake that started it was ended: "
        f"logs/job.log (process {first.pid} on host "
    )
    for said in (again.stderr, log):
        assert told in said
        assert (
            f"Wait until it is done, or end it with `kill {first.pid}`; then start again." in said
        )
        assert "Traceback" not in said
    assert "at work" in log
    assert [path.name for path in (tmp_path / OUTPUT).iterdir()] == ["a.tsv"]
    (tmp_path / "go on").touch()
    assert "What this one has made is not taken for whole" in first.communicate()[1]
    assert not (tmp_path / "results" / ".made").exists()
    assert not any((tmp_path / RUNNING).iterdir())
    assert run(tmp_path, AT_WORK, output=(OUTPUT,))[0].returncode == 0
    assert made.verify(tmp_path / "results") == (2, [])


def test_a_job_that_was_killed_is_in_nobodys_way(tmp_path: Path) -> None:
    first = at_work(tmp_path)
    assert len(list((tmp_path / RUNNING).iterdir())) == 1
    first.kill()
    first.communicate()
    assert len(list((tmp_path / RUNNING).iterdir())) == 1
    (tmp_path / "go on").touch()
    again, log = run(tmp_path, AT_WORK, output=(OUTPUT,))
    assert again.returncode == 0
    # Of this attempt alone.
    assert log.count("at work") == 1
    assert not any((tmp_path / RUNNING).iterdir())


def test_another_job_does_not_wait(tmp_path: Path) -> None:
    first = at_work(tmp_path)
    assert run(tmp_path, "pass", log="logs/other.log")[0].returncode == 0
    (tmp_path / "go on").touch()
    first.communicate()
    assert first.returncode == 0
    assert made.verify(tmp_path / "results") == (2, [])
