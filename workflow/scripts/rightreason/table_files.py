"""The files that a table names: whether they are there, and which two are the same."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from rightreason import rights
from rightreason.table_rows import Row


def file_problems(
    row: Row, paths: Mapping[str, Path], at: str, required: Sequence[str], check: bool
) -> list[str]:
    """Find what is wrong with the files of a row; `paths` holds those that are given, by column."""
    problems = [
        f"{at}, column {column}: it is empty; give a path"
        for column in required
        if column not in paths
    ]
    for column, path in paths.items():
        name = row[column]
        if "{" in name or "}" in name:
            problems.append(f"{at}, column {column}: {name!r} holds braces; rename the file")
        elif check:
            mode = _mode(path)
            if mode is None:
                problems.append(f"{at}, column {column}: there is no {path}")
            elif column != "image" and not stat.S_ISREG(mode):
                problems.append(f"{at}, column {column}: {path} is a folder; name a file")
            elif not rights.may_read(path, mode):
                problems.append(f"{at}, column {column}: you may not read {path}")
    return problems


def _mode(path: Path) -> int | None:
    """Ask once whether a path is there and what it is: on a network drive, each question waits."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return None


def real_path(path: str, folders: dict[str, str]) -> str:
    """Follow the links of a path, those of its folder once for all its files (`folders`)."""
    folder, name = os.path.split(path)
    if name in ("", "..") or os.path.islink(path):  # noqa: PTH114 - once for each case
        return os.path.realpath(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return os.path.join(folders[folder], name)  # noqa: PTH118
