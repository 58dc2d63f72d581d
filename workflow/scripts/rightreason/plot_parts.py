"""What several plots of the report share: looks of series, places of labels and dots."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from rightreason.figures import BLUE, FAINT, GREEN, INK, ORANGE
from rightreason.report_data import Study
from rightreason.words import _, mark

SERIES = (
    (BLUE, "o", "-"),
    (ORANGE, "^", "--"),
    (GREEN, "s", "-."),
    ("#cc79a7", "D", ":"),
    ("#56b4e9", "v", (0, (5, 1))),
    ("#e69f00", "P", (0, (3, 1, 1, 1))),
    (INK, "X", (0, (1, 1))),
)
"""Colour, shape and dash of the first, second, … model or method; Okabe and Ito's colours."""
POOLS = {"training": mark("training sites"), "external": mark("external sites")}
POOL_LOOKS = {"training": (BLUE, "o"), "external": (ORANGE, "^")}


def look(number: int) -> tuple[str, str, Any]:
    """Return colour, shape and dash of a series; after the last the first comes again."""
    return SERIES[number % len(SERIES)]


def pool(group: str) -> str:
    """Name a pool of sites."""
    return _(POOLS[group])


def percents(axis: Any) -> None:
    """Label an axis in percent."""
    axis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))


def row_axis(axes: Any, names: Sequence[str], places: Sequence[float]) -> None:
    """Name rows on the vertical axis, the first on top."""
    axes.set_yticks(places, names)
    axes.set_ylim(max(places) + 0.6, min(places) - 0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for place in places:
        axes.axhline(place, color=FAINT, lw=0.4, zorder=0)


def spread(wanted: Sequence[float], gap: float, top: float) -> list[float]:
    """Move places apart, in their order, so that each is `gap` from the next and none over `top`.

    Examples
    --------
    >>> spread([0.5, 0.5, 0.1], 0.1, 1.0)
    [0.5, 0.6, 0.1]
    """
    order = np.argsort(wanted, kind="stable")
    places = np.array(wanted, dtype=float)
    for before, after in pairwise(order):
        places[after] = max(places[after], places[before] + gap)
    limit = top
    for at in order[::-1]:
        places[at] = min(places[at], limit)
        limit = places[at] - gap
    return [round(float(place), 6) for place in places]


def swarm(values: Sequence[float], width: float, low: float, high: float) -> NDArray[np.float64]:
    """Return how far each dot stands off its row, so that dots of like values do not hide another.

    Parameters
    ----------
    values : sequence of float
        Finite.
    width : float
        The farthest that a dot may stand off.
    low, high : float
        Ends of the axis; dots within a sixtieth of it are alike.
    """
    kind = np.floor((np.asarray(values, dtype=float) - low) / (high - low) * 60)
    offsets = np.zeros(len(kind))
    for one in np.unique(kind):
        here = np.flatnonzero(kind == one)
        # 0, 1, -1, 2, -2, …
        steps = (np.arange(len(here)) + 1) // 2 * np.where(np.arange(len(here)) % 2, 1, -1)
        offsets[here] = steps * min(0.12, width / max(1, np.abs(steps).max()))
    return offsets


def plain_log(axis: Any, low: float, high: float) -> None:
    """Label a logarithmic axis from `low` to `high` in plain numbers, within a decade too."""
    if high < 100 * low:
        axis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _at: f"{value:g}"))
    axis.set_minor_formatter(mpl.ticker.NullFormatter())


def heat(axes: Any, shares: NDArray[np.float64]) -> None:
    """Tint the cells of a matrix by shares from 0 to 1; NaN stays white.

    The tints are so light that ink can be read on each (contrast over 4.5).
    """
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.55, aspect="auto")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def in_subset(study: Study, right: Any) -> Any:
    """Tell the cases of the headline's subset from whether they were classified correctly."""
    wanted = study.headline["subset"]
    if wanted == "all":
        return right == right
    return right == (wanted == "correct")
