"""The report's panels on single verdicts: the scatter, the counts, every case, where it lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rightreason import scatter_figure
from rightreason.figures import Picture
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Study
from rightreason.sentences import (
    UNDEFINED,
    capital,
    chance_words,
    percent,
    pool,
    semicolons,
    span,
    told_apart,
)
from rightreason.told import told
from rightreason.verdict import QUADRANTS
from rightreason.words import _, plural


def scatter(study: Study) -> Sequence[Block]:
    """Probability against irrelevant ratio of every positive, annotated case."""
    items = [(_scatter_of(study, model), model) for model in study.models]
    text = _(
        "Every annotated {positive} case: to the right of its threshold (dotted lines, one of each "
        "fold) it is classified correctly, further up more of what the model attends to is "
        "irrelevant. A case is called relevant below and irrelevant above its own chance interval "
        "(grey bar) or without any overlap, and undecided within it, where its ratio cannot be "
        "told from chance. "
        "Hollow marks are cases of external sites."
    ).format(positive=study.positive)
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
    said = [
        _("{n} {verdict}").format(n=counts[name], verdict=_(name))
        for name in QUADRANTS.values() if name in counts
    ]  # fmt: skip
    alt = plural(
        "{model}: probability against irrelevant ratio of {n} {positive} case. {verdicts}.",
        "{model}: probability against irrelevant ratio of {n} {positive} cases. {verdicts}.",
        len(points),
    ).format(model=model, n=len(points), positive=study.positive,
             verdicts=semicolons(said) or _("None"))  # fmt: skip
    corners = [
        _("wrong, more irrelevant"),
        _("right, more irrelevant"),
        _("wrong, less irrelevant"),
        _("right, less irrelevant"),
    ]
    thresholds = sorted(set(here["threshold"]))
    chance = _("chance, {percentiles}").format(percentiles=chance_words(study.config))
    return scatter_figure.quadrants(points, corners, thresholds, chance, f"quadrants_{model}",
                                    alt)  # fmt: skip


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
            rows.append([capital(_(name)), *map(str, numbers)])
    pools = [(m, pool(g)) for m in study.models for g in study.groups]
    columns = [_("Verdict"), *(_("{model}, {sites}").format(model=m, sites=g) for m, g in pools)]
    caption = _("Annotated {positive} cases by verdict.").format(positive=study.positive)
    return [
        Table(caption, columns, rows),
        *_powerless(study),
        Details(_("Every case and its verdict"), [_every(study)]),
    ]


def _powerless(study: Study) -> list[Block]:
    table = study.verdicts
    said = []
    for model in study.models:
        here = table[(table["model"] == model) & (table["reason"] != "undefined")]
        weak = int((here["power"] != "").sum())
        if weak:
            said.append(_("{model} {n} of {all}").format(model=model, n=weak, all=len(here)))
    if not said:
        return []
    message = _(
        "In some cases the verdict had little room: what the model attends to, or the finding, is "
        "so large that one of the verdicts could not have been reached by any region of that size "
        "({models} cases with a verdict). The list says which, and what could not be told."
    )
    return [Text([message.format(models=semicolons(said))])]


def _every(study: Study) -> Table:
    rows = [
        [row["case"], row["model"], row["site"], *told_apart(row["probability"], row["threshold"]),
         percent(row["value"]),
         chance_range(row["shifted_low"], row["shifted_high"]), _(row["quadrant"]),
         told(row["power"])]
        for row in study.verdicts.to_dict("records")
    ]  # fmt: skip
    columns = [_("Case"), _("Model"), _("Site"), _("Probability"), _("Threshold"),
               _("Irrelevant ratio"), _("Chance"), _("Verdict"),
               _("What could not be told")]  # fmt: skip
    caption = _(
        "All cases, those right for the wrong reason first; chance: {percentiles} of the same "
        "region shifted at random."
    ).format(percentiles=chance_words(study.config))
    return Table(caption, columns, rows)


def chance_range(low: float, high: float) -> str:
    """Format a case's chance interval: `40 to 62 %`."""
    if np.isnan(low):
        return UNDEFINED
    return span(percent(low, unit=False), percent(high))
