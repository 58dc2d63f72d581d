"""Outputs of which Snakemake does not know any more what they were made from.

It compares settings, code and files from outside with what it recorded of each output, in
`.snakemake/metadata`. Of an output without a record it compares nothing: it takes it for up to date
whatever was edited, and says so in dry runs only. Such are all outputs once somebody has deleted
`.snakemake`, or has brought `results` to a fresh clone without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rightreason.errors import InputError
from rightreason.jobs_on_disk import MARKS, outputs_named
from rightreason.made_records import RECORDS, group_of, read_record, record_of

RESULTS = Path("results")
METADATA = Path(".snakemake/metadata")
# With `--persistence-backend db` there are no files to look at.
DATABASE = Path(".snakemake/metadata.db")
TOLD = 5


def check(folder: Path = Path()) -> None:
    """Refuse a run in which outputs would be taken for up to date that nothing is known of.

    Those of jobs that were cut off are made again anyway.

    Parameters
    ----------
    folder : path
        The working directory of the run.

    Raises
    ------
    InputError
        When there are such outputs.
    """
    results = folder / RESULTS
    if (folder / DATABASE).exists() or not (results / RECORDS).is_dir():
        return
    known = {
        group_of(output.removeprefix(f"{RESULTS}/"))
        for marks in (METADATA, MARKS)
        for output in outputs_named(folder / marks)
    }
    unknown = [
        group
        for group in sorted(_groups(results))
        if group not in known and _is_there(results, group)
    ]
    if unknown:
        raise InputError(_sentence(unknown))


def _groups(results: Path) -> Iterator[str]:
    """Name what one job made each, by our own records."""
    for parent, _folders, files in os.walk(results / RECORDS):
        below = os.path.relpath(parent, results / RECORDS)
        for file in files:
            if not file.startswith("."):
                yield os.path.normpath(f"{below}/{file.removesuffix('.tsv')}")


def _is_there(results: Path, group: str) -> bool:
    lines = read_record(record_of(results, group)).lines()
    return any((results / line.name).exists() for line in lines)


def _sentence(groups: list[str]) -> str:
    named = ", ".join(f"{RESULTS}/{group}" for group in groups[:TOLD])
    more = f" and {len(groups) - TOLD} more" if len(groups) > TOLD else ""
    return (
        f"Snakemake has no record any more (in {METADATA}) of what this was made from, and would "
        f"take it for up to date whatever has changed since: {named}{more}. The records were "
        f"deleted, or {RESULTS} was brought here without them. Bring .snakemake here, too, from "
        "where the study was run; or delete what is named, and run again; or, if you know that "
        "neither config, tables, files nor code have changed, say so: the same command, once with "
        "--touch --forceall."
    )
