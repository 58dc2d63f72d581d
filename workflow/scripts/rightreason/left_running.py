"""Jobs that a run which was killed has left running.

`kill -9` of Snakemake alone ends none of its jobs, and Snakemake does not know them again: the next
run would start the same jobs beside them, and two would write the same files at once. So each job
holds a lock while it works. The system frees it when the process ends, however it ends; processes
that the job starts do not inherit it.

Standard library only: every job holds one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rightreason.errors import InputError

RUNNING = Path(".snakemake/rightreason/running")
REFUSED = ".refused"
TOLD = 20
# What POSIX lets a lock that somebody else holds be refused with.
_HELD = (errno.EACCES, errno.EAGAIN)
_TRIES = 100
# Whatever the umask: of a lock that cannot be opened nobody knows whether it is held.
FOR_THE_GROUP = 0o660


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock, as it wrote of itself; empty where that cannot be read.

    Attributes
    ----------
    process, host : str
        The process id, and the machine it is one of.
    job : str
        The log of the job.
    path : path
        The file that is locked.
    """

    process: str
    host: str
    job: str
    path: Path

    def __str__(self) -> str:
        return f"{self.job or 'a job'} (process {self.process or '?'} on host {self.host or '?'})"


class _HeldError(Exception):
    def __init__(self, holder: Holder) -> None:
        super().__init__(str(holder))
        self.holder = holder


@contextmanager
def alone(job: str) -> Iterator[None]:
    """Hold the lock of a job; where the file system knows no locks, go on without.

    Parameters
    ----------
    job : str
        What no two jobs of a study share: the path of its log.

    Raises
    ------
    InputError
        When another process works on the same.
    """
    path = _path(job)
    handle = _hold(path, job)
    try:
        yield
    finally:
        _release(path)
        if handle is not None:
            os.close(handle)


def check_undisturbed(job: str) -> None:
    """Refuse to take outputs for whole that another job of the same has been refused to make.

    Snakemake deletes the outputs of a job before it starts it and after it has failed. Where that
    was done behind the back of this one, which the next run began too early to be told of by
    `check`, a folder may lack what this one wrote first.

    Raises
    ------
    InputError
        When a job of the same was refused since this one began.
    """
    try:
        disturbed = _mark(_path(job)).read_text()
    except PermissionError:
        disturbed = ""
    except OSError:
        return
    # Empty: by one that came before this one had said who it is, or that may not be read.
    if disturbed in ("", _self()):
        raise InputError(
            f"Another run began the job of {job} while this one was at work, and deleted what it "
            "had written. What this one has made is not taken for whole: start again."
        )


def check() -> None:
    """Refuse to run beside jobs that an earlier run left, before Snakemake deletes their outputs.

    Raises
    ------
    InputError
        When there are such jobs.
    """
    holders = []
    for path in sorted({path.with_suffix("") for path in RUNNING.glob("*")}):
        try:
            _tidy(path)
        except _HeldError as held:
            holders.append(held.holder)
    if holders:
        raise InputError(_sentence(holders))


def _tidy(path: Path) -> None:
    """Delete what a job left that was killed."""
    with suppress(OSError):
        handle = _locked(path)
        _release(path)
        os.close(handle)


def _release(path: Path) -> None:
    """Delete a file while it is locked, so that who waits for this very one learns that it went."""
    for left in (_mark(path), path):
        with suppress(OSError):
            left.unlink(missing_ok=True)


def _path(job: str) -> Path:
    return RUNNING / hashlib.sha256(job.encode()).hexdigest()[:32]


def _mark(path: Path) -> Path:
    return path.with_suffix(REFUSED)


def _hold(path: Path, job: str) -> int | None:
    """Lock a job's file and say in it who does; None where that is not possible here."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = _locked(path)
    except _HeldError as held:
        with suppress(OSError):
            _mark(path).write_text(f"{held.holder.process} {held.holder.host}".strip())
        raise InputError(_sentence([held.holder])) from None
    except OSError:
        return None
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{_self()}\n{job}\n".encode(), 0)
    return handle


def _self() -> str:
    return f"{os.getpid()} {platform.node()}"


def _locked(path: Path) -> int:
    """Open a file and lock it: the one that still lies there, since its holders delete it."""
    for _ in range(_TRIES):
        handle = _opened(path)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        except OSError as error:
            holder = _holder(handle, path)
            os.close(handle)
            if error.errno in _HELD:
                raise _HeldError(holder) from None
            raise
        os.close(handle)
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), str(path))


def _opened(path: Path) -> int:
    """Open a lock's file, one that the group can open, too, as Snakemake makes its own."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        # Somebody else's, of whom nobody can say whether he still works.
        if path.exists():
            raise _HeldError(Holder("", "", "", path)) from None
        raise
    with suppress(OSError):
        os.fchmod(handle, os.fstat(handle).st_mode | FOR_THE_GROUP)
    return handle


def _holder(handle: int, path: Path) -> Holder:
    """Read who holds a lock; nobody has to have written it yet."""
    try:
        text = os.pread(handle, 4096, 0).decode(errors="replace")
    except OSError:
        text = ""
    process, host, job = [*text.split(maxsplit=2), "", "", ""][:3]
    return Holder(process, host, job.strip(), path)


def _sentence(holders: Sequence[Holder]) -> str:
    """Say what still works, and what to do about it."""
    several = len(holders) > 1
    jobs = f"{len(holders)} jobs" if several else "A job"
    works, it, it_is = ("work", "them", "they are") if several else ("works", "it", "it is")
    listed = [str(holder) for holder in holders[:TOLD]]
    if len(holders) > TOLD:
        listed.append(f"and {len(holders) - TOLD} more")
    return (
        f"{jobs} of an earlier run still {works} here, though the Snakemake that started {it} was "
        f"ended: {'; '.join(listed)}. A second one{' of each' * several} would write the same "
        f"files. Wait until {it_is} done, or end {it}{_kill(holders)}; then start again."
        f"{_stale(holders)}"
    )


def _kill(holders: Sequence[Holder]) -> str:
    commands = []
    for host in sorted({holder.host for holder in holders if holder.process}):
        processes = [holder.process for holder in holders if holder.host == host]
        where = "" if host == platform.node() else f" on {host}"
        commands.append(f"`kill {' '.join(processes)}`{where}")
    return f" with {' and '.join(commands)}" if commands else ""


def _stale(holders: Sequence[Holder]) -> str:
    """Say what to do about a lock that a file server keeps for a machine that has died."""
    elsewhere = [str(holder.path) for holder in holders if holder.host != platform.node()]
    if not elsewhere:
        return ""
    return f" Where there is no such process any more, remove {', '.join(elsewhere[:TOLD])}."
