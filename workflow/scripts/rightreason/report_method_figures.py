"""The report's plots of method against method: means with intervals, and case by case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rightreason import figures
from rightreason.figures import FAINT, GREY, ORANGE, Picture, picture, style
from rightreason.plot_parts import POOL_LOOKS, percents, pool
from rightreason.report_blocks import Block, Figures, Text
from rightreason.report_data import Study
from rightreason.report_trust import DAGGER, faint_note, insensitive
from rightreason.sentences import audited, paragraph, percent, percent_interval, semicolons
from rightreason.words import _, plural

ACROSS = 2
"""Methods side by side."""


def method_against_method(study: Study) -> Sequence[Block]:
    """The headline's measure by every method, and case by case against the headline's method."""
    methods = list(study.config["saliency"]["methods"])
    if len(methods) < 2:
        return [Text([_("Only the method {name} was run.").format(name=methods[0])])]
    means = [(_means(study, model, methods), model) for model in study.models
             if any(study.measure(model, method=name).n for name in methods)]  # fmt: skip
    if not means:
        return [Text([_("No case is annotated: there is nothing to hold methods against.")])]
    head = study.headline
    text = _(
        "The same networks explained in different ways. Mean irrelevant ratio (reference "
        "{reference}, binarisation {binarisation}) of the {cases} of the training sites by method, "
        "with its interval; the black bar is chance, the hollow circle and the diamond are model "
        "and rater held against the same marks. Where methods disagree, what the model looks at is "
        "known no better than the method."
    ).format(reference=head["reference"], binarisation=head["binarisation"], cases=audited(study))
    by_case = _(
        "Case by case, every annotated {positive} case: on the diagonal two methods say the same "
        "of a case; above it the other method shows more that is irrelevant than {method} does."
    ).format(positive=study.positive, method=head["method"])
    blocks: list[Block] = [Text([paragraph(text, faint_note(study))]), Figures(means)]
    items = [(drawn, model) for model in study.models if (drawn := _by_case(study, model, methods))]
    return [*blocks, Text([by_case]), Figures(items)] if items else blocks


def _means(study: Study, model: str, methods: Sequence[str]) -> Picture:
    rows, said = [], []
    for name in methods:
        found = study.measure(model, method=name)
        beside, row = study.beside(model, method=name), study.row(model, method=name)
        chance = float(row["chance"]) if row else float("nan")
        blind = (model, name) in insensitive(study)
        rows.append(figures.Dot(_marked(study, model, name), found, chance, beside.fair,
                                beside.ceiling, blind))  # fmt: skip
        said.append(
            _("{method} {ratio}, chance {chance}").format(
                method=name, ratio=percent_interval(found), chance=percent(chance)
            )
        )
    alt = _("Irrelevant ratio of {model} by method, training sites. {values}.").format(
        model=model, values=semicolons(said)
    )
    return figures.dots(rows, _("irrelevant ratio"), (0, 1), ORANGE, True, f"methods_{model}", alt)


def _marked(study: Study, model: str, method: str) -> str:
    """Name a method, marked where its map survives an untrained network."""
    return method + (DAGGER if (model, method) in insensitive(study) else "")


def _pairs(study: Study, model: str, other: str) -> pd.DataFrame:
    """Return the cases that have a ratio by the headline's method (`x`) and by another (`y`)."""
    table = study.ratios[study.ratios["model"] == model]
    of = {
        key: table[table["method"] == name].set_index("case")["value"]
        for key, name in (("x", study.headline["method"]), ("y", other))
    }
    return pd.DataFrame(of).dropna()


def _by_case(study: Study, model: str, methods: Sequence[str]) -> Picture | None:
    first = study.headline["method"]
    pairs = {name: _pairs(study, model, name) for name in methods if name != first}
    pairs = {name: found for name, found in pairs.items() if len(found)}
    if not pairs:
        return None
    across, down = min(ACROSS, len(pairs)), -(-len(pairs) // ACROSS)
    said = []
    with style():
        figure = Figure(figsize=(0.4 + 1.9 * across, 0.6 + 1.9 * down), layout="constrained")
        drawn = figure.subplots(down, across, squeeze=False).ravel()
        for axes in drawn[len(pairs) :]:
            axes.set_visible(False)
        for axes, (name, found) in zip(drawn, pairs.items(), strict=False):
            blind = {(model, first), (model, name)} & insensitive(study)
            _scatter(axes, study, found, faint=bool(blind))
            axes.set_xlabel(_marked(study, model, first))
            axes.set_ylabel(_marked(study, model, name))
            above = int((found["y"] > found["x"]).sum())
            said.append(
                _("{other}: of {n} {above} have a higher ratio than by {method}").format(
                    other=name, n=plural("{n} case", "{n} cases", len(found)).format(n=len(found)),
                    above=above, method=first)
            )  # fmt: skip
        for group in study.groups:
            colour, shape = POOL_LOOKS[group]
            drawn[0].plot([], [], shape, color=colour, label=pool(group),
                          mfc=colour if group == "training" else "white")  # fmt: skip
        if len(study.groups) > 1:
            figure.legend(loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.2)
        alt = _("Irrelevant ratio of each case of {model} by two methods. {values}.").format(
            model=model, values=semicolons(said)
        )
        return picture(figure, f"method_cases_{model}", alt)


def _scatter(axes: Any, study: Study, found: pd.DataFrame, faint: bool) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, lw=1, zorder=0)
    for group in study.groups:
        colour, shape = POOL_LOOKS[group]
        colour = GREY if faint else colour
        here = found[found.index.isin(study.members(group))]
        axes.scatter(here["x"], here["y"], s=18, marker=shape, edgecolors=colour, linewidths=1,
                     facecolors=colour if group == "training" else "white", alpha=0.8, zorder=2,
                     clip_on=False)  # fmt: skip
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.linspace(0, 1, 3))
        percents(axis)
