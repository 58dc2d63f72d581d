"""`ratios.tsv`: the headline's irrelevant ratio of every audited case, by every method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rightreason.case_tables import HEADLINE_MEASURE

BESIDE = ["chance", "shifted", "shuffled", "fair", "ceiling"]
RATIOS_COLUMNS = ["case", "site", "model", "method", "right", "value", *BESIDE]


def ratios_table(scores: pd.DataFrame, headline: Mapping[str, str]) -> pd.DataFrame:
    """Select the headline's measure, reference and binarisation of every model and method.

    Parameters
    ----------
    scores : data frame
        From `case_tables.read_scores`, with the columns of `Audited.join`.
    headline : mapping
        `reference` and `binarisation`.

    Returns
    -------
    data frame of `RATIOS_COLUMNS`
        A row per case, model and method; `value` and what stands beside it are those of
        `overlap/{case}.tsv`.
    """
    chosen = (scores["measure"] == HEADLINE_MEASURE) & (scores["model"] != "")
    for key in ("reference", "binarisation"):
        chosen &= scores[key] == headline[key]
    rows = scores.loc[chosen, RATIOS_COLUMNS]
    texts = dict.fromkeys(("case", "site", "model", "method"), str)
    return rows.astype(texts).assign(right=np.where(rows["right"], "true", "false"))
