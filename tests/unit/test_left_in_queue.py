from pathlib import Path

import pytest
from rightreason.errors import InputError
from rightreason.left_in_queue import check, numbers

from tests.sentences import sentence

RUN = "791ea970-4f0e-4a1b-9f5c-0123456789ab"


def test_jobs_of_this_folder_arrays_by_one(tmp_path: Path) -> None:
    other = tmp_path / "other"
    queue = (
        f"12|{RUN}|{tmp_path}\n12|{RUN}|{tmp_path}\n9|mine_{RUN}|{tmp_path}\n"
        f"13|{RUN}|{other}\n14|my_snakemake|{tmp_path}\n\nslurm is slow today\n"
    )
    assert numbers(queue, tmp_path) == ["9", "12"]
    assert numbers("", tmp_path) == []


def squeue(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "squeue").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_run_beside_them_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    squeue(tmp_path, f"echo '12|{RUN}|{tmp_path}'; echo '13|{RUN}|{tmp_path}'", monkeypatch)
    with pytest.raises(InputError, match=r"jobs of an earlier run .*: 12, 13\. .*: scancel 12 13$"):
        check(tmp_path)
    assert sentence(check, tmp_path / "other") == ""


def test_slurm_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same line is an answer of a command that succeeds, and none of one that fails."""
    squeue(tmp_path, f"echo '12|{RUN}|{tmp_path}'", monkeypatch)
    assert "scancel 12" in sentence(check, tmp_path)
    squeue(tmp_path, f"echo '12|{RUN}|{tmp_path}'; exit 1", monkeypatch)
    assert sentence(check, tmp_path) == ""
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert sentence(check, tmp_path) == ""
