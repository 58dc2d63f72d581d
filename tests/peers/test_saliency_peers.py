"""Saliency beside other programs: their environment runs `saliency_beside_peers.py` with pytest.

torch-cam and pytorch-grad-cam are no dependencies of the project: `make peers` puts them into an
environment of their own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"


@pytest.mark.skipif(
    not (ROOT / ".venv-peers" / "installed").exists(),
    reason="torch-cam and pytorch-grad-cam are not there: `make peers` installs them",
)
def test_maps_are_those_of_other_programs_where_they_are_right() -> None:
    command = [
        PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        ROOT / "tests" / "peers" / "saliency_beside_peers.py",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
