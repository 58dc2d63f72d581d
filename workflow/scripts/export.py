"""Wrapper of the stage `export`."""

from pathlib import Path

from rightreason.case_files import case_job
from rightreason.export import export_case
from rightreason.failures import usable_path
from rightreason.job import job

if __name__ == "__main__":
    with job(snakemake, optional=["annotations"]):
        given, (case, files) = snakemake.input, case_job(snakemake)
        image, annotations = Path(given.image[0]), usable_path(given.annotations)
        where, out = (image, Path(given.conversion)), Path(snakemake.output[0])
        export_case(case, *where, files, annotations, snakemake.params.settings, out)
