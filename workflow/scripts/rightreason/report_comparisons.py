"""The report's panels on `comparisons.tsv`: differences with p, and what overlap goes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rightreason.report_blocks import Block, Details, Table, Text
from rightreason.report_data import Interval, Study, interval
from rightreason.sentences import (
    NBSP,
    SUBSETS,
    decimal_interval,
    paragraph,
    points,
    pool,
    probability,
    semicolons,
    signed,
    signed_interval,
)
from rightreason.told import told
from rightreason.words import _, mark

AGAINST = {
    "shifted": mark("its own map, shifted at random"),
    "shuffled": mark("other patients’ maps"),
    "chance": mark("a map that is the same everywhere"),
    "raters": mark("another rater"),
    "error": mark("being wrong"),
    "confidence": mark("the probability of the positive class"),
    "volume": mark("the volume of the findings"),
}
DIFFERENCES = {
    "model against model": (
        mark("Model against model. On the voxels that both saw."),
        mark("Model against model, other sites and cases"),
    ),
    "model against chance": (
        mark("Model against chance."),
        mark("Model against chance, other sites and cases"),
    ),
    "model against raters": (
        mark(
            "Model against raters. Both are held against the same marks, those of all raters but "
            "one; the values and the areas stand in the table of the headline."
        ),
        mark("Model against raters, other sites and cases"),
    ),
}
"""By family: the caption of its table, and that of the rest."""
MODELS = "model against model"
ASSOCIATIONS = "what overlap goes with"
STATISTICS = {"AUC": mark("AUC"), "Spearman": mark("Spearman")}


def differences(study: Study) -> Sequence[Block]:
    """Mean differences of the irrelevant ratio, with p, family by family."""
    table = study.comparisons
    if table.empty:
        return [Text([_("No case is annotated: there is nothing to compare.")])]
    text = _(
        "Mean difference of the irrelevant ratio, model less what it is held against: below 0 the "
        "model attends less to what is irrelevant. p by random changes of sign per patient, "
        "adjusted by Holm’s method within a family: the rows of one table with the same sites and "
        "cases. The effect size is the mean difference in units of its spread over patients."
    )
    blocks: list[Block] = [Text([text])]
    columns = [_("Model"), _("Against"), _("Sites"), _("Cases"), _("Number"), _("Difference"),
               _("p"), _("p (Holm)"), _("Effect size"), _("Note")]  # fmt: skip
    for family, words in DIFFERENCES.items():
        rows = [
            (row, [row["model"], _against(row), *_where(row), _difference(row),
                   *_tested(row)])
            for row in table[table["family"] == family].to_dict("records")
            if len(study.raters) > 1 or family != "model against raters"
        ]  # fmt: skip
        blocks += _first(study, words, columns, rows)
    if len(study.raters) < 2:
        blocks.append(Text([_("With a single rater no model can be held against another one.")]))
    return blocks


def associations(study: Study) -> Sequence[Block]:
    """Whether the irrelevant ratio goes with error, with confidence, with volume."""
    table = study.comparisons
    rows = [
        (row, [row["model"], _against(row), *_where(row),
               _(STATISTICS[row["statistic"]]), _estimate(row), *_tested(row)[:2],
               told(row["note"])])
        for row in table[table["family"] == ASSOCIATIONS].to_dict("records")
    ]  # fmt: skip
    if not rows:
        return [Text([_("No case is annotated: there is nothing to compare.")])]
    text = _(
        "Does the irrelevant ratio go with an error of the model, with the probability it gave and "
        "with how much there is to see? Over the annotated {positive} cases. An AUC of 0.5 and a "
        "correlation of 0 mean: no. Above, the more irrelevant the attention, the likelier an "
        "error, or the higher the probability or the volume."
    ).format(positive=study.positive)
    words = (
        mark(
            "What the irrelevant ratio goes with. p by exchanging patients, Holm within a family."
        ),
        mark("What the irrelevant ratio goes with, other sites and cases"),
    )
    columns = [_("Model"), _("Irrelevant ratio and"), _("Sites"), _("Cases"), _("Number"),
               _("Statistic"), _("Estimate"), _("p"), _("p (Holm)"), _("Note")]  # fmt: skip
    return [Text([text]), *_first(study, words, columns, rows, "all")]


def _first(
    study: Study, words: tuple[str, str], columns: Sequence[str],
    rows: Sequence[tuple[Mapping[str, Any], Sequence[str]]], subset: str = "",
) -> list[Block]:  # fmt: skip
    """Show the training sites in the headline's subset, and the rest on request.

    What no case can answer has no row: it is named below. `words` are the captions of both.
    """
    wanted = "training", subset or study.headline["subset"]
    main = [pair for pair in rows if (pair[0]["sites"], pair[0]["subset"]) == wanted]
    rest = [pair for pair in rows if (pair[0]["sites"], pair[0]["subset"]) != wanted]
    caption, other = (_(message) for message in words)
    blocks: list[Block] = [*_shown(caption, columns, main)]
    if rest:
        blocks.append(Details(other, _shown(_("{title}.").format(title=other), columns, rest)))
    return blocks


def _shown(
    caption: str, columns: Sequence[str], rows: Sequence[tuple[Mapping[str, Any], Sequence[str]]]
) -> list[Table | Text]:
    some = [cells for row, cells in rows if row["n_cases"] > 0]
    none = [
        _("{model} and {other} ({sites}, {cases})").format(
            model=row["model"], other=_against(row), sites=pool(row["sites"]),
            cases=_(SUBSETS[row["subset"]]))
        for row, _cells in rows if not row["n_cases"] > 0
    ]  # fmt: skip
    blocks: list[Table | Text] = [Table(caption, columns, some)] if some else []
    if none:
        said = _("No case has both values: {pairs}.").format(pairs=semicolons(none))
        blocks.append(Text([paragraph("" if some else caption, said)], "small"))
    return blocks


def _against(row: Mapping[str, Any]) -> str:
    """Name what a model is held against; a model may be called as the kinds of chance are."""
    name = str(row["against"])
    return name if row["family"] == MODELS or name not in AGAINST else _(AGAINST[name])


def _where(row: Mapping[str, Any]) -> list[str]:
    return [pool(row["sites"]), _(SUBSETS[row["subset"]]), f"{row['n_cases']:.0f}"]


def _difference(row: Mapping[str, Any]) -> str:
    found: Interval = interval(row, "estimate")
    if found.low != found.low:
        return points(found.value)
    low, high = points(found.low, unit=False), points(found.high, unit=False)
    return f"{points(found.value)}{NBSP}[{low},{NBSP}{high}]"


def _estimate(row: Mapping[str, Any]) -> str:
    found = interval(row, "estimate")
    return decimal_interval(found) if row["statistic"] == "AUC" else signed_interval(found)


def _tested(row: Mapping[str, Any]) -> list[str]:
    return [probability(row["p"]), probability(row["p_holm"]), signed(row["effect_size"]),
            told(row["note"])]  # fmt: skip
