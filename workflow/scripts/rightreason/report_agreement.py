"""The report's panel on how far the raters agree, from `agreement.tsv`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rightreason.report_blocks import Block, Table, Text
from rightreason.report_data import Study, interval
from rightreason.sentences import UNDEFINED, decimal_interval, signed_interval

STATISTICS = {
    "mean_dice": "Dice of two raters, mean over pairs",
    "fleiss_kappa": "Fleiss’ kappa, mean over cases",
    "krippendorff_alpha": "Krippendorff’s alpha, mean over cases",
    "fleiss_kappa_pooled": "Fleiss’ kappa, all voxels together",
    "krippendorff_alpha_pooled": "Krippendorff’s alpha, all voxels together",
}
OF_RATER = {
    "mean_dice": "Dice with the others",
    "outlier": "Difference to the others’ Dice",
    "staple_sensitivity": "Sensitivity (STAPLE)",
    "staple_specificity": "Specificity (STAPLE)",
}


def agreement(study: Study) -> Sequence[Block]:
    """The matrix of Dice, the coefficients of all raters, and each rater beside the others."""
    if study.agreement.empty:
        return [Text([f"No {study.positive} case is annotated: no agreement to speak of."])]
    if len(study.raters) < 2:
        return [Text([f"Only {study.raters[0]} annotated: how far raters agree is unknown."])]
    groups = [group for group in study.groups if group in set(study.agreement["sites"])]
    text = (
        "How far the raters agree is how far a model could agree with them. Dice: twice what two "
        "raters both marked over the sum of what each marked, 1 for the same marks. Kappa and "
        "alpha count the voxels nobody marked too, within the region of a case or else within what "
        "the models saw; 0 is agreement by chance, 1 is perfect."
    )
    outliers = _of(study, "rater")
    named = outliers[(outliers["statistic"] == "outlier") & (outliers["note"] != "")]
    return [
        Text([text]),
        *(_matrix(study, group) for group in groups),
        _coefficients(study),
        _raters(study, groups),
        Text([f"{row['sites']}: {row['note']}" for row in named.to_dict("records")], "list"),
    ]


def _of(study: Study, scope: str) -> pd.DataFrame:
    table = study.agreement
    return table[(table["scope"] == scope) & table["sites"].isin(study.groups)]


def _matrix(study: Study, group: str) -> Table:
    pairs = _of(study, "pair")
    pairs = pairs[(pairs["sites"] == group) & (pairs["statistic"] == "dice")]
    cells = {}
    for row in pairs.to_dict("records"):
        text = f"{decimal_interval(interval(row, 'value'))} ({row['n_cases']:.0f})"
        cells[row["rater"], row["against"]] = cells[row["against"], row["rater"]] = text
    names = sorted({name for pair in cells for name in pair})
    rows = [[name, *(cells.get((name, other), UNDEFINED) for other in names)] for name in names]
    caption = f"Mean Dice of each pair of raters, {group} sites; in brackets the number of cases."
    return Table(caption, ["Rater", *names], rows)


def _coefficients(study: Study) -> Table:
    rows = [
        [STATISTICS[row["statistic"]], row["sites"], decimal_interval(interval(row, "value")),
         f"{row['n_cases']:.0f}", row["note"]]
        for row in _of(study, "all").to_dict("records")
    ]  # fmt: skip
    return Table("Agreement of all raters.", ["Coefficient", "Sites", "Value", "Cases", "Note"],
                 rows)  # fmt: skip


def _raters(study: Study, groups: Sequence[str]) -> Table:
    table = _of(study, "rater")
    found = {
        (row["rater"], row["sites"], row["statistic"]): row for row in table.to_dict("records")
    }
    there = [name for name in OF_RATER if name in set(table["statistic"])]
    rows = []
    for rater in dict.fromkeys(table["rater"]):
        for group in groups:
            cells = [found.get((rater, group, name)) for name in there]
            rows.append([rater, group, *(
                UNDEFINED if row is None else
                (signed_interval if row["statistic"] == "outlier" else decimal_interval)(
                    interval(row, "value"))
                for row in cells
            )])  # fmt: skip
    caption = "Each rater beside the others."
    if "outlier" in there:
        caption += (
            " The difference is that of the Dice of the pairs with the rater less the Dice of the "
            "pairs without; its interval is simultaneous over the raters."
        )
    return Table(caption, ["Rater", "Sites", *(OF_RATER[name] for name in there)], rows)
