"""Wrapper of the stage `predict`."""

from pathlib import Path

from rightreason.job import job
from rightreason.predict import predict_model

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, out = snakemake.params, {n: Path(p) for n, p in snakemake.output.items()}
        images = dict(zip(params.members, map(Path, snakemake.input.images), strict=True))
        rows = [{"case": case, **member} for case, member in params.members.items()]
        settings = {**params.settings, "device": snakemake.resources.device}
        judges, classes = (params.committees, rows, params.validation), params.classes["classes"]
        predict_model(images, *judges, classes, params.model, settings, out)
