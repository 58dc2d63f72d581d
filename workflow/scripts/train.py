"""Wrapper of the stage `train`."""

from pathlib import Path

from rightreason.job import job
from rightreason.network_job import network_job
from rightreason.train import train_fold

if __name__ == "__main__":
    with job(snakemake):
        params, out = snakemake.params, Path(snakemake.output.weights).parent
        images, settings = network_job(snakemake, params.parts)
        used = images, params.labels, {case: params.parts[case] for case in images}, params.model
        kept = Path(".snakemake/rightreason", out.relative_to("results")), params.code
        train_fold(*used, settings, settings["seed"] + int(snakemake.wildcards.seed), out, *kept)
