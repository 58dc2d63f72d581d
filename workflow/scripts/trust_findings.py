"""Wrapper of the rule `trust_findings` of the stage `trust`."""

from pathlib import Path

from rightreason.job import job
from rightreason.network_job import network_job
from rightreason.trust_findings import measure_findings

if __name__ == "__main__":
    with job(snakemake):
        params = snakemake.params
        images, settings = network_job(snakemake, params.cases)
        masks = {folder.name: folder for folder in map(Path, snakemake.input.annotations)}
        of = params.committees, params.cases, masks, params.model
        measure_findings(images, *of, settings, Path(snakemake.output[0]))
