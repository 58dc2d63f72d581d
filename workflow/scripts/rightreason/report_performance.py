"""The report's panels on classification: ROC curves; the numbers by site, stratum and fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rightreason import figures
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Study, interval
from rightreason.sentences import NBSP, decimal, decimal_interval, percent_interval, signed


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
                legend = f"{group}: {decimal_interval(study.auc(model, group))}"
                curves.append((group, legend, labels, scores))
        alt = f"ROC curves of {model}. " + "; ".join(f"AUC, {c[1]}" for c in curves) + "."
        items.append((figures.roc(curves, alt), model))
    level = 100 * study.config["summary"]["confidence"]
    text = (
        "Training sites out of fold, external sites by the mean of the folds’ networks; the AUC "
        f"with its {level:g}{NBSP}% interval in the legend."
    )
    return [Text([text]), Figures(items)]


def by_group(study: Study) -> Sequence[Block]:
    """Tables of classification by site, by stratum and by fold."""
    table = study.performance
    whole = table["stratum"] == ""
    text = (
        "A case is called by the threshold of its fold, chosen on patients of the training folds "
        "that the network was not fitted to; the column is the mean over the cases. Brackets: "
        "clustered DeLong for the AUC, bootstrap over patients for average precision, Wilson for "
        "accuracy, sensitivity and specificity, which takes every case for a patient of its own."
    )
    blocks: list[Block] = [
        Text([text]),
        Table("Classification by site; training and external pool the sites.",
              ["Model", "Sites", *_columns(study)],
              [[row["model"], row["sites"], *_cells(row)] for row in _records(table[whole])]),
    ]  # fmt: skip
    rows = [
        [row["model"], row["sites"], row["stratum"], row["group"], *_cells(row)]
        for row in _records(table[~whole])
    ]
    if rows:
        divided = Table("Classification by stratum and by fold.",
                        ["Model", "Sites", "By", "Value", *_columns(study)], rows)  # fmt: skip
        strata = set(table["stratum"]) - {"", "fold"}
        blocks.append(divided if strata else Details("By fold", [divided]))
    return blocks


def calibration(study: Study) -> Sequence[Block]:
    """Whether probabilities mean what they say, and how they change from training to training."""
    table = study.performance
    pooled = table[(table["stratum"] == "") & table["sites"].isin(study.groups)]
    rows = [
        [row["model"], row["sites"], decimal(row["brier"]),
         signed(row["calibration_intercept"]), decimal(row["calibration_slope"]),
         decimal(row["expected_calibration_error"]), decimal(row["auc_seed_sd"])]
        for row in _records(pooled)
    ]  # fmt: skip
    columns = ["Model", "Sites", "Brier score", "Intercept", "Slope", "Expected error",
               "Spread of AUC over seeds"]  # fmt: skip
    caption = (
        "Calibration. A perfect model has an intercept of 0 (below: it says too much) and a slope "
        "of 1 (below: it is too sure); a dash where there are too few cases of a class, or one "
        "training only."
    )
    return [Table(caption, columns, rows)]


def _records(table: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.to_dict("records")
    return found


def _columns(study: Study) -> list[str]:
    return [f"Cases ({study.positive})", "AUC", "Average precision", "Threshold", "Accuracy",
            "Sensitivity", "Specificity"]  # fmt: skip


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        f"{row['n_cases']:.0f} ({row['n_positive']:.0f})", decimal_interval(interval(row, "auc")),
        decimal_interval(interval(row, "average_precision")), decimal(row["threshold"]),
        *(percent_interval(interval(row, name))
          for name in ("accuracy", "sensitivity", "specificity")),
    ]  # fmt: skip
