"""Wrapper of the rule `gather_predictions` of the stage `predict`."""

from pathlib import Path

from rightreason.cohort_index import prepared_failures
from rightreason.gather import gather_tables
from rightreason.job import job

if __name__ == "__main__":
    with job(snakemake):
        params, given, out = snakemake.params, snakemake.input, snakemake.output
        failed = {failure.case for failure in prepared_failures(given.indices)}
        cases = [case for case in params.cases["cases"] if case not in failed]
        gather_tables(given.tables, cases, Path(out.table))
        gather_tables(given.seeds, cases, Path(out.seeds), each=params.seeds)
