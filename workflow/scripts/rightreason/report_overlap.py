"""The report's panels on `overlap.tsv`: the headline by every choice, and every measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rightreason.case_tables import VOTES
from rightreason.report_blocks import Block, Details, Table, Text
from rightreason.report_data import Study, interval
from rightreason.report_trust import DAGGER, faint_note, insensitive
from rightreason.sentences import (
    NBSP,
    audited,
    decimal,
    paragraph,
    percent_interval,
    shown,
    value,
)
from rightreason.told import told
from rightreason.words import _, mark

AREA = {
    "irrelevant_ratio": (mark("Irrelevant ratio"), "percent"),
    "coverage": (mark("Coverage"), "percent"),
    "dice": (mark("Dice"), "decimal"),
    "iou": (mark("IoU"), "decimal"),
    "relative_area": (mark("Area, of what was seen"), "percent"),
    "centroid_distance_mm": (mark("Between centroids"), "mm"),
    "surface_distance_mm": (mark("Between surfaces"), "mm"),
    "hausdorff95_mm": (mark("Hausdorff, 95 %"), "mm"),
}
MAP = {
    "pointing_game": (mark("Maximum inside (pointing game)"), "percent"),
    "mass_accuracy": (mark("Saliency mass inside"), "percent"),
    "rank_accuracy": (mark("Rank accuracy"), "percent"),
    "average_precision": (mark("Average precision of the voxels"), "decimal"),
    "auroc": (mark("AUROC of the voxels"), "decimal"),
}
OF_VOTES = {
    "rank_correlation": (mark("Rank correlation with the votes"), "decimal"),
    "weighted_jaccard": (mark("Weighted Jaccard with the votes"), "decimal"),
    "top1_any": (mark("Top 1 %, where anyone marked"), "percent"),
    "top1_half": (mark("Top 1 %, where half the raters marked"), "percent"),
    "top1_all": (mark("Top 1 %, where all marked"), "percent"),
    "top5_any": (mark("Top 5 %, where anyone marked"), "percent"),
    "top5_half": (mark("Top 5 %, where half the raters marked"), "percent"),
    "top5_all": (mark("Top 5 %, where all marked"), "percent"),
    "top10_any": (mark("Top 10 %, where anyone marked"), "percent"),
    "top10_half": (mark("Top 10 %, where half the raters marked"), "percent"),
    "top10_all": (mark("Top 10 %, where all marked"), "percent"),
}
LEVELS = {
    "chance": (mark("Same everywhere (gain)"), "gain"),
    "shifted": (mark("Shifted (gain)"), "shifted_gain"),
    "shuffled": (mark("Other patients’ (gain)"), "shuffled_gain"),
    "region_chance": (mark("Same in the region (gain)"), "region_gain"),
}


def choices(study: Study) -> Sequence[Block]:
    """The headline's measure under every reference and binarisation, by every method."""
    methods = list(study.config["saliency"]["methods"])
    head, blocks = study.headline, []
    options = {
        "reference": (
            study.references, _("Reference"),
            _("Irrelevant ratio by reference and method (binarisation {binarisation}; {cases} of "
              "the training sites)."),
        ),
        "binarisation": (
            list(study.config["overlap"]["binarisations"]), _("Binarisation"),
            _("Irrelevant ratio by binarisation and method (reference {reference}; {cases} of the "
              "training sites)."),
        ),
    }  # fmt: skip
    for key, (names, column, message) in options.items():
        rows = [
            [model, name, *(_ratio(study, model, method, **{key: name}) for method in methods)]
            for model in study.models
            for name in names
        ]
        caption = paragraph(message.format(cases=audited(study), **head), faint_note(study))
        blind = insensitive(study)
        faint = frozenset(
            (i, 2 + j) for i, row in enumerate(rows) for j, method in enumerate(methods)
            if (row[0], method) in blind
        )  # fmt: skip
        blocks.append(Table(caption, [_("Model"), column, *methods], rows, faint))
    return blocks


