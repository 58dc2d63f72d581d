"""The cohort as it entered the audit, a row per case: `results/summary/cohort.tsv`."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rightreason.cohort import Cases
from rightreason.errors import InputError
from rightreason.inputs import InputRecord
from rightreason.tsv import to_tsv
from rightreason.whole import write_whole

CASE_COLUMNS = ("case", "site", "label")
IMAGE_COLUMNS = ("slices", "spacing_mm", "scanner", "kernel", "corrections")
RATER_COLUMNS = ("slices", "volume_mm3")
SEPARATOR = "; "
"""Between the corrections of a case."""


def write_cohort(
    cases: Cases,
    raters: Mapping[str, Sequence[str]],
    kinds: Sequence[str],
    results: Path,
    out: Path,
) -> None:
    """Write a row per case, annotated or not; what is undefined is blank.

    Columns: `case`, `site`, `label`; `slices` and `spacing_mm` (between slices) of the volume;
    `scanner`, `kernel`; `corrections`, set apart by semicolons; `seen_slices_{kind}`, the CT slices
    that entered the models of a kind; `raters`, how many looked; and for each rater of the study,
    in alphabetical order, `slices_{rater}` (with at least one marked voxel) and
    `volume_mm3_{rater}`.

    Parameters
    ----------
    cases : mapping of case to mapping
        `site` and `label` of every case; the rows come in this order.
    raters : mapping of case to sequence of str
        Who annotated each annotated case.
    kinds : sequence of str
        The kinds of input that the study's models use.
    results : path
        The folder `results`, with the records of `convert`, `prepare` and `annotate`.
    out : path
        The table.

    Raises
    ------
    InputError
        When a record is not there or not what it should be.
    """
    names = sorted({name for named in raters.values() for name in named})
    columns = [*CASE_COLUMNS, *IMAGE_COLUMNS, *(f"seen_slices_{kind}" for kind in kinds), "raters"]
    columns += [f"{what}_{name}" for name in names for what in RATER_COLUMNS]
    # A row at a time: records are long, and there may be many thousand.
    rows = (
        dict.fromkeys(columns) | dict(about) | {"case": case} | _row(case, raters, kinds, results)
        for case, about in cases.items()
    )
    write_whole(out, to_tsv(columns, rows))


def _row(
    case: str, raters: Mapping[str, Sequence[str]], kinds: Sequence[str], results: Path
) -> dict[str, Any]:
    row = _image(results / "convert" / f"{case}.json")
    for kind in kinds:
        row[f"seen_slices_{kind}"] = _seen(results / "prepare" / kind / f"{case}.json")
    if case in raters:
        row |= _marks(results / "annotate" / case / "raters.tsv", raters[case])
    return row


def read_record(path: Path) -> dict[str, Any]:
    """Read what `convert` wrote down of a case.

    Raises
    ------
    InputError
        When it is not there or no record.
    """
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    return record


def one_line(text: str) -> str:
    """Make text from outside fit for a cell: one line, no control or invisible characters."""
    shown = (" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
    return " ".join("".join(shown).split())


def _image(path: Path) -> dict[str, Any]:
    record = read_record(path)
    try:
        axis = record["slice_axis"]
        maker, model = one_line(record["manufacturer"]), one_line(record["scanner"])
        named = model.lower().startswith(maker.lower())
        return {
            "slices": record["shape"][axis],
            "spacing_mm": float(record["spacing_mm"][axis]),
            "scanner": model if named else f"{maker} {model}".strip(),
            "kernel": one_line(record["kernel"]),
            "corrections": SEPARATOR.join(
                one_line(phrase).replace(";", ",") for phrase in record["corrections"]
            ),
        }
    except (LookupError, TypeError, ValueError) as error:
        raise _unusable(path, error) from error


def _seen(path: Path) -> int:
    """Count the CT slices that entered the models."""
    try:
        record = InputRecord.read(path)
        start, stop = record.box[record.ct_slice_axis]
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise _unusable(path, error) from error
    # `subset` repeats slices where there are fewer than channels.
    return stop - start if record.kind == "volume" else len(set(record.ct_slices))


def _marks(path: Path, raters: Sequence[str]) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = {row["rater"]: row for row in csv.DictReader(file, delimiter="\t")}
        cells = {
            f"{what}_{name}": kind(row[what])
            for name, row in rows.items()
            for what, kind in zip(RATER_COLUMNS, (int, float), strict=True)
        }
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise _unusable(path, error) from error
    if set(rows) != set(raters):
        raise InputError(
            f"{path} is about the raters {', '.join(sorted(rows)) or '(none)'}, the annotation "
            f"table about {', '.join(sorted(raters))}; remove the folder and run again."
        )
    return {"raters": len(rows), **cells}


def _unusable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path} cannot be used ({type(error).__name__}: {error}); remove it and run again."
    )
