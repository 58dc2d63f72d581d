"""Wrapper of the stage `report`."""

from pathlib import Path

from rightreason.job import job
from rightreason.report import write_report

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, out = snakemake.params, Path(snakemake.output[0])
        write_report(params.config, params.cases, out.parent.parent, out)
