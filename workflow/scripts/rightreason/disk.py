"""A full or failing disk in a sentence: which one, how much is free, what to do.

Standard library only.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rightreason.errors import InputError, causes

# What the machine is at fault for, what it could not do, and what its user may do about it.
FAULTS = {
    errno.ENOSPC: ("written", "Make space there"),
    errno.EDQUOT: ("written", "Make space within your quota there, or have it raised"),
    errno.EROFS: ("written", "Have it mounted for writing"),
    errno.EIO: ("read or written", "Have the disk looked at"),
    errno.ESTALE: ("read or written", "Have the file server looked at"),
    errno.ETIMEDOUT: ("read or written", "Have the file server looked at"),
}
# With less than this, Snakemake itself cannot write its locks and logs.
ROOM_BYTES = 2**20


def fault_of(error: BaseException | None) -> OSError | None:
    """Return the error of a disk that an exception is, or that it was raised from."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in FAULTS:
            return cause
    return None


def sentence_of(error: OSError, likely: Iterable[Path]) -> str:
    """Say what the disk refused, which one it is, and how much is free there.

    Parameters
    ----------
    error : OSError
        One that `fault_of` returned.
    likely : iterable of path
        Where it may have been, when the error names no file; the folder for temporary files is
        added.
    """
    could, remedy = FAULTS[error.errno or 0]
    places = [Path(error.filename)] if error.filename else [*likely, Path(tempfile.gettempdir())]
    about = "; ".join(dict.fromkeys(space_at(place) for place in places))
    what = error.filename or "A file"
    return (
        f"{what} could not be {could}: {os.strerror(error.errno or 0)}. {about}. {remedy}, and run "
        "again: finished jobs are kept, and nothing half-written is taken for whole."
    )


def space_at(place: Path) -> str:
    """Say how much is free on the file system of a path, which need not be there any more."""
    place = _there(place)
    mount = place.resolve()
    while not mount.is_mount():
        mount = mount.parent
    try:
        space = shutil.disk_usage(place)
    except OSError:
        return f"It lies on the file system at {mount}"
    free, total = (f"{size / 2**20:,.1f} MB" for size in (space.free, space.total))
    return f"The file system at {mount} has {free} free of {total} now"


def check_room(places: Iterable[Path]) -> None:
    """Refuse to start on a full disk, where Snakemake would end in a traceback.

    Raises
    ------
    InputError
        When less than a megabyte is free at any of the places.
    """
    for place in places:
        try:
            free = shutil.disk_usage(_there(place)).free
        except OSError:
            continue
        if free < ROOM_BYTES:
            raise InputError(
                f"{place} lies on a full disk. {space_at(place)}. Make space there, and run again: "
                "finished jobs are kept."
            )


def _there(place: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    place = place.absolute()
    while not place.exists():
        place = place.parent
    return place
