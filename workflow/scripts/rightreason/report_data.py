"""What the report is made from: the study's tables, read once, and where its images lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from rightreason.cohort import (
    KEYS,
    Cases,
    read_cohort,
    read_overlap,
    read_probabilities,
    read_table,
)
from rightreason.consensus import CONSENSUS
from rightreason.rater_gaps import gaps, marks_of
from rightreason.verdict import judge


@dataclass(frozen=True)
class Interval:
    """An estimate with its limits and the number of cases behind it; NaN where undefined."""

    value: float
    low: float
    high: float
    n: int


UNKNOWN = Interval(float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True)
class Study:
    """A finished study.

    Attributes
    ----------
    config : mapping
        The resolved config as plain types.
    cases : mapping of case to mapping
        `patient`, `site`, `label`.
    performance, overlap : data frame
        The tables of `summary`.
    cohort : data frame
        `cohort.tsv`, a row per case.
    rows : data frame
        Overlap of every positive, annotated case.
    verdicts : data frame
        The headline's rows of `rows`, from `verdict.judge`.
    probabilities : mapping of model to mapping of case to float
        Probability of the positive class.
    results : path
        The folder `results`, for images.
    """

    config: Mapping[str, Any]
    cases: Cases
    performance: pd.DataFrame
    overlap: pd.DataFrame
    cohort: pd.DataFrame
    rows: pd.DataFrame
    verdicts: pd.DataFrame
    probabilities: Mapping[str, Mapping[str, float]]
    results: Path

    @property
    def models(self) -> list[str]:
        """Names of the models, in the order of the predictions."""
        return list(self.probabilities)

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

    @property
    def references(self) -> list[str]:
        """Raters, then the references made from their votes."""
        there = list(self.rows["reference"].unique())
        return sorted(set(there) - set(CONSENSUS)) + [name for name in CONSENSUS if name in there]

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

    def auc(self, model: str, site: str) -> Interval:
        """Return the AUC of a model at a site, as `performance.tsv` has it."""
        table = self.performance
        found = table[(table["model"] == model) & (table["site"] == site)]
        if found.empty:
            return UNKNOWN
        row = found.iloc[0]
        return Interval(row["auc"], row["auc_low"], row["auc_high"], int(row["n_cases"]))

    def measure(self, model: str, metric: str, site: str = "training", **other: str) -> Interval:
        """Return the mean of a measure, as `overlap.tsv` has it.

        Parameters
        ----------
        model, metric, site : str
            Row of the table.
        **other : str
            Instead of the headline's method, reference, binarisation or subset.
        """
        wanted = {"model": model, "site": site, "metric": metric, **self.headline, **other}
        names = ["model", "site", *KEYS, "subset", "metric"]
        found = self.overlap[(self.overlap[names] == [wanted[name] for name in names]).all(axis=1)]
        if found.empty:
            return UNKNOWN
        row = found.iloc[0]
        return Interval(row["mean"], row["low"], row["high"], int(row["n_cases"]))


def read_study(
    config: Mapping[str, Any], cases: Cases, annotated: Sequence[str], results: Path
) -> Study:
    """Read all tables of a study; its parameters are those of `report.write_report`."""
    tables = [results / "overlap" / f"{case}.tsv" for case in annotated]
    chance_tables = [results / "overlap" / f"{case}.chance.tsv" for case in annotated]
    predictions = {model: results / "predict" / f"{model}.tsv" for model in config["models"]}
    rows = read_overlap(tables, cases, config["positive"])
    numbers = ["n_cases", "n_positive", "auc", "auc_low", "auc_high", "accuracy", "sensitivity",
               "specificity"]  # fmt: skip
    return Study(
        config=config,
        cases=cases,
        performance=read_table(results / "summary" / "performance.tsv", ["model", "site"], numbers),
        overlap=read_table(
            results / "summary" / "overlap.tsv",
            ["model", "site", *KEYS, "subset", "metric"],
            ["n_cases", "mean", "median", "low", "high"],
        ),
        cohort=read_cohort(results / "summary" / "cohort.tsv", cases),
        rows=rows,
        verdicts=judge(rows, chance_tables, config["headline"]),
        probabilities={name: read_probabilities(path, cases) for name, path in predictions.items()},
        results=results,
    )
