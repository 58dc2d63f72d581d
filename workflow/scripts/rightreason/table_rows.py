"""Tab-separated tables that a user writes, read as rows of text; all wrong columns told at once."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from rightreason.errors import InputError

CASE_COLUMNS = ("case", "image", "label", "patient", "site", "series", "region")

Row = dict[str, str]
"""Cells by column; under `#` the number of the row in the file."""


def read_rows(path: Path, required: Sequence[str], allowed: Sequence[str] | None) -> list[Row]:
    """Read a tab-separated table with a header.

    Parameters
    ----------
    path : path
        The table, UTF-8.
    required : sequence of str
        Columns that must be there.
    allowed : sequence of str or None
        The only columns that may be there, or None when any may.

    Raises
    ------
    InputError
        When the file cannot be read or its columns are wrong; all wrong columns at once.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The table {path} cannot be read: {error}. Save it as tab-separated UTF-8 text."
        ) from error
    # Split by hand: a quotation mark is a character like any other, not the start of a cell that
    # swallows the rows below it.
    lines = [line.rstrip("\r").split("\t") for line in text.split("\n")]
    header = [name.strip() for name in lines[0]]
    problems = _column_problems(header, required, allowed)
    rows: list[Row] = []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            problems.append(
                f"row {number} has {len(cells)} cells, the header {len(header)}; leave a cell "
                "empty, but do not leave it out"
            )
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        rows.append({**row, "#": str(number)})
    if problems:
        raise InputError.of(f"The table {path} cannot be used:", problems)
    return rows


def _column_problems(
    header: list[str], required: Sequence[str], allowed: Sequence[str] | None
) -> list[str]:
    if len(header) == 1 and len(required) > 1:
        return [f"its columns are not separated by tabs: {header[0]!r}. Save it as .tsv"]
    problems = [f"the column {name!r} is missing" for name in required if name not in header]
    if "" in header:
        problems.append("a column has no name; name it or take it out")
    problems += [
        f"the column {name!r} stands twice"
        for name in sorted(set(header) - {""})
        if header.count(name) > 1
    ]
    # A misspelt `patient` would be kept as a further column, and the patient's scans divided.
    for name in header:
        near = difflib.get_close_matches(name.lower(), CASE_COLUMNS, n=1, cutoff=0.8)
        if allowed is None and near and name not in CASE_COLUMNS:
            problems.append(
                f"the column {name!r} looks like {near[0]!r}, which would go unused; rename it"
            )
    if allowed is not None:
        problems += [
            f"the column {name!r} is unknown; there are {', '.join(allowed)}"
            for name in header
            if name not in allowed
        ]
    return problems
