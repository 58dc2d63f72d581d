"""The report's first panel: the headline, the numbers behind it, and what does not carry one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rightreason import figures, sentences
from rightreason.methods_text import binarisation
from rightreason.report_blocks import Block, Figures, Table, Text
from rightreason.report_data import Study
from rightreason.report_warnings import warnings
from rightreason.sentences import UNDEFINED, decimal_interval, percent, percent_interval


def at_a_glance(study: Study) -> Sequence[Block]:
    """The headline: a sentence per model, the numbers behind it, and what does not carry one."""
    said = [sentences.headline(study, m) + sentences.elsewhere(study, m) for m in study.models]
    return [
        Text(said, "lead"),
        Text(warnings(study), "warning"),
        Figures([_aucs(study), _ratios(study)]),
        _headline_table(study),
        Text(_reading(study), "small"),
    ]


def _aucs(study: Study) -> tuple[figures.Picture, str]:
    rows = [figures.Dot(model, study.auc(model, "training")) for model in study.models]
    alt = "; ".join(f"{row.name}: AUC {decimal_interval(row.found)}" for row in rows)
    least = float(np.floor(10 * np.nanmin([*(row.found.low for row in rows), 1.0])) / 10)
    picture = figures.dots(rows, "AUC", (min(0.5, least), 1), figures.BLUE, False,
                           f"AUC at the training sites. {alt}.")  # fmt: skip
    return picture, "How well each model classifies (training sites, out of fold)."


def _ratios(study: Study) -> tuple[figures.Picture, str]:
    rows, said = [], []
    for model in study.models:
        found, beside, chance = study.measure(model), study.beside(model), study.chance(model)
        rows.append(figures.Dot(model, found, chance, beside.fair, beside.ceiling))
        said.append(f"{model}: {percent_interval(found)}, chance {percent(chance)}")
        if beside.known:
            said[-1] += (
                f", against the same marks the model {percent(beside.fair)} and another rater "
                f"{percent(beside.ceiling)}"
            )
    alt = f"Irrelevant ratio at the training sites. {'; '.join(said)}."
    caption = "How much of what it attends to is irrelevant; the black bar is chance."
    if any(study.beside(model).known for model in study.models):
        caption += " The hollow circle and the diamond are held against the same marks."
    picture = figures.dots(rows, "irrelevant ratio", (0, 1), figures.ORANGE, True, alt)
    return picture, caption


def _headline_table(study: Study) -> Table:
    rows, raters = [], len(study.raters) > 1
    for model in study.models:
        for group in study.groups:
            ratio = study.measure(model, sites=group)
            row = [model, group, decimal_interval(study.auc(model, group)), percent_interval(ratio),
                   percent(study.chance(model, group)), str(ratio.n)]  # fmt: skip
            rows.append(row + (_beside(study, model, group) if raters else []))
    columns = ["Model", "Sites", "AUC", "Irrelevant ratio", "Chance", "Cases"]
    caption = f"The headline: irrelevant ratios over the {sentences.audited(study)}."
    if raters:
        columns += ["Same marks: model", "Same marks: another rater", "Attended by the model",
                    "Marked by a rater", "Cases with both"]  # fmt: skip
        caption += (
            " “Same marks”: rater and model against all raters but one; beside them the share of "
            "what the model saw that each takes up, since a small area is easily relevant (in "
            "brackets: over how many cases, where it is not those with both)."
        )
    return Table(caption, columns, rows)


def _beside(study: Study, model: str, group: str) -> list[str]:
    ratio = study.beside(model, sites=group)
    area = study.beside(model, "relative_area", group)
    if not ratio.known:
        return [UNDEFINED] * 5
    # A region of no voxels has an area and no ratio.
    more = f" ({area.n})" if area.n != ratio.n else ""
    return [
        percent(ratio.fair), percent(ratio.ceiling), percent(area.fair) + more,
        percent(area.ceiling) + more, str(ratio.n),
    ]  # fmt: skip


def _reading(study: Study) -> list[str]:
    """Explain the headline's words."""
    head, name = study.headline, study.headline["binarisation"]
    cut = binarisation(name, study.config["overlap"]["binarisations"][name])
    level = 100 * study.config["summary"]["confidence"]
    words = (
        f"What a model attends to is its {head['method']} map after the binarisation {cut}. The "
        f"irrelevant ratio is the share of it that {sentences.outside(head['reference'])}. "
        f"Brackets hold {level:g}{sentences.NBSP}% confidence intervals. Cases are scored by "
        "networks that never saw their patient. Chance is the share of what the model saw that "
        "lies outside the reference."
    )
    if len(study.raters) < 2:
        return [words]
    return [
        words,
        "“Another rater” is what the raters themselves would have, each scored against the marks "
        "of the others as a model is. For the comparison the model is held against the same "
        "marks, those of all raters but one, averaged over who is left out.",
    ]
