"""The raters' marks of all cases, arranged by case and rater."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rightreason.errors import InputError
from rightreason.rater_patterns import pairwise, tally

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MarkedCases:
    """How the raters of each case agree.

    Attributes
    ----------
    order, raters : list of str
        The cases, and all the study's raters, in alphabetical order.
    dice, iou : (cases, raters, raters) arrays
        NaN where undefined or where one of the two did not look.
    tallies : (cases, 3) array
        From `rater_patterns.tally`.
    complete : (cases,) array of bool
        Whether all the study's raters, two at least, looked.
    sensitivity, specificity : (cases, raters) arrays
        Against STAPLE's consensus.
    """

    order: list[str]
    raters: list[str]
    dice: Floats
    iou: Floats
    tallies: Floats
    complete: NDArray[np.bool_]
    sensitivity: Floats
    specificity: Floats


def marked_cases(
    patterns: pd.DataFrame, staple: pd.DataFrame, raters: Mapping[str, Sequence[str]]
) -> MarkedCases:
    """Arrange all by case and rater; parameters and errors are `agreement.agreement_table`'s."""
    order = sorted(patterns["case"].unique())
    everyone = sorted({rater for case in order for rater in raters.get(case, ())})
    number = {rater: i for i, rater in enumerate(everyone)}
    dice, iou = np.full((2, len(order), len(everyone), len(everyone)), np.nan)
    tallies = np.zeros((len(order), 3))
    for i, (case, rows) in enumerate(patterns.groupby("case", sort=True)):
        looked = sorted(raters.get(str(case), ()))
        marks = _marks(str(case), rows["marked_by"], looked)
        voxels = rows["voxels"].to_numpy(dtype=float)
        at = np.ix_([i], [number[name] for name in looked], [number[name] for name in looked])
        dice[at], iou[at] = pairwise(marks, voxels)
        tallies[i] = tally(marks, voxels)
    complete = np.array([len(set(raters[case])) == len(everyone) > 1 for case in order], dtype=bool)
    figures = staple.set_index(["case", "rater"])
    full = pd.MultiIndex.from_product([order, everyone])
    sensitivity, specificity = (
        figures[name].reindex(full).to_numpy(dtype=float).reshape(len(order), len(everyone))
        for name in ("sensitivity", "specificity")
    )
    return MarkedCases(order, everyone, dice, iou, tallies, complete, sensitivity, specificity)


def _marks(case: str, marked_by: pd.Series, looked: Sequence[str]) -> NDArray[np.bool_]:
    """Return who marked each pattern, (patterns, raters)."""
    sets = [set(text.split("+")) - {""} for text in marked_by.fillna("")]
    strangers = sorted(set().union(*sets) - set(looked))
    if strangers:
        raise InputError(
            f"The agreement table of case {case} names {', '.join(strangers)}, expected only "
            f"{', '.join(looked) or 'nobody'}, who annotated it; remove it and run again."
        )
    marks = [[rater in marked for rater in looked] for marked in sets]
    return np.array(marks, dtype=bool).reshape(len(sets), len(looked))
