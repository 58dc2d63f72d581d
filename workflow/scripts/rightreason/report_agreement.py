"""The report's panel on how far the raters agree, from `agreement.tsv`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rightreason.report_blocks import Block, Table, Text
from rightreason.report_data import Study, interval
from rightreason.sentences import (
    UNDEFINED,
    decimal_interval,
    paragraph,
    pool,
    signed_interval,
)
from rightreason.told import told
from rightreason.words import _, mark

STATISTICS = {
    "mean_dice": mark("Dice of two raters, mean over pairs"),
    "fleiss_kappa": mark("Fleiss’ kappa, mean over cases"),
    "krippendorff_alpha": mark("Krippendorff’s alpha, mean over cases"),
    "fleiss_kappa_pooled": mark("Fleiss’ kappa, all voxels together"),
    "krippendorff_alpha_pooled": mark("Krippendorff’s alpha, all voxels together"),
}
OF_RATER = {
    "mean_dice": mark("Dice with the others"),
    "outlier": mark("Difference to the others’ Dice"),
    "staple_sensitivity": mark("Sensitivity (STAPLE)"),
    "staple_specificity": mark("Specificity (STAPLE)"),
}


def agreement(study: Study) -> Sequence[Block]:
    """The matrix of Dice, the coefficients of all raters, and each rater beside the others."""
    if study.agreement.empty:
        nothing = _("No {positive} case is annotated: no agreement to speak of.")
        return [Text([nothing.format(positive=study.positive)])]
    if len(study.raters) < 2:
        alone = _("Only {rater} annotated: how far raters agree is unknown.")
        return [Text([alone.format(rater=study.raters[0])])]
    groups = [group for group in study.groups if group in set(study.agreement["sites"])]
    text = _(
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
        Text([_("{sites}: {note}").format(sites=pool(row["sites"]), note=told(row["note"]))
              for row in named.to_dict("records")], "list"),
    ]  # fmt: skip


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
    captions = {
        "training": _(
            "Mean Dice of each pair of raters, training sites; in brackets the number of cases."
        ),
        "external": _(
            "Mean Dice of each pair of raters, external sites; in brackets the number of cases."
        ),
    }
    return Table(captions[group], [_("Rater"), *names], rows)


def _coefficients(study: Study) -> Table:
    rows = [
        [_(STATISTICS[row["statistic"]]), pool(row["sites"]),
         decimal_interval(interval(row, "value")), f"{row['n_cases']:.0f}", told(row["note"])]
        for row in _of(study, "all").to_dict("records")
    ]  # fmt: skip
    columns = [_("Coefficient"), _("Sites"), _("Value"), _("Cases"), _("Note")]
    return Table(_("Agreement of all raters."), columns, rows)


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
            rows.append([rater, pool(group), *(
                UNDEFINED if row is None else
                (signed_interval if row["statistic"] == "outlier" else decimal_interval)(
                    interval(row, "value"))
                for row in cells
            )])  # fmt: skip
    difference = _(
        "The difference is that of the Dice of the pairs with the rater less the Dice of the pairs "
        "without; its interval is simultaneous over the raters."
    )
    caption = paragraph(
        _("Each rater beside the others."), difference if "outlier" in there else ""
    )
    return Table(caption, [_("Rater"), _("Sites"), *(_(OF_RATER[name]) for name in there)], rows)
