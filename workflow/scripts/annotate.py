"""Wrapper of the stage `annotate`."""

from pathlib import Path

from rightreason.annotate import annotate_case
from rightreason.job import job

if __name__ == "__main__":
    with job(snakemake):
        files = iter(snakemake.input.files)
        rows = [{**r, "file": next(files) if r["file"] else None} for r in snakemake.params.rows]
        volume, record = Path(snakemake.input.volume), Path(snakemake.input.record)
        out, settings = Path(snakemake.output[0]), snakemake.params.settings
        annotate_case(snakemake.wildcards.case, volume, record, rows, out, settings)
