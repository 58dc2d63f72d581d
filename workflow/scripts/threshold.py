"""Wrapper of the rule `threshold` of the stage `predict`."""

from pathlib import Path

from rightreason.job import job
from rightreason.network_job import network_job
from rightreason.thresholds import choose_thresholds

if __name__ == "__main__":
    with job(snakemake):
        params, out = snakemake.params, {n: Path(p) for n, p in snakemake.output.items()}
        cases = dict.fromkeys(case for part in params.validation.values() for case in part)
        images, settings = network_job(snakemake, cases)
        who = params.committees, params.validation, params.labels, params.classes["classes"]
        choose_thresholds(images, *who, params.model, settings, out)
