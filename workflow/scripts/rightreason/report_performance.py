"""The report's panels on classification: ROC curves; the numbers by site, stratum and fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rightreason import figures
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Study, interval
from rightreason.report_elsewhere import judged
from rightreason.sentences import (
    decimal,
    decimal_interval,
    level,
    paragraph,
    percent_interval,
    pool,
    semicolons,
    signed,
)
from rightreason.words import _


def roc_curves(study: Study) -> Sequence[Block]:
    """ROC curves of each model, training sites out of fold and external sites."""
    items = []
    for model in study.models:
        probabilities = study.predictions[model].set_index("case")["probability"]
        curves = []
        for group in ("training", "external"):
            members = study.members(group)
            labels = np.array([study.cases[c]["label"] == study.positive for c in members], bool)
            if labels.any() and not labels.all():
                scores = probabilities.loc[members].to_numpy(dtype=float)
                legend = _("{sites}: {auc}").format(
                    sites=pool(group), auc=decimal_interval(study.auc(model, group))
                )
                curves.append((group, legend, labels, scores))
        alt = _("ROC curves of {model}. AUC, {curves}.").format(
            model=model, curves=semicolons(c[1] for c in curves)
        )
        items.append((figures.roc(curves, f"roc_{model}", alt), model))
    text = _("Training sites out of fold, external sites by the mean of the folds’ networks.")
    legend = _("The AUC with its {level} interval is in the legend.").format(
        level=level(study.config)
    )
    return [Text([paragraph(judged(study, text), legend)]), Figures(items)]


def by_group(study: Study) -> Sequence[Block]:
    """Tables of classification by site, by stratum and by fold."""
    table = study.performance
    whole = table["stratum"] == ""
    called = _(
        "A case is called by the threshold of its fold, chosen on patients of the training folds "
        "that the network was not fitted to; the column is the mean over the cases."
    )
    brackets = _(
        "Brackets: clustered DeLong for the AUC, bootstrap over patients for average precision, "
        "Wilson for accuracy, sensitivity and specificity, which takes every case for a patient of "
        "its own."
    )
    blocks: list[Block] = [
        Text([paragraph(judged(study, called), brackets)]),
        Table(_("Classification by site; training and external pool the sites."),
              [_("Model"), _("Sites"), *_columns(study)],
              [[row["model"], pool(row["sites"]), *_cells(row)] for row in _records(table[whole])]),
    ]  # fmt: skip
    rows = [
        [row["model"], pool(row["sites"]), _("fold") if row["stratum"] == "fold" else
         row["stratum"], row["group"], *_cells(row)]
        for row in _records(table[~whole])
    ]  # fmt: skip
    if rows:
        divided = Table(
            _("Classification by stratum and by fold."),
            [_("Model"), _("Sites"), _("By"), _("Value"), *_columns(study)], rows,
        )  # fmt: skip
        strata = set(table["stratum"]) - {"", "fold"}
        blocks.append(divided if strata else Details(_("By fold"), [divided]))
    return blocks


def calibration(study: Study) -> Sequence[Block]:
    """Whether probabilities mean what they say, and how they change from training to training."""
    table = study.performance
    pooled = table[(table["stratum"] == "") & table["sites"].isin(study.groups)]
    rows = [
        [row["model"], pool(row["sites"]), decimal(row["brier"]),
         signed(row["calibration_intercept"]), decimal(row["calibration_slope"]),
         decimal(row["expected_calibration_error"]), decimal(row["auc_seed_sd"])]
        for row in _records(pooled)
    ]  # fmt: skip
    columns = [_("Model"), _("Sites"), _("Brier score"), _("Intercept"), _("Slope"),
               _("Expected error"), _("Spread of AUC over seeds")]  # fmt: skip
    caption = _(
        "Calibration. A perfect model has an intercept of 0 (below: it says too much) and a slope "
        "of 1 (below: it is too sure); a dash where there are too few cases of a class, or one "
        "training only."
    )
    return [Table(caption, columns, rows)]


def _records(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_dict("records")
    return found


def _columns(study: Study) -> list[str]:
    return [_("Cases ({positive})").format(positive=study.positive), _("AUC"),
            _("Average precision"), _("Threshold"), _("Accuracy"), _("Sensitivity"),
            _("Specificity")]  # fmt: skip


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{row['n_cases']:.0f} ({row['n_positive']:.0f})", decimal_interval(interval(row, "auc")),
        decimal_interval(interval(row, "average_precision")), decimal(row["threshold"]),
        *(percent_interval(interval(row, name))
          for name in ("accuracy", "sensitivity", "specificity")),
    ]  # fmt: skip
