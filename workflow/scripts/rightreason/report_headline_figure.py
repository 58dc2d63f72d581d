"""The picture that says it: how well each model classifies against how much it looks elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rightreason.figures import FAINT, GREEN, GREY, INK, Picture, picture, style
from rightreason.plot_parts import look, percents, pool, spread
from rightreason.report_blocks import Block, Figures, Text
from rightreason.report_data import Interval, Study
from rightreason.report_trust import DAGGER, faint_note, insensitive
from rightreason.sentences import (
    audited,
    commas,
    decimal_interval,
    paragraph,
    percent,
    percent_interval,
    semicolons,
)
from rightreason.words import _

SIZES = (11.0, 9.0, 7.0, 6.0, 5.0)
"""Of the marks, model by model: those of models that do alike lie in each other and all show."""


@dataclass(frozen=True)
class Place:
    """Where a model stands at a pool of sites: AUC and irrelevant ratio; NaN where undefined.

    It is grey where the model's map survives an untrained network.
    """

    model: str
    group: str
    auc: Interval
    ratio: Interval
    faint: bool

    @property
    def known(self) -> bool:
        """Whether it can be drawn."""
        return bool(np.isfinite(self.auc.value) and np.isfinite(self.ratio.value))


@dataclass(frozen=True)
class Band:
    """A level of the irrelevant ratio: its name and its range over the models."""

    name: str
    low: float
    high: float
    colour: str

    @property
    def words(self) -> str:
        """Name and range: `chance 93 to 94 %`."""
        low, high = percent(self.low, unit=False), percent(self.high)
        if percent(self.low) == high:
            return _("{name}: {value}").format(name=self.name, value=high)
        return _("{name}: {low} to {high}").format(name=self.name, low=low, high=high)


def headline_figure(study: Study) -> Sequence[Block]:
    """AUC against irrelevant ratio of every model, between chance and another rater."""
    blind = {model for model, method in insensitive(study) if method == study.headline["method"]}
    places = [
        Place(model, group, study.auc(model, group), study.measure(model, sites=group),
              model in blind)
        for model in study.models for group in study.groups
    ]  # fmt: skip
    shown = [place for place in places if place.known]
    if not shown:
        return [Text([_("No model has both an AUC and an irrelevant ratio: there is no picture.")])]
    bands = _bands(study)
    said = [
        _("{model}, {sites}: AUC {auc}, irrelevant ratio {ratio}").format(
            model=place.model, sites=pool(place.group), auc=decimal_interval(place.auc),
            ratio=percent_interval(place.ratio))
        for place in places
    ]  # fmt: skip
    said += [band.words for band in bands]
    alt = _("AUC against irrelevant ratio. {values}.").format(values=semicolons(said))
    caption = _(
        "Each model by how well it classifies and how much of what it attends to is irrelevant, "
        "over the {cases}. Best is the lower right corner."
    ).format(cases=audited(study))
    drawn = _draw(study, shown, bands, alt)
    note = faint_note(study) if blind else ""
    return [Figures([(drawn, paragraph(caption, *_reading(places, bands), note))])]


def _bands(study: Study) -> list[Band]:
    """Return the levels of chance and of another rater that there are, at the training sites."""
    chances = [study.chance(model) for model in study.models]
    raters = [study.beside(model).ceiling for model in study.models]
    named = [(_("chance"), chances, GREY), (_("another rater"), raters, GREEN)]
    return [
        Band(name, min(found), max(found), colour)
        for name, values, colour in named
        if (found := [value for value in values if np.isfinite(value)])
    ]


def _reading(places: Sequence[Place], bands: Sequence[Band]) -> list[str]:
    """Say what the bands are, and which models are not in the picture."""
    said = []
    if bands:
        said.append(_(
            "Bars are intervals. The bands are the ranges over the models, at the training sites: "
            "chance is what a map that is the same everywhere gives."
        ))  # fmt: skip
    if len(bands) > 1:
        said[-1] += " " + _(
            "The other rater is held against the marks of the others only, a little less than what "
            "the models are held against; the values against the same marks stand below."
        )
    missing = [
        _("{what} ({cases})").format(what=place.model, cases=pool(place.group))
        for place in places
        if not place.known
    ]
    if missing:
        said.append(
            _("Not in the picture, for want of an AUC or a ratio: {names}.").format(
                names=commas(missing)
            )
        )
    return said


def _draw(study: Study, shown: Sequence[Place], bands: Sequence[Band], alt: str) -> Picture:
    with style():
        figure = Figure(figsize=(5.6, 4.4), layout="constrained")
        axes = figure.subplots()
        for band in bands:
            middle, half = (band.low + band.high) / 2, max(band.high - band.low, 0.008) / 2
            axes.axhspan(middle - half, middle + half, color=band.colour, alpha=0.35, lw=0,
                         zorder=0)  # fmt: skip
        axes.axvline(0.5, color=FAINT, lw=1, ls=":", zorder=0)
        numbers = {model: i for i, model in enumerate(study.models)}
        for place in shown:
            _mark(axes, place, numbers[place.model])
        lowest = min(place.auc.low if place.auc.low == place.auc.low else place.auc.value
                     for place in shown)  # fmt: skip
        axes.set_xlim(min(0.5, float(np.floor(10 * lowest) / 10)) - 0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        percents(axes.yaxis)
        axes.set_xlabel(_("AUC (better further right →)"))
        # Written upwards, so that the arrow points down.
        axes.set_ylabel(_("irrelevant ratio (better further down ←)"))
        _names(axes, shown, bands, numbers)
        if len({place.group for place in shown}) > 1:
            for group, fill in (("training", INK), ("external", "white")):
                axes.plot([], [], "o", color=INK, mfc=fill, label=pool(group))
            figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.2)
        return picture(figure, "headline", alt)


def _mark(axes: Any, place: Place, number: int) -> None:
    colour, shape = _look(place, number)
    inside = place.group == "training"
    bars = {"color": colour, "lw": 1.6 if inside else 0.9, "zorder": 2, "clip_on": False}
    axes.plot([place.auc.low, place.auc.high], [place.ratio.value] * 2, **bars)
    axes.plot([place.auc.value] * 2, [place.ratio.low, place.ratio.high], **bars)
    fill, edge, width = (colour, "white", 0.8) if inside else ("white", colour, 1.4)
    axes.plot(place.auc.value, place.ratio.value, shape, mec=edge, mfc=fill, mew=width,
              ms=SIZES[min(number, len(SIZES) - 1)], zorder=3 + 0.1 * number,
              clip_on=False)  # fmt: skip


def _look(place: Place, number: int) -> tuple[str, str]:
    colour, shape, _dash = look(number)
    return GREY if place.faint else colour, shape


def _names(
    axes: Any, shown: Sequence[Place], bands: Sequence[Band], numbers: dict[str, int]
) -> None:
    """Write every name beside the plot, level with what it names as far as others let it."""
    first: dict[str, Place] = {}
    for place in shown:
        first.setdefault(place.model, place)
    wanted = [(place.auc.value, place.ratio.value, model) for model, place in first.items()]
    wanted += [(1.02, (band.low + band.high) / 2, "") for band in bands]
    names = [model + (DAGGER if place.faint else "") for model, place in first.items()]
    names += [band.words for band in bands]
    inks = [INK] * len(first) + [band.colour for band in bands]
    heights = spread([(y + 0.02) / 1.04 for _x, y, _model in wanted], 0.065, 1.0)
    for (x, y, model), name, ink, height in zip(wanted, names, inks, heights, strict=True):
        colour, shape = _look(first[model], numbers[model]) if model else (ink, "")
        line = {"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x, y), (1.05, height), "data", "axes fraction", arrowprops=line)
        axes.text(1.085 if model else 1.06, height, name, transform=axes.transAxes, color=ink,
                  va="center", fontsize=8.5)  # fmt: skip
        if model:
            axes.plot(1.065, height, shape, color=colour, ms=5.5, transform=axes.transAxes,
                      clip_on=False)  # fmt: skip
