"""Runs that the plugin for SLURM would wait for or mix up: refused, with a sentence.

No SLURM is needed: what stands in for its commands refuses every job and knows no account.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs import checkout
from tests.slurm.slurm_runs import SOON

SMALL = ("--configfile", "tests/slurm/study.yaml")
STANDS_IN = """#!/bin/sh
for word; do case $word in --array=*) echo "$word" >> '{asked}';; esac; done
echo '{words}' >&2; exit 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, and commands that say what a site's say to the profile as it is."""
    folder = checkout(tmp_path_factory.mktemp("refused") / "checkout")
    (folder / "bin").mkdir()
    said = {"sbatch": "sbatch: error: invalid partition specified: cpu", "sacct": "no accounting"}
    for command, words in said.items():
        stands_in = folder / "bin" / command
        stands_in.write_text(STANDS_IN.format(asked=folder / "asked", words=words))
        stands_in.chmod(0o755)
    return folder


def run(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--nocolor", *SOON, "--retries", "0",
         "--default-resources", "slurm_partition=cpu", "mem_mb=2000", *arguments],
        cwd=folder, env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 1, result.stdout[-3000:]
    return result.stdout


@pytest.mark.parametrize(
    "option", [("--jobs", "20"), ("--jobs", "1000", "--max-jobs-per-timespan", "20/1s")]
)
def test_fewer_jobs_at_once_than_are_due(folder: Path, option: tuple[str, ...]) -> None:
    told = run(folder, *SMALL, *option)
    assert f"jobs are due, and `{option[-2]}` lets Snakemake hand over 20 at once." in told
    assert "sbatch" not in told


def test_arrays_whose_tasks_would_be_taken_for_each_other(folder: Path) -> None:
    told = run(folder, *SMALL, "--slurm-status-command", "sacct")
    assert "takes the end of an array's last task for that of all, when it asks sacct." in told
    assert "sbatch" not in told


def test_a_site_that_is_not_filled_in(folder: Path) -> None:
    told = run(folder, *SMALL)
    assert (
        "demo: SLURM did not take the job. It says: “sbatch: error: invalid partition specified: "
        "cpu”. Your partitions and account stand in profiles/slurm/profile.v9+.yaml."
    ) in told


def test_an_array_whose_commands_are_too_long(folder: Path) -> None:
    told = run(
        folder, "--snakefile", "tests/slurm/long.smk", "--slurm-array-limit", "200",
        "--config", "cases=200",
    )  # fmt: skip
    assert (
        "The commands of a job array are too long for the command line: lower slurm-array" in told
    )
    assert "convert: the same of 195 more jobs." in told
    assert "Submitted array job" not in told


def test_an_array_that_is_refused(folder: Path) -> None:
    told = run(folder, "--snakefile", "tests/slurm/long.smk", "--config", "cases=25")
    assert "convert, case c00: SLURM did not take the job. It says: “sbatch: error: invalid" in told
    assert max(map(len, told.splitlines())) < 3000


def test_every_array_numbers_its_tasks_from_one(folder: Path) -> None:
    """SLURM takes no task of a number as high as MaxArraySize, 1,001 by default."""
    (folder / "asked").unlink(missing_ok=True)
    told = run(folder, "--snakefile", "tests/slurm/long.smk", "--config", "cases=60")
    asked = (folder / "asked").read_text().split()
    assert sorted(asked) == ["--array=1-10", "--array=1-25", "--array=1-25"]
    assert "convert: the same of 55 more jobs." in told
