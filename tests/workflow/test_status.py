"""`make status` beside real runs: at the end of one, during the next, and after that was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rightreason.status import Row, Status, main, status

from tests.workflow.conftest import SMALL, TABLES


def looked(folder: Path) -> tuple[Status, dict[str, Row]]:
    """Look at a run; return it and its rows by stage."""
    found = status(folder)
    assert found is not None
    return found, {row.stage: row for row in found.rows}


def begin(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start snakemake as a user does, with the profile's quiet log, and do not wait."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1", *arguments],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def seen_at_work(folder: Path) -> tuple[Status, dict[str, Row]]:
    """Look until a job of `overlap` is through and another is running."""
    for _look in range(600):
        found, rows = looked(folder)
        if found.alive and "overlap" in rows and rows["overlap"].done and rows["overlap"].running:
            return found, rows
        time.sleep(0.2)
    raise AssertionError(f"never seen at work:\n{main(folder)}")


def test_status_at_the_end_of_a_run_during_the_next_and_after_it_was_killed(run: Path) -> None:
    found, rows = looked(run)
    assert (found.alive, found.run.broken, found.failed) == (False, False, [])
    assert all(row.done == row.planned and not row.running for row in rows.values())
    assert (rows["convert"].cases, rows["convert"].of_cases) == (12, 12)
    annotated = rows["overlap"].of_cases
    assert annotated is not None
    assert rows["overlap"].cases == rows["overlap"].done == annotated
    assert "finished after" in main(run)

    tables = sorted((run / "results" / "overlap").glob("*.raters.tsv"))
    for table in tables:
        table.unlink()
    process = begin(run, *(str(table.relative_to(run)) for table in tables), *SMALL, *TABLES)
    try:
        found, rows = seen_at_work(run)
        overlap = rows["overlap"]
        assert (overlap.planned, overlap.running, overlap.failed) == (annotated, 1, 0)
        assert overlap.cases == overlap.done
        assert list(found.left) == ["overlap"]
        assert "Time left: about" in main(run)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    found, rows = looked(run)
    assert found.alive is False
    assert rows["overlap"].done < annotated
    assert "was cut off" in main(run)
