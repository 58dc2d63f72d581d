"""A study: its config and tables, checked together before any job starts.

What rules need to know of the cohort is asked here; standard library and pydantic only, since it
runs whenever the workflow is parsed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rightreason.algorithms import CAM_ALGORITHMS
from rightreason.cohort_checks import cohort_problems
from rightreason.config import Config, read_config
from rightreason.donor_choice import Donors
from rightreason.errors import InputError
from rightreason.folds import Member, assign_folds, split
from rightreason.layout import Layout, by_shard
from rightreason.nifti_names import is_nifti
from rightreason.study_tables import embedded, from_tables
from rightreason.tables import Annotation, Case


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
        return dict(self._parts[fold])

    @cached_property
    def _parts(self) -> list[dict[str, str]]:
        train = self.config.train
        return [
            split(self.training, self.folds, fold, train.validation_fraction, train.seed)
            for fold in range(train.folds)
        ]

    @property
    def layout(self) -> Layout:
        """Where the results of this study lie."""
        return Layout(self.config.shards)

    @cached_property
    def shards(self) -> dict[str, list[str]]:
        """The cases of each shard that has any."""
        return by_shard(self.cases, self.config.shards)

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        """The cases of each shard, and those tested in each fold: what networks are given."""
        tested: dict[str, list[str]] = {f"fold{k}": [] for k in range(self.config.train.folds)}
        for case, fold in self.folds.items():
            tested[f"fold{fold}"].append(case)
        return {**self.shards, **tested}

    def members(self, shard: str, model: str) -> dict[str, dict[str, Any]]:
        """Return site, test fold and label of the cases of a shard.

        The fold is None for cases of external sites, and for all where the model was trained
        elsewhere: no fold says what its networks never saw.
        """
        folds = {} if self.config.models[model].trained_files else self.folds
        return {
            case: {
                "site": self.cases[case].site,
                "fold": folds.get(case),
                "label": self.cases[case].label,
            }
            for case in self.shards[shard]
        }

    def records(self, case: str) -> list[Path]:
        """Return the records that say where in the CT lies what models get of a case."""
        kinds = sorted({model.input for model in self.config.models.values()})
        return [self.layout.prepared_record(kind, case) for kind in kinds]

    def validation(self, fold: int) -> list[str]:
        """Return the cases that choose the epoch and the threshold of a fold, none of its own."""
        return [case for case, part in self.parts(fold).items() if part == "validation"]

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

    def view_settings(self) -> dict[str, Any]:
        """Return what views depend on: the headline's cut, and its reference if that needs it."""
        head = self.config.section("headline")
        cut = self.config.section("overlap")["binarisations"][head["binarisation"]]
        return {
            "binarisation": cut,
            "reference": head["reference"] if cut["rule"] == "area" else None,
            "view_size": self.config.section("report")["view_size"],
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

    @property
    def dicom_cases(self) -> list[str]:
        """The cases whose image is DICOM."""
        return [case for case, row in self.cases.items() if not is_nifti(row.image)]

    @property
    def headline_rule(self) -> dict[str, Any]:
        """The headline's binarisation: its entry in `overlap.binarisations`."""
        rules: dict[str, dict[str, Any]] = self.config.section("overlap")["binarisations"]
        return rules[self.config.headline.binarisation]

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
        sites = Counter(case.site for case in self.cases.values())
        counts = ", ".join(
            f"{'external ' if site in outside else ''}{site} ({count})"
            for site, count in sorted(sites.items())
        )
        positive = [case for case in self.cases if self.label(case)]
        scored = sum(case in self.annotations for case in positive)
        patients = len({case.patient for case in self.cases.values()})
        return (
            f"The study: {len(self.cases)} cases of {patients} patients; sites {counts}; "
            f"{len(self.annotations)} cases annotated, among them {scored} of {len(positive)} "
            f"{self.config.positive}."
        )


def load_study(raw: Mapping[str, Any], checked: bool = False) -> Study:
    """Check config and tables.

    Parameters
    ----------
    raw : mapping
        The config as Snakemake loaded it; paths in it are relative to the working directory.
    checked : bool
        Whether another process has checked them already, as for each job on a node: the files that
        the tables name are not asked of the file server again, nor the cohort as a whole looked at.

    Raises
    ------
    InputError
        Naming every problem of the config, or every problem of the tables.
    """
    config = read_config(raw)
    cases, annotations, problems = (
        embedded(config) if config.cases is None else from_tables(config, not checked)
    )
    study = Study(config, {case.case: case for case in cases}, {})
    for annotation in annotations:
        study.annotations.setdefault(annotation.case, []).append(annotation)
    if not checked:
        problems += cohort_problems(study)
    if problems:
        raise InputError.of("The study cannot be run:", problems)
    return study
