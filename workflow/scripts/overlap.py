"""Wrapper of the stage `overlap`."""

from pathlib import Path

from rightreason.job import job
from rightreason.overlap import score_case
from rightreason.overlap_files import arrange

if __name__ == "__main__":
    with job(snakemake.log[0]):
        given, params = snakemake.input, snakemake.params
        files = arrange(**params.layout, given=dict(given.items()))
        out = {name: Path(path) for name, path in snakemake.output.items()}
        where = Path(given.annotations), Path(given.volume), next(map(Path, given.region), None)
        score_case(snakemake.wildcards.case, files, *where, params.settings, out)
