"""Wrapper of the stage `prepare`."""

from pathlib import Path

from rightreason.job import job
from rightreason.layout import INPUT_KINDS
from rightreason.prepare import prepare_case

if __name__ == "__main__":
    with job(snakemake):
        region = Path(snakemake.input.region[0]) if snakemake.input.region else None
        images = dict(zip(INPUT_KINDS, map(Path, snakemake.output.images), strict=True))
        records = dict(zip(INPUT_KINDS, map(Path, snakemake.output.records), strict=True))
        volume, settings = Path(snakemake.input.volume), snakemake.params.settings
        prepare_case(snakemake.wildcards.case, volume, region, images, records, settings)
