"""Wrapper of the stage `summary`."""

from rightreason.job import job
from rightreason.layout import RESULTS
from rightreason.summary import write_summary

if __name__ == "__main__":
    with job(snakemake):
        params = snakemake.params
        of, models = params.entered, params.models["models"]
        how = {"study": params.study, "settings": params.settings}
        write_summary(RESULTS, params.cases, of["raters"], of["kinds"], models, **how)
