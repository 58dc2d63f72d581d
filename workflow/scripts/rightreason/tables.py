"""The two tables a user writes: `cases.tsv` and `annotations.tsv`.

Every problem of a table is collected and told at once, as a sentence with table, row and column.
Standard library only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rightreason.errors import unknown
from rightreason.table_files import file_problems, real_path
from rightreason.table_rows import CASE_COLUMNS, Row

# They become names of files, of which a file system takes 255 bytes, endings and all.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
ID_RULE = "ids start with a letter or digit and hold at most 100 of A-Z a-z 0-9 _ -"
ANNOTATION_COLUMNS = ("case", "rater", "file", "roi", "finding")
RESERVED_RATERS = ("votes", "majority", "union", "intersection", "staple")
RESERVED_SITES = ("training", "external", "all")
DEFAULT_SITE = "main"


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


def parse_cases(
    rows: Iterable[Row], folder: Path, table: str, classes: Sequence[str], check_files: bool
) -> tuple[list[Case], list[str]]:
    """Turn rows of `cases.tsv` into cases.

    Parameters
    ----------
    rows : iterable of dict
        From `table_rows.read_rows`.
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
    images: dict[tuple[str, str], str] = {}
    folders: dict[str, str] = {}
    # A cell left blank where others name a site would quietly move a case to another site.
    filled = [name for name in ("patient", "site") if any(row.get(name) for row in rows)]
    for row in rows:
        at = f"{table}, row {row.get('#', '?')}"
        paths = {name: folder / row[name] for name in ("image", "region") if row.get(name)}
        bad = _case_problems(row, at, classes, filled, seen)
        bad += file_problems(row, paths, at, ("image",), check_files)
        file = str(paths.get("image", folder))
        image = (real_path(file, folders) if check_files else file, row.get("series", ""))
        if image in images:
            bad.append(
                f"{at}, column image: {row['image']!r} is the image of case {images[image]} "
                "already; the same scan twice would be trained on and tested with"
            )
        images.setdefault(image, row["case"])
        problems += bad
        if not bad:
            cases.append(_case(row, paths))
    return cases, problems


def _case_problems(
    row: Row, at: str, classes: Sequence[str], filled: Sequence[str], seen: dict[str, str]
) -> list[str]:
    """Find what is wrong with a row, its files aside; `seen` are the rows of the cases so far."""
    problems = _id_problems(row, ("case", "patient", "site"), at, required=("case", *filled))
    if row["case"] in seen:
        problems.append(
            f"{at}, column case: {row['case']!r} stands in row {seen[row['case']]} already; "
            "one row is one imaging study"
        )
    seen.setdefault(row["case"], row.get("#", "?"))
    if row["label"] not in classes:
        problems.append(f"{at}, column {unknown('label', row['label'], classes)}")
    if row.get("site") in RESERVED_SITES:
        problems.append(f"{at}, column site: {row['site']!r} is reserved; use another name")
    return problems


def _case(row: Row, paths: Mapping[str, Path]) -> Case:
    extra = {k: v for k, v in row.items() if k not in CASE_COLUMNS and k != "#"}
    return Case(
        case=row["case"],
        image=paths["image"],
        label=row["label"],
        patient=row.get("patient") or row["case"],
        site=row.get("site") or DEFAULT_SITE,
        series=row.get("series") or None,
        region=paths.get("region"),
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
        paths = {"file": folder / row["file"]} if row["file"] else {}
        bad = _rater_problems(row, at, known, spelled)
        bad += file_problems(row, paths, at, (), check_files)
        files = files_of.setdefault((row["case"], row["rater"]), [])
        if files and ("" in files or not row["file"]):
            bad.append(
                f"{at}: rater {row['rater']} marks something in case {row['case']} in one row and "
                "found nothing in another"
            )
        files.append(row["file"])
        problems += bad
        if not bad:
            roi, finding = row.get("roi") or None, row.get("finding") or None
            annotations.append(
                Annotation(row["case"], row["rater"], paths.get("file"), roi, finding)
            )
    return annotations, problems


def _rater_problems(row: Row, at: str, known: set[str], spelled: dict[str, str]) -> list[str]:
    """Find what is wrong with case and rater; `spelled` are the raters so far, in lower case."""
    problems = _id_problems(row, ("case", "rater"), at, required=("case", "rater"))
    if not problems and row["case"] not in known:
        problems.append(f"{at}, column case: {row['case']!r} is not in the table of cases")
    if row["rater"].lower() in RESERVED_RATERS:
        problems.append(
            f"{at}, column rater: {row['rater']!r} is reserved for what is made from all "
            "raters; use another name"
        )
    first = spelled.setdefault(row["rater"].lower(), row["rater"])
    if first != row["rater"]:
        problems.append(
            f"{at}, column rater: {row['rater']!r} and {first!r} differ in letter case only; "
            "spell a rater one way"
        )
    return problems


def _id_problems(row: Row, columns: Sequence[str], at: str, required: Sequence[str]) -> list[str]:
    problems = []
    for column in columns:
        value = row.get(column, "")
        if not value and column in required:
            problems.append(f"{at}, column {column}: it is empty; fill it in every row")
        elif value and not ID.fullmatch(value):
            problems.append(f"{at}, column {column}: {value!r} is no id; {ID_RULE}")
    return problems
