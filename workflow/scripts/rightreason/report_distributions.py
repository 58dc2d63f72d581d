"""The report's distributions: every case's irrelevant ratio beside chance and beside a rater."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rightreason.figures import GREEN, GREY, INK, Picture, picture, style
from rightreason.plot_parts import in_subset, look, percents, pool, row_axis, swarm
from rightreason.report_blocks import Block, Figures, Text
from rightreason.report_data import Study
from rightreason.sentences import audited, capital, commas, percent, semicolons
from rightreason.words import _, mark, plural

ROWS = {
    "value": mark("the model"),
    "shifted": mark("its region, shifted"),
    "shuffled": mark("other patients’ maps"),
    "fair": mark("the model, same marks"),
    "ceiling": mark("another rater, same marks"),
}
"""Columns of `ratios.tsv` and what each row shows, from top to bottom."""
MANY = 80
"""From so many cases on, violins instead of dots: a dot would no longer be a case to the eye."""
BOXED = 8
"""Cases from which a box says more than the dots."""


def distributions(study: Study) -> Sequence[Block]:
    """Each case's irrelevant ratio by the headline, its chance, and a rater's in its place."""
    items = [(_draw(study, group), capital(pool(group)))
             for group in study.groups if len(_cases(study, group))]  # fmt: skip
    without = [pool(group) for group in study.groups if not len(_cases(study, group))]
    blocks: list[Block] = []
    if items:
        text = _(
            "Every dot is a case (from {many} cases on, a shape as wide as there are cases); the "
            "box spans the middle half of them and its line is the median. Below the model lies "
            "what chance gives for the same cases: the attended region shifted at random, as the "
            "mean over the shifts, and the maps of other patients. Where the model’s dots lie "
            "among those of chance, it cannot be said to look at the findings."
        ).format(many=MANY)
        if len(study.raters) > 1:
            text += " " + _(
                "The last two rows are held against the same marks, those of all raters but one."
            )
        blocks = [Text([text]), Figures(items)]
    if without:
        said = _("No case to show ({sites}): none of the {cases} is annotated and has a ratio.")
        blocks.append(Text([said.format(sites=commas(without), cases=audited(study))]))
    return blocks


def _cases(study: Study, group: str) -> pd.DataFrame:
    """Return the cases of the headline's ratio at a pool of sites, a row per model and case."""
    table = study.ratios
    here = table[(table["method"] == study.headline["method"])
                 & table["case"].isin(study.members(group))]  # fmt: skip
    return here[in_subset(study, here["right"] == "true") & here["value"].notna()]


def _draw(study: Study, group: str) -> Picture:
    cases, names, places, y = _cases(study, group), [], [], 0.0
    with style():
        there = [name for name in ROWS if cases[name].notna().any()]
        models = [model for model in study.models if model in set(cases["model"])]
        figure = Figure(figsize=(5.6, 0.8 + len(models) * (0.3 + 0.34 * len(there))),
                        layout="constrained")  # fmt: skip
        axes = figure.subplots()
        for number, model in enumerate(study.models):
            here = cases[cases["model"] == model]
            if here.empty:
                continue
            axes.text(0, y, model, fontweight="bold", va="center", fontsize=8.5)
            for name in there:
                y += 1
                _row(axes, y, here[name].dropna().to_numpy(dtype=float), name, number)
                names.append(_(ROWS[name]))
                places.append(y)
            y += 1.4
        row_axis(axes, names, places)
        axes.set_ylim(max(places) + 0.6, -0.6)
        axes.set_xlim(0, 1)
        percents(axes.xaxis)
        axes.set_xlabel(_("irrelevant ratio"))
        return picture(figure, f"distributions_{group}", _alt(study, cases, group))


def _row(axes: Any, y: float, values: NDArray[np.float64], name: str, number: int) -> None:
    colour, shape, _dash = look(number)
    if name in ("shifted", "shuffled"):
        colour, shape = GREY, "o" if name == "shifted" else "X"
    elif name == "ceiling":
        colour, shape = GREEN, "D"
    hollow = name == "fair"
    if len(values) >= MANY and np.ptp(values) > 0:
        found = axes.violinplot(values, [y], orientation="horizontal", widths=0.8,
                                showextrema=False)  # fmt: skip
        for body in found["bodies"]:
            body.set(facecolor=colour, alpha=0.35)
    elif len(values):
        offsets = swarm(values.tolist(), 0.3, 0, 1)
        axes.scatter(values, y + offsets, s=17, marker=shape, edgecolors=colour, linewidths=0.8,
                     facecolors="white" if hollow else colour, alpha=0.75, zorder=3,
                     clip_on=False)  # fmt: skip
    if len(values) >= BOXED:
        axes.boxplot(values, positions=[y], orientation="horizontal", widths=0.62, whis=0,
                     showfliers=False, showcaps=False, manage_ticks=False, zorder=2,
                     boxprops={"color": INK, "lw": 0.8}, whiskerprops={"lw": 0},
                     medianprops={"color": INK, "lw": 2})  # fmt: skip


def _alt(study: Study, cases: pd.DataFrame, group: str) -> str:
    """Say what `overlap.tsv` has of the same cases."""
    said = []
    for model in study.models:
        row = study.row(model, sites=group)
        here = cases[cases["model"] == model]
        if row is None or here.empty:
            continue
        said.append(_(
            "{model}, {n}: median {median}, middle half {low} to {high}; shifted at random, mean "
            "{shifted}; other patients’ maps, mean {shuffled}"
        ).format(
            model=model, n=plural("{n} case", "{n} cases", len(here)).format(n=len(here)),
            median=percent(row["median"]), low=percent(row["q25"], unit=False),
            high=percent(row["q75"]), shifted=percent(row["shifted"]),
            shuffled=percent(row["shuffled"])))  # fmt: skip
        if study.beside(model, sites=group).known:
            said.append(_("same marks, mean: the model {fair}, another rater {ceiling}").format(
                fair=percent(row["fair"]), ceiling=percent(row["ceiling"])))  # fmt: skip
    return _("Irrelevant ratios of the cases, {sites}. {values}.").format(
        sites=pool(group), values=semicolons(said)
    )
