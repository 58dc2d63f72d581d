"""Wrapper of the stage `summary`."""

from pathlib import Path

from rightreason.cohort_table import write_cohort
from rightreason.job import job
from rightreason.summary import summarise

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, given = snakemake.params, snakemake.input
        models = dict(zip(params.models["models"], map(Path, given.predictions), strict=True))
        tables, out = [*map(Path, given.overlap)], [Path(path) for path in snakemake.output]
        write_cohort(params.cases, **params.entered, results=out[0].parents[1], out=out[2])
        summarise(tables, models, params.cases, **params.study, performance=out[0], overlap=out[1])
