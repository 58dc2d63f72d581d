"""Identity by content of what comes from outside: images, annotations, regions, weights.

Snakemake does not see new bytes under an old modification time; the digests made here go into
`params`, which it does compare. Standard library only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# A file that changes again within the clock's resolution would keep its cached digest: what
# changed this recently is hashed again next time.
SETTLED_NS = 2_000_000_000
TOLD_EVERY_S = 30.0
KEPT_EVERY_S = 1.0
READERS = 4
"""Threads that read one folder: a network drive answers several at once, a disk does not mind."""
_PATH, _SIGN, _DIGEST, _CHECK = 16, 32, 64, 8
_LINE = _PATH + _SIGN + _DIGEST + _CHECK + 3

Entry = tuple[str, str, os.stat_result | None]
"""Name within the folder, path, and state of a file; no state: it is no file that can be read."""


class ContentDigests:
    """SHA-256 of files and folders, remembered in a cache file.

    The cache is keyed by path, size, modification and change time (ns) and inode: a change time
    cannot be set back by a user, so new bytes under an old modification time are seen. A folder has
    one line for all its files, so that 15,000 series of 300 slices are 15,000 lines. A path counts
    as it is given: a study that is named relative to the working directory may move with it.

    Several processes may use one cache: lines are appended in one write each time, and every line
    carries a check of itself, so that two that were written into each other count as none.

    Parameters
    ----------
    cache : path
        The cache file; it need not exist.
    say : callable
        Gets a sentence every 30 s while files are read, which a large study does for hours once.
    """

    def __init__(self, cache: Path, say: Callable[[str], None] = lambda text: None) -> None:
        self._cache = cache
        self._say = say
        self._lines: dict[bytes, bytes] | None = None
        self._found: dict[str, str] = {}
        self._unkept: list[bytes] = []
        self._kept_at = self._told_at = time.monotonic()
        self._files = self._bytes = 0
        self._unreadable = False

    def of(self, path: Path | str) -> str:
        """Digest a file, or a folder with everything below it (names and contents).

        Linked files count as what they point to, linked folders and hidden files not at all. What
        cannot be read counts by its name: reading it is its own job's to fail at. Within one
        process, a path is looked at once: a plan is made of one state of the files.
        """
        name = os.fspath(path)
        if name not in self._found:
            self._found[name] = self._folder(name) if Path(name).is_dir() else self._single(name)
        return self._found[name]

    def seen(self, path: Path | str) -> str | None:
        """Return what `of` gave for a path in this process; None where it was not asked."""
        return self._found.get(os.fspath(path))

    def _single(self, path: str) -> str:
        entry = (path, path, _state(path))
        return self._cached(path, [entry], lambda: self._read(entry))

    def _folder(self, path: str) -> str:
        entries = list(_files_below(path, ""))

        def digest() -> str:
            with ThreadPoolExecutor(READERS) as pool:
                digests = list(pool.map(self._read, entries))
            total = hashlib.sha256()
            for (name, _, _), one in zip(entries, digests, strict=True):
                total.update(f"{name}\n{one}\n".encode(errors="surrogateescape"))
            return total.hexdigest()

        return self._cached(path, entries, digest)

    def _cached(self, path: str, entries: list[Entry], digest: Callable[[], str]) -> str:
        """Look a digest up under the state of all its files; make and keep it where it is new."""
        if any(state is None for _, _, state in entries):
            return digest()
        at, sign = _key(path, entries)
        known = self._known().get(at, b"")
        if known[_PATH + 1 : _PATH + 1 + _SIGN] == sign and _is_whole(known):
            return known[-_CHECK - 1 - _DIGEST : -_CHECK - 1].decode()
        self._unreadable = False
        made = digest()
        states = [state for _, _, state in entries if state]
        last = max((state.st_ctime_ns for state in states), default=0)
        # Another user may be able to read what this one cannot.
        if not self._unreadable and time.time_ns() - last > SETTLED_NS:
            self._keep(b" ".join([at, sign, made.encode()]))
        self._files += len(states)
        self._bytes += sum(state.st_size for state in states)
        self._tell()
        return made

    def _read(self, entry: Entry) -> str:
        _, path, state = entry
        try:
            if state is None:
                raise OSError
            with Path(path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            self._unreadable = True
            return f"unreadable:{Path(path).name}"

    def _tell(self) -> None:
        if time.monotonic() - self._told_at > TOLD_EVERY_S:
            self._told_at = time.monotonic()
            self._say(
                "Files from outside are read once, to know them by their content: "
                f"{self._files:,} files so far, {self._bytes / 1e9:,.1f} GB."
            )

    def _known(self) -> dict[bytes, bytes]:
        """Read the cache once, on first need: the last line of a path counts."""
        if self._lines is None:
            try:
                data = self._cache.read_bytes()
            except OSError:
                # None yet, or one that another user keeps to himself.
                data = b""
            lines = [line for line in data.split(b"\n") if len(line) == _LINE]
            self._lines = {line[:_PATH]: line for line in lines}
            if len(lines) > 2 * len(self._lines) + 1000:
                self._compact(self._lines)
        return self._lines

    def _compact(self, lines: dict[bytes, bytes]) -> None:
        """Leave out the lines of former states; what another process adds meanwhile may be lost."""
        aside = self._cache.with_name(f"{self._cache.name}.{os.getpid()}")
        try:
            aside.write_bytes(b"".join(line + b"\n" for line in lines.values()))
            aside.replace(self._cache)
        except OSError:
            aside.unlink(missing_ok=True)

    def _keep(self, line: bytes) -> None:
        line = b"%s %08x" % (line, zlib.crc32(line))
        self._known()[line[:_PATH]] = line
        if not self._unkept:
            atexit.register(self.keep)
        self._unkept.append(line)
        if time.monotonic() - self._kept_at > KEPT_EVERY_S:
            self.keep()

    def keep(self) -> None:
        """Write what is new to the cache file: about once a second, and when the process ends."""
        # Behind whatever half a line another process left.
        text = b"".join(b"\n" + line for line in self._unkept) + b"\n"
        self._unkept, self._kept_at = [], time.monotonic()
        atexit.unregister(self.keep)
        if text == b"\n":
            return
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            with self._cache.open("ab", buffering=0) as file:
                file.write(text)
        except OSError:
            # It saves time only, and whatever keeps it from being written stops the run elsewhere.
            return


def _state(path: str) -> os.stat_result | None:
    """Return a file's state; None for what is no file (a pipe, a dead link) or cannot be seen."""
    try:
        state = os.stat(path)  # noqa: PTH116 - a Path for each of four million slices costs more
    except OSError:
        return None
    return state if stat.S_ISREG(state.st_mode) else None


