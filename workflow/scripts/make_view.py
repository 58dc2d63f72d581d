"""Wrapper of the rule `make_view` of the stage `report`."""

from pathlib import Path

from rightreason.case_files import case_job
from rightreason.failures import usable_path
from rightreason.job import job
from rightreason.make_view import make_view

if __name__ == "__main__":
    with job(snakemake, optional=["annotations"]):
        given, (case, files) = snakemake.input, case_job(snakemake)
        where = Path(given.volume), usable_path(given.annotations)
        make_view(case, files, *where, snakemake.params.settings, Path(snakemake.output[0]))
