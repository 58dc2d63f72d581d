"""Wrapper of the stage `summary`."""

from pathlib import Path

from rightreason.cohort_table import write_cohort
from rightreason.job import job
from rightreason.summary import summarise

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, table = snakemake.params, Path(snakemake.output.cohort)
        results, study = table.parents[1], {"study": params.study, "settings": params.settings}
        write_cohort(params.cases, **params.entered, results=results, out=table)
        raters, models = params.entered["raters"], params.models["models"]
        summarise(results, params.cases, raters, models, **study)
