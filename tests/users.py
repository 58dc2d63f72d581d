"""Other users of this machine: what they run has their rights alone."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

GROUP = 65500
"""Of those who share a folder."""
# In a mount namespace of its own, the Python of root's home is seen by all, and nothing else of it.
OPEN = """
set -e
mask=$(umask); umask 022
closed=$1 base=$2 aside=$3; shift 3
mkdir -p "$aside"; mount --bind "$base" "$aside"
mount -t tmpfs -o mode=755 none "$closed"; mkdir -p "$base"; mount --bind "$aside" "$base"
umask "$mask"; exec "$@"
"""


@dataclass(frozen=True)
class User:
    """A user, as he has logged in.

    Attributes
    ----------
    number : int
        Of the user, and of the group that is his alone.
    home : path
        His folder.
    umask : int
        Of what he makes.
    groups : tuple of int
        What else he is in.
    """

    number: int
    home: Path
    umask: int = 0o022
    groups: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """Return what the system calls him."""
        try:
            return pwd.getpwuid(self.number).pw_name
        except KeyError:
            return str(self.number)

    @property
    def environment(self) -> dict[str, str]:
        """Of whose home and name his programs know."""
        return {"HOME": str(self.home), "USER": self.name, "LOGNAME": self.name}

    def command(self, command: list[str]) -> list[str]:
        """Return what root runs to have it run by this user."""
        groups = f"--groups={','.join(map(str, self.groups))}" if self.groups else "--clear-groups"
        rights = ["setpriv", f"--reuid={self.number}", f"--regid={self.number}", groups]
        closed = next((at for at in _above(sys.base_prefix) if not at.stat().st_mode & 1), None)
        if closed is None:
            return [*rights, *command]
        aside = self.home.parent / "python"
        opened = ["sh", "-c", OPEN, "sh", str(closed), sys.base_prefix, str(aside)]
        return ["unshare", "--mount", *opened, *rights, *command]

    def can_work(self) -> str:
        """Say why this user cannot run what root runs; empty where he can."""
        try:
            found = subprocess.run(
                self.command([sys.executable, "-c", "import snakemake, sys; print(sys.version)"]),
                capture_output=True, text=True, cwd="/",
            )  # fmt: skip
        except OSError as error:
            return str(error)
        return "" if found.stdout.strip() == sys.version else found.stderr or found.stdout

    def does(self, work: Callable[[], None]) -> None:
        """Have a function run with this user's rights; it must not raise."""
        process = get_context("fork").Process(target=self._become, args=(work,))
        process.start()
        process.join()
        assert process.exitcode == 0

    def _become(self, work: Callable[[], None]) -> None:
        os.setgroups(self.groups)
        os.setgid(self.number)
        os.setuid(self.number)
        os.umask(self.umask)
        work()


def _above(path: str) -> list[Path]:
    """List a folder and those above it, from the root on."""
    return [*reversed(Path(path).parents), Path(path)]
