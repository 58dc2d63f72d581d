"""A file is whole or not there, wherever its writer is killed."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from rightreason import made
from rightreason.errors import InputError
from rightreason.whole import write_whole

FORK = multiprocessing.get_context("fork")


def run_until(step: int, files: tuple[str, ...], work: Callable[[], None]) -> None:
    """Do the work, and end as with `kill -9` before the line of that number in these files."""
    steps = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        if not frame.f_code.co_filename.endswith(files):
            return None
        steps += event == "line"
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    work()
    sys.settrace(None)


def kill_at_every_step(
    files: tuple[str, ...],
    work: Callable[[], None],
    before: Callable[[], None],
    after: Callable[[], None],
) -> int:
    """Kill at every step in turn; return how many there were."""
    step = 0
    while True:
        before()
        process = FORK.Process(target=run_until, args=(step + 1, files, work))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        after()
        if process.exitcode == 0:
            return step
        step += 1


@pytest.mark.parametrize("old", [None, b"old"])
def test_killed_at_any_step_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, old: bytes | None
) -> None:
    target = tmp_path / "folder" / "a.nii.gz"
    new = b"new" * 100_000
    seen: list[bytes | None] = []

    def before() -> None:
        target.parent.mkdir(exist_ok=True)
        target.unlink(missing_ok=True)
        if old is not None:
            target.write_bytes(old)

    def after() -> None:
        seen.append(target.read_bytes() if target.exists() else None)

    assert kill_at_every_step(("whole.py",), lambda: write_whole(target, new), before, after) > 10
    assert set(seen) == {old, new}
    assert seen[-1] == new


def test_killed_while_bytes_are_on_their_way(tmp_path: Path) -> None:
    target = tmp_path / "a"

    def work() -> None:
        # The kernel ends the process in the middle of its write.
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        write_whole(target, bytes(100_000))

    process = FORK.Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGXFSZ
    assert not target.exists()
    (left,) = tmp_path.iterdir()
    assert (left.stat().st_size, left.name[:3]) == (50_000, ".a.")


def test_killed_while_recording_is_never_a_record_of_something_else(tmp_path: Path) -> None:
    """Either the output counts as truncated, against its old record, or its new record is right."""
    results = tmp_path / "results"
    output = results / "convert" / "a.nii.gz"
    output.parent.mkdir(parents=True)
    outcomes: list[str] = []

    def before() -> None:
        output.write_bytes(b"longer, as it was made before")
        made.record([output], results)
        output.write_bytes(b"now")

    def after() -> None:
        made.read_record.cache_clear()
        try:
            made.check([output], results)
        except InputError as error:
            outcomes.append(str(error))
        else:
            outcomes.append("as made")

    files = ("made.py", "made_records.py", "whole.py")
    assert kill_at_every_step(files, lambda: made.record([output], results), before, after) > 20
    refused = [outcome for outcome in outcomes if "is truncated: 3 of 29 bytes" in outcome]
    assert len(refused) > 10
    assert outcomes == refused + ["as made"] * (len(outcomes) - len(refused))


def test_the_umask_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask for it is to set it, for all threads: two that write at once could leave it at 0."""
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("it was set"))
    write_whole(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
