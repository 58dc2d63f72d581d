"""Wrapper of the stage `convert`."""

from pathlib import Path

from rightreason.convert import convert_case
from rightreason.job import job

if __name__ == "__main__":
    with job(snakemake):
        case, settings = snakemake.wildcards.case, snakemake.params.settings
        image, series = Path(snakemake.input.image[0]), snakemake.params.source["series"]
        volume, record = Path(snakemake.output.volume), Path(snakemake.output.record)
        convert_case(case, image, series, volume, record, settings)
