"""Gaps in the raters' records: who marked far fewer slices of a case than the others did."""

from __future__ import annotations

import pandas as pd

from rightreason.marked_words import mark

SHARE = 1 / 3
FEWEST = 3
RULE = mark("less than a third of the median of the other raters’ slices, where that is 3 or more")


def marks_of(cohort: pd.DataFrame) -> pd.DataFrame:
    """Turn the raters' columns of `cohort.tsv` into rows.

    Returns
    -------
    data frame of case, rater, slices, volume_mm3
        A row for each rater who looked at a case; 0 slices where nothing was found.
    """
    raters = [name.removeprefix("slices_") for name in cohort if name.startswith("slices_")]
    parts = [
        pd.DataFrame({
            "case": cohort["case"], "rater": rater, "slices": cohort[f"slices_{rater}"],
            "volume_mm3": cohort[f"volume_mm3_{rater}"],
        })
        for rater in raters
    ]  # fmt: skip
    columns = ["case", "rater", "slices", "volume_mm3"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return table.dropna(subset=["slices"]).reset_index(drop=True)


def gaps(marks: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `marks_of` that `RULE` holds of, with the median of the others.

    A rater who marked nothing counts like one who marked little: whether the others saw too much
    or the record has a hole cannot be told from it, only asked.

    Returns
    -------
    data frame of case, rater, slices, volume_mm3, others
    """
    found = []
    for _, rows in marks.groupby("case", sort=False):
        for row in rows.to_dict("records"):
            others = rows.loc[rows["rater"] != row["rater"], "slices"].median()
            if others >= FEWEST and row["slices"] < SHARE * others:
                found.append({**row, "others": others})
    return pd.DataFrame(found, columns=[*marks.columns, "others"])
