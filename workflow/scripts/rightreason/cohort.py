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
METRICS = [
    "irrelevant_ratio",
    "chance_irrelevant_ratio",
    "coverage",
    "dice",
    "iou",
    "hit",
    "mass_accuracy",
]
COHORT_TEXTS = ["case", "site", "label", "scanner", "kernel", "corrections"]
COUNTS = ["important_voxels", "attended_voxels", "overlap_voxels"]
THRESHOLD = 0.5
"""A case is called positive from this probability on."""


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


def read_probabilities(path: Path, cases: Cases) -> dict[str, float]:
    """Return the probability of `positive` of every case, from a table of `predict`."""
    table = read_table(path, ["case"], ["probability"])
    found = dict(zip(table["case"], table["probability"], strict=True))
    problems = [f"case {case} has no row" for case in sorted(set(cases) - set(found))]
    problems += [f"case {case} is not in the study" for case in sorted(set(found) - set(cases))]
    problems += [
        f"case {case} has the probability {value}; expected a number from 0 to 1"
        for case, value in sorted(found.items())
        if not 0 <= value <= 1
    ]
    if len(found) < len(table):
        problems.append("some cases have more than one row")
    if problems:
        raise InputError.of(f"{path} does not fit the study; remove it and run again:", problems)
    return found


def read_overlap(paths: Sequence[Path], cases: Cases, positive: str) -> pd.DataFrame:
    """Return all rows of the positive cases' overlap tables, in the order of the tables."""
    texts = ["case", "model", *KEYS, "correct"]
    numbers = ["probability", *COUNTS, *METRICS]
    columns = [*texts, *numbers]
    tables = [read_table(path, texts, numbers) for path in paths]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    unknown = sorted(set(table["case"]) - set(cases))
    if unknown:
        raise InputError.of("Overlap tables hold cases that are not in the study:", unknown)
    labels = table["case"].map({case: row["label"] for case, row in cases.items()})
    return table[labels == positive].reset_index(drop=True)


def read_cohort(path: Path, cases: Cases) -> pd.DataFrame:
    """Return `cohort.tsv`: a row per case of the study; all but `COHORT_TEXTS` are numbers."""
    header = pd.read_csv(path, sep="\t", nrows=0).columns
    table = read_table(path, COHORT_TEXTS, [name for name in header if name not in COHORT_TEXTS])
    if sorted(table["case"]) != sorted(cases):
        raise InputError(f"{path} is not about the cases of the study; remove it and run again.")
    return table


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
