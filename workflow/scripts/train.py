"""Wrapper of the stage `train`."""

from pathlib import Path

from rightreason.job import job
from rightreason.train import train_fold

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        images = dict(zip(params.parts, map(Path, snakemake.input.images), strict=True))
        seed = params.settings["seed"] + int(snakemake.wildcards.seed)
        out = Path(snakemake.output.weights).parent
        how = params.model, params.settings
        train_fold(images, params.labels, params.parts, *how, seed, out)