def _files_below(path: str, below: str) -> Iterator[Entry]:
    """List a folder's files, by name, then those of its folders; an unreadable one is empty."""
    folders = []
    try:
        with os.scandir(path) as there:
            entries = sorted(there, key=lambda entry: entry.name)
    except OSError:
        entries = []
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            folders.append(entry)
        elif not entry.name.startswith(".") and not (entry.is_symlink() and entry.is_dir()):
            yield below + entry.name, entry.path, _state(entry.path)
    for folder in folders:
        yield from _files_below(folder.path, f"{below}{folder.name}/")


def _key(path: str, entries: list[Entry]) -> tuple[bytes, bytes]:
    """Return what stands for a path, and for the state of all its files."""
    whole = hashlib.sha256(os.fsencode(path))
    at = whole.hexdigest()[:_PATH].encode()
    for name, _, s in entries:
        if s:
            text = f"\0{name}\0{s.st_size}|{s.st_mtime_ns}|{s.st_ctime_ns}|{s.st_ino}"
            whole.update(text.encode(errors="surrogateescape"))
    return at, whole.hexdigest()[:_SIGN].encode()


def _is_whole(line: bytes) -> bool:
    text, _, check = line.rpartition(b" ")
    return check == b"%08x" % zlib.crc32(text)
