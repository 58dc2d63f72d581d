"""Snakemake's limit on jobs a second is lifted in a run, and kept where a user sets it."""

from pathlib import Path

import pytest

from tests.runs import checkout, finish

TELLS = """include: "Snakefile"
onsuccess:
    limiter = workflow.scheduler.job_rate_limiter
    print("LIMIT", limiter and limiter.max_jobs)
"""


@pytest.mark.parametrize(
    ("given", "limit"), [((), None), (("--max-jobs-per-timespan", "7/1s"), 7)], ids=["none", "own"]
)
def test_limit_on_jobs_a_second(tmp_path: Path, given: tuple[str, ...], limit: int | None) -> None:
    folder = checkout(tmp_path / "checkout")
    (folder / "tells.smk").write_text(TELLS)
    told = finish(
        folder, "results/demo/cases.tsv", "--snakefile", "tells.smk",
        "--configfile", "tests/small.yaml", *given,
    )  # fmt: skip
    assert f"LIMIT {limit}" in told.splitlines()
