"""Wrapper of the stage `report`."""

from pathlib import Path

from rightreason.job import job
from rightreason.report import write_report

if __name__ == "__main__":
    with job(snakemake.log[0]):
        given, params = snakemake.input, snakemake.params
        predictions = dict(zip(params.config["models"], map(Path, given.predictions), strict=True))
        tables = [
            [Path(path) for path in given.overlap_tables],
            list(map(Path, given.chance_tables)),
        ]
        summary, results = (Path(given.performance), Path(given.overlap)), Path("results")
        images = dict(zip(params.cases, map(Path, given.images), strict=True))
        votes = {
            c: results / "annotate" / c / "votes.nii.gz" for c in params.annotated["annotated"]
        }
        pictures = images, votes, results / "saliency", results / "prepare"
        out = Path(snakemake.output[0])
        write_report(params.config, params.cases, predictions, *tables, *summary, *pictures, out)
