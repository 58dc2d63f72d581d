"""Wrapper of the stage `saliency`."""

from pathlib import Path

from rightreason.job import job
from rightreason.network_job import network_job
from rightreason.saliency import explain_cases

if __name__ == "__main__":
    with job(snakemake):
        params, out = snakemake.params, [Path(folder) for folder in snakemake.output]
        images, settings = network_job(snakemake, params.members)
        rows = [{"case": case, **member} for case, member in params.members.items()]
        of = params.committees, rows, Path(snakemake.input.predictions), params.classes["classes"]
        explain_cases(images, *of, params.model, settings, out)
