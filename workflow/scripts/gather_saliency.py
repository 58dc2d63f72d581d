"""Wrapper of the rule `gather_saliency` of the stage `saliency`."""

from pathlib import Path

from rightreason.cohort_index import write_maps
from rightreason.job import job

if __name__ == "__main__":
    with job(snakemake):
        write_maps([Path(folder) for folder in snakemake.input], Path(snakemake.output[0]))
