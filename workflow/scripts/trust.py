"""Wrapper of the stage `trust`."""

from pathlib import Path

from rightreason.job import job
from rightreason.network_job import network_job
from rightreason.trust import measure_trust

if __name__ == "__main__":
    with job(snakemake):
        params, out = snakemake.params, Path(snakemake.output[0])
        images, settings = network_job(snakemake, params.cases)
        of = params.committees, params.cases, params.model, params.method
        measure_trust(images, *of, settings, out)
