"""Wrapper of the stage `summary`."""

from pathlib import Path

from rightreason.job import job
from rightreason.summary import summarise

if __name__ == "__main__":
    with job(snakemake.log[0]):
        params, tables = snakemake.params, [Path(path) for path in snakemake.input.overlap]
        models = params.models["models"]
        predictions = dict(zip(models, map(Path, snakemake.input.predictions), strict=True))
        study = params.cases, params.external_sites["external_sites"], params.positive
        outputs = [Path(path) for path in snakemake.output]
        summarise(tables, predictions, *study, params.settings, *outputs)
