"""Wrapper of the stage `predict`."""

from pathlib import Path

from rightreason.job import job
from rightreason.network_job import network_job
from rightreason.predict import predict_cases

if __name__ == "__main__":
    with job(snakemake):
        params, out = snakemake.params, {n: Path(p) for n, p in snakemake.output.items()}
        images, settings = network_job(snakemake, params.members)
        rows = [{"case": case, **member} for case, member in params.members.items()]
        of = params.committees, rows, Path(snakemake.input.thresholds), params.classes["classes"]
        predict_cases(images, *of, params.model, settings, out)
