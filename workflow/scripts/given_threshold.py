"""Wrapper of the rule `given_threshold` of the stage `predict`."""

from pathlib import Path

from rightreason.job import job
from rightreason.threshold_table import write_thresholds

if __name__ == "__main__":
    with job(snakemake):
        write_thresholds({None: snakemake.params.threshold}, Path(snakemake.output[0]))
