"""The cohort's tables, as `summary` and `report` read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.errors import InputError

Cases = Mapping[str, Mapping[str, str]]
"""`patient`, `site` and `label` of every case."""

KEYS = ["method", "reference", "binarisation"]
COHORT_TEXTS = ["case", "site", "label", "scanner", "kernel", "corrections"]


def site_groups(cases: Cases, external_sites: Sequence[str]) -> dict[str, list[str]]:
    """Return the cases of each site, then of the pooled `training` and, if any, `external`."""
    groups: dict[str, list[str]] = {
        site: [] for site in sorted({case["site"] for case in cases.values()})
    }
    for case in sorted(cases):
        groups[cases[case]["site"]].append(case)
    training = [case for case in sorted(cases) if cases[case]["site"] not in external_sites]
    external = [case for case in sorted(cases) if cases[case]["site"] in external_sites]
    groups["training"] = training
    return groups | ({"external": external} if external else {})


def read_predictions(path: Path, cases: Cases) -> pd.DataFrame:
    """Return a table of `predict`: a row per case of the study; `fold` is text, blank outside."""
    table = read_table(
        path, ["case", "site", "fold", "label", "predicted"], ["probability", "threshold"]
    )
    there = set(table["case"])
    problems = [f"case {case} has no row" for case in sorted(set(cases) - there)]
    problems += [f"case {case} is not in the study" for case in sorted(there - set(cases))]
    problems += [
        f"case {row.case} has the probability {row.probability}; expected a number from 0 to 1"
        for row in table.itertuples()
        if not 0 <= row.probability <= 1
    ]
    problems += [
        f"case {row.case} has the label {row.label}, and in the study {cases[row.case]['label']}"
        for row in table.itertuples()
        if row.case in cases and row.label != cases[row.case]["label"]
    ]
    if len(there) < len(table):
        problems.append("some cases have more than one row")
    if problems:
        raise InputError.of(f"{path} does not fit the study; remove it and run again:", problems)
    return table


def read_seeds(path: Path) -> pd.DataFrame:
    """Return the table of `predict` that has each seed's probability of each case."""
    return read_table(path, ["case", "seed"], ["probability"])


def read_cohort(path: Path, cases: Cases) -> pd.DataFrame:
    """Return `cohort.tsv`: a row per case of the study; all but `COHORT_TEXTS` are numbers."""
    table = read_whole(path, COHORT_TEXTS)
    if sorted(table["case"]) != sorted(cases):
        raise InputError(f"{path} is not about the cases of the study; remove it and run again.")
    return table


def read_whole(path: Path, texts: Sequence[str]) -> pd.DataFrame:
    """Read every column of a table; all but `texts` are numbers."""
    header = pd.read_csv(path, sep="\t", nrows=0).columns
    return read_table(path, texts, [name for name in header if name not in texts])


def read_table(path: Path, texts: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Read the named columns of a table; only a blank in a column of numbers is undefined."""
    types: dict[str, type] = {**dict.fromkeys(texts, str), **dict.fromkeys(numbers, float)}
    # A case or a rater may be called NA, which pandas takes for undefined when it is let.
    blank = {name: [""] for name in numbers}
    return pd.read_csv(
        path, sep="\t", usecols=[*types], dtype=types, keep_default_na=False, na_values=blank
    )


def number_patients(members: Sequence[str], cases: Cases) -> NDArray[np.int64]:
    """Number the patients of some cases from 0, in alphabetical order."""
    names = [cases[case]["patient"] for case in members]
    number = {name: i for i, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names], dtype=np.int64)
