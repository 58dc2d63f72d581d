"""A study: its config and tables, checked together before any job starts.

What rules need to know of the cohort is asked here; standard library and pydantic only, since it
runs whenever the workflow is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rightreason import demo_plan
from rightreason.algorithms import CAM_ALGORITHMS
from rightreason.config import Config, read_config
from rightreason.consensus import CONSENSUS
from rightreason.errors import InputError, unknown
from rightreason.folds import Member, assign_folds, split
from rightreason.tables import (
    ANNOTATION_COLUMNS,
    Annotation,
    Case,
    parse_annotations,
    parse_cases,
    read_rows,
)

DEMO = Path("results/demo")


@dataclass(frozen=True)
class Study:
    """A config and its cohort; make one with `load_study`.

    Attributes
    ----------
    config : Config
        The checked config.
    cases : dict of case id to Case
        In the order of the table.
    annotations : dict of case id to list of Annotation
        Only cases that were annotated.
    """

    config: Config
    cases: dict[str, Case]
    annotations: dict[str, list[Annotation]]

    @property
    def is_demo(self) -> bool:
        """Whether the workflow itself makes the cohort."""
        return self.config.cases is None

    @cached_property
    def training(self) -> list[Member]:
        """Cases of the sites that are trained on."""
        return [
            Member(c.case, c.patient, c.label == self.config.positive)
            for c in self.cases.values()
            if c.site not in self.config.external_sites
        ]

    @cached_property
    def folds(self) -> dict[str, int]:
        """Test fold of every training case."""
        return assign_folds(self.training, self.config.train.folds, self.config.train.seed)

    def parts(self, fold: int) -> dict[str, str]:
        """Return `train` or `validation` for the cases that fold `fold` is trained with."""
        train = self.config.train
        return split(self.training, self.folds, fold, train.validation_fraction, train.seed)

    def committee(self, case: str) -> list[str]:
        """Return the `seed{s}/fold{k}` of every network that judges a case.

        A training case is judged by the networks that never saw its patient, a case of an external
        site by those of all folds.
        """
        folds = [self.folds[case]] if case in self.folds else range(self.config.train.folds)
        return [f"seed{s}/fold{k}" for s in range(self.config.train.seeds) for k in folds]

    def methods(self, cam: bool) -> dict[str, dict[str, Any]]:
        """Return the saliency methods of the CAM family, or the others, with their settings."""
        methods: dict[str, dict[str, Any]] = self.config.section("saliency")["methods"]
        return {
            name: settings
            for name, settings in methods.items()
            if (settings["algorithm"] in CAM_ALGORITHMS) == cam
        }

    def label(self, case: str) -> int:
        """Return 1 for the positive class, else 0."""
        return int(self.cases[case].label == self.config.positive)

    def describe(self) -> str:
        """Say in one line what the cohort is, so that a forgotten column or site is seen."""
        outside = self.config.external_sites
        sites = [case.site for case in self.cases.values()]
        counts = ", ".join(
            f"{'external ' if site in outside else ''}{site} ({sites.count(site)})"
            for site in sorted(set(sites))
        )
        positive = [case for case in self.cases if self.label(case)]
        scored = sum(case in self.annotations for case in positive)
        patients = len({case.patient for case in self.cases.values()})
        return (
            f"The study: {len(self.cases)} cases of {patients} patients; sites {counts}; "
            f"{scored} of {len(positive)} {self.config.positive} cases annotated."
        )


def load_study(raw: Mapping[str, Any]) -> Study:
    """Check config and tables.

    Parameters
    ----------
    raw : mapping
        The config as Snakemake loaded it; paths in it are relative to the working directory.

    Raises
    ------
    InputError
        Naming every problem of the config, or every problem of the tables.
    """
    config = read_config(raw)
    cases, annotations, problems = _demo(config) if config.cases is None else _tables(config)
    study = Study(config, {case.case: case for case in cases}, {})
    for annotation in annotations:
        study.annotations.setdefault(annotation.case, []).append(annotation)
    problems += _cohort_problems(study)
    if problems:
        raise InputError.of("The study cannot be run:", problems)
    return study


def _demo(config: Config) -> tuple[list[Case], list[Annotation], list[str]]:
    planned = demo_plan.plan(config.section("demo"))
    cases, first = parse_cases(
        demo_plan.case_rows(planned), DEMO, "demo", config.classes, check_files=False
    )
    annotations, second = parse_annotations(
        demo_plan.annotation_rows(planned), DEMO, "demo", [c.case for c in cases], check_files=False
    )
    return cases, annotations, first + second


def _tables(config: Config) -> tuple[list[Case], list[Annotation], list[str]]:
    """Read both tables; problems of one do not hide those of the other."""
    problems: list[str] = []
    cases: list[Case] = []
    annotations: list[Annotation] = []
    path = Path(str(config.cases))
    known: list[str] | None = None
    try:
        rows = read_rows(path, ("case", "image", "label"), None)
        cases, problems = parse_cases(rows, path.parent, path.name, config.classes, True)
        known = [row["case"] for row in rows]
    except InputError as error:
        problems.append(str(error))
    if config.annotations is not None:
        path = Path(config.annotations)
        try:
            rows = read_rows(path, ("case", "rater", "file"), ANNOTATION_COLUMNS)
            known = [row["case"] for row in rows] if known is None else known
            annotations, more = parse_annotations(rows, path.parent, path.name, known, True)
            problems += more
        except InputError as error:
            problems.append(str(error))
    return cases, annotations, problems


def _cohort_problems(study: Study) -> list[str]:
    """Find what is wrong with the cohort as a whole."""
    if not study.cases:
        return []
    config = study.config
    sites = sorted({case.site for case in study.cases.values()})
    problems = [
        unknown("external_sites", site, sites)
        for site in config.external_sites
        if site not in sites and not (study.is_demo and config.demo.external_cases == 0)
    ]
    if set(sites) <= set(config.external_sites):
        return [*problems, "external_sites: every site is external; nothing is left to train on"]
    patients: dict[str, set[str]] = {}
    for case in study.cases.values():
        patients.setdefault(case.patient, set()).add(case.site)
    problems += [
        f"patient {patient} has cases in the sites {', '.join(sorted(there))}; a patient belongs "
        "to one site"
        for patient, there in patients.items()
        if len(there) > 1
    ]
    for label in config.classes:
        wanted = label == config.positive
        count = len({m.patient for m in study.training if m.positive == wanted})
        if count == 0:
            problems.append(f"the training sites have no case of the class {label}")
        elif count < config.train.folds:
            problems.append(
                f"the training sites have {count} patients of the class {label}, fewer than the "
                f"{config.train.folds} folds (train.folds)"
            )
    if not problems:
        problems += _fold_problems(study)
    return problems + _headline_problems(study) + _weights_problems(config)


def _fold_problems(study: Study) -> list[str]:
    """Find folds that leave too few patients to train and validate with."""
    for fold in range(study.config.train.folds):
        parts = study.parts(fold)
        labels = {part: {study.label(c) for c in parts if parts[c] == part}
                  for part in ("train", "validation")}  # fmt: skip
        if labels["train"] != {0, 1} or not labels["validation"]:
            return [
                f"the training sites have too few patients: without test fold {fold}, nothing is "
                "left to train with on both classes and to validate with; add patients or take "
                "more folds (train.folds)"
            ]
    return []


def _weights_problems(config: Config) -> list[str]:
    return [
        f"models.{name}.weights: there is no file {model.weights}"
        for name, model in config.models.items()
        if model.weights is not None and not Path(model.weights).is_file()
    ]


def _headline_problems(study: Study) -> list[str]:
    raters = {a.rater for rows in study.annotations.values() for a in rows}
    references = [*sorted(raters), *CONSENSUS]
    if study.config.headline.reference not in references:
        return [unknown("headline.reference", study.config.headline.reference, references)]
    return []
