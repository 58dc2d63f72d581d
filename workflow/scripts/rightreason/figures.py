"""The report's plots, as self-contained pictures: SVG in a data address, with a text for the blind.

Colours are Okabe and Ito's, told apart by readers with any colour vision; shapes repeat what
colours say.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from rightreason.japanese_font import plot_fonts
from rightreason.report_data import Interval
from rightreason.words import _

INK, GREY, FAINT = "#1a1a1a", "#6b6b6b", "#c4c4c4"
BLUE, ORANGE, GREEN = "#0072b2", "#b84a00", "#00795a"
STYLE = {
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


ENCODING: dict[str, dict[str, Any]] = {
    "svg": {"metadata": {"Date": None}},
    "png": {"metadata": {"Software": None}},
    "webp": {"pil_kwargs": {"quality": 80, "method": 4}},
}
"""How each kind of file is written: without a date or a version, so that it stays the same."""


@dataclass(frozen=True)
class Picture:
    """An image for the page.

    Attributes
    ----------
    source : str
        Its data address.
    alt : str
        What it says, in words.
    width, height : int
        In pixels of the page.
    name : str
        Of its files in `results/report/figures/`, without ending.
    files : mapping of ending to bytes
        `svg` (of plots) and `png`, at 300 dpi.
    """

    source: str
    alt: str
    width: int
    height: int
    name: str
    files: Mapping[str, bytes]


@contextmanager
def style() -> Iterator[None]:
    """Draw in the report's style; nothing of it outlives the block."""
    with mpl.rc_context({**STYLE, "font.family": plot_fonts()}):
        yield


def picture(figure: Figure, name: str, alt: str, kind: str = "svg") -> Picture:
    """Turn a figure into a `Picture`; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        Drawn in the report's `style`.
    name : str
        Of its files: what it shows, and the model, as in `roc_densenet`.
    alt : str
        What it says, in words, with its numbers.
    kind : str
        On the page: `svg`, or `png` for what is made of pixels, which the page shows as WebP, a
        third as large.
    """
    files = {"png": _bytes(figure, "png", 300)}
    if kind == "svg":
        files["svg"] = _bytes(figure, "svg", 96)
    shown = files["svg"] if kind == "svg" else _bytes(figure, "webp", 130)
    mime = {"svg": "image/svg+xml", "png": "image/webp"}[kind]
    text = base64.b64encode(shown).decode()
    width, height = figure.get_size_inches() * 96
    return Picture(f"data:{mime};base64,{text}", alt, round(width), round(height), name, files)


def _bytes(figure: Figure, kind: str, dpi: int) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=dpi, facecolor="white", **ENCODING[kind])
    return _lean(buffer.getvalue()) if kind == "svg" else buffer.getvalue()


def _lean(svg: bytes) -> bytes:
    """Round places to a hundredth of a point and drop blanks: a fifth of a page of figures."""

    def hundredths(number: re.Match[bytes]) -> bytes:
        return (b"%.2f" % float(number[0])).rstrip(b"0").rstrip(b".")

    def shorter(places: re.Match[bytes]) -> bytes:
        numbers = re.sub(rb"-?\d+\.\d{3,}", hundredths, places[2])
        return places[1] + b" ".join(numbers.split()) + b'"'

    return re.sub(rb">\s+<", b"><", re.sub(rb'( (?:d|x|y)=")([^"]*)"', shorter, svg))


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
    faint : bool
        Whether what is of the model is grey.
    """

    name: str
    found: Interval
    chance: float = float("nan")
    fair: float = float("nan")
    ceiling: float = float("nan")
    faint: bool = False


def dots(
    rows: Sequence[Dot], label: str, limits: tuple[float, float], colour: str, percent: bool,
    name: str, alt: str,
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
        Of the estimates that are not faint.
    percent : bool
        Whether to label the axis in percent.
    name, alt : str
        As of `picture`.
    """
    with style():
        named = any(np.isfinite(row.ceiling) for row in rows)
        size = (4.4, 0.95 + 0.42 * len(rows) + 0.35 * named)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for y, row in enumerate(rows):
            axes.plot(limits, [y, y], color=FAINT, lw=0.6, zorder=1)
            own = GREY if row.faint else colour
            axes.plot([row.found.low, row.found.high], [y, y], color=own, lw=2.2, zorder=3,
                      clip_on=False)  # fmt: skip
            axes.plot(row.found.value, y, "o", color=own, ms=7, zorder=4, clip_on=False)
            axes.plot([row.chance] * 2, [y - 0.3, y + 0.3], color=INK, lw=2, zorder=2)
            axes.plot(row.fair, y + 0.22, "o", color=own, mfc="white", ms=5, zorder=4)
            axes.plot(row.ceiling, y + 0.22, "D", color=GREEN, ms=5, zorder=4)
        if named:
            axes.plot([], [], "o", color=colour, mfc="white", ms=5, label=_("model, same marks"))
            axes.plot([], [], "D", color=GREEN, ms=5, label=_("another rater"))
            figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.2)
        _row_axes(axes, [row.name for row in rows], limits, percent, label)
        return picture(figure, name, alt)


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
    curves: Sequence[tuple[str, str, NDArray[np.bool_], NDArray[np.float64]]], name: str, alt: str
) -> Picture:
    """Draw ROC curves of one model.

    Parameters
    ----------
    curves : sequence of (pool, label, labels, scores)
        `pool` is `training` or `external`, `label` stands in the legend; only curves with cases of
        both classes.
    name, alt : str
        As of `picture`.
    """
    looks = {"training": (BLUE, "-"), "external": (ORANGE, "--")}
    with style():
        figure = Figure(figsize=(3.7, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1)
        for pool, label, labels, scores in curves:
            wrong, right, _thresholds = roc_curve(labels, scores, drop_intermediate=False)
            colour, dash = looks[pool]
            axes.plot(wrong, right, dash, color=colour, lw=2, label=label, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_xlabel(_("1 − specificity"))
        axes.set_ylabel(_("sensitivity"))
        if curves:
            figure.legend(loc="outside lower center", handlelength=1.8)
        return picture(figure, name, alt)