def _ratio(study: Study, model: str, method: str, **other: str) -> str:
    text = percent_interval(study.measure(model, method=method, **other))
    return text + DAGGER if (model, method) in insensitive(study) else text


def measures(study: Study) -> Sequence[Block]:
    """Every measure of the headline's maps beside three levels of chance and the raters."""
    head = study.headline
    paragraphs = [
        _(
            "The same maps ({method}) by every measure, against {reference} or, where a row says "
            "so, the votes; area measures after the binarisation {binarisation}, the others of the "
            "whole map. Over the {cases}. A gain is the share of the way from that level of chance "
            "(0) to perfect (1); below 0 is worse than chance. A dash: the measure has no such "
            "value, or no case has it."
        ).format(cases=audited(study), **head)
    ]
    if apart := neighbours(study.config):
        paragraphs.append(apart)
    blocks: list[Block] = [Text(paragraphs)]
    blocks += [_measures(study, model, "training") for model in study.models]
    if "external" in study.groups:
        tables = [_measures(study, model, "external") for model in study.models]
        blocks.append(Details(_("The same of the external sites"), tables))
    return blocks


def neighbours(config: Mapping[str, Any]) -> str:
    """Warn of surface distances in inputs of spread-out slices; empty where there are none."""
    spread = sorted({model["input"] for model in config["models"].values()} - {"volume"})
    if not spread:
        return ""
    quoted = [_("“{kind}”").format(kind=kind) for kind in spread]
    inputs = quoted[0]
    if quoted[1:]:
        inputs = _("{one} or {other}").format(one=quoted[0], other=quoted[1])
    return _(
        "Surface distances are between surfaces of seen voxels. With the input {inputs} two seen "
        "slices count as neighbours though they may lie centimetres apart: a surface runs along "
        "the seen slices, and a distance across them is known only to their spacing."
    ).format(inputs=inputs)


def _measures(study: Study, model: str, group: str) -> Table:
    found = [row for row in _found(study, model, group) if row[2] is not None]
    levels = [
        level for level in LEVELS if any(np.isfinite(row[level]) for _, _, row in found if row)
    ]
    raters = len(study.raters) > 1
    lost = any(row["undefined"] for _, _, row in found if row)
    columns = [_("Measure"), _("Mean"), _("Cases"), *([_("Undefined")] if lost else [])]
    columns += [_(LEVELS[level][0]) for level in levels]
    columns += [_("Same marks: model"), _("Same marks: another rater")] if raters else []
    rows = [[_(name), *_row(row, kind, levels, raters, lost)] for name, kind, row in found if row]
    captions = {
        "training": _("{model}, training sites."),
        "external": _("{model}, external sites."),
    }
    return Table(captions[group].format(model=model), columns, rows)


def _found(study: Study, model: str, group: str) -> list[tuple[str, str, Mapping[str, Any] | None]]:
    """Find each measure's row: name, kind and row."""
    cut = study.config["overlap"]["binarisations"][study.headline["binarisation"]]
    part = {"binarisation": cut["part"]}
    asked: list[tuple[dict[str, tuple[str, str]], dict[str, str]]] = [
        (AREA, {}), (MAP, part), (OF_VOTES, {**part, "reference": VOTES}),
    ]  # fmt: skip
    return [
        (name, kind, study.row(model, measure, group, **other))
        for measures, other in asked for measure, (name, kind) in measures.items()
    ]  # fmt: skip


def _row(
    row: Mapping[str, Any], kind: str, levels: Sequence[str], raters: bool, lost: bool
) -> list[str]:
    cells = [shown(interval(row, "mean"), kind), f"{row['n_cases']:.0f}"]
    cells += [told(row["undefined"])] if lost else []
    for level in levels:
        gain = decimal(row[LEVELS[level][1]])
        cells.append(f"{value(row[level], kind)}{NBSP}({gain})")
    if raters:
        cells += [value(row["fair"], kind), value(row["ceiling"], kind)]
    return cells
