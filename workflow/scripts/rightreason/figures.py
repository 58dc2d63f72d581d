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
REASON_LOOKS = {
    "relevant": (BLUE, "o", "relevant reason"),
    "irrelevant": (ORANGE, "^", "irrelevant reason"),
    "undecided": (GREY, "D", "undecided"),
}
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


def dots(
    rows: Sequence[tuple[str, Interval, float | None]], label: str, limits: tuple[float, float],
    colour: str, percent: bool, alt: str,
) -> Picture:  # fmt: skip
    """Draw one estimate with its interval per row.

    Parameters
    ----------
    rows : sequence of (name, estimate, chance)
        From top to bottom; a chance value is drawn as a bar across.
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
        figure = Figure(figsize=(4.4, 0.95 + 0.42 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for y, (_, found, chance) in enumerate(rows):
            axes.plot(limits, [y, y], color=FAINT, lw=0.6, zorder=1)
            axes.plot(
                [found.low, found.high], [y, y], color=colour, lw=2.2, zorder=3, clip_on=False
            )
            axes.plot(found.value, y, "o", color=colour, ms=7, zorder=4, clip_on=False)
            if chance is not None:
                axes.plot([chance, chance], [y - 0.3, y + 0.3], color=INK, lw=2, zorder=2)
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(*limits)
        if percent:
            axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))
        axes.set_xlabel(label)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        return picture(figure, alt)


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


@dataclass(frozen=True)
class Point:
    """One positive case in the scatter: probability, irrelevant ratio, chance limits, verdict."""

    probability: float
    ratio: float
    low: float
    high: float
    reason: str
    external: bool


def quadrants(points: Sequence[Point], names: Sequence[str], alt: str) -> Picture:
    """Draw probability against irrelevant ratio, each case with its chance interval.

    Parameters
    ----------
    points : sequence of Point
        Cases with a defined ratio.
    names : sequence of four str
        Corners: wrong and irrelevant, right and irrelevant, wrong and relevant, right and relevant.
    alt : str
        What the figure says, in words.
    """
    with style():
        figure = Figure(figsize=(4.0, 4.6), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.5, color=GREY, lw=0.8, ls=":")
        for point in points:
            axes.plot([point.probability] * 2, [point.low, point.high], color=FAINT, lw=3.5,
                      alpha=0.7, solid_capstyle="butt", zorder=1)  # fmt: skip
        for reason, (colour, marker, label) in REASON_LOOKS.items():
            for external in (False, True):
                here = [p for p in points if p.reason == reason and p.external == external]
                if here:
                    axes.scatter(
                        [p.probability for p in here], [p.ratio for p in here], s=34,
                        marker=marker, edgecolors=colour, linewidths=1.3, zorder=3,
                        facecolors="white" if external else colour,
                        label=f"{label}{', external' if external else ''}", clip_on=False,
                    )  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.12, 1.12))
        for (x, y, side), name in zip(
            [(0, 1.11, "left"), (1, 1.11, "right"), (0, -0.11, "left"), (1, -0.11, "right")],
            names, strict=True,
        ):  # fmt: skip
            axes.text(x, y, name, ha=side, va="top" if y > 0 else "bottom", fontsize=8, color=GREY)
        axes.set_yticks(np.linspace(0, 1, 6))
        axes.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("probability of the positive class")
        axes.set_ylabel("irrelevant ratio")
        axes.plot([], [], color=FAINT, lw=3.5, label="chance, 5th to 95th percentile")
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.4)
        return picture(figure, alt)
