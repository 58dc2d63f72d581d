"""Whether a run that has no end in its log still goes on."""

from __future__ import annotations

import platform
from pathlib import Path

from rightreason.status_log import Run

PROCESSES = Path("/proc")
LOCKS = Path(".snakemake/locks")


def lives(run: Run, folder: Path) -> bool | None:
    """Say whether Snakemake, which holds its log open, is still there; None where one cannot see.

    Parameters
    ----------
    run : Run
        A run without an end.
    folder : path
        Its working directory; its lock says so where the system does not show open files.
    """
    if run.host and run.host != platform.node():
        return None
    if not PROCESSES.is_dir():
        return any((folder / LOCKS).glob("*"))
    log = run.log.resolve()
    return any(
        _open_file(link) == log
        for process in PROCESSES.iterdir() if process.name.isdigit()
        for link in _links(process / "fd")
    )  # fmt: skip


def _links(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # Another user's, or just ended.
        return []


def _open_file(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None
