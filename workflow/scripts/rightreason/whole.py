"""Files that are whole or not there: standard library only, every job writes with it."""

from __future__ import annotations

import os
import tempfile
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
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            Path(aside).chmod(0o666 & ~umask)
            Path(aside).replace(path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        # That of a write on an open file does not say which, others name the one aside.
        if error.errno:
            error.filename = str(path)
        raise
