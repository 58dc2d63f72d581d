"""`calibration.tsv`: how often the positive class came, beside how likely the models called it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from rightreason.calibration import calibration_bins
from rightreason.cohort import Cases, site_groups
from rightreason.performance import POOLED, wilson

CALIBRATION_COLUMNS = ["model", "sites", "bin", "n_cases", "lowest", "highest", "predicted"]
CALIBRATION_COLUMNS += ["observed", "low", "high"]


def calibration_table(
    predictions: Mapping[str, pd.DataFrame], cases: Cases, external_sites: list[str],
    positive: str, confidence: float,
) -> pd.DataFrame:  # fmt: skip
    """Return a row per model, pool of sites and bin: those of the expected calibration error.

    Parameters
    ----------
    predictions : mapping of model to data frame
        As `cohort.read_predictions` gives them.
    cases : mapping of case to mapping
        `site` and `label` of every case.
    external_sites : list of str
        Sites that were never trained on.
    positive : str
        The class whose probability the models give.
    confidence : float
        Of Wilson's limits, which take cases for independent.

    Returns
    -------
    data frame of `CALIBRATION_COLUMNS`
        `lowest` to `highest` are the probabilities of a bin, `predicted` their mean; `observed` is
        the share of positive cases with its limits `low` and `high`. Cases of one probability share
        their labels evenly, should a bin end among them.
    """
    rows = []
    sites = site_groups(cases, external_sites)
    for model, table in predictions.items():
        scored = table.set_index("case")
        for group in POOLED:
            here = scored.loc[sites.get(group, [])]
            labels = (here["label"] == positive).to_numpy(dtype=bool)
            found = calibration_bins(labels, here["probability"].to_numpy(dtype=float))
            for number, one in enumerate(found, start=1):
                low, high = wilson(one.observed * one.n, one.n, confidence)
                rows.append([model, group, number, one.n, one.low, one.high, one.predicted,
                             one.observed, low, high])  # fmt: skip
    return pd.DataFrame(rows, columns=CALIBRATION_COLUMNS)
