"""What the report is made from: the study's tables, read once, and where its images lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from rightreason.case_tables import HEADLINE_MEASURE, ROW_KEYS, VOTES, in_order
from rightreason.cohort import (
    KEYS,
    Cases,
    read_cohort,
    read_predictions,
    read_table,
    read_whole,
)
from rightreason.consensus import CONSENSUS
from rightreason.layout import Layout
from rightreason.rater_gaps import gaps, marks_of
from rightreason.usable import ALL
from rightreason.usable import COLUMNS as FAILED_COLUMNS

Check = Callable[[Iterable[Path]], None]

OVERLAP_NAMES = ["sites", "model", *ROW_KEYS, "subset"]
TEXTS = {
    "performance": ["model", "sites", "stratum", "group"],
    "calibration": ["model", "sites"],
    "overlap": [*OVERLAP_NAMES, "undefined"],
    "sensitivity": ["model", "sites", "choice", "option", "algorithm", "layer"],
    "places": ["sites", "model", *KEYS, "subset", "place"],
    "ratios": ["case", "site", "model", "method", "right"],
    "bands": ["sites", "model", "method", "part", "measure"],
    "comparisons": ["family", "model", "against", "sites", "subset", *KEYS, "measure",
                    "statistic", "note"],
    "agreement": ["sites", "scope", "rater", "against", "statistic", "note"],
    "trust": ["model", "method", "test", "measure", "verdict", "note"],
    "verdict": ["case", "model", "site", "label", "predicted", "right", "reason", "quadrant",
                "power"],
}  # fmt: skip
"""The tables of `summary` that the report reads, beside the cohort, and their columns of text."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its limits and the number of cases behind it; NaN where undefined."""

    value: float
    low: float
    high: float
    n: int


