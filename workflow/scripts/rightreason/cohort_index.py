"""Small tables that stand for many files: a rule that reads a whole cohort names one of these.

Listing each file would make Snakemake slow: what it plans costs it per file, not per byte. What a
table says of a case is the digest of its files, so it changes when they do.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rightreason import made
from rightreason.errors import InputError
from rightreason.failures import Failure, failure_of
from rightreason.layout import MAPS_TABLE, Layout
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole

PREPARED_COLUMNS = ("case", "digest", "stage", "reason")
MAPS_COLUMNS = ("model", "method", "case", "digest")

log = logging.getLogger(__name__)


def write_prepared(cases: Sequence[str], kinds: Sequence[str], layout: Layout, out: Path) -> None:
    """Write a row per case: the digest of its prepared images and records, or why there are none.

    Raises
    ------
    InputError
        When one of them is not there, or not as it was made.
    """
    rows = []
    for case in cases:
        paths = _prepared(case, kinds, layout)
        failure = failure_of(paths[0])
        about = asdict(failure) if failure else {"digest": _together(paths)}
        rows.append({**dict.fromkeys(PREPARED_COLUMNS, ""), **about, "case": case})
    write_whole(out, to_tsv(PREPARED_COLUMNS, rows))


def prepared_images(
    indices: Iterable[Path | str], cases: Iterable[str], kind: str, layout: Layout
) -> dict[str, Path]:
    """Return the prepared image of each case that did not fail; the log names those that did.

    Parameters
    ----------
    indices : iterable of path
        Tables of `write_prepared`, which together have a row for each case.
    cases : iterable of str
        Those that are asked for.
    kind : str
        Of input.
    layout : Layout
        Of the study.

    Raises
    ------
    InputError
        When an image or its record is not as it was made.
    """
    failed = {failure.case: failure for failure in prepared_failures(indices)}
    wanted = list(cases)
    for case in wanted:
        if case in failed:
            log.warning("left out: case %s, of which %s said: %s", case, failed[case].stage,
                        failed[case].reason)  # fmt: skip
    images = {case: layout.prepared(kind, case) for case in wanted if case not in failed}
    made.check([*images.values(), *(layout.prepared_record(kind, case) for case in images)])
    return images


def prepared_failures(indices: Iterable[Path | str]) -> list[Failure]:
    """Return the failures that tables of `write_prepared` name, each once."""
    found = [
        Failure(row["case"], row["stage"], row["reason"]) for row in _rows(indices) if row["stage"]
    ]
    return list(dict.fromkeys(found))


def write_maps(folders: Sequence[Path], out: Path) -> None:
    """Write a row per map: its digest, and that of the table which says what it explains.

    Parameters
    ----------
    folders : sequence of path
        `{model}/{method}/{shard}` of one shard, each with its `maps.tsv`.
    out : path
        The table.

    Raises
    ------
    InputError
        When a map is not there, or not as it was made.
    """
    rows = [
        {
            "model": folder.parents[1].name,
            "method": folder.parent.name,
            "case": row["case"],
            "digest": _together([folder / f"{row['case']}.nii.gz", folder / MAPS_TABLE]),
        }
        for folder in folders
        for row in _rows([folder / MAPS_TABLE])
    ]
    write_whole(out, to_tsv(MAPS_COLUMNS, rows))


def _prepared(case: str, kinds: Sequence[str], layout: Layout) -> list[Path]:
    of = (layout.prepared, layout.prepared_record)
    return [path(kind, case) for kind in kinds for path in of]


def _together(paths: Sequence[Path]) -> str:
    made.check(paths)
    return hashlib.sha256("\n".join(made.digest(path) for path in paths).encode()).hexdigest()


def _rows(tables: Iterable[Path | str]) -> Iterable[Mapping[str, str]]:
    for table in tables:
        try:
            with Path(table).open(newline="", encoding="utf-8") as file:
                yield from csv.DictReader(file, delimiter="\t")
        except OSError as error:
            raise InputError(
                f"{table} cannot be read ({error.strerror}); remove it and run again."
            ) from error
