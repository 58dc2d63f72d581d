"""Tables of the parts of a cohort put together, each case once, in the order of the cohort."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rightreason.errors import InputError
from rightreason.whole import write_whole

Row = list[str]
ANEW = "Remove it and run again: it is made anew."
FIRST_NAMED = 10
"""So many cases are named when many are wrong."""


def gather_tables(
    parts: Sequence[Path | str], cases: Sequence[str], out: Path, each: int = 1
) -> None:
    """Write the rows of several tables as one, in the order of the cohort.

    Parameters
    ----------
    parts : sequence of path
        Tables (TSV) of one head, with a column `case`. One may have no rows.
    cases : sequence of str
        The cases there must be, in order.
    out : path
        The table to write.
    each : int
        How many rows a case has; they stay in their order.

    Raises
    ------
    InputError
        When heads differ, a case lacks, comes too often or is none of `cases`; all at once.
    """
    if not parts:
        raise ValueError("There are no tables to gather: a cohort has one part at least.")
    tables = {part: _read(part) for part in parts}
    head = tables[parts[0]][0]
    odd = [f"{part}: {', '.join(own)}" for part, (own, _) in tables.items() if own != head]
    if odd:
        raise InputError.of(
            f"Tables that belong together differ in their columns; {parts[0]} has "
            f"{', '.join(head)}. Remove these and run again, they are made anew:",
            odd,
        )
    rows = [row for _, own in tables.values() for row in own]
    write_whole(out, _to_tsv([head, *_ordered(rows, head.index("case"), cases, each, out)]))


def _read(path: Path | str) -> tuple[Row, list[Row]]:
    """Return the head and the rows."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file, delimiter="\t")
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table: {error}. {ANEW}") from error
    cut = [row for row in rows if len(row) != len(head)]
    if "case" not in head or cut:
        found = f"a row with {len(cut[0])} cells" if cut else "no column `case`"
        raise InputError(f"{path} is no whole table: {found}. {ANEW}")
    return head, rows


def _ordered(
    rows: Iterable[Row], column: int, cases: Sequence[str], each: int, out: Path
) -> list[Row]:
    """Return the rows in the order of the cases."""
    by_case: dict[str, list[Row]] = {case: [] for case in cases}
    others: Counter[str] = Counter()
    for row in rows:
        if row[column] in by_case:
            by_case[row[column]].append(row)
        else:
            others[row[column]] += 1
    problems = [
        f"{case}: {len(found)} rows instead of {each}"
        for case, found in by_case.items()
        if len(found) != each
    ]
    problems += [f"{case}: {count} rows, and no such case is due" for case, count in others.items()]
    if problems:
        more = len(problems) - FIRST_NAMED
        raise InputError.of(
            f"{out} would not have every case once. Remove the tables it is made of and run "
            "again, they are made anew:",
            problems[:FIRST_NAMED] + ([f"and {more} more cases"] if more > 0 else []),
        )
    return [row for found in by_case.values() for row in found]


def _to_tsv(rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
