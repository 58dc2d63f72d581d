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
from rightreason.sentences import (
    UNDEFINED,
    commas,
    count_cases,
    number,
    paragraph,
    semicolons,
    span,
)
from rightreason.told import told
from rightreason.usable import ALL, OVERLAP
from rightreason.words import _, mark, plural

REWRITTEN = "rewritten"
"""What `convert` calls a series that dcm2niix did not read as it was: no change of the image."""
MATTERS = {
    "gap": mark("gap"),
    "uneven_spacing": mark("uneven_spacing"),
    "tilt": mark("tilt"),
    "repeated_position": mark("repeated_position"),
}
"""What was corrected, as a correction begins."""
MANY = 20
"""Longer tables are folded away."""


def cases_and_scanners(study: Study) -> Sequence[Block]:
    """How many cases per site and label, and per scanner; slices and their spacing."""
    table, outside = study.cohort, study.config["external_sites"]
    classes = list(study.config["classes"])
    sites = [
        [_("{site} (external)").format(site=site) if site in outside else site,
         *_labels(rows, classes), _range(rows["slices"]), _range(rows["spacing_mm"])]
        for site, rows in table.groupby("site")
    ]  # fmt: skip
    scanners = [
        [scanner or _("not stated"), *_labels(rows, classes), commas(sorted(set(rows["site"]))),
         commas(sorted(set(rows["kernel"]) - {""})) or UNDEFINED, _range(rows["spacing_mm"])]
        for scanner, rows in table.groupby("scanner")
    ]  # fmt: skip
    labels = [_("{label} cases").format(label=name) for name in classes]
    return [
        Table(_("Cases by site and label; slices of a CT and the distance between them."),
              [_("Site"), *labels, _("Slices"), _("Slice spacing (mm)")], sites),
        Table(_("Cases by scanner. Where scanners or kernels go with labels, a model may have "
                "learnt the scanner."),
              [_("Scanner"), *labels, _("Sites"), _("Kernels"), _("Slice spacing (mm)")],
              scanners),
        Text([_entered(table)]),
    ]  # fmt: skip


def _labels(rows: pd.DataFrame, classes: Sequence[str]) -> list[str]:
    return [str(int((rows["label"] == name).sum())) for name in classes]


def _range(values: pd.Series[float]) -> str:
    low, high = number(values.min()), number(values.max())
    return low if low == high else span(low, high)


def _entered(table: pd.DataFrame) -> str:
    kinds = [name for name in table if name.startswith("seen_slices_")]
    found = [f"{kind.removeprefix('seen_slices_')} {_range(table[kind])}" for kind in kinds]
    return _("CT slices of a case that entered the models, by kind of input: {kinds}.").format(
        kinds=semicolons(found)
    )


def corrections(study: Study) -> Sequence[Block]:
    """Which cases were corrected, and how; which files of a case were left out, and why."""
    changed = study.cohort[study.cohort["corrections"] != ""]
    rows = [
        [row["case"], row["site"], row["label"], told(correction)]
        for row in changed.to_dict("records")
        for correction in row["corrections"].split(SEPARATOR)
    ]
    table = Table(
        _("Corrections of the images, by the policies that the methods name."),
        [_("Case"), _("Site"), _("Label"), _("Correction")],
        rows,
    )
    return [Text([corrected(study)]), *_folded(_("Every correction"), table), *_files(study)]


def corrected(study: Study) -> str:
    """Say how many cases were corrected before they were used, and by which policy."""
    cells = study.cohort["corrections"]
    matters = [
        {part.split(":")[0] for part in cell.split(SEPARATOR)} if cell else set[str]()
        for cell in cells
    ]
    found = Counter(name for named in matters for name in named)
    rewritten = found.pop(REWRITTEN, 0)
    changed = sum(bool(named - {REWRITTEN}) for named in matters)
    if changed:
        said = plural(
            "{n} of {cases} was corrected: {matters}.",
            "{n} of {cases} were corrected: {matters}.",
            changed,
        )
    else:
        said = _("None of {cases} was corrected.")
    by = commas(
        _("{what} ({cases})").format(what=_(MATTERS.get(matter, matter)), cases=count_cases(n))
        for matter, n in sorted(found.items())
    )
    more = _("Files of {cases} were rewritten for dcm2niix to read, their values unchanged.")
    return paragraph(
        said.format(n=changed, cases=count_cases(len(cells)), matters=by),
        more.format(cases=count_cases(rewritten)) if rewritten else "",
    )


