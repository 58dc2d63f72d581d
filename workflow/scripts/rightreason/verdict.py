"""`verdict.tsv`: right or wrong, and for which reason: each audited case against its own chance.

| verdict on the reason | when                                                                   |
|-----------------------|------------------------------------------------------------------------|
| `undefined`           | nothing attended, or the reference marks nothing in what the model saw |
| `irrelevant`          | no overlap at all, or an irrelevant ratio above `shifted_high`         |
| `relevant`            | an irrelevant ratio below `shifted_low`                                |
| `undecided`           | between the two                                                        |

The limits are percentiles (`overlap.percentiles`) of the same attended region shifted at random. A
coarse map over a large finding has little room to differ from chance: where no region of its size
could have passed a limit, the column `power` says so.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from rightreason.case_tables import COUNTS, LIMITS
from rightreason.marked_words import mark
from rightreason.summary_words import (
    NEVER_IRRELEVANT,
    NEVER_RELEVANT,
    NO_CHANCE,
    ONLY_WITHOUT_OVERLAP,
)

REASONS = (mark("relevant"), mark("irrelevant"), mark("undecided"), mark("undefined"))
QUADRANTS = {
    (True, "irrelevant"): mark("right for the wrong reason"),
    (True, "undecided"): mark("right, reason undecided"),
    (True, "relevant"): mark("right for the right reason"),
    (False, "irrelevant"): mark("wrong, looking elsewhere"),
    (False, "undecided"): mark("wrong, reason undecided"),
    (False, "relevant"): mark("wrong despite the right place"),
    (True, "undefined"): mark("right, reason undefined"),
    (False, "undefined"): mark("wrong, reason undefined"),
}
"""The name of each quadrant, by (classified correctly, verdict on the reason)."""

CLASSIFIED = ["label", "probability", "threshold", "predicted"]
VERDICT_COLUMNS = ["case", "model", "site", *CLASSIFIED, "right", "value", "chance", *LIMITS]
VERDICT_COLUMNS += [*COUNTS, "reason", "quadrant", "power"]

# Tables have eight digits.
ROUNDING = 1e-7


def reason(row: Mapping[str, float]) -> str:
    """Return the verdict on the reason of one case.

    Parameters
    ----------
    row : mapping
        `important_voxels`, `attended_voxels`, `overlap_voxels`, the irrelevant ratio `value`, and
        its limits `shifted_low` and `shifted_high`; NaN where undefined.

    Examples
    --------
    >>> counts = {"important_voxels": 40, "attended_voxels": 20, "overlap_voxels": 15}
    >>> reason({**counts, "value": 0.25, "shifted_low": 0.4, "shifted_high": 0.9})
    'relevant'
    """
    if not row["important_voxels"] > 0 or not row["attended_voxels"] > 0:
        return "undefined"
    if row["overlap_voxels"] == 0 or row["value"] > row["shifted_high"]:
        return "irrelevant"
    return "relevant" if row["value"] < row["shifted_low"] else "undecided"


def power(row: Mapping[str, float]) -> str:
    """Say what could not have been told of a case, whatever its map of this size had shown.

    With abs(A) important, abs(S) attended and N seen voxels the irrelevant ratio lies between
    max(0, 1 - abs(A) / abs(S)), when S holds as much of A as it can, and
    1 - max(0, abs(S) + abs(A) - N) / abs(S), when it avoids A as far as the seen region lets it.

    Parameters
    ----------
    row : mapping
        As for `reason`, and `seen_voxels`.

    Returns
    -------
    str
        A sentence; blank where both verdicts were possible, or none is defined.

    Examples
    --------
    >>> counts = {"seen_voxels": 100, "important_voxels": 10, "attended_voxels": 40}
    >>> power({**counts, "shifted_low": 0.75, "shifted_high": 0.95})
    'No region of this size could have been called relevant.'
    """
    important, attended = row["important_voxels"], row["attended_voxels"]
    if not important > 0 or not attended > 0:
        return ""
    if np.isnan(row["shifted_low"]) or np.isnan(row["shifted_high"]):
        return NO_CHANCE
    best = max(0.0, 1 - important / attended)
    unavoidable = max(0.0, attended + important - row["seen_voxels"]) / attended
    said = []
    if row["shifted_low"] <= best + ROUNDING:
        said.append(NEVER_RELEVANT)
    if row["shifted_high"] >= 1 - unavoidable - ROUNDING:
        said.append(NEVER_IRRELEVANT if unavoidable > ROUNDING else ONLY_WITHOUT_OVERLAP)
    return " ".join(said)


def verdict_table(judged: pd.DataFrame, predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Give each audited case of each model its verdict, by the headline.

    Parameters
    ----------
    judged : data frame
        From `case_tables.read_scores`, with the columns of `Audited.join`.
    predictions : mapping of model to data frame
        From `cohort.read_predictions`.

    Returns
    -------
    data frame of `VERDICT_COLUMNS`
        Those that are right for the wrong reason first, in the order of `QUADRANTS`, then by
        falling irrelevant ratio, case and model.
    """
    named = ["case", "model"]
    rows = judged.astype(dict.fromkeys([*named, "site"], str)).drop(columns="label")
    about = pd.concat(
        [table[["case", *CLASSIFIED]].assign(model=name) for name, table in predictions.items()]
    )
    rows = rows.merge(about, on=named, how="left")
    records = rows.to_dict("records")
    rows["reason"] = [reason(row) for row in records]
    rows["power"] = [power(row) for row in records]
    rows["quadrant"] = [
        QUADRANTS[right, why] for right, why in zip(rows["right"], rows["reason"], strict=True)
    ]
    rank = {name: i for i, name in enumerate(QUADRANTS.values())}
    order = pd.DataFrame(
        {
            "quadrant": rows["quadrant"].map(rank),
            "ratio": -rows["value"],
            "case": rows["case"],
            "model": rows["model"],
        }
    ).sort_values(["quadrant", "ratio", "case", "model"])
    rows["right"] = np.where(rows["right"], "true", "false")
    return rows.loc[order.index, VERDICT_COLUMNS].reset_index(drop=True)
