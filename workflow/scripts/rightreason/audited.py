"""The audited cases, positive and annotated, and the groups and subsets that are tabled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.cohort import Cases, number_patients, site_groups
from rightreason.errors import InputError

SUBSETS = ("all", "correct", "wrong")
ABOUT = ("patient", "site", "label")

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Audited:
    """Who is audited; every array is over `cases`.

    Attributes
    ----------
    cases : list of str
        The positive, annotated cases, in alphabetical order.
    about : mapping of case to mapping
        `patient`, `site` and `label`.
    patients : array of int
        Patient of each case, numbered from 0.
    groups : dict of str to array of bool
        The cases of each site, and of all `training` and `external` sites, where there are any.
    right : dict of model to array of bool
        Whether the model classified each case correctly.
    """

    cases: list[str]
    about: Cases
    patients: NDArray[np.int64]
    groups: dict[str, Mask]
    right: dict[str, Mask]

    @classmethod
    def of(
        cls, cases: Cases, annotated: Sequence[str], external_sites: Sequence[str], positive: str,
        predictions: Mapping[str, pd.DataFrame],
    ) -> Audited:  # fmt: skip
        """Select the audited cases from those of the study.

        Parameters
        ----------
        cases : mapping of case to mapping
            `patient`, `site` and `label` of every case.
        annotated : sequence of str
            The cases that anyone annotated.
        external_sites : sequence of str
            Sites that were never trained on.
        positive : str
            The class whose evidence is audited.
        predictions : mapping of model to data frame
            From `cohort.read_predictions`.
        """
        chosen = sorted(case for case in annotated if cases[case]["label"] == positive)
        groups = {
            name: np.isin(chosen, members)
            for name, members in site_groups(cases, external_sites).items()
            if not set(chosen).isdisjoint(members)
        }
        right = {
            model: table.set_index("case").loc[chosen].eval("label == predicted").to_numpy(bool)
            for model, table in predictions.items()
        }
        return cls(chosen, cases, number_patients(chosen, cases), groups, right)

    def subset(self, model: str, name: str) -> Mask:
        """Return which cases are in one of `SUBSETS` of a model."""
        right = self.right[model]
        return {"all": np.ones_like(right), "correct": right, "wrong": ~right}[name]

    def selections(self, model: str) -> dict[tuple[str, str], Mask]:
        """Return the cases of each group and subset of a model, in the order of the tables."""
        return {
            (sites, name): members & self.subset(model, name)
            for sites, members in self.groups.items()
            for name in SUBSETS
        }

    def join(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add `patient`, `site`, `label` and, to a table with models, `right` to its rows.

        Parameters
        ----------
        table : data frame
            With the category `case`, and perhaps the category `model`. It is changed in place: a
            copy could be gigabytes.
        """
        of_case = table["case"].cat.codes.to_numpy()
        names = list(table["case"].cat.categories)
        strangers = sorted(set(names) - set(self.cases))
        if strangers:
            raise InputError.of(
                "Tables of overlap hold cases that are not in them by their names; remove "
                "results/overlap and run again:", strangers,
            )  # fmt: skip
        for column in ABOUT:
            words = [self.about[case][column] for case in names]
            codes, vocabulary = pd.factorize(np.array(words, dtype=object))
            table[column] = pd.Categorical.from_codes(codes[of_case], list(vocabulary))
        if "model" in table:
            position = {case: i for i, case in enumerate(self.cases)}
            at = np.array([position[case] for case in names], dtype=np.intp)
            # The raters' own rows have no model; where they are left out, their word stays behind.
            nobody = np.zeros(len(self.cases), dtype=bool)
            models = [self.right.get(model, nobody) for model in table["model"].cat.categories]
            right = np.array(models, dtype=bool).reshape(len(models), len(self.cases))
            table["right"] = right[table["model"].cat.codes.to_numpy(), at[of_case]]
        return table
