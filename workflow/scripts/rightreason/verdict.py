"""Right or wrong, and for which reason: each positive, annotated case against its own chance.

| verdict on the reason | when                                                                  |
|-----------------------|-----------------------------------------------------------------------|
| `undefined`           | nothing attended, or the reference marks nothing in what the model saw |
| `irrelevant`          | no overlap at all, or an irrelevant ratio above the 95th percentile    |
| `relevant`            | an irrelevant ratio below the 5th percentile                           |
| `undecided`           | between the two                                                       |

The percentiles are those of the same attended region shifted at random (`{case}.chance.tsv`). A
coarse map over a large finding has little room to differ from chance and stays undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from rightreason.cohort import KEYS, read_table

REASONS = ("relevant", "irrelevant", "undecided", "undefined")
QUADRANTS = {
    (True, "irrelevant"): "right for the wrong reason",
    (True, "undecided"): "right, reason undecided",
    (True, "relevant"): "right for the right reason",
    (False, "irrelevant"): "wrong, looking elsewhere",
    (False, "undecided"): "wrong, reason undecided",
    (False, "relevant"): "wrong despite the right place",
    (True, "undefined"): "right, reason undefined",
    (False, "undefined"): "wrong, reason undefined",
}
"""The name of each quadrant, by (classified correctly, verdict on the reason)."""


def reason(row: Mapping[str, float]) -> str:
    """Return the verdict on the reason of one case.

    Parameters
    ----------
    row : mapping
        `important_voxels`, `attended_voxels`, `overlap_voxels`, `irrelevant_ratio`, and the chance
        limits `low` and `high` of that ratio; NaN where undefined.

    Examples
    --------
    >>> counts = {"important_voxels": 40, "attended_voxels": 20, "overlap_voxels": 15}
    >>> reason({**counts, "irrelevant_ratio": 0.25, "low": 0.4, "high": 0.9})
    'relevant'
    """
    if not row["important_voxels"] > 0 or not row["attended_voxels"] > 0:
        return "undefined"
    if row["overlap_voxels"] == 0 or row["irrelevant_ratio"] > row["high"]:
        return "irrelevant"
    return "relevant" if row["irrelevant_ratio"] < row["low"] else "undecided"


def judge(
    overlap: pd.DataFrame, chance: Sequence[Path], headline: Mapping[str, str]
) -> pd.DataFrame:
    """Give each case of each model its verdict, by the headline's map, reference and binarisation.

    Parameters
    ----------
    overlap : data frame
        Rows of the positive cases, from `cohort.read_overlap`.
    chance : sequence of path
        Tables of the cases' chance intervals.
    headline : mapping
        `method`, `reference`, `binarisation`.

    Returns
    -------
    data frame
        The rows of the headline with `low`, `high`, `reason`, `quadrant`; those that are right for
        the wrong reason first, in the order of `QUADRANTS`, then by falling irrelevant ratio.
    """
    chosen = (overlap[KEYS] == [headline[key] for key in KEYS]).all(axis=1)
    names = ["case", "model", *KEYS]
    tables = [read_table(path, names, ["low", "high"]) for path in chance]
    limits = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(
        columns=[*names, "low", "high"]
    )  # fmt: skip
    rows = overlap[chosen].merge(limits, on=names, how="left")
    rows["right"] = rows["correct"] == "true"
    rows["reason"] = [reason(row) for row in rows.to_dict("records")]
    rows["quadrant"] = [
        QUADRANTS[right, why] for right, why in zip(rows["right"], rows["reason"], strict=True)
    ]
    rank = {name: i for i, name in enumerate(QUADRANTS.values())}
    order = pd.DataFrame(
        {
            "quadrant": rows["quadrant"].map(rank),
            "ratio": -rows["irrelevant_ratio"],
            "case": rows["case"],
        }
    ).sort_values(["quadrant", "ratio", "case"])
    return rows.loc[order.index].reset_index(drop=True)
