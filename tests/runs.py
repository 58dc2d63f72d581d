"""Running the workflow for real, in a checkout of its own, and reading what is due."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rightreason.made_records import files_at, sha256_of

from tests.users import User

ROOT = Path(__file__).parents[1]
LEFT_BEHIND = (
    ".git", ".tools", "build", ".venv", ".venv-lock", ".snakemake", "logs", ".pytest_cache",
    ".mypy_cache", ".ruff_cache", ".hypothesis", "__pycache__",
)  # fmt: skip

Job = tuple[str, str]


def checkout(to: Path, source: Path = ROOT) -> Path:
    """Copy the sources as a fresh clone has them: no results, no metadata, new times."""
    shutil.copytree(
        source,
        to,
        ignore=lambda folder, names: [
            name for name in names
            if name in LEFT_BEHIND or (Path(folder) == source and name == "results")
        ],
        copy_function=shutil.copyfile,
        symlinks=True,
    )  # fmt: skip
    return to


def snakemake(
    folder: Path, *arguments: str, cores: int = 2, user: User | None = None
) -> subprocess.CompletedProcess[str]:
    """Run snakemake in a checkout, maybe as another user, and return what it printed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
    # `--quiet host` overrides the profile, which would hide the jobs; and it must not stand last,
    # or it would take targets for its own values.
    command = [sys.executable, "-m", "snakemake", "--quiet", "host", "--nocolor",
               "--cores", str(cores), *arguments]  # fmt: skip
    return subprocess.run(
        user.command(command) if user else command,
        cwd=folder,
        env=environment | (user.environment if user else {}),
        umask=user.umask if user else -1,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip


def finish(folder: Path, *arguments: str, user: User | None = None) -> str:
    """Run snakemake to the end; fail with its output otherwise."""
    result = snakemake(folder, *arguments, user=user)
    assert result.returncode == 0, result.stdout[-6000:]
    return result.stdout


def due(folder: Path, *arguments: str, user: User | None = None) -> set[Job]:
    """Return the jobs a dry run would do, as (rule, wildcards)."""
    return jobs_in(finish(folder, "--dry-run", *arguments, user=user)) - {("all", "")}


def jobs_in(output: str) -> set[Job]:
    """Read the jobs out of snakemake's own record of a (dry) run; each may stand there once.

    One that failed and is tried again stands there again, under the same number.
    """
    jobs: set[Job] = set()
    retried = set(re.findall(r"^Trying to restart job (\d+)\.", output, flags=re.MULTILINE))
    for block in re.split(r"^\[.*\]$", output, flags=re.MULTILINE):
        rule = re.search(r"^(?:local)?(?:rule|checkpoint) (\w+):$", block, flags=re.MULTILINE)
        if rule:
            wildcards = re.search(r"^    wildcards: (.*)$", block, flags=re.MULTILINE)
            number = re.search(r"^    jobid: (\d+)$", block, flags=re.MULTILINE)
            job = (rule[1], wildcards[1] if wildcards else "")
            assert job not in jobs or (number and number[1] in retried), f"{job} was done twice"
            jobs.add(job)
    return jobs


def rules_of(jobs: set[Job]) -> set[str]:
    """Return the rules of jobs."""
    return {rule for rule, _ in jobs}


def bytes_of(results: Path) -> dict[str, str]:
    """Digest every file below `results/` but the records, which hold times."""
    return {name: sha256_of(results / name) for name in files_at(results, ".")}
