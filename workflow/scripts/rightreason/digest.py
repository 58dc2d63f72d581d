"""Identity by content: of the code a stage runs, and of files that come from outside.

Snakemake tracks neither modules that a script imports nor new bytes under an old modification
time; the digests made here go into `params`, which it does compare.
"""

from __future__ import annotations

import ast
import hashlib
import os
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
PACKAGE = "rightreason"
# A file that changes again within the clock's resolution would keep its cached digest: what
# changed this recently is hashed again next time.
SETTLED_NS = 2_000_000_000


def code_digest(stage: str) -> str:
    """Digest a stage's wrapper and every package module it imports, directly or not.

    Parameters
    ----------
    stage : str
        Stage name: the wrapper is `workflow/scripts/{stage}.py`.

    Returns
    -------
    str
        Equal exactly when all of that source is equal. Templates count as source of the module
        `report`.
    """
    sources = sorted(modules_of(SCRIPTS / f"{stage}.py"))
    if SCRIPTS / PACKAGE / "report.py" in sources:
        sources += sorted((SCRIPTS / PACKAGE / "templates").glob("*"))
    total = hashlib.sha256()
    for source in sources:
        total.update(f"{source.relative_to(SCRIPTS)}\n".encode())
        total.update(hashlib.sha256(source.read_bytes()).digest())
    return f"{stage}:{total.hexdigest()[:16]}"


def modules_of(script: Path) -> set[Path]:
    """Return the script and the package's modules it imports, directly or not."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path)
    return found


_IMPORTS: dict[Path, list[Path]] = {}


def _imports(path: Path) -> list[Path]:
    """List the files of the package that one file imports, anywhere in it."""
    if path not in _IMPORTS:
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
        inside = [name for name in names if name.startswith(f"{PACKAGE}.")]
        files = [SCRIPTS / (name.replace(".", "/") + ".py") for name in inside]
        _IMPORTS[path] = [file for file in files if file.is_file()]
    return _IMPORTS[path]


class ContentDigests:
    """SHA-256 of files and folders, remembered in a cache file.

    The cache is keyed by path, size, modification and change time (ns) and inode: a change time
    cannot be set back by a user, so new bytes under an old modification time are seen. Several
    processes may use one cache: lines are appended whole, and a line that does not parse is
    skipped.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, str] = {}
        if cache.exists():
            for line in cache.read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, digest = line.rpartition("\t")
                if key and len(digest) == 64:
                    self._known[key] = digest

    def of(self, path: Path) -> str:
        """Digest a file, or a folder with everything below it (names and contents).

        Linked files count as what they point to, linked folders and hidden files not at all. What
        cannot be read counts by its name: reading it is its own job's to fail at.
        """
        if not path.is_dir():
            return self._file(path)
        total = hashlib.sha256()
        for folder, subfolders, names in os.walk(path):
            subfolders.sort()
            for name in sorted(name for name in names if not name.startswith(".")):
                file = Path(folder, name)
                total.update(f"{file.relative_to(path)}\n{self._file(file)}\n".encode())
        return total.hexdigest()

    def _file(self, path: Path) -> str:
        if not path.is_file() or not os.access(path, os.R_OK):
            return f"unreadable:{path.name}"
        stat = path.stat()
        key = "|".join(
            str(part)
            for part in (
                path.resolve(), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino,
            )
        ).replace("\n", " ")  # fmt: skip
        if key not in self._known:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._known[key] = digest
            if time.time_ns() - stat.st_ctime_ns > SETTLED_NS:
                self._remember(f"{key}\t{digest}\n")
        return self._known[key]

    def _remember(self, line: str) -> None:
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        with self._cache.open("a", encoding="utf-8") as file:
            file.write(line)
