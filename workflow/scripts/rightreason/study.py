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
from rightreason.cohort_checks import cohort_problems
from rightreason.config import Config, read_config
from rightreason.donor_choice import Donors
from rightreason.errors import InputError
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

    def committee(self, case: str) -> list[list[str]]:
        """Return, by seed, the `seed{s}/fold{k}` of every network that judges a case.

        A training case is judged by the networks that never saw its patient, a case of an external
        site by those of all folds.
        """
        folds = [self.folds[case]] if case in self.folds else range(self.config.train.folds)
        return [[f"seed{s}/fold{k}" for k in folds] for s in range(self.config.train.seeds)]

    @property
    def networks(self) -> list[str]:
        """The `seed{s}/fold{k}` of every network of a model."""
        train = self.config.train
        return sorted(f"seed{s}/fold{k}" for s in range(train.seeds) for k in range(train.folds))

    def validation(self, fold: int) -> list[str]:
        """Return the cases that choose the epoch and the threshold of a fold, none of its own."""
        return [case for case, part in self.parts(fold).items() if part == "validation"]

    def fold_committee(self, fold: int) -> list[list[str]]:
        """Return, by seed, the `seed{s}/fold{k}` of the network of one fold."""
        return [[f"seed{s}/fold{fold}"] for s in range(self.config.train.seeds)]

    @property
    def negative_first(self) -> list[str]:
        """The two classes, so that their places are those of `label`."""
        return sorted(self.config.classes, key=lambda name: name == self.config.positive)

    def described(self) -> dict[str, dict[str, str]]:
        """Return patient, site, label and strata of each case, in the order of the table."""
        strata = self.config.summary.strata
        return {
            case: {
                **{name: row.extra.get(name, "") for name in strata},
                "patient": row.patient,
                "site": row.site,
                "label": row.label,
            }
            for case, row in self.cases.items()
        }

    @property
    def distances(self) -> list[str]:
        """The binarisations whose surface distances are measured."""
        chosen = self.config.overlap.distances
        return [self.config.headline.binarisation] if chosen is None else list(chosen)

    @cached_property
    def _donors(self) -> Donors:
        training = [self.cases[member.case] for member in self.training]
        return Donors.of((c.case, c.patient, c.label) for c in training)

    def donors(self, case: str) -> list[str]:
        """Return whose maps are placed on a case, for the chance that knows the cohort."""
        row = self.cases[case]
        return self._donors.choose(case, row.patient, row.label, self.config.overlap.donors)

    def region_files(self, case: str) -> list[Path]:
        """Return the case's region mask: one file or none."""
        region = self.cases[case].region
        return [region] if region else []

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
    problems += cohort_problems(study)
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
