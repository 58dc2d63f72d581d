"""The report's plots of choices and places: a strip of dots, and stacked bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from rightreason.figures import FAINT, GREY, INK, ORANGE, Picture, picture, style
from rightreason.report_data import Interval
from rightreason.sentences import percent
from rightreason.words import _, mark

PLACE_LOOKS = {
    "outside_body": ("#f0e442", INK, mark("outside the body")),
    "body_outside_region": ("#56b4e9", INK, mark("in the body, outside the region")),
    "unmarked_in_region": ("#0072b2", "white", mark("in the region, unmarked")),
    "unmarked_in_body": ("#0072b2", "white", mark("in the body, unmarked")),
}
"""Fill, ink and name of each place, in the order of the bars."""
NARROW = 0.09
"""Share of a bar below which its number has no room."""


@dataclass(frozen=True)
class Choice:
    """A row of dots of the strip: an option's estimate and chance, whether it was chosen, and
    whether it is shown in grey."""

    group: str
    name: str
    found: Interval
    chance: float
    chosen: bool
    faint: bool = False


def strip(rows: Sequence[Choice], headline: float, name: str, alt: str) -> Picture:
    """Draw the headline under every option, choice by choice.

    Parameters
    ----------
    rows : sequence of Choice
        From top to bottom, those of a choice together.
    headline : float
        Marked from top to bottom.
    name, alt : str
        As of `figures.picture`.
    """
    groups = list(dict.fromkeys(row.group for row in rows))
    heights, names, y = [], [], 0.0
    for group in groups:
        inside = [row for row in rows if row.group == group]
        names.append((y, group))
        heights += [y + 1 + i for i in range(len(inside))]
        y += 1.4 + len(inside)
    with style():
        figure = Figure(figsize=(3.9, 0.7 + 0.21 * y), layout="constrained")
        axes = figure.subplots()
        axes.axvline(headline, color=ORANGE, lw=1, ls="--", zorder=1)
        for at, row in zip(heights, rows, strict=True):
            axes.plot([0, 1], [at, at], color=FAINT, lw=0.5, zorder=0)
            colour = GREY if row.faint else ORANGE
            axes.plot([row.found.low, row.found.high], [at, at], color=colour, lw=1.8, zorder=3)
            axes.plot(row.found.value, at, "o", color=colour, ms=5.5, zorder=4, clip_on=False,
                      mfc=colour if row.chosen else "white")  # fmt: skip
            axes.plot([row.chance] * 2, [at - 0.32, at + 0.32], color=INK, lw=1.8, zorder=2)
        axes.set_yticks(heights, [row.name for row in rows])
        for at, group in names:
            axes.text(0, at, group, fontsize=8.5, fontweight="bold", va="center")
        axes.set(xlim=(0, 1), ylim=(y - 0.6, -0.6))
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))
        axes.set_xlabel(_("irrelevant ratio"))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        return picture(figure, name, alt)


def stacked(rows: Sequence[tuple[str, Sequence[float]]], places: Sequence[str], name: str, alt: str
            ) -> Picture:  # fmt: skip
    """Draw one stacked bar per row.

    Parameters
    ----------
    rows : sequence of (name, shares)
        From top to bottom; a share for each of `places`, adding up to 1.
    places : sequence of str
        Keys of `PLACE_LOOKS`.
    name, alt : str
        As of `figures.picture`.
    """
    with style():
        figure = Figure(figsize=(5.6, 1.1 + 0.45 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for y, (_name, shares) in enumerate(rows):
            start = 0.0
            for place, share in zip(places, shares, strict=True):
                fill, ink, _label = PLACE_LOOKS[place]
                axes.barh(y, share, left=start, height=0.6, color=fill, edgecolor="white")
                if share >= NARROW:
                    axes.text(start + share / 2, y, percent(share), ha="center",
                              va="center", color=ink, fontsize=8)  # fmt: skip
                start += share
        for place in places:
            fill, _ink, label = PLACE_LOOKS[place]
            axes.barh(0, 0, color=fill, edgecolor=GREY, linewidth=0.4, label=_(label))
        axes.set_yticks(range(len(rows)), [row for row, _shares in rows])
        axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xticks=np.linspace(0, 1, 6))
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))
        axes.set_xlabel(_("share of the irrelevant part"))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside lower center", ncols=len(places), fontsize=8)
        return picture(figure, name, alt)
