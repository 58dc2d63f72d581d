"""The report's panels on single verdicts: the scatter, the counts, every case, where it lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rightreason import scatter_figure
from rightreason.figures import Picture
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Study
from rightreason.sentences import UNDEFINED, chance_words, count, decimal, percent
from rightreason.verdict import QUADRANTS


def scatter(study: Study) -> Sequence[Block]:
    """Probability against irrelevant ratio of every positive, annotated case."""
    items = [(_scatter_of(study, model), model) for model in study.models]
    text = (
        f"Every annotated {study.positive} case: to the right of the threshold of its fold (dotted "
        "lines) it is classified correctly, further up more of what the model attends to is "
        "irrelevant. A case is called relevant below and irrelevant above its own chance interval "
        "(grey bar) or without any overlap, and undecided within it, where its ratio cannot be "
        "told from chance. Hollow marks are cases of external sites."
    )
    return [Text([text]), Figures(items)]


def _scatter_of(study: Study, model: str) -> Picture:
    external = set(study.members("external"))
    here = study.verdicts[
        (study.verdicts["model"] == model) & (study.verdicts["reason"] != "undefined")
    ]
    points = [
        scatter_figure.Point(row["probability"], row["value"], row["shifted_low"],
                             row["shifted_high"], row["reason"], row["case"] in external)
        for row in here.to_dict("records")
    ]  # fmt: skip
    counts = here["quadrant"].value_counts()
    said = [f"{counts[name]} {name}" for name in QUADRANTS.values() if name in counts]
    alt = (
        f"{model}: probability against irrelevant ratio of "
        f"{count(len(points), f'{study.positive} case')}. {'; '.join(said) or 'None'}."
    )
    corners = [
        QUADRANTS[right, why] for why in ("irrelevant", "relevant") for right in (False, True)
    ]
    thresholds = sorted(set(here["threshold"]))
    chance = f"chance, {chance_words(study.config)}"
    return scatter_figure.quadrants(points, corners, thresholds, chance, alt)


def verdict_counts(study: Study) -> Sequence[Block]:
    """How many cases of each model lie in each quadrant, and which."""
    table, rows = study.verdicts, []
    for name in QUADRANTS.values():
        numbers = [
            int(((table["model"] == m) & table["case"].isin(study.members(g))
                 & (table["quadrant"] == name)).sum())
            for m in study.models for g in study.groups
        ]  # fmt: skip
        if any(numbers) or "undefined" not in name:
            rows.append([name[0].upper() + name[1:], *map(str, numbers)])
    columns = ["Verdict", *(f"{m}, {g}" for m in study.models for g in study.groups)]
    caption = f"Annotated {study.positive} cases by verdict."
    return [
        Table(caption, columns, rows),
        *_powerless(study),
        Details("Every case and its verdict", [_every(study)]),
    ]


def _powerless(study: Study) -> list[Block]:
    table = study.verdicts
    said = []
    for model in study.models:
        here = table[(table["model"] == model) & (table["reason"] != "undefined")]
        weak = int((here["power"] != "").sum())
        if weak:
            said.append(f"{model} {weak} of {len(here)}")
    if not said:
        return []
    return [Text([
        "In some cases the verdict had little room: what the model attends to, or the finding, is "
        "so large that one of the verdicts could not have been reached by any region of that size "
        f"({'; '.join(said)} cases with a verdict). The list says which, and what could not be "
        "told."
    ])]  # fmt: skip


def _every(study: Study) -> Table:
    rows = [
        [row["case"], row["model"], row["site"], decimal(row["probability"]),
         decimal(row["threshold"]), percent(row["value"]),
         chance_range(row["shifted_low"], row["shifted_high"]), row["quadrant"], row["power"]]
        for row in study.verdicts.to_dict("records")
    ]  # fmt: skip
    columns = ["Case", "Model", "Site", "Probability", "Threshold", "Irrelevant ratio", "Chance",
               "Verdict", "What could not be told"]  # fmt: skip
    caption = (
        f"All cases, those right for the wrong reason first; chance: {chance_words(study.config)} "
        "of the same region shifted at random."
    )
    return Table(caption, columns, rows)


def chance_range(low: float, high: float) -> str:
    """Format a case's chance interval: `40 to 62 %`."""
    if np.isnan(low):
        return UNDEFINED
    return f"{percent(low, unit=False)} to {percent(high)}"
