"""The report's plots on the raters: how far they agree in pairs, and how much each marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rightreason.figures import BLUE, INK, ORANGE, Picture, picture, style
from rightreason.plot_parts import heat, plain_log, pool, row_axis
from rightreason.report_blocks import Block, Figures, Text
from rightreason.report_data import Study
from rightreason.sentences import capital, decimal, number, semicolons
from rightreason.words import _, mark, plural

MM3_OF_ML = 1000
AMOUNTS = {"slices": mark("slices marked"), "ml": mark("volume marked (mL)")}


def agreement_matrix(study: Study) -> Sequence[Block]:
    """The mean Dice of every two raters as a picture, for each pool of sites."""
    table = study.agreement
    pairs = table[(table["scope"] == "pair") & (table["statistic"] == "dice")]
    items = [(_matrix(pairs[pairs["sites"] == group], group), capital(pool(group)))
             for group in study.groups if (pairs["sites"] == group).any()]  # fmt: skip
    if not items:
        return [Text([_("There are no two raters of a case: no agreement to draw.")])]
    text = _(
        "Mean Dice of every two raters: 1 for the same marks, 0 for none in common; below it the "
        "number of cases that both looked at. The darker, the more they agree."
    )
    return [Text([text]), Figures(items)]


def _matrix(pairs: pd.DataFrame, group: str) -> Picture:
    names = sorted({*pairs["rater"], *pairs["against"]})
    at = {name: i for i, name in enumerate(names)}
    values, cases = np.full((2, len(names), len(names)), np.nan)
    said = []
    for row in pairs.to_dict("records"):
        i, j = at[row["rater"]], at[row["against"]]
        values[i, j] = values[j, i] = row["value"]
        cases[i, j] = cases[j, i] = row["n_cases"]
        said.append(
            _("{rater} and {other} {dice} ({n})").format(
                rater=row["rater"], other=row["against"], dice=decimal(row["value"]),
                n=plural("{n} case", "{n} cases", int(row["n_cases"])).format(
                    n=int(row["n_cases"])))
        )  # fmt: skip
    with style():
        side = 1.5 + 0.62 * len(names)
        figure = Figure(figsize=(max(3.2, side), max(2.6, side - 0.6)), layout="constrained")
        axes = figure.subplots()
        heat(axes, values)
        _numbers(axes, values, cases)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        alt = _("Mean Dice of every two raters, {sites}. {values}.").format(
            sites=pool(group), values=semicolons(said)
        )
        return picture(figure, f"agreement_{group}", alt)


def _numbers(axes: Any, values: NDArray[np.float64], cases: NDArray[np.float64]) -> None:
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(cases[i, j]):
            axes.text(j, i - 0.08, decimal(value), ha="center", va="center")
            axes.text(j, i + 0.24, f"{cases[i, j]:.0f}", ha="center", va="center",
                      fontsize=7)  # fmt: skip
        elif i == j:
            axes.text(j, i, "·", ha="center", va="center")


def marked(study: Study) -> Sequence[Block]:
    """How many slices and how much volume each rater marked in each case."""
    marks = study.marks.assign(ml=study.marks["volume_mm3"] / MM3_OF_ML)
    if marks.empty:
        return [Text([_("No case is annotated.")])]
    labels = {case: about["label"] for case, about in study.cases.items()}
    marks["positive"] = marks["case"].map(labels) == study.positive
    text = _(
        "What each rater marked, a dot per case; the line is the rater’s median over the cases "
        "with a mark. Cases in which the rater looked and marked nothing stand left of the axis, "
        "with their number. A rater whose dots lie apart from the others draws otherwise: a "
        "reference made from the votes weighs that rater’s marks by their size, too."
    )
    return [Text([text]), Figures([(_marked(study, marks), _("Every annotated case."))])]


def _marked(study: Study, marks: pd.DataFrame) -> Picture:
    raters = sorted(set(marks["rater"]))
    with style():
        figure = Figure(figsize=(5.6, 1.2 + 0.42 * len(raters)), layout="constrained")
        drawn = figure.subplots(1, 2, sharey=True)
        for axes, (column, words) in zip(drawn, AMOUNTS.items(), strict=True):
            axes.set_xlabel(_(words))
            _scale(axes, marks.loc[marks[column] > 0, column], column)
            for y, rater in enumerate(raters):
                _row(axes, marks[marks["rater"] == rater], column, y)
            row_axis(axes, raters, range(len(raters)))
        both = marks.loc[marks["slices"] > 0, "positive"].nunique() > 1
        for positive in (True, False) if both else ():
            name = study.positive if positive else _("other cases")
            drawn[0].plot([], [], "o", color=BLUE if positive else ORANGE, label=name,
                          mfc=BLUE if positive else "white")  # fmt: skip
        if both:
            figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.2)
        return picture(figure, "marked", _alt(marks, raters))


def _scale(axes: Any, values: pd.Series[float], column: str) -> None:
    """Take a logarithmic axis for volumes, in plain numbers, with room on the left for none."""
    if values.empty:
        axes.set_xlim(-0.1, 1)
    elif column == "ml":
        axes.set_xscale("log")
        low, high = float(values.min()), float(values.max())
        axes.set_xlim(low / 3, high * 1.5)
        plain_log(axes.xaxis, low, high)
    else:
        high = float(values.max())
        axes.set_xlim(-0.1 * high, 1.05 * high)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))


def _row(axes: Any, rows: pd.DataFrame, column: str, y: float) -> None:
    some = rows[rows[column] > 0]
    for positive, here in some.groupby("positive"):
        # Fixed steps off the row, case after case: the same page every time.
        offsets = ((np.arange(len(here)) * 0.38) % 1 - 0.5) * 0.5
        axes.scatter(here[column], y + offsets, s=15, marker="o", alpha=0.8, zorder=3,
                     edgecolors=BLUE if positive else ORANGE, linewidths=1,
                     facecolors=BLUE if positive else "white")  # fmt: skip
    if len(some):
        axes.plot([some[column].median()] * 2, [y - 0.36, y + 0.36], color=INK, lw=1.8, zorder=4)
    if len(rows) > len(some):
        axes.text(0.01, y, f"0 × {len(rows) - len(some)}", transform=axes.get_yaxis_transform(),
                  va="center", fontsize=7.5)  # fmt: skip


def _alt(marks: pd.DataFrame, raters: Sequence[str]) -> str:
    said = []
    for rater in raters:
        rows = marks[marks["rater"] == rater]
        some = rows[rows["slices"] > 0]
        n = plural("{n} case", "{n} cases", len(rows)).format(n=len(rows))
        if some.empty:
            said.append(_("{rater} looked at {n} and marked nothing").format(rater=rater, n=n))
            continue
        said.append(
            _("{rater} looked at {n}, marked {m}: in the median {slices} slices, {ml} mL").format(
                rater=rater, n=n, m=len(some), slices=number(some["slices"].median()),
                ml=number(float(f"{some['ml'].median():.3g}")))
        )  # fmt: skip
    return _("What each rater marked. {values}.").format(values=semicolons(said))
