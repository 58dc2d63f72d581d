"""Wrapper of the stage `report`."""

from pathlib import Path

from rightreason import made
from rightreason.job import job
from rightreason.layout import RESULTS
from rightreason.report import write_report

if __name__ == "__main__":
    with job(snakemake):
        params, out = snakemake.params, Path(snakemake.output[0])
        write_report(params.config, params.cases, RESULTS, out, made.check)
