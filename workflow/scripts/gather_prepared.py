"""Wrapper of the rule `gather_prepared` of the stage `prepare`."""

from pathlib import Path

from rightreason.cohort_index import write_prepared
from rightreason.job import job
from rightreason.layout import INPUT_KINDS, Layout

if __name__ == "__main__":
    with job(snakemake):
        cases, out = snakemake.params.cases["cases"], Path(snakemake.output[0])
        write_prepared(cases, INPUT_KINDS, Layout(shards=1), out)
