"""A real SLURM of one node, on this machine, for as long as the tests of this folder run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs import ROOT

SLURM_UP = ROOT.parent / "shared" / "tools" / "slurm_up"
CONFIGURED = Path("/etc/slurm/slurm.conf")
# A slurm.conf without its daemons slows down every snakemake of this machine: whatever ends the
# tests, even a kill, the cluster must go down.
WATCH = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; [ -e "$2" ] || exec "$3" down'


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Bring the cluster up, and down again; skip, with the reason, where there can be none."""
    if not SLURM_UP.is_file():
        reason = "" if shutil.which("sbatch") else "no sbatch, and "
        pytest.skip(f"{reason}no {SLURM_UP}, which brings up a SLURM for tests")
    if os.geteuid() != 0:
        pytest.skip("only root can bring up a SLURM for tests")
    if CONFIGURED.exists():
        pytest.skip(f"there is a SLURM already ({CONFIGURED}), which is not ours to use")
    gone = tmp_path_factory.mktemp("cluster") / "down"
    subprocess.Popen(
        ["sh", "-c", WATCH, "watch", str(os.getpid()), str(gone), str(SLURM_UP)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        up = subprocess.run(
            [SLURM_UP, "sacct", "1"], capture_output=True, text=True, timeout=600, check=False
        )
        assert up.returncode == 0, up.stdout + up.stderr
        yield
    finally:
        subprocess.run([SLURM_UP, "down"], check=True)
        gone.touch()
    assert not CONFIGURED.exists()
