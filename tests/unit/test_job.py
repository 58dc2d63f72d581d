import subprocess
import sys
from pathlib import Path

import pytest
from rightreason.digest import SCRIPTS


def run(tmp_path: Path, body: str) -> tuple[subprocess.CompletedProcess, str]:
    script = (
        f"import sys, warnings; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from rightreason.errors import InputError\nfrom rightreason.job import job\n"
        f"with job({str(tmp_path / 'sub' / 'job.log')!r}):\n    {body}\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return result, (tmp_path / "sub" / "job.log").read_text()


def test_the_users_fault_is_a_sentence_without_a_traceback(tmp_path: Path) -> None:
    result, log = run(tmp_path, "raise InputError('Case x has no slices; add some.')")
    assert result.returncode != 0
    assert "Case x has no slices; add some." in result.stderr
    assert "Case x has no slices; add some." in log
    assert "Traceback" not in result.stderr + log


def test_our_fault_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    result, log = run(tmp_path, "1 / 0")
    assert result.returncode != 0
    assert "ZeroDivisionError: division by zero" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Traceback" in log


@pytest.mark.parametrize("body", ["pass", "warnings.warn('careful')"])
def test_success(tmp_path: Path, body: str) -> None:
    result, log = run(tmp_path, body)
    assert result.returncode == 0
    assert "finished in" in log
    assert ("careful" in log) == ("careful" in body)
