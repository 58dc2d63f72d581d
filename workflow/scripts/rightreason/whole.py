"""Files that are whole or not there: standard library only, every job writes with it."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path | str, content: bytes) -> None:
    """Write a file whole or not at all: aside, flushed to disk, then renamed into place.

    Raises
    ------
    OSError
        When it cannot be written, a full disk included; it names the file.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = _open_aside(path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    except OSError as error:
        # That of a write on an open file does not say which, others name the one aside.
        if error.errno:
            error.filename = str(path)
        raise


def _open_aside(path: Path) -> tuple[int, Path]:
    """Create a file beside another, with the rights of any new file there.

    `tempfile.mkstemp` makes one that is private. To give it its rights afterwards, one must know
    the umask, which can only be asked for by setting it, for all threads; and it would take away
    what the default access list of a shared folder gives.
    """
    while True:
        aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
        try:
            return os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), aside
        except FileExistsError:
            continue
