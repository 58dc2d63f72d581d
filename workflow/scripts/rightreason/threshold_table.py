"""The table of thresholds: from which probability on a case of a fold is called positive."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from rightreason.errors import InputError
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole

COLUMNS = ("fold", "threshold")


def write_thresholds(thresholds: Mapping[int | None, float], out: Path) -> None:
    """Write the threshold of each fold; that of None, of the cases in no fold, has a blank one."""
    rows = [{"fold": fold, "threshold": threshold} for fold, threshold in thresholds.items()]
    write_whole(out, to_tsv(COLUMNS, rows))


def read_thresholds(path: Path) -> dict[int | None, float]:
    """Read the table of thresholds; None is of the cases in no fold.

    Raises
    ------
    InputError
        When it is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return {int(r["fold"]) if r["fold"] else None: float(r["threshold"]) for r in rows}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a table of thresholds (columns {', '.join(COLUMNS)}): "
            f"{error}. Remove it and run again: it is made anew."
        ) from error
