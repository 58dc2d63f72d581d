"""A full or failing disk is told as one, wherever the error comes from."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from rightreason import disk
from rightreason.errors import InputError


def full(path: Path | None = None) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *([str(path)] if path else []))


def raised_from(cause: BaseException, error: BaseException) -> BaseException:
    try:
        raise error from cause
    except type(error) as raised:
        return raised


def test_a_fault_is_found_beneath_what_was_made_of_it() -> None:
    fault = full()
    assert disk.fault_of(fault) is fault
    said = raised_from(fault, InputError("x.nii.gz cannot be read"))
    assert disk.fault_of(said) is fault
    assert disk.fault_of(raised_from(said, ValueError())) is fault
    with pytest.raises(OSError, match="With tag") as retold:  # noqa: PT012
        try:
            raise fault
        except OSError:
            raise OSError("With tag (7FE0,0010) got exception") from None
    assert disk.fault_of(retold.value) is fault


def test_other_errors_are_no_fault_of_a_disk() -> None:
    assert disk.fault_of(None) is None
    assert disk.fault_of(ValueError("full")) is None
    missing = FileNotFoundError(errno.ENOENT, "No such file", "a")
    assert disk.fault_of(raised_from(missing, InputError("there is no a"))) is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "could not be written: No space left on device."),
        (errno.EDQUOT, "within your quota"),
        (errno.EROFS, "Have it mounted for writing"),
        (errno.EIO, "could not be read or written: Input/output error."),
        (errno.ESTALE, "Have the file server looked at"),
    ],
)
def test_the_sentence_says_which_disk_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    usage = SimpleNamespace(total=3 * 2**30, used=0, free=5 * 2**18)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    gone = tmp_path / "gone" / "a.nii.gz"
    said = disk.sentence_of(OSError(number, os.strerror(number), str(gone)), [])
    assert said.startswith(f"{gone} could not be ")
    assert words in said
    mount = said.split("The file system at ")[1].split(" has ")[0]
    assert os.path.ismount(mount)
    assert str(tmp_path).startswith(mount)
    assert f"{mount} has 1.2 MB free of 3,072.0 MB now." in said
    assert said.endswith("finished jobs are kept, and nothing half-written is taken for whole.")


def test_an_error_that_names_no_file_names_where_it_may_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "space_at", lambda place: f"At {place} is little")
    monkeypatch.setattr(disk.tempfile, "gettempdir", lambda: "/temporary")
    said = disk.sentence_of(full(), [tmp_path])
    assert said.startswith(
        f"A file could not be written: No space left on device. At {tmp_path} is little; "
        "At /temporary is little. Make space there"
    )


def test_a_run_does_not_start_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.check_room([tmp_path, tmp_path / "not" / "there"])
    usage = SimpleNamespace(total=2**30, used=2**30, free=2**20 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(InputError, match=r"results lies on a full disk.* 1\.0 MB free of 1,024"):
        disk.check_room([tmp_path / "results"])
