"""The report's panels on `overlap.tsv`: the headline by every choice, and every measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rightreason.case_tables import VOTES
from rightreason.report_blocks import Block, Details, Table, Text
from rightreason.report_data import Study, interval
from rightreason.sentences import NBSP, audited, decimal, percent_interval, shown, value

AREA = {
    "irrelevant_ratio": ("Irrelevant ratio", "percent"),
    "coverage": ("Coverage", "percent"),
    "dice": ("Dice", "decimal"),
    "iou": ("IoU", "decimal"),
    "relative_area": ("Area, of what was seen", "percent"),
    "centroid_distance_mm": ("Between centroids", "mm"),
    "surface_distance_mm": ("Between surfaces", "mm"),
    "hausdorff95_mm": ("Hausdorff, 95 %", "mm"),
}
MAP = {
    "pointing_game": ("Maximum inside (pointing game)", "percent"),
    "mass_accuracy": ("Saliency mass inside", "percent"),
    "rank_accuracy": ("Rank accuracy", "percent"),
    "average_precision": ("Average precision of the voxels", "decimal"),
    "auroc": ("AUROC of the voxels", "decimal"),
}
OF_VOTES = {
    "rank_correlation": ("Rank correlation with the votes", "decimal"),
    "weighted_jaccard": ("Weighted Jaccard with the votes", "decimal"),
    **{
        f"top{percent}_{level}": (f"Top {percent} %, where {words} marked", "percent")
        for percent in (1, 5, 10)
        for level, words in (("any", "anyone"), ("half", "half the raters"), ("all", "all"))
    },
}
LEVELS = {
    "chance": ("Same everywhere", "gain"),
    "shifted": ("Shifted", "shifted_gain"),
    "shuffled": ("Other patients’", "shuffled_gain"),
    "region_chance": ("Same in the region", "region_gain"),
}


def choices(study: Study) -> Sequence[Block]:
    """The headline's measure under every reference and binarisation, by every method."""
    methods = list(study.config["saliency"]["methods"])
    head, blocks = study.headline, []
    options = {
        "reference": study.references,
        "binarisation": list(study.config["overlap"]["binarisations"]),
    }
    for key, names in options.items():
        rows = [
            [model, name, *(percent_interval(study.measure(model, **{"method": method, key: name}))
                            for method in methods)]
            for model in study.models for name in names
        ]  # fmt: skip
        fixed = "binarisation" if key == "reference" else "reference"
        caption = (
            f"Irrelevant ratio by {key} and method ({fixed} {head[fixed]}; {audited(study)} of the "
            "training sites)."
        )
        blocks.append(Table(caption, ["Model", key.capitalize(), *methods], rows))
    return blocks


def measures(study: Study) -> Sequence[Block]:
    """Every measure of the headline's maps beside three levels of chance and the raters."""
    head = study.headline
    paragraphs = [
        f"The same maps ({head['method']}) by every measure, against {head['reference']} or, where "
        "a row says so, the votes; area measures after the binarisation "
        f"{head['binarisation']}, the others of the whole map. Over the {audited(study)}. A gain "
        "is the share of the way from that level of chance (0) to perfect (1); below 0 is worse "
        "than chance. A dash: the measure has no such value, or no case has it.",
    ]
    if apart := neighbours(study.config):
        paragraphs.append(apart)
    blocks: list[Block] = [Text(paragraphs)]
    blocks += [_measures(study, model, "training") for model in study.models]
    if "external" in study.groups:
        tables = [_measures(study, model, "external") for model in study.models]
        blocks.append(Details("The same of the external sites", tables))
    return blocks


def neighbours(config: Mapping[str, Any]) -> str:
    """Warn of surface distances in inputs of spread-out slices; empty where there are none."""
    spread = sorted({model["input"] for model in config["models"].values()} - {"volume"})
    if not spread:
        return ""
    return (
        "Surface distances are between surfaces of seen voxels. With the input "
        f"{' or '.join(f'“{kind}”' for kind in spread)} two seen slices count as neighbours though "
        "they may lie centimetres apart: a surface runs along the seen slices, and a distance "
        "across them is known only to their spacing."
    )


def _measures(study: Study, model: str, group: str) -> Table:
    found = [row for row in _found(study, model, group) if row[2] is not None]
    levels = [
        level for level in LEVELS if any(np.isfinite(row[level]) for _, _, row in found if row)
    ]
    raters = len(study.raters) > 1
    lost = any(row["undefined"] for _, _, row in found if row)
    columns = ["Measure", "Mean", "Cases", *(["Undefined"] if lost else [])]
    columns += [f"{LEVELS[level][0]} (gain)" for level in levels]
    columns += ["Same marks: model", "Same marks: another rater"] if raters else []
    rows = [[name, *_row(row, kind, levels, raters, lost)] for name, kind, row in found if row]
    return Table(f"{model}, {group} sites.", columns, rows)


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
    cells += [row["undefined"]] if lost else []
    for level in levels:
        gain = decimal(row[LEVELS[level][1]])
        cells.append(f"{value(row[level], kind)}{NBSP}({gain})")
    if raters:
        cells += [value(row["fair"], kind), value(row["ceiling"], kind)]
    return cells
