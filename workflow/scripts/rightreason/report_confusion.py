"""The report's confusion matrices: what each model called the cases of either class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rightreason.figures import Picture, picture, style
from rightreason.plot_parts import heat, pool
from rightreason.report_blocks import Block, Figures, Text
from rightreason.report_data import Study
from rightreason.report_elsewhere import judged
from rightreason.sentences import paragraph, percent, semicolons
from rightreason.words import _


def confusion(study: Study) -> Sequence[Block]:
    """Count the cases by class and by what each model called them, for each pool of sites."""
    text = _(
        "What the models called the cases of either class; in each row the share of that class."
    )
    called = judged(study, _("Each case is called by the threshold of its fold."))
    return [
        Text([paragraph(text, called)]),
        Figures([(_draw(study, model), model) for model in study.models]),
    ]


def counts(study: Study, model: str, group: str) -> NDArray[np.int64]:
    """Return the numbers of cases, (class, called), in the order of `config["classes"]`."""
    table = study.predictions[model]
    here = table[table["case"].isin(study.members(group))]
    classes = study.config["classes"]
    return np.array([
        [int(((here["label"] == label) & (here["predicted"] == called)).sum())
         for called in classes]
        for label in classes
    ])  # fmt: skip


def _draw(study: Study, model: str) -> Picture:
    groups, classes, said = study.groups, list(study.config["classes"]), []
    with style():
        size = (0.9 + 1.6 * len(groups), 2.5)
        figure = Figure(figsize=size, layout="constrained")
        drawn = figure.subplots(1, len(groups), squeeze=False, sharey=True)[0]
        for axes, group in zip(drawn, groups, strict=True):
            found = counts(study, model, group)
            shares = found / np.maximum(found.sum(1, keepdims=True), 1)
            _matrix(axes, found, shares)
            axes.set_title(pool(group), fontsize=9)
            axes.set_xticks([0, 1], classes)
            axes.set_xlabel(_("called"))
            said += [
                _("{sites}, {n} {label}: {m} called {first}, {k} called {second}").format(
                    sites=pool(group), n=row.sum(), label=label, m=row[0], first=classes[0],
                    k=row[1], second=classes[1])
                for label, row in zip(classes, found, strict=True)
            ]  # fmt: skip
        drawn[0].set_yticks([0, 1], classes, rotation=90, va="center")
        drawn[0].set_ylabel(_("class"))
        alt = _("Cases of {model} by class and call: {values}.").format(
            model=model, values=semicolons(said)
        )
        return picture(figure, f"confusion_{model}", alt)


def _matrix(axes: Any, found: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    heat(axes, shares)
    for (i, j), n in np.ndenumerate(found):
        share = percent(float(shares[i, j])) if found[i].sum() else "–"
        axes.text(j, i, f"{n}\n", ha="center", va="center", fontsize=12)
        axes.text(j, i + 0.2, share, ha="center", va="center", fontsize=8)
