"""Wrapper of the stage `overlap`."""

from pathlib import Path

from rightreason.case_files import case_job
from rightreason.job import job
from rightreason.overlap import score_case

if __name__ == "__main__":
    with job(snakemake):
        given, (case, files) = snakemake.input, case_job(snakemake)
        where = Path(given.annotations), Path(given.volume), next(map(Path, given.region), None)
        out = {name: Path(path) for name, path in snakemake.output.items()}
        score_case(case, files, *where, snakemake.params.settings, out)
