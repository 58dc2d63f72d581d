"""The report's panels on the cohort: what entered the audit, what was done to it, who annotated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from rightreason.cohort_table import SEPARATOR, one_line, read_record
from rightreason.errors import InputError
from rightreason.rater_gaps import RULE
from rightreason.report_blocks import Block, Details, Table, Text
from rightreason.report_data import Study
from rightreason.sentences import UNDEFINED, count, number

REWRITTEN = "rewritten"
"""What `convert` calls a series that dcm2niix did not read as it was: no change of the image."""
MANY = 20
"""Longer tables are folded away."""


def cases_and_scanners(study: Study) -> Sequence[Block]:
    """How many cases per site and label, and per scanner; slices and their spacing."""
    table, outside = study.cohort, study.config["external_sites"]
    classes = list(study.config["classes"])
    sites = [
        [f"{site} (external)" if site in outside else site, *_labels(rows, classes),
         _range(rows["slices"]), _range(rows["spacing_mm"])]
        for site, rows in table.groupby("site")
    ]  # fmt: skip
    scanners = [
        [scanner or "not stated", *_labels(rows, classes), ", ".join(sorted(set(rows["site"]))),
         ", ".join(sorted(set(rows["kernel"]) - {""})) or UNDEFINED, _range(rows["spacing_mm"])]
        for scanner, rows in table.groupby("scanner")
    ]  # fmt: skip
    labels = [f"{name} cases" for name in classes]
    return [
        Table("Cases by site and label; slices of a CT and the distance between them.",
              ["Site", *labels, "Slices", "Slice spacing (mm)"], sites),
        Table("Cases by scanner. Where scanners or kernels go with labels, a model may have "
              "learnt the scanner.",
              ["Scanner", *labels, "Sites", "Kernels", "Slice spacing (mm)"], scanners),
        Text([_entered(table)]),
    ]  # fmt: skip


def _labels(rows: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    return [str(int((rows["label"] == name).sum())) for name in classes]


def _range(values: pd.Series[float]) -> str:
    low, high = number(values.min()), number(values.max())
    return low if low == high else f"{low} to {high}"


def _entered(table: pd.DataFrame) -> str:
    kinds = [name for name in table if name.startswith("seen_slices_")]
    found = [f"{kind.removeprefix('seen_slices_')} {_range(table[kind])}" for kind in kinds]
    return f"CT slices of a case that entered the models, by kind of input: {'; '.join(found)}."


def corrections(study: Study) -> Sequence[Block]:
    """Which cases were corrected, and how; which files of a case were left out, and why."""
    changed = study.cohort[study.cohort["corrections"] != ""]
    rows = [
        [row["case"], row["site"], row["label"], correction]
        for row in changed.to_dict("records")
        for correction in row["corrections"].split(SEPARATOR)
    ]
    table = Table(
        "Corrections of the images, by the policies that the methods name.",
        ["Case", "Site", "Label", "Correction"],
        rows,
    )
    return [Text([corrected(study)]), *_folded("Every correction", table), *_files(study)]


def corrected(study: Study) -> str:
    """Say how many cases were corrected before they were used, and by which policy."""
    cells = study.cohort["corrections"]
    matters = [
        {part.split(":")[0] for part in cell.split(SEPARATOR)} if cell else set[str]()
        for cell in cells
    ]
    cases, found = count(len(cells), "case"), Counter(name for named in matters for name in named)
    rewritten = found.pop(REWRITTEN, 0)
    by = ", ".join(f"{matter} ({count(n, 'case')})" for matter, n in sorted(found.items()))
    changed = sum(bool(named - {REWRITTEN}) for named in matters)
    were = "were" if changed > 1 else "was"
    said = f"{changed or 'None'} of {cases} {were} corrected{f': {by}' if by else ''}."
    if rewritten:
        said += (
            f" Files of {count(rewritten, 'case')} were rewritten for dcm2niix to read, their "
            "values unchanged."
        )
    return said


def _folded(summary: str, table: Table) -> list[Block]:
    if len(table.rows) > MANY:
        return [Details(summary, [table])]
    return [table] if table.rows else []


def _files(study: Study) -> Sequence[Block]:
    """Say which files were left out, as the records of `convert` have it."""
    rows, files, cases = [], Counter[str](), Counter[str]()
    for case in study.cohort["case"]:
        path = study.results / "convert" / f"{case}.json"
        for reason, n in _left_out(read_record(path).get("left_out"), path):
            rows.append([case, reason, str(n)])
            files[reason] += n
            cases[reason] += 1
    if not rows:
        return [Text(["No file was left out of any case."])]
    reasons = [f"{reason} ({count(n, 'file')}, {count(cases[reason], 'case')})"
               for reason, n in sorted(files.items())]  # fmt: skip
    said = (
        f"{count(files.total(), 'file')} that lay with the images were left out: "
        f"{', '.join(reasons)}."
    )
    table = Table("Files left out of each case.", ["Case", "Reason", "Files"], rows)
    return [Text([said]), Details("Files left out of each case", [table])]


def _left_out(entries: Any, path: Path) -> list[tuple[str, int]]:
    try:
        return [(one_line(entry["reason"]), len(entry["files"])) for entry in entries]
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} does not say which files were left out.") from error


def raters(study: Study) -> Sequence[Block]:
    """What each rater looked at and marked, and the gaps in it."""
    annotated = int(study.cohort["raters"].notna().sum())
    if not annotated:
        return [Text(["No case is annotated."])]
    rows = []
    for rater, looked in study.marks.groupby("rater"):
        marked = looked[looked["slices"] > 0]
        rows.append([str(rater), str(len(looked)), str(len(marked)),
                     _median(marked["slices"]), _median(marked["volume_mm3"])])  # fmt: skip
    columns = ["Rater", f"Looked at (of {annotated})", "Of them marked", "Median slices",
               "Median volume (mm³)"]  # fmt: skip
    caption = (
        f"Raters of the {count(annotated, 'annotated case')}, of both classes; medians over the "
        "cases that the rater marked."
    )
    return [*_gaps(study), Table(caption, columns, rows)]


def _median(values: pd.Series[float]) -> str:
    if values.empty:
        return UNDEFINED
    median = float(values.median())
    return f"{median:.0f}" if median >= 100 else number(round(median, 1))


def _gaps(study: Study) -> Sequence[Block]:
    rows = [
        [row["rater"], row["case"], number(row["slices"]), number(row["others"])]
        for row in study.gaps.to_dict("records")
    ]
    if not rows:
        return []
    said = (
        f"{count(len(rows), 'gap')} in the raters’ records ({RULE}). What a rater missed or never "
        "looked at there counts in the votes as not marked: ask the rater."
    )
    columns = ["Rater", "Case", "Slices", "Median of the others"]
    table = Table("Where a rater marked far fewer slices than the others.", columns, rows)
    return [Text([said], "warning"), *_folded("Every gap", table)]
