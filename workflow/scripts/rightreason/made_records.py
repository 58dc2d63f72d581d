"""The records of what was made: tables below `results/.made/`, written whole, searched as bytes.

A record is `results/.made/<group>.tsv`, one line for each file of a group: path below `results/`,
size in bytes, modification and change time in ns, inode, SHA-256. The group of an output is its
path below `results/` up to the first dot of its last part: one job makes all outputs of a group,
and so writes its record whole. Files below a folder stand in the folder's record.

Standard library only: every job records and checks.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rightreason.errors import InputError
from rightreason.whole import write_whole

RECORDS = ".made"
# The embedded cohort stands in for files from outside, which are the user's to edit.
OUTSIDE = "demo"
HEAD = "path\tbytes\tmtime_ns\tctime_ns\tinode\tsha256\n"
# A record that is asked for more files than this is listed.
MANY = 20


@dataclass(frozen=True)
class Line:
    """One file as it was made; `stat` is size in bytes, mtime and ctime in ns, inode."""

    name: str
    stat: tuple[int, int, int, int]
    sha256: str

    def written(self) -> bytes:
        """Return the line as it stands in a record."""
        return os.fsencode("\t".join([self.name, *map(str, self.stat), self.sha256]) + "\n")

    @staticmethod
    def read(line: bytes) -> Line | None:
        """Read a line without its end, or return None where it was cut off or edited."""
        try:
            name, *numbers, digest = os.fsdecode(line).split("\t")
            size, mtime, ctime, inode = map(int, numbers)
        except ValueError:
            return None
        return Line(name, (size, mtime, ctime, inode), digest) if len(digest) == 64 else None


def write_record(results: Path, group: str, names: Iterable[str]) -> None:
    """Record the files of a group, by their paths below `results`."""
    content = b"".join(_line(results, name).written() for name in sorted(names))
    write_whole(record_of(results, group), HEAD.encode() + content)
    read_record.cache_clear()


def name_of(path: Path | str, results: Path) -> str | None:
    """Return the path below `results`, or None for what is not ours to check."""
    name = os.path.relpath(path, results)
    first = name.split("/")[0]
    return None if first in ("..", OUTSIDE, RECORDS) else name


def group_of(name: str) -> str:
    """Return the path of an output up to the first dot of its last part."""
    folder, _, last = name.rpartition("/")
    return f"{folder}/{last.split('.')[0]}" if folder else last.split(".")[0]


def record_of(results: Path, group: str) -> Path:
    """Return where the record of a group lies."""
    return results / RECORDS / f"{group}.tsv"


def files_at(results: Path, name: str) -> Iterator[str]:
    """Yield the file, or the files below the folder, that are not hidden."""
    path = results / name
    if path.is_file():
        yield name
    for folder, subfolders, files in os.walk(path):
        subfolders[:] = [each for each in subfolders if not each.startswith(".")]
        for file in files:
            if not file.startswith("."):
                yield os.path.relpath(Path(folder, file), results)


def _line(results: Path, name: str) -> Line:
    if "\t" in name or "\n" in name:
        raise InputError(f"The output {name!r} holds a tab or a line break in its name.")
    while True:
        stat = stat_of(results / name)
        line = Line(name, stat, sha256_of(results / name))
        if stat_of(results / name) == stat:
            return line


def stat_of(path: Path) -> tuple[int, int, int, int]:
    """Return size in bytes, modification and change time in ns, and inode."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Record:
    """A record in memory: its bytes are searched, and listed once they are asked for many times.

    One file of a folder of thousands is soon found; thousands of files are not, one by one.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._asked = 0
        self._listed: dict[bytes, list[int]] = {}

    def lines(self) -> list[Line]:
        """Parse every line."""
        return [line for line in map(Line.read, self._content.split(b"\n")[1:]) if line]

    def lines_of(self, name: str) -> list[Line]:
        """Return the line of a file, and after it those in which it was seen again."""
        self._asked += 1
        found = [Line.read(self._content[at : self._content.find(b"\n", at)])
                 for at in self._places(b"\n" + os.fsencode(name) + b"\t")]  # fmt: skip
        first = found[0] if found else None
        if not first:
            return []
        return [line for line in found if line and line.sha256 == first.sha256]

    def _places(self, key: bytes) -> list[int]:
        """Find where the lines that begin so start."""
        if self._asked > MANY:
            if not self._listed:
                for match in re.finditer(rb"\n[^\t\n]+\t", self._content):
                    self._listed.setdefault(match[0], []).append(match.start() + 1)
            return self._listed.get(key, [])
        places = []
        at = self._content.find(key)
        while at >= 0:
            places.append(at + 1)
            at = self._content.find(key, at + 1)
        return places


@functools.lru_cache(maxsize=64)
def read_record(path: Path) -> Record:
    """Read a record, once in each process; where there is none, return an empty one."""
    try:
        return Record(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return Record(b"")


def recorded(results: Path, name: str) -> tuple[str, list[Line]]:
    """Return a file's group and lines: how it was made, and after it how it was seen again."""
    parts = name.split("/")
    for group in [group_of(name), *("/".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))]:
        lines = read_record(record_of(results, group)).lines_of(name)
        if lines:
            return group, lines
    return "", []


def remember(path: Path, seen: Line) -> None:
    """Spare the next reader the bytes, where it may: Snakemake sets new times after each job."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    except OSError:
        return
    try:
        # One write, and a line of its own even after one that was cut off.
        os.write(handle, b"\n" + seen.written())
    except OSError:
        return
    finally:
        os.close(handle)
