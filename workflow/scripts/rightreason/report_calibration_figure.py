"""The report's calibration plots: how often the class came, beside how likely it was called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rightreason.figures import FAINT, Picture, picture, style
from rightreason.plot_parts import POOL_LOOKS, percents, pool
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Interval, Study, interval
from rightreason.sentences import level, percent, percent_interval, semicolons
from rightreason.words import _, plural

FEW = 20
"""Cases of a bin below which the plot can say little; its intervals are then half the axis wide."""


def calibration_plots(study: Study) -> Sequence[Block]:
    """Observed against predicted share of the positive class, in bins, for each model."""
    text = _(
        "Cases in bins of equal counts, by rising probability: on the diagonal, {positive} comes "
        "as often as the model says; below it the model says too much, above it too little. Each "
        "mark has the number of its cases at the end of its {level} interval (Wilson’s, which "
        "takes every case for a patient of its own). The ticks above and below are the cases "
        "themselves, {positive} above."
    ).format(positive=study.positive, level=level(study.config))
    fewest = int(study.calibration["n_cases"].min()) if len(study.calibration) else 0
    blocks: list[Block] = [Text([text])]
    if fewest < FEW:
        blocks.append(Text([
            _("With as few as {n} in a bin the intervals are so wide that most models would pass "
              "for well calibrated: read it as a picture, not as a proof.").format(
                  n=plural("{n} case", "{n} cases", fewest).format(n=fewest))
        ], "small"))  # fmt: skip
    items = [(_draw(study, model), model) for model in study.models]
    return [*blocks, Figures(items), Details(_("The numbers of the bins"), [_table(study)])]


def _bins(study: Study, model: str, group: str) -> list[dict[str, Any]]:
    table = study.calibration
    here = table[(table["model"] == model) & (table["sites"] == group)]
    found: list[dict[str, Any]] = here.to_dict("records")
    return found


def _observed(row: Mapping[str, Any]) -> Interval:
    return interval(row, "observed")


def _draw(study: Study, model: str) -> Picture:
    said = []
    with style():
        figure = Figure(figsize=(3.7, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1)
        for group in study.groups:
            bins = _bins(study, model, group)
            if bins:
                _marks(axes, bins, group)
                _cases(axes, study.predictions[model], study, group)
            said += [
                _("{sites}, {n}: predicted {predicted}, observed {observed}").format(
                    sites=pool(group), predicted=percent(row["predicted"]),
                    observed=percent_interval(_observed(row)),
                    n=plural("{n} case", "{n} cases", int(row["n_cases"])).format(
                        n=int(row["n_cases"])))
                for row in bins
            ]  # fmt: skip
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.09, 1.09), aspect="equal")
        axes.set_yticks(np.linspace(0, 1, 6))
        for axis in (axes.xaxis, axes.yaxis):
            percents(axis)
        axes.set_xlabel(_("predicted: mean probability of {name}").format(name=study.positive))
        axes.set_ylabel(_("observed: share of {name}").format(name=study.positive))
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.3)
        alt = _("Calibration of {model}. {bins}.").format(model=model, bins=semicolons(said))
        return picture(figure, f"calibration_{model}", alt)


def _marks(axes: Any, bins: Sequence[Mapping[str, Any]], group: str) -> None:
    colour, shape = POOL_LOOKS[group]
    for i, row in enumerate(bins):
        found = _observed(row)
        axes.plot([row["predicted"]] * 2, [found.low, found.high], color=colour, lw=1.6, zorder=2)
        # At the end with more room, at two heights: bins may stand close together.
        up = found.value < 0.5
        axes.annotate(
            str(found.n), (row["predicted"], found.high if up else found.low),
            (0, (2 + 9 * (i % 2)) * (1 if up else -1)), textcoords="offset points", color=colour,
            fontsize=8, ha="center", va="bottom" if up else "top", zorder=4,
        )  # fmt: skip
    axes.plot([row["predicted"] for row in bins], [row["observed"] for row in bins], shape,
              color=colour, mfc=colour if group == "training" else "white", ms=6.5, zorder=3,
              label=pool(group), clip_on=False)  # fmt: skip


def _cases(axes: Any, predictions: pd.DataFrame, study: Study, group: str) -> None:
    colour, _shape = POOL_LOOKS[group]
    here = predictions[predictions["case"].isin(study.members(group))]
    # The two pools have a lane each.
    lane = 0.0 if group == "training" else 0.03
    for positive in (False, True):
        values = here.loc[(here["label"] == study.positive) == positive, "probability"]
        low = 1.03 + lane if positive else -0.055 - lane
        axes.vlines(values, low, low + 0.025, color=colour, lw=0.9, clip_on=False)


def _table(study: Study) -> Table:
    rows = [
        [model, pool(group), f"{row['n_cases']:.0f}",
         _("{low} to {high}").format(low=percent(row["lowest"], unit=False),
                                     high=percent(row["highest"])),
         percent(row["predicted"]), percent_interval(_observed(row))]
        for model in study.models for group in study.groups for row in _bins(study, model, group)
    ]  # fmt: skip
    columns = [_("Model"), _("Sites"), _("Cases"), _("Probabilities"), _("Predicted"),
               _("Observed")]  # fmt: skip
    return Table(_("Bins of the calibration plots."), columns, rows)