def failed(study: Study) -> Sequence[Block]:
    """Name the cases that the study goes on without, and why."""
    if study.failed.empty:
        return [Text([_("Every case of the study could be used.")])]
    left_out = {ALL: _("everything"), OVERLAP: _("overlap")}
    rows = [
        [row["case"], row["stage"], left_out[row["left_out_of"]], row["reason"]]
        for row in study.failed.to_dict("records")
    ]
    columns = [_("Case"), _("Stage"), _("Left out of"), _("Reason")]
    return [Table(_("Cases that failed, and are made anew once they are repaired."), columns, rows)]


def _folded(summary: str, table: Table) -> list[Block]:
    if len(table.rows) > MANY:
        return [Details(summary, [table])]
    return [table] if table.rows else []


def _files(study: Study) -> Sequence[Block]:
    """Say which files were left out, as the records of `convert` have it."""
    rows, files, cases = [], Counter[str](), Counter[str]()
    for case in study.cohort["case"]:
        path = study.layout.conversion(case)
        study.check([path])
        for reason, n in _left_out(read_record(path).get("left_out"), path):
            rows.append([case, told(reason), str(n)])
            files[reason] += n
            cases[reason] += 1
    if not rows:
        return [Text([_("No file was left out of any case.")])]
    reasons = [
        _("{reason} ({files}, {cases})").format(
            reason=told(reason), files=_count_files(n), cases=count_cases(cases[reason])
        )
        for reason, n in sorted(files.items())
    ]
    said = _("{files} that lay with the images were left out: {reasons}.").format(
        files=_count_files(files.total()), reasons=commas(reasons)
    )
    columns = [_("Case"), _("Reason"), _("Files")]
    table = Table(_("Files left out of each case."), columns, rows)
    return [Text([said]), Details(_("Files left out of each case"), [table])]


def _count_files(n: int) -> str:
    return plural("{n}\u00a0file", "{n}\u00a0files", n).format(n=n)


def _left_out(entries: Any, path: Path) -> list[tuple[str, int]]:
    try:
        return [(one_line(entry["reason"]), len(entry["files"])) for entry in entries]
    except (TypeError, KeyError) as error:
        raise InputError(f"{path} does not say which files were left out.") from error


def raters(study: Study) -> Sequence[Block]:
    """What each rater looked at and marked, and the gaps in it."""
    annotated = int(study.cohort["raters"].notna().sum())
    if not annotated:
        return [Text([_("No case is annotated.")])]
    rows = []
    for rater, looked in study.marks.groupby("rater"):
        marked = looked[looked["slices"] > 0]
        rows.append([str(rater), str(len(looked)), str(len(marked)),
                     _median(marked["slices"]), _median(marked["volume_mm3"])])  # fmt: skip
    columns = [_("Rater"), _("Looked at (of {n})").format(n=annotated), _("Of them marked"),
               _("Median slices"), _("Median volume (mm³)")]  # fmt: skip
    caption = plural(
        "Raters of the {n} annotated case, of both classes; medians over the cases that the rater "
        "marked.",
        "Raters of the {n} annotated cases, of both classes; medians over the cases that the rater "
        "marked.",
        annotated,
    ).format(n=annotated)
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
    said = plural(
        "{n} gap in the raters’ records ({rule}). What a rater missed or never looked at there "
        "counts in the votes as not marked: ask the rater.",
        "{n} gaps in the raters’ records ({rule}). What a rater missed or never looked at there "
        "counts in the votes as not marked: ask the rater.",
        len(rows),
    ).format(n=len(rows), rule=_(RULE))
    columns = [_("Rater"), _("Case"), _("Slices"), _("Median of the others")]
    table = Table(_("Where a rater marked far fewer slices than the others."), columns, rows)
    return [Text([said], "warning"), *_folded(_("Every gap"), table)]
