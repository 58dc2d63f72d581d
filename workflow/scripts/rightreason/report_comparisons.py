"""The report's panels on `comparisons.tsv`: differences with p, and what overlap goes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rightreason.report_blocks import Block, Details, Table, Text
from rightreason.report_data import Interval, Study, interval
from rightreason.sentences import (
    NBSP,
    decimal_interval,
    points,
    probability,
    signed,
    signed_interval,
)

AGAINST = {
    "shifted": "its own map, shifted at random",
    "shuffled": "other patients’ maps",
    "chance": "a map that is the same everywhere",
    "raters": "another rater",
    "error": "being wrong",
    "confidence": "the probability of the positive class",
    "volume": "the volume of the findings",
}
DIFFERENCES = {
    "model against model": ("Model against model", "On the voxels that both saw."),
    "model against chance": ("Model against chance", ""),
    "model against raters": (
        "Model against raters",
        "Both are held against the same marks, those of all raters but one; the values and the "
        "areas stand in the table of the headline.",
    ),
}
ASSOCIATIONS = "what overlap goes with"


def differences(study: Study) -> Sequence[Block]:
    """Mean differences of the irrelevant ratio, with p, family by family."""
    table = study.comparisons
    if table.empty:
        return [Text(["No case is annotated: there is nothing to compare."])]
    text = (
        "Mean difference of the irrelevant ratio, model less what it is held against: below 0 the "
        "model attends less to what is irrelevant. p by random changes of sign per patient, "
        "adjusted by Holm’s method within a family: the rows of one table with the same sites and "
        "cases. The effect size is the mean difference in units of its spread over patients."
    )
    blocks: list[Block] = [Text([text])]
    columns = ["Model", "Against", "Sites", "Cases", "Number", "Difference", "p", "p (Holm)",
               "Effect size", "Note"]  # fmt: skip
    for family, words in DIFFERENCES.items():
        rows = [
            (row, [row["model"], _against(row["against"]), *_where(row), _difference(row),
                   *_tested(row)])
            for row in table[table["family"] == family].to_dict("records")
            if len(study.raters) > 1 or row["against"] != "raters"
        ]  # fmt: skip
        blocks += _first(study, words, columns, rows)
    if len(study.raters) < 2:
        blocks.append(Text(["With a single rater no model can be held against another one."]))
    return blocks


def associations(study: Study) -> Sequence[Block]:
    """Whether the irrelevant ratio goes with error, with confidence, with volume."""
    table = study.comparisons
    rows = [
        (row, [row["model"], _against(row["against"]), *_where(row), row["statistic"],
               _estimate(row), *_tested(row)[:2], row["note"]])
        for row in table[table["family"] == ASSOCIATIONS].to_dict("records")
    ]  # fmt: skip
    if not rows:
        return [Text(["No case is annotated: there is nothing to compare."])]
    text = (
        f"Does the irrelevant ratio go with an error of the model, with the probability it gave "
        f"and with how much there is to see? Over the annotated {study.positive} cases. An AUC of "
        "0.5 and a correlation of 0 mean: no. Above, the more irrelevant the attention, the "
        "likelier an error, or the higher the probability or the volume."
    )
    words = "What the irrelevant ratio goes with", "p by exchanging patients, Holm within a family."
    columns = ["Model", "Irrelevant ratio and", "Sites", "Cases", "Number", "Statistic",
               "Estimate", "p", "p (Holm)", "Note"]  # fmt: skip
    return [Text([text]), *_first(study, words, columns, rows, "all")]


def _first(
    study: Study, words: tuple[str, str], columns: Sequence[str],
    rows: Sequence[tuple[Mapping[str, Any], Sequence[str]]], subset: str = "",
) -> list[Block]:  # fmt: skip
    """Show the training sites in the headline's subset, and the rest on request.

    What no case can answer has no row: it is named below. `words` are a title and what follows it.
    """
    wanted = "training", subset or study.headline["subset"]
    main = [pair for pair in rows if (pair[0]["sites"], pair[0]["subset"]) == wanted]
    rest = [pair for pair in rows if (pair[0]["sites"], pair[0]["subset"]) != wanted]
    title, more = words
    blocks: list[Block] = [*_shown(f"{title}. {more}".strip(), columns, main)]
    if rest:
        other = f"{title}, other sites and cases"
        blocks.append(Details(other, _shown(f"{other}.", columns, rest)))
    return blocks


def _shown(
    caption: str, columns: Sequence[str], rows: Sequence[tuple[Mapping[str, Any], Sequence[str]]]
) -> list[Table | Text]:
    some = [cells for row, cells in rows if row["n_cases"] > 0]
    none = [
        f"{row['model']} and {_against(row['against'])} ({row['sites']}, {row['subset']})"
        for row, _ in rows if not row["n_cases"] > 0
    ]  # fmt: skip
    blocks: list[Table | Text] = [Table(caption, columns, some)] if some else []
    if none:
        lead = "" if some else f"{caption} "
        blocks.append(Text([f"{lead}No case has both values: {'; '.join(none)}."], "small"))
    return blocks


def _against(name: str) -> str:
    return AGAINST.get(name, name)


def _where(row: Mapping[str, Any]) -> list[str]:
    return [row["sites"], row["subset"], f"{row['n_cases']:.0f}"]


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
            row["note"]]  # fmt: skip
