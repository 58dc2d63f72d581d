"""The two tables of a study, from files or of the embedded cohort.

Standard library and pydantic only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

from pathlib import Path

from rightreason import demo_plan
from rightreason.config import Config
from rightreason.errors import InputError
from rightreason.table_rows import read_rows
from rightreason.tables import (
    ANNOTATION_COLUMNS,
    Annotation,
    Case,
    parse_annotations,
    parse_cases,
)

DEMO = Path("results/demo")
Tables = tuple[list[Case], list[Annotation], list[str]]
"""Cases, annotations, and a sentence for each thing that is wrong."""


def embedded(config: Config) -> Tables:
    """Return the tables of the embedded cohort, which is not made yet."""
    planned = demo_plan.plan(config.section("demo"))
    cases, first = parse_cases(
        demo_plan.case_rows(planned), DEMO, "demo", config.classes, check_files=False
    )
    annotations, second = parse_annotations(
        demo_plan.annotation_rows(planned), DEMO, "demo", [c.case for c in cases], check_files=False
    )
    return cases, annotations, first + second


def from_tables(config: Config, check_files: bool) -> Tables:
    """Read both tables; problems of one do not hide those of the other."""
    problems: list[str] = []
    cases: list[Case] = []
    annotations: list[Annotation] = []
    path = Path(str(config.cases))
    known: list[str] | None = None
    try:
        rows = read_rows(path, ("case", "image", "label"), None)
        cases, problems = parse_cases(rows, path.parent, path.name, config.classes, check_files)
        known = [row["case"] for row in rows]
    except InputError as error:
        problems.append(str(error))
    if config.annotations is not None:
        path = Path(config.annotations)
        try:
            rows = read_rows(path, ("case", "rater", "file"), ANNOTATION_COLUMNS)
            known = [row["case"] for row in rows] if known is None else known
            annotations, more = parse_annotations(rows, path.parent, path.name, known, check_files)
            problems += more
        except InputError as error:
            problems.append(str(error))
    return cases, annotations, problems
