"""Wrapper of the stage `saliency`."""

from pathlib import Path

from rightreason.job import job
from rightreason.saliency import explain_model

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        settings = {**params.settings, "device": snakemake.resources.device}
        images = dict(zip(params.labels, map(Path, snakemake.input.images), strict=True))
        given = images, params.committees, Path(snakemake.input.predictions), params.labels
        how = params.positive, params.model, settings["methods"], settings["target"], settings
        explain_model(*given, *how, Path(snakemake.output.tables[0]).parent)
