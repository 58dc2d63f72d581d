"""Fixtures that more than one test folder uses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent

# Time is measured in benchmarks, never asserted in tests; and a failure must come back.
hypothesis.settings.register_profile("rightreason", deadline=None, derandomize=True)
hypothesis.settings.load_profile("rightreason")


@pytest.fixture(scope="session")
def real_ct() -> Path:
    """Return the folder of real CT cases; tests that need it skip, with the reason, without it."""
    named = os.environ.get("RIGHTREASON_REAL_CT")
    cached = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "real-ct"
    folder = Path(named) if named else cached
    unpack = ROOT.parent / "shared" / "data" / "unpack"
    if not named and unpack.is_file():
        subprocess.run([str(unpack), str(folder)], check=True, capture_output=True)
    if not (folder / "sts").is_dir():
        pytest.skip(f"no real CT in {folder}; name its folder in RIGHTREASON_REAL_CT")
    return folder
