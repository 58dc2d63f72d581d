"""Wrapper of the stage `predict`."""

from pathlib import Path

from rightreason.job import job
from rightreason.predict import predict_model

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params = snakemake.params
        settings = {**params.settings, "device": snakemake.resources.device}
        images = dict(zip(params.members, map(Path, snakemake.input.images), strict=True))
        rows = [{"case": case, **member} for case, member in params.members.items()]
        how = params.committees, rows, params.model, settings
        predict_model(images, *how, Path(snakemake.output[0]))
