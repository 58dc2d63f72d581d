"""The report's first panel: the headline, the numbers behind it, and what does not carry one."""

from __future__ import annotations

from collections.abc import Sequence

from rightreason.headline_text import elsewhere, headline, irrelevant
from rightreason.methods_text import binarisation
from rightreason.report_blocks import Block, Table, Text
from rightreason.report_data import Study
from rightreason.report_headline_figure import headline_figure
from rightreason.report_trust import DAGGER, faint_note, insensitive
from rightreason.report_warnings import warnings
from rightreason.sentences import (
    UNDEFINED,
    audited,
    decimal_interval,
    level,
    paragraph,
    percent,
    percent_interval,
    pool,
)
from rightreason.words import _

RATIO = 3
"""The column of the irrelevant ratio."""


def at_a_glance(study: Study) -> Sequence[Block]:
    """The headline: a sentence per model, the numbers behind it, and what does not carry one."""
    said = [paragraph(headline(study, m), elsewhere(study, m)) for m in study.models]
    return [
        Text(said, "lead"),
        *headline_figure(study),
        Text(warnings(study), "warning"),
        _headline_table(study),
        Text(_reading(study), "small"),
    ]


def _headline_table(study: Study) -> Table:
    rows, raters = [], len(study.raters) > 1
    blind = {model for model, method in insensitive(study) if method == study.headline["method"]}
    for model in study.models:
        for group in study.groups:
            ratio = study.measure(model, sites=group)
            row = [
                model, pool(group), decimal_interval(study.auc(model, group)),
                percent_interval(ratio) + (DAGGER if model in blind else ""),
                percent(study.chance(model, group)), str(ratio.n),
            ]  # fmt: skip
            rows.append(row + (_beside(study, model, group) if raters else []))
    columns = [_("Model"), _("Sites"), _("AUC"), _("Irrelevant ratio"), _("Chance"), _("Cases")]
    caption = _("The headline: irrelevant ratios over the {cases}.").format(cases=audited(study))
    if raters:
        columns += [_("Same marks: model"), _("Same marks: another rater"),
                    _("Attended by the model"), _("Marked by a rater"),
                    _("Cases with both")]  # fmt: skip
        same = _(
            "“Same marks”: rater and model against all raters but one; beside them the share of "
            "what the model saw that each takes up, since a small area is easily relevant (in "
            "brackets: over how many cases, where it is not those with both)."
        )
        caption = paragraph(caption, same)
    if blind:
        caption = paragraph(caption, faint_note(study))
    faint = frozenset((i, RATIO) for i, row in enumerate(rows) if row[0] in blind)
    return Table(caption, columns, rows, faint)


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
    words = paragraph(
        _("What a model attends to is its {method} map after the binarisation {binarisation}.")
        .format(method=head["method"], binarisation=cut),
        irrelevant(head["reference"]),
        _(
            "Brackets hold {level} confidence intervals. Cases are scored by networks that never "
            "saw their patient. Chance is the share of what the model saw that lies outside the "
            "reference."
        ).format(level=level(study.config)),
    )  # fmt: skip
    if len(study.raters) < 2:
        return [words]
    return [
        words,
        _(
            "“Another rater” is what the raters themselves would have, each scored against the "
            "marks of the others as a model is. For the comparison the model is held against the "
            "same marks, those of all raters but one, averaged over who is left out."
        ),
    ]