UNKNOWN = Interval(float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True)
class Beside:
    """A model and a rater, both held against the same raters; NaN where there is no second rater.

    Attributes
    ----------
    fair, ceiling : float
        Mean of the model, each time against all raters but one, and of the one against these.
    n : int
        Cases behind both.
    """

    fair: float
    ceiling: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there is a rater to stand beside."""
        return self.n > 0


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes
    ----------
    config : mapping
        The resolved config as plain types.
    cases : mapping of case to mapping
        `patient`, `site`, `label` and the strata.
    predictions : mapping of model to data frame
        From `cohort.read_predictions`.
    cohort : data frame
        `cohort.tsv`, a row per case.
    performance, calibration, overlap, ratios, bands, sensitivity, places, comparisons, agreement,
    trust : data frame
        The tables of `summary` of these names.
    verdicts : data frame
        `verdict.tsv`, with `right` as bool.
    failed : data frame
        `failed.tsv`, a row per case that the study goes on without.
    results : path
        The folder `results`, for images.
    check : callable
        Raises `InputError` where files are not as they were made; called before any is read that
        is no table of `summary`.
    """

    config: Mapping[str, Any]
    cases: Cases
    predictions: Mapping[str, pd.DataFrame]
    cohort: pd.DataFrame
    performance: pd.DataFrame
    calibration: pd.DataFrame
    overlap: pd.DataFrame
    ratios: pd.DataFrame
    bands: pd.DataFrame
    sensitivity: pd.DataFrame
    places: pd.DataFrame
    comparisons: pd.DataFrame
    agreement: pd.DataFrame
    trust: pd.DataFrame
    verdicts: pd.DataFrame
    failed: pd.DataFrame
    results: Path
    check: Check

    @property
    def layout(self) -> Layout:
        """Where the files of each case lie."""
        return Layout(int(self.config["shards"]), self.results)

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order of the predictions."""
        return list(self.predictions)

    @property
    def positive(self) -> str:
        """The class whose evidence is audited."""
        return str(self.config["positive"])

    @property
    def headline(self) -> Mapping[str, str]:
        """Method, reference, binarisation and subset of the headline."""
        named: Mapping[str, str] = self.config["headline"]
        return named

    @property
    def raters(self) -> list[str]:
        """Raters of the positive, annotated cases."""
        return [name for name in self.references if name not in CONSENSUS]

    @cached_property
    def references(self) -> list[str]:
        """Raters, then the references made from their votes."""
        return [name for name in in_order(list(self.overlap["reference"].unique()))
                if name != VOTES]  # fmt: skip

    @cached_property
    def marks(self) -> pd.DataFrame:
        """Slices and volume of each rater and case that the rater looked at."""
        return marks_of(self.cohort)

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """The rows of `marks` in which a rater marked far less than the others."""
        return gaps(self.marks)

    def members(self, group: str) -> list[str]:
        """Return the cases of `training` (all sites but the external ones) or `external`."""
        outside = set(self.config["external_sites"])
        return [c for c in sorted(self.cases)
                if (self.cases[c]["site"] in outside) == (group == "external")]  # fmt: skip

    @property
    def groups(self) -> list[str]:
        """The pooled sites: `training` and, where there are any, `external`."""
        return ["training", "external"] if self.members("external") else ["training"]

    def auc(self, model: str, sites: str) -> Interval:
        """Return the AUC of a model at a site or pool, as `performance.tsv` has it."""
        table = self.performance
        found = table[(table["model"] == model) & (table["sites"] == sites)
                      & (table["stratum"] == "")]  # fmt: skip
        return UNKNOWN if found.empty else interval(found.iloc[0].to_dict(), "auc")

    def row(
        self, model: str, measure: str = HEADLINE_MEASURE, sites: str = "training", **other: str
    ) -> Mapping[str, Any] | None:
        """Return a row of `overlap.tsv`, or None where it has none.

        Parameters
        ----------
        model, measure, sites : str
            Of the row.
        **other : str
            Instead of the headline's method, reference, binarisation or subset.
        """
        wanted = {"model": model, "sites": sites, "measure": measure, **self.headline, **other}
        at = self._at.get(tuple(wanted[name] for name in OVERLAP_NAMES))
        return None if at is None else {str(k): v for k, v in self.overlap.iloc[at].items()}

    @cached_property
    def _at(self) -> dict[tuple[str, ...], int]:
        keys = self.overlap[OVERLAP_NAMES].itertuples(index=False, name=None)
        return {key: i for i, key in enumerate(keys)}

    def measure(
        self, model: str, measure: str = HEADLINE_MEASURE, sites: str = "training", **other: str
    ) -> Interval:
        """Return the mean of a measure; the parameters are those of `row`."""
        row = self.row(model, measure, sites, **other)
        return UNKNOWN if row is None else interval(row, "mean")

    def chance(self, model: str, sites: str = "training") -> float:
        """Return what a map that is the same everywhere gives for the headline."""
        row = self.row(model, sites=sites)
        return float("nan") if row is None else float(row["chance"])

    def beside(
        self, model: str, measure: str = HEADLINE_MEASURE, sites: str = "training", **other: str
    ) -> Beside:
        """Return the model's and a rater's mean against the same raters."""
        row = self.row(model, measure, sites, **other)
        if row is None or not row["n_fair"] > 0:
            return Beside(float("nan"), float("nan"), 0)
        return Beside(float(row["fair"]), float(row["ceiling"]), int(row["n_fair"]))


def interval(row: Mapping[str, Any], name: str) -> Interval:
    """Take an estimate and its limits from a row of a table of `summary`.

    They stand in `auc`, `auc_low`, `auc_high`; a row of one estimate has just `low` and `high`.
    """
    limits = [row[f"{name}_{end}" if f"{name}_{end}" in row else end] for end in ("low", "high")]
    return Interval(float(row[name]), float(limits[0]), float(limits[1]), int(row["n_cases"]))


def read_study(config: Mapping[str, Any], cases: Cases, results: Path, check: Check) -> Study:
    """Read all tables of a study; its parameters are those of `report.write_report`."""
    failed = read_table(results / "summary" / "failed.tsv", list(FAILED_COLUMNS), [])
    lost = set(failed["case"][failed["left_out_of"] == ALL])
    cases = {case: about for case, about in cases.items() if case not in lost}
    tables = {
        name: read_whole(results / "summary" / f"{name}.tsv", texts)
        for name, texts in TEXTS.items()
    }
    verdicts = tables.pop("verdict")
    verdicts["right"] = verdicts["right"] == "true"
    return Study(
        config=config,
        cases=cases,
        predictions={
            model: read_predictions(results / "predict" / f"{model}.tsv", cases)
            for model in config["models"]
        },
        cohort=read_cohort(results / "summary" / "cohort.tsv", cases),
        verdicts=verdicts,
        failed=failed,
        results=results,
        check=check,
        **tables,
    )
