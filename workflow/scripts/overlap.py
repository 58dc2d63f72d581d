"""Wrapper of the stage `overlap`."""

from rightreason.job import job
from rightreason.overlap import score_case

if __name__ == "__main__":
    with job(snakemake.log[0]):
        given, params = snakemake.input, snakemake.params
        names = params.models["models"], params.methods["methods"]
        files = given.maps, given.records, given.annotations, given.predictions
        how = params.positive, params.settings
        score_case(snakemake.wildcards.case, *names, *files, *how, *snakemake.output)
