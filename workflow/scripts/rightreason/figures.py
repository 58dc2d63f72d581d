"""The report's plots, as self-contained pictures: SVG in a data address, with a text for the blind.

Colours are Okabe and Ito's, told apart by readers with any colour vision; shapes repeat what
colours say.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from rightreason.report_data import Interval

INK, GREY, FAINT = "#1a1a1a", "#6b6b6b", "#c4c4c4"
BLUE, ORANGE, GREEN = "#0072b2", "#b84a00", "#00795a"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "svg.hashsalt": "rightreason",
}


@dataclass(frozen=True)
class Picture:
    """An image for the page: its data address, what it says in words, and its size in pixels."""

    source: str
    alt: str
    width: int
    height: int


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style; nothing of it outlives the block."""
    with mpl.rc_context(STYLE):
        yield


def picture(figure: Figure, alt: str, kind: str = "svg", dpi: int = 96) -> Picture:
    """Turn a figure into a `Picture`; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata, facecolor="white")
    mime = {"svg": "image/svg+xml", "png": "image/png"}[kind]
    text = base64.b64encode(buffer.getvalue()).decode()
    width, height = figure.get_size_inches() * 96
    return Picture(f"data:{mime};base64,{text}", alt, round(width), round(height))


@dataclass(frozen=True)
class Dot:
    """A row of `dots`: an estimate, and the values that may stand beside it.

    Attributes
    ----------
    name : str
        Of the row.
    found : Interval
        The estimate.
    chance : float
        A bar across.
    fair, ceiling : float
        A hollow circle and a diamond: model and rater against the same marks.
    """

    name: str
    found: Interval
    chance: float = float("nan")
    fair: float = float("nan")
    ceiling: float = float("nan")


def dots(
    rows: Sequence[Dot], label: str, limits: tuple[float, float], colour: str, percent: bool,
    alt: str,
) -> Picture:  # fmt: skip
    """Draw one estimate with its interval per row, from top to bottom.

    Parameters
    ----------
    rows : sequence of Dot
        What is NaN is not drawn.
    label : str
        Of the axis.
    limits : pair of float
        Of the axis.
    colour : str
        Of the estimates.
    percent : bool
        Whether to label the axis in percent.
    alt : str
        What the figure says, in words.
    """
    with style():
        named = any(np.isfinite(row.ceiling) for row in rows)
        size = (4.4, 0.95 + 0.42 * len(rows) + 0.35 * named)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for y, row in enumerate(rows):
            axes.plot(limits, [y, y], color=FAINT, lw=0.6, zorder=1)
            axes.plot([row.found.low, row.found.high], [y, y], color=colour, lw=2.2, zorder=3,
                      clip_on=False)  # fmt: skip
            axes.plot(row.found.value, y, "o", color=colour, ms=7, zorder=4, clip_on=False)
            axes.plot([row.chance] * 2, [y - 0.3, y + 0.3], color=INK, lw=2, zorder=2)
            axes.plot(row.fair, y + 0.22, "o", color=colour, mfc="white", ms=5, zorder=4)
            axes.plot(row.ceiling, y + 0.22, "D", color=GREEN, ms=5, zorder=4)
        if named:
            axes.plot([], [], "o", color=colour, mfc="white", ms=5, label="model, same marks")
            axes.plot([], [], "D", color=GREEN, ms=5, label="another rater")
            figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.2)
        _row_axes(axes, [row.name for row in rows], limits, percent, label)
        return picture(figure, alt)


def _row_axes(
    axes: Any, names: Sequence[str], limits: tuple[float, float], percent: bool, label: str
) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(*limits)
    if percent:
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(label)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def roc(
    curves: Sequence[tuple[str, str, NDArray[np.bool_], NDArray[np.float64]]], alt: str
) -> Picture:
    """Draw ROC curves of one model.

    Parameters
    ----------
    curves : sequence of (name, label, labels, scores)
        `name` is `training` or `external`, `label` stands in the legend; only curves with cases of
        both classes.
    alt : str
        What the figure says, in words.
    """
    looks = {"training": (BLUE, "-"), "external": (ORANGE, "--")}
    with style():
        figure = Figure(figsize=(3.7, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1)
        for name, label, labels, scores in curves:
            wrong, right, _ = roc_curve(labels, scores, drop_intermediate=False)
            colour, dash = looks[name]
            axes.plot(wrong, right, dash, color=colour, lw=2, label=label, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_xlabel("1 − specificity")
        axes.set_ylabel("sensitivity")
        if curves:
            figure.legend(loc="outside lower center", handlelength=1.8)
        return picture(figure, alt)
