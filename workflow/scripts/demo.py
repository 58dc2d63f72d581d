"""Wrapper of the stage `demo`."""

from pathlib import Path

from rightreason.demo import write_cohort
from rightreason.job import job

if __name__ == "__main__":
    with job(snakemake):
        write_cohort(snakemake.params.settings, Path(snakemake.output.files[0]).parent)
