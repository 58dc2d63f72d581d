from pathlib import Path

import pytest
from rightreason.array_limits import check, check_status, kept_seconds
from rightreason.errors import InputError

from tests.sentences import sentence

ARRAYS = "convert, annotate"


def test_limits_above_the_jobs_that_are_due() -> None:
    assert sentence(check, ARRAYS, due=480, jobs=480, per_timespan=None) == ""
    assert sentence(check, ARRAYS, due=480, jobs=None, per_timespan=1000) == ""
    assert "`--jobs`" in sentence(check, ARRAYS, due=481, jobs=480, per_timespan=None)


@pytest.mark.parametrize("arrays", [None, ""])
def test_without_arrays_any_limit_will_do(arrays: str | None) -> None:
    assert sentence(check, arrays, due=480, jobs=10, per_timespan=100) == ""


@pytest.mark.parametrize(
    ("jobs", "per_timespan", "option"),
    [(100, None, "--jobs"), (1000, 100, "--max-jobs-per-timespan")],
)
def test_a_limit_below_them(jobs: int, per_timespan: int | None, option: str) -> None:
    with pytest.raises(
        InputError, match=f"480 jobs are due, and `{option}` lets .* over 100 at once"
    ):
        check(ARRAYS, due=480, jobs=jobs, per_timespan=per_timespan)


def test_a_sample_of_the_ready_jobs_is_a_limit_too() -> None:
    assert sentence(check, ARRAYS, due=480, jobs=None, per_timespan=None, sample=480) == ""
    assert sentence(check, "", due=480, jobs=None, per_timespan=None, sample=50) == ""
    with pytest.raises(InputError, match=r"`--scheduler-subsample` lets .* over 50 at once"):
        check(ARRAYS, due=480, jobs=None, per_timespan=None, sample=50)


def test_tasks_are_told_apart_by_squeue_while_slurm_keeps_them() -> None:
    assert sentence(check_status, "squeue", 300) == ""
    assert sentence(check_status, "squeue", None) == ""


@pytest.mark.parametrize("command", ["sacct", None])
def test_one_task_is_taken_for_all_by_sacct(command: str | None) -> None:
    with pytest.raises(InputError, match="the end of an array's last task for that of all"):
        check_status(command, 300)


@pytest.mark.parametrize("kept", [0, 60, 180])
def test_a_slurm_that_forgets_too_soon(kept: int) -> None:
    with pytest.raises(InputError, match=rf"forgets a job {kept} s after its end \(MinJobAge\)"):
        check_status("squeue", kept)


def scontrol(folder: Path, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "scontrol").write_text(f"#!/bin/sh\n{says}\n")
    (folder / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_what_slurm_says_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says = "echo 'MaxJobCount             = 10000'; echo 'MinJobAge               = 300 sec'"
    scontrol(tmp_path, says, monkeypatch)
    assert kept_seconds() == 300
    scontrol(tmp_path, "echo 'slurm_load_ctl_conf error'; exit 1", monkeypatch)
    assert kept_seconds() is None
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert kept_seconds() is None
