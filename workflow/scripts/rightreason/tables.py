"""The two tables a user writes: `cases.tsv` and `annotations.tsv`.

Every problem of a table is collected and told at once, as a sentence with table, row and column.
Standard library only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rightreason.errors import InputError, unknown

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
ID_RULE = "ids start with a letter or digit and hold only A-Z a-z 0-9 _ -"
CASE_COLUMNS = ("case", "image", "label", "patient", "site", "series", "region")
ANNOTATION_COLUMNS = ("case", "rater", "file", "roi", "finding")
RESERVED_RATERS = ("votes", "majority", "union", "intersection", "staple")
RESERVED_SITES = ("training", "external", "all")
DEFAULT_SITE = "main"

Row = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A row of `cases.tsv`, with defaults filled in and paths resolved."""

    case: str
    image: Path
    label: str
    patient: str
    site: str
    series: str | None
    region: Path | None
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Annotation:
    """A row of `annotations.tsv`; `file` is None for *looked, found nothing*."""

    case: str
    rater: str
    file: Path | None
    roi: str | None
    finding: str | None


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


def parse_cases(
    rows: Iterable[Row], folder: Path, table: str, classes: Sequence[str], check_files: bool
) -> tuple[list[Case], list[str]]:
    """Turn rows of `cases.tsv` into cases.

    Parameters
    ----------
    rows : iterable of dict
        From `read_rows`.
    folder : path
        What paths are relative to.
    table : str
        The table's name, for messages.
    classes : sequence of str
        Labels there may be.
    check_files : bool
        Whether files must exist now (those of the embedded cohort are made by the workflow).

    Returns
    -------
    cases : list of Case
        The rows without problems.
    problems : list of str
        One sentence for each problem.
    """
    rows = list(rows)
    cases, problems = [], []
    seen: dict[str, str] = {}
    images: dict[tuple[Path, str], str] = {}
    # A cell left blank where others name a site would quietly move a case to another site.
    filled = [name for name in ("patient", "site") if any(row.get(name) for row in rows)]
    for row in rows:
        at = f"{table}, row {row.get('#', '?')}"
        bad = _id_problems(row, ("case", "patient", "site"), at, required=("case", *filled))
        if row["case"] in seen:
            bad.append(
                f"{at}, column case: {row['case']!r} stands in row {seen[row['case']]} already; "
                "one row is one imaging study"
            )
        seen.setdefault(row["case"], row.get("#", "?"))
        if row["label"] not in classes:
            bad.append(f"{at}, column {unknown('label', row['label'], classes)}")
        if row.get("site") in RESERVED_SITES:
            bad.append(f"{at}, column site: {row['site']!r} is reserved; use another name")
        bad += _file_problems(row, ("image", "region"), folder, at, ("image",), check_files)
        image = ((folder / row["image"]).resolve(), row.get("series", ""))
        if image in images:
            bad.append(
                f"{at}, column image: {row['image']!r} is the image of case {images[image]} "
                "already; the same scan twice would be trained on and tested with"
            )
        images.setdefault(image, row["case"])
        problems += bad
        if not bad:
            cases.append(_case(row, folder))
    return cases, problems


def _case(row: Row, folder: Path) -> Case:
    extra = {k: v for k, v in row.items() if k not in CASE_COLUMNS and k != "#"}
    return Case(
        case=row["case"],
        image=folder / row["image"],
        label=row["label"],
        patient=row.get("patient") or row["case"],
        site=row.get("site") or DEFAULT_SITE,
        series=row.get("series") or None,
        region=folder / row["region"] if row.get("region") else None,
        extra=extra,
    )


def parse_annotations(
    rows: Iterable[Row], folder: Path, table: str, known: Iterable[str], check_files: bool
) -> tuple[list[Annotation], list[str]]:
    """Turn rows of `annotations.tsv` into annotations; arguments and returns as `parse_cases`.

    `known` are the cases there are.
    """
    annotations, problems = [], []
    known = set(known)
    files_of: dict[tuple[str, str], list[str]] = {}
    spelled: dict[str, str] = {}
    for row in rows:
        at = f"{table}, row {row.get('#', '?')}"
        bad = _id_problems(row, ("case", "rater"), at, required=("case", "rater"))
        if not bad and row["case"] not in known:
            bad.append(f"{at}, column case: {row['case']!r} is not in the table of cases")
        if row["rater"].lower() in RESERVED_RATERS:
            bad.append(
                f"{at}, column rater: {row['rater']!r} is reserved for what is made from all "
                "raters; use another name"
            )
        first = spelled.setdefault(row["rater"].lower(), row["rater"])
        if first != row["rater"]:
            bad.append(
                f"{at}, column rater: {row['rater']!r} and {first!r} differ in letter case only; "
                "spell a rater one way"
            )
        bad += _file_problems(row, ("file",), folder, at, (), check_files)
        files = files_of.setdefault((row["case"], row["rater"]), [])
        if files and ("" in files or not row["file"]):
            bad.append(
                f"{at}: rater {row['rater']} marks something in case {row['case']} in one row and "
                "found nothing in another"
            )
        files.append(row["file"])
        problems += bad
        if not bad:
            annotations.append(
                Annotation(
                    case=row["case"],
                    rater=row["rater"],
                    file=folder / row["file"] if row["file"] else None,
                    roi=row.get("roi") or None,
                    finding=row.get("finding") or None,
                )
            )
    return annotations, problems


def _id_problems(row: Row, columns: Sequence[str], at: str, required: Sequence[str]) -> list[str]:
    problems = []
    for column in columns:
        value = row.get(column, "")
        if not value and column in required:
            problems.append(f"{at}, column {column}: it is empty; fill it in every row")
        elif value and not ID.fullmatch(value):
            problems.append(f"{at}, column {column}: {value!r} is no id; {ID_RULE}")
    return problems


def _file_problems(
    row: Row, columns: Sequence[str], folder: Path, at: str, required: Sequence[str], check: bool
) -> list[str]:
    problems = []
    for column in columns:
        name = row.get(column, "")
        if not name and column in required:
            problems.append(f"{at}, column {column}: it is empty; give a path")
        elif "{" in name or "}" in name:
            problems.append(f"{at}, column {column}: {name!r} holds braces; rename the file")
        elif name and check and not (folder / name).exists():
            problems.append(f"{at}, column {column}: there is no {folder / name}")
        elif name and check and column != "image" and not (folder / name).is_file():
            problems.append(f"{at}, column {column}: {folder / name} is a folder; name a file")
    return problems
