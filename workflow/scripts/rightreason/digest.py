"""Identity by content of the code a stage runs.

Snakemake does not track the modules that a script imports; the digests made here go into `params`,
which it does compare.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
PACKAGE = "rightreason"
# Found by their text, which takes a twentieth of the time of parsing: a node does it for each job.
# A comment within the parentheses may not hold one.
IMPORT = re.compile(
    rf"^[ \t]*(?:import[ \t]+{PACKAGE}\.(?P<module>[\w.]+)"
    rf"|from[ \t]+{PACKAGE}(?:\.(?P<package>[\w.]+))?[ \t]+import[ \t]+"
    r"(?P<names>\([^)]*\)|[^\n]*))",
    re.MULTILINE,
)


def code_digest(stage: str) -> str:
    """Digest a stage's wrapper and every package module it imports, directly or not.

    Parameters
    ----------
    stage : str
        Stage name: the wrapper is `workflow/scripts/{stage}.py`.

    Returns
    -------
    str
        Equal exactly when all of that source is equal. Templates, translations and the viewer count
        as source of the module `report`.
    """
    sources = sorted(modules_of(SCRIPTS / f"{stage}.py"))
    if SCRIPTS / PACKAGE / "report.py" in sources:
        for folder in ("templates", "locale", "vendor"):
            sources += sorted(p for p in (SCRIPTS / PACKAGE / folder).rglob("*") if p.is_file())
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


@cache
def _imports(path: Path) -> list[Path]:
    """List the files of the package that one file imports, anywhere in it."""
    names: set[str] = set()
    for found in IMPORT.finditer(path.read_text(encoding="utf-8")):
        package = found["module"] or found["package"] or ""
        names.add(package)
        # What is imported from a package may be a module of it.
        given = re.sub(r"#.*|[()]", "", found["names"] or "").split(",")
        names.update(f"{package}.{name.split()[0]}" for name in given if name.strip())
    files = [SCRIPTS / PACKAGE / (name.strip(".").replace(".", "/") + ".py") for name in names]
    return [file for file in files if file.is_file()]
