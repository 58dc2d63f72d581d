"""Wrapper of the stage `train`."""

from pathlib import Path

from rightreason.job import job
from rightreason.train import train_fold

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        settings = {**params.settings, "device": snakemake.resources.device}
        images = dict(zip(params.parts, map(Path, snakemake.input.images), strict=True))
        seed, out = settings["seed"] + int(snakemake.wildcards.seed), snakemake.output.weights
        how = params.model, settings, seed
        train_fold(images, params.labels, params.parts, *how, Path(out).parent)
