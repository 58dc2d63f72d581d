"""The report's panels on whether the conclusion stands, and on where the irrelevant part lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rightreason.choice_figures import PLACE_LOOKS, Choice, stacked, strip
from rightreason.figures import Picture
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Study, interval
from rightreason.report_trust import faint_note, insensitive
from rightreason.sentences import (
    UNDEFINED,
    audited,
    capital,
    commas,
    paragraph,
    percent,
    percent_interval,
    points,
    pool,
    semicolons,
)
from rightreason.words import _, mark

CHOICES = {
    "headline": mark("Headline"),
    "left_out": mark("Without one rater"),
    "reference": mark("Reference"),
    "binarisation": mark("Binarisation"),
    "method": mark("Method"),
}
OPTIONS = {
    "headline": mark("the headline"),
    "left_out": mark("without {option}"),
    "reference": mark("reference {option}"),
    "binarisation": mark("binarisation {option}"),
    "method": mark("method {option}"),
}


def strips(study: Study) -> Sequence[Block]:
    """The headline with one choice made otherwise at a time, as a strip and a table."""
    if study.sensitivity.empty:
        return [Text([_("No case is annotated: there is no conclusion.")])]
    text = _(
        "Each dot is the headline’s mean irrelevant ratio with one choice made otherwise, over the "
        "{cases} of the training sites; filled are the headline and the options it was made with, "
        "the dashed line is the headline, the black bar the chance value of that option (none "
        "without a rater). If dots cross their chance, or models change places, the conclusion "
        "hangs on that choice."
    ).format(cases=audited(study))
    items = [
        (_strip(study, model), model) for model in study.models
        if any(np.isfinite(row["mean"]) for row in _rows(study, model))
    ]  # fmt: skip
    said = [_range(study, model) for model in study.models]
    return [Text([paragraph(text, faint_note(study))]), Text(said, "list"),
            *([Figures(items)] if items else []),
            Details(_("The numbers of the strip"), [_table(study)])]  # fmt: skip


def _rows(study: Study, model: str, sites: str = "training") -> list[dict[str, Any]]:
    table = study.sensitivity
    here = table[(table["model"] == model) & (table["sites"] == sites)]
    found: list[dict[str, Any]] = here.to_dict("records")
    return found


def _range(study: Study, model: str) -> str:
    """Name the options with the lowest and the highest mean."""
    rows = [row for row in _rows(study, model) if np.isfinite(row["mean"])]
    if not any(row["choice"] == "headline" for row in rows):
        return _(
            "{model}: the headline has no value, so there is nothing to hold options against."
        ).format(model=model)
    low, high = (end(rows, key=lambda row: row["mean"]) for end in (min, max))
    return _("{model}: from {low} ({low_option}) to {high} ({high_option}).").format(
        model=model, low=percent(low["mean"]), low_option=_named(low),
        high=percent(high["mean"]), high_option=_named(high),
    )  # fmt: skip


def _named(row: Mapping[str, Any]) -> str:
    return _(OPTIONS[row["choice"]]).format(option=row["option"])


def _method(study: Study, row: Mapping[str, Any]) -> str:
    """Name the method that an option is about."""
    return str(row["option"] if row["choice"] == "method" else study.headline["method"])


def _strip(study: Study, model: str) -> Picture:
    rows = _rows(study, model)
    first = next((row for row in rows if row["choice"] == "headline"), None)
    blind = insensitive(study)
    choices = [
        Choice(_(CHOICES[row["choice"]]), _label(row), interval(row, "mean"), row["chance"],
               _chosen(study, row), (model, _method(study, row)) in blind)
        for row in rows
    ]  # fmt: skip
    said = [
        (_("{option} {ratio}, chance {chance}") if np.isfinite(row["chance"])
         else _("{option} {ratio}")).format(
            option=_named(row), ratio=percent_interval(interval(row, "mean")),
            chance=percent(row["chance"]))
        for row in rows
    ]  # fmt: skip
    alt = _("{model}: irrelevant ratio at the training sites. {options}.").format(
        model=model, options=semicolons(said) or _("None")
    )
    return strip(choices, first["mean"] if first else float("nan"), f"sensitivity_{model}",
                 alt)  # fmt: skip


def _label(row: Mapping[str, Any]) -> str:
    return _("as it stands") if row["choice"] == "headline" else str(row["option"])


def _chosen(study: Study, row: Mapping[str, Any]) -> bool:
    return bool(row["choice"] == "headline" or study.headline.get(row["choice"]) == row["option"])


def _table(study: Study) -> Table:
    rows = [
        [model, pool(group), _(CHOICES[row["choice"]]), row["option"] or UNDEFINED,
         " ".join(part for part in (row["algorithm"], row["layer"]) if part),
         percent_interval(interval(row, "mean")), percent(row["chance"]),
         points(row["difference"]), f"{row['n_cases']:.0f}"]
        for model in study.models for group in study.groups for row in _rows(study, model, group)
    ]  # fmt: skip
    columns = [_("Model"), _("Sites"), _("Choice"), _("Option"), _("Algorithm and layer"),
               _("Irrelevant ratio"), _("Chance"), _("From the headline"),
               _("Cases")]  # fmt: skip
    caption = _(
        "The headline with one choice made otherwise; the difference is over the cases that have "
        "both. No layer is named where it is the last convolution, or there is no such choice."
    )
    return Table(caption, columns, rows)


def places(study: Study) -> Sequence[Block]:
    """Where the irrelevant part of the attended regions lies, by the headline."""
    table = study.places
    keys = [*study.headline]
    here = table[(table[keys] == [study.headline[key] for key in keys]).all(axis=1)]
    if here.empty:
        return [Text([_("No case is annotated: there is no irrelevant part.")])]
    there = [place for place in PLACE_LOOKS if place in set(here["place"])]
    text = _(
        "Of what the models attend to outside the reference ({reference}), the mean share of a "
        "case by place, over the {cases}. Attention outside the body lies on nothing of the "
        "patient; in the body it may lie on a sign that nobody marked."
    ).format(reference=study.headline["reference"], cases=audited(study))
    figures = [_bars(study, here, group, there) for group in study.groups]
    blocks: list[Block] = [Text([text])]
    if any(figures):
        blocks.append(Figures([figure for figure in figures if figure]))
    rows = [
        [model, pool(group), *_shares(here, model, group, there)]
        for model in study.models for group in study.groups
    ]  # fmt: skip
    names = [capital(_(PLACE_LOOKS[place][2])) for place in there]
    caption = _("Where the irrelevant part lies; the number of cases beside each share.")
    return [*blocks, Table(caption, [_("Model"), _("Sites"), *names], rows)]


def _of(here: pd.DataFrame, model: str, group: str) -> dict[str, dict[str, Any]]:
    rows = here[(here["model"] == model) & (here["sites"] == group)].to_dict("records")
    return {str(row["place"]): {str(k): v for k, v in row.items()} for row in rows}


def _shares(here: pd.DataFrame, model: str, group: str, there: Sequence[str]) -> list[str]:
    rows = _of(here, model, group)
    found = [interval(rows[place], "share") if place in rows else None for place in there]
    return [f"{percent_interval(f)} ({f.n})" if f and f.n else UNDEFINED for f in found]


def _bars(
    study: Study, here: pd.DataFrame, group: str, there: Sequence[str]
) -> tuple[Picture, str] | None:
    """Draw the models whose places are told apart in the same cases: only then they add up."""
    rows, said = [], []
    for model in study.models:
        of = _of(here, model, group)
        used = {place: of[place] for place in there if place in of and of[place]["n_cases"] > 0}
        if used and len({row["n_cases"] for row in used.values()}) == 1:
            rows.append((model, [used[p]["share"] if p in used else 0.0 for p in there]))
            words = [
                _("{share} {place}").format(
                    share=percent(row["share"]), place=_(PLACE_LOOKS[place][2])
                )
                for place, row in used.items()
            ]
            said.append(_("{model}: {shares}").format(model=model, shares=commas(words)))
    if not rows:
        return None
    alts = {
        "training": _("Where the irrelevant part lies, training sites. {models}."),
        "external": _("Where the irrelevant part lies, external sites. {models}."),
    }
    captions = {"training": _("The training sites."), "external": _("The external sites.")}
    alt = alts[group].format(models=semicolons(said))
    return stacked(rows, there, f"places_{group}", alt), captions[group]
