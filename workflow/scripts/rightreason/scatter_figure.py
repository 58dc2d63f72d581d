"""The report's scatter: each case's probability against its irrelevant ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from rightreason.figures import BLUE, FAINT, GREY, ORANGE, Picture, picture, style
from rightreason.words import _, mark

EXTERNAL = {
    "relevant": mark("relevant reason, external"),
    "irrelevant": mark("irrelevant reason, external"),
    "undecided": mark("undecided, external"),
}
REASON_LOOKS = {
    "relevant": (BLUE, "o", mark("relevant reason")),
    "irrelevant": (ORANGE, "^", mark("irrelevant reason")),
    "undecided": (GREY, "D", mark("undecided")),
}


@dataclass(frozen=True)
class Point:
    """One positive case in the scatter: probability, irrelevant ratio, chance limits, verdict."""

    probability: float
    ratio: float
    low: float
    high: float
    reason: str
    external: bool


def quadrants(
    points: Sequence[Point], corners: Sequence[str], thresholds: Sequence[float], chance: str,
    name: str, alt: str,
) -> Picture:  # fmt: skip
    """Draw probability against irrelevant ratio, each case with its chance interval.

    Parameters
    ----------
    points : sequence of Point
        Cases with a defined ratio.
    corners : sequence of four str
        Names: wrong and irrelevant, right and irrelevant, wrong and relevant, right and relevant.
    thresholds : sequence of float
        Of the folds; a case is called by its own.
    chance : str
        What the grey bars are.
    name, alt : str
        As of `figures.picture`.
    """
    with style():
        figure = Figure(figsize=(4.0, 4.6), layout="constrained")
        axes = figure.subplots()
        for threshold in thresholds:
            axes.axvline(threshold, color=GREY, lw=0.8, ls=":", zorder=0)
        for point in points:
            axes.plot([point.probability] * 2, [point.low, point.high], color=FAINT, lw=3.5,
                      alpha=0.7, solid_capstyle="butt", zorder=1)  # fmt: skip
        _marks(axes, points)
        _corners(axes, corners)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.12, 1.12))
        axes.set_yticks(np.linspace(0, 1, 6))
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))
        axes.set_xlabel(_("probability of the positive class"))
        axes.set_ylabel(_("irrelevant ratio"))
        axes.plot([], [], color=FAINT, lw=3.5, label=chance)
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.4)
        return picture(figure, name, alt)


def _marks(axes: Any, points: Sequence[Point]) -> None:
    for reason, (colour, marker, label) in REASON_LOOKS.items():
        for external in (False, True):
            here = [p for p in points if p.reason == reason and p.external == external]
            if here:
                axes.scatter(
                    [p.probability for p in here], [p.ratio for p in here], s=34,
                    marker=marker, edgecolors=colour, linewidths=1.3, zorder=3,
                    facecolors="white" if external else colour,
                    label=_(EXTERNAL[reason] if external else label), clip_on=False,
                )  # fmt: skip


def _corners(axes: Any, names: Sequence[str]) -> None:
    places = [(0, 1.11, "left"), (1, 1.11, "right"), (0, -0.11, "left"), (1, -0.11, "right")]
    for (x, y, side), name in zip(places, names, strict=True):
        axes.text(x, y, name, ha=side, va="top" if y > 0 else "bottom", fontsize=8, color=GREY)
