"""The report's threshold curves: the measures at every size of the attended region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rightreason.figures import INK, Picture, picture, style
from rightreason.plot_parts import look, percents, pool
from rightreason.report_blocks import Block, Details, Figures, Text
from rightreason.report_data import Study
from rightreason.sentences import audited, decimal, level, percent, semicolons
from rightreason.words import _, mark

MEASURES = {
    "irrelevant_ratio": mark("irrelevant ratio"),
    "coverage": mark("coverage"),
    "dice": mark("Dice"),
}
TOLD = (0.01, 0.05, 0.1, 0.2)
"""Attended fractions whose values stand in the text for the blind."""


def threshold_curves(study: Study) -> Sequence[Block]:
    """Irrelevant ratio, coverage and Dice against the size of the attended region."""
    drawn = {
        group: [(_draw(study, model, group), model) for model in study.models
                if len(_curves(study, model, group))]
        for group in study.groups
    }  # fmt: skip
    if not drawn["training"]:
        said = _("No curve to show: none of the {cases} at the training sites is annotated.")
        return [Text([said.format(cases=audited(study))])]
    text = _(
        "How the measures change with the threshold: further right, more of what the model saw is "
        "called attended. Means over the {cases} with their {level} intervals; the dotted line is "
        "chance, a map that is the same everywhere. A map that finds the marks leaves chance at "
        "the left end already. A curve goes on thin, without interval, where not all cases have "
        "so much of the map above 0. The star is the headline: its mean size and its mean value, "
        "beside the curve, as its binarisation takes another size in every case."
    ).format(cases=audited(study), level=level(study.config))
    blocks: list[Block] = [Text([text]), Figures(drawn["training"])]
    if drawn.get("external"):
        blocks.append(Details(_("The same of the external sites"), [Figures(drawn["external"])]))
    return blocks


def _curves(study: Study, model: str, group: str) -> pd.DataFrame:
    table = study.bands
    cut = study.config["overlap"]["binarisations"][study.headline["binarisation"]]
    here = table[(table["model"] == model) & (table["sites"] == group)
                 & (table["part"] == cut["part"])]  # fmt: skip
    return here[here["n_cases"] > 0]


def _draw(study: Study, model: str, group: str) -> Picture:
    table = _curves(study, model, group)
    methods = [name for name in study.config["saliency"]["methods"] if name in set(table["method"])]
    with style():
        figure = Figure(figsize=(3.7, 6.6), layout="constrained")
        drawn = figure.subplots(3, 1, sharex=True)
        for axes, (measure, words) in zip(drawn, MEASURES.items(), strict=True):
            for number, method in enumerate(methods):
                rows = table[(table["method"] == method) & (table["measure"] == measure)]
                _curve(axes, rows, method, number)
            _headline(axes, study, model, group, measure)
            axes.set_ylabel(_(words))
            axes.set_ylim(bottom=0)
            if measure != "dice":
                axes.set_ylim(0, 1.03)
                percents(axes.yaxis)
        axes = drawn[-1]
        axes.set_xlim(0, float(table["fraction"].max()))
        percents(axes.xaxis)
        axes.set_xlabel(_("attended share of the seen region"))
        axes.plot([], [], ":", color=INK, lw=1.2, label=_("chance"))
        handles = axes.get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
        return picture(figure, f"curves_{model}_{group}", _alt(study, table, model, group))


def _curve(axes: Any, rows: pd.DataFrame, method: str, number: int) -> None:
    colour, _shape, dash = look(number)
    x = rows["fraction"].to_numpy()
    whole = rows["n_cases"].to_numpy() == rows["n_cases"].max()
    mean, low, high = (np.where(whole, rows[name], np.nan) for name in ("mean", "low", "high"))
    # Later methods are thinner, so that curves that lie on each other all show.
    axes.plot(x, mean, ls=dash, color=colour, lw=max(1.0, 2.4 - 0.5 * number), label=method,
              zorder=3)  # fmt: skip
    # From the last fraction of all cases on, so that the two parts meet.
    rest = ~whole | ~np.append(whole[1:], True)
    axes.plot(x, np.where(rest, rows["mean"], np.nan), ls=dash, color=colour, lw=0.6, alpha=0.6,
              zorder=2)  # fmt: skip
    axes.fill_between(x, low, high, color=colour, alpha=0.15, lw=0, zorder=1)
    if number == 0:
        axes.plot(x, np.where(whole, rows["chance"], np.nan), ":", color=INK, lw=1.2, zorder=4)


def _headline(axes: Any, study: Study, model: str, group: str, measure: str) -> None:
    area = study.measure(model, "relative_area", group)
    found = study.measure(model, measure, group)
    if np.isfinite([area.value, found.value]).all():
        axes.plot([area.value] * 2, [found.low, found.high], color=INK, lw=1, zorder=5)
        axes.plot(area.value, found.value, "*", color=INK, mec="white", mew=0.5, ms=10, zorder=6,
                  clip_on=False, label=_("headline"))  # fmt: skip


def _alt(study: Study, table: pd.DataFrame, model: str, group: str) -> str:
    here = table[table["method"] == study.headline["method"]].set_index(["measure", "fraction"])
    said = []
    for fraction in TOLD:
        found = [here["mean"].get((name, fraction), float("nan")) for name in MEASURES]
        if np.isfinite(found).all():
            said.append(_(
                "at {share}: irrelevant ratio {ratio}, coverage {coverage}, Dice {dice}"
            ).format(share=percent(fraction), ratio=percent(found[0]), coverage=percent(found[1]),
                     dice=decimal(found[2])))  # fmt: skip
    said = said or [_("too few positive values for a curve")]
    return _("Threshold curves of {model}, {sites}, by {method}. {values}.").format(
        model=model, sites=pool(group), method=study.headline["method"], values=semicolons(said)
    )
