"""Made-up studies of any size, from the listing of the embedded cohort: four raters, two sites.

For a plan, every file is there and holds next to nothing. For a real run, the embedded cohort is
painted as it is in the demo, only smaller: real DICOM series, and every format of annotation.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rightreason.config import Config
from rightreason.demo import write_cohort
from rightreason.demo_plan import (
    ANNOTATION_COLUMNS,
    CASE_COLUMNS,
    annotation_rows,
    case_rows,
    plan,
)

ROOT = Path(__file__).resolve().parent.parent
EXTERNAL_SHARE = 5
CASES_PER_SHARD = 500
TINY = {"matrix": [32, 32, 8], "slice_mm": 32}


def write_study(folder: Path, cases: int, slices: int | None = None) -> Path:
    """Write a study and its config.

    Parameters
    ----------
    folder : path
        Gets `study/` and `config.yaml`.
    cases : int
        How many; one in five belongs to an external site.
    slices : int or None
        Files of each series, for a plan; None: real images of 32 x 32 x 8, for a run.

    Returns
    -------
    path
        The config: the smallest study of the tests (three models, three methods, two folds) on
        these cases, in shards of at most 500.
    """
    external = cases // EXTERNAL_SHARE
    counts = {"training_cases": cases - external, "external_cases": external}
    config = yaml.safe_load((ROOT / "tests" / "small.yaml").read_text())
    config["demo"] = {**counts, **TINY}
    settings = Config.model_validate(config).section("demo")
    study = folder / "study"
    if slices is None:
        write_cohort(settings, study)
    else:
        _write_listing(settings, study, slices)
    del config["demo"]
    config["cases"] = str(study / "cases.tsv")
    config["annotations"] = str(study / "annotations.tsv")
    config["shards"] = max(1, cases // CASES_PER_SHARD)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def _write_listing(settings: Mapping[str, Any], study: Path, slices: int) -> None:
    planned = plan(settings)
    for case in planned:
        (study / case.image).mkdir(parents=True)
        for number in range(slices):
            (study / case.image / f"{number:04d}.dcm").write_text(f"{case.case}, {number}")
        for file in [case.region, *(a.file for a in case.annotations if a.file)]:
            (study / file).parent.mkdir(parents=True, exist_ok=True)
            (study / file).write_text(file)
    _write_table(study / "cases.tsv", CASE_COLUMNS, case_rows(planned))
    _write_table(study / "annotations.tsv", ANNOTATION_COLUMNS, annotation_rows(planned))


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
