"""Does the irrelevant ratio go with error, with confidence, with the volume of findings?

Of the positive, annotated cases of one model; the policies stand in `comparisons`.

| `against`    | statistic | of the irrelevant ratio                                    |
|--------------|-----------|------------------------------------------------------------|
| `error`      | AUC       | as a predictor that the case is wrong: 0.5 tells nothing   |
| `confidence` | Spearman  | with the probability of the positive class                 |
| `volume`     | Spearman  | with the volume of the findings in what the model saw, mm3 |

Confidence is the probability of the positive class, not its distance from the threshold: in
positive cases that distance gives a case confidently found and a case confidently missed the same
value, and would hide the very trend that is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from rightreason.auc import auc_interval
from rightreason.permutation import exchange_p
from rightreason.resampling import percentile_interval, weighted_spearman
from rightreason.summary_words import (
    ALL_ALIKE,
    ALL_ALIKE_ONE,
    FEW_ERRORS,
    FEW_PATIENTS,
    FEW_PATIENTS_ONE,
    NO_ERRORS,
)

FAMILY = "what overlap goes with"
FEWEST_OF_A_KIND = 10
"""Wrong or right cases below which an AUC is too uncertain to say anything."""
FEWEST_PATIENTS = 20
"""Patients below which the interval of a rank correlation spans about half of all values."""

Floats = NDArray[np.float64]
Patients = NDArray[np.int64]


def associations(
    model: str,
    overlap: pd.DataFrame,
    predictions: pd.DataFrame,
    patients: Patients,
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the rows of one model: `error`, `confidence`, `volume`.

    Parameters
    ----------
    model : str
        Its name.
    overlap : data frame
        The headline's rows of the irrelevant ratio, one per case, which is the index: `value`,
        `important_voxels`, `voxel_mm3`.
    predictions : data frame
        `case`, `label`, `probability`, `predicted`.
    patients : (cases,) array of int
        Patient of each row of `overlap`.
    settings : mapping
        `bootstrap`, `permutations`, `confidence`, `seed`.
    """
    rows = predictions.set_index("case").loc[overlap.index]
    ratio = overlap["value"].to_numpy(dtype=float)
    wrong = (rows["predicted"] != rows["label"]).to_numpy(dtype=bool)
    volume = (overlap["important_voxels"] * overlap["voxel_mm3"]).to_numpy(dtype=float)
    probability = rows["probability"].to_numpy(dtype=float)
    defined = np.isfinite(ratio)
    found = {"error": predicts_error(ratio[defined], wrong[defined], patients[defined], settings)}
    for name, other in (("confidence", probability), ("volume", volume)):
        both = defined & np.isfinite(other)
        found[name] = goes_with(ratio[both], other[both], patients[both], settings)
    return [
        {"family": FAMILY, "model": model, "against": against, "subset": "all", **row}
        for against, row in found.items()
    ]


def predicts_error(
    ratio: Floats, wrong: NDArray[np.bool_], patients: Patients, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the AUC of the ratio as a predictor of error, with its interval and p.

    Parameters
    ----------
    ratio, wrong, patients : (cases,) arrays
        All defined.
    settings : mapping
        As in `associations`.
    """
    auc, low, high = auc_interval(wrong, ratio, patients, settings["confidence"])
    p = np.nan if np.isnan(auc) else _exchanged(ratio, wrong.astype(float), patients, settings)
    few = int(min(wrong.sum(), (~wrong).sum()))
    words = "" if few >= FEWEST_OF_A_KIND else FEW_ERRORS if few else NO_ERRORS
    note = words.format(wrong=int(wrong.sum()), right=int((~wrong).sum()), fewest=FEWEST_OF_A_KIND)
    return _row("AUC", patients, (auc, low, high), p, 2 * auc - 1, note)


def goes_with(
    ratio: Floats, other: Floats, patients: Patients, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return Spearman's correlation of the ratio with another column, with interval and p.

    The interval is the percentile bootstrap's over patients, see `percentile_interval`.

    Parameters
    ----------
    ratio, other, patients : (cases,) arrays
        All defined.
    settings : mapping
        As in `associations`.
    """
    names, number = np.unique(patients, return_inverse=True)
    low = high = p = np.nan
    rho = float(weighted_spearman(ratio, other, np.ones((1, len(ratio))))[0])
    if np.isfinite(rho):
        low, high = percentile_interval(
            partial(_of_draws, ratio, other, number), len(names),
            settings["bootstrap"], settings["confidence"], settings["seed"],
        )  # fmt: skip
        p = _exchanged(ratio, rankdata(other), patients, settings)
    return _row("Spearman", patients, (rho, low, high), p, rho, _why_little(rho, len(names)))


def _of_draws(ratio: Floats, other: Floats, number: Patients, counts: Floats) -> Floats:
    return weighted_spearman(ratio, other, counts[:, number])


def _why_little(rho: float, n_patients: int) -> str:
    if np.isnan(rho):
        return (ALL_ALIKE_ONE if n_patients == 1 else ALL_ALIKE).format(n=n_patients)
    if n_patients < FEWEST_PATIENTS:
        words = FEW_PATIENTS_ONE if n_patients == 1 else FEW_PATIENTS
        return words.format(n=n_patients, fewest=FEWEST_PATIENTS)
    return ""


def _exchanged(
    ratio: Floats, other: Floats, patients: Patients, settings: Mapping[str, Any]
) -> float:
    return exchange_p(rankdata(ratio), other, patients, settings["permutations"], settings["seed"])


def _row(
    statistic: str, patients: Patients, limits: tuple[float, float, float], p: float,
    effect_size: float, note: str,
) -> dict[str, Any]:  # fmt: skip
    estimate, low, high = limits
    return {
        "statistic": statistic, "n_cases": len(patients), "n_patients": len(np.unique(patients)),
        "estimate": estimate, "low": low, "high": high, "p": p, "effect_size": effect_size,
        "note": note,
    }  # fmt: skip
