"""The report’s table of all cases: a row per case and model, which opens the case in the viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rightreason.case_tables import read_measures
from rightreason.report_blocks import Block, CaseTable, Cell
from rightreason.report_data import Study
from rightreason.report_elsewhere import trained_elsewhere
from rightreason.report_verdicts import chance_range
from rightreason.sentences import UNDEFINED, chance_words, percent, told_apart
from rightreason.words import _, mark

CALLED = {True: mark("right"), False: mark("wrong")}
Key = tuple[str, str]


def case_table(study: Study) -> Sequence[Block]:
    """Every case and model: right or wrong, for which reason, and the headline’s measures."""
    verdicts = {(row["case"], row["model"]): row for row in study.verdicts.to_dict("records")}
    measures = _measures(study, sorted({case for case, _model in verdicts}))
    raters = _raters(study)
    others = trained_elsewhere(study.config)
    rows = [
        [*_called(row, model, model in others),
         *_judged(study, row, verdicts.get((row["case"], model)),
                  measures.get((row["case"], model), {}), raters)]
        for model, table in study.predictions.items()
        for row in table.sort_values("case").to_dict("records")
    ]  # fmt: skip
    caption = _(
        "Every case and model; a case opens in the viewer. Chance: {chance} of the same region "
        "shifted at random. Verdicts and measures are of the headline: method {method}, reference "
        "{reference}, binarisation {binarisation}."
    ).format(chance=chance_words(study.config), **study.headline)
    choices = {1: _("All models"), 2: _("All labels"), 3: _("All sites"), 8: _("All verdicts")}
    first = next(iter(study.models), "")
    return [CaseTable(caption, _columns(study), rows, choices, first)]


def _columns(study: Study) -> list[str]:
    return [
        _("Case"), _("Model"), _("Label"), _("Site"), _("Fold"),
        _("Probability of {label}").format(label=study.positive), _("Threshold"), _("Classified"),
        _("Verdict"), _("Irrelevant ratio"), _("Chance"), _("Coverage"),
        _("Saliency mass inside"), _("Raters"),
    ]  # fmt: skip


def _fold(row: Mapping[str, Any], elsewhere: bool) -> Cell:
    """Say in which fold a case is tested; `elsewhere` is whether its networks were trained so."""
    if row["fold"]:
        return Cell(row["fold"], float(row["fold"]))
    return Cell(UNDEFINED, np.nan) if elsewhere else Cell(_("external"))


def _called(row: Mapping[str, Any], model: str, elsewhere: bool) -> list[Cell]:
    probability, threshold = told_apart(row["probability"], row["threshold"])
    return [
        Cell(row["case"]), Cell(model), Cell(row["label"]), Cell(row["site"]),
        _fold(row, elsewhere),
        Cell(probability, row["probability"]), Cell(threshold, row["threshold"]),
        Cell(_(CALLED[bool(row["predicted"] == row["label"])])),
    ]  # fmt: skip


def _judged(
    study: Study, row: Mapping[str, Any], verdict: Mapping[str, Any] | None,
    measures: Mapping[str, float], raters: Mapping[str, Sequence[str]],
) -> list[Cell]:  # fmt: skip
    names = raters.get(row["case"], [])
    looked = Cell(str(len(names)), len(names))
    if verdict is None:
        why = (
            _("not audited: not {label}").format(label=study.positive)
            if row["label"] != study.positive
            else _("not audited: not annotated")
        )
        return [Cell(why), *[Cell("", np.nan)] * 4, looked]
    low, high = verdict["shifted_low"], verdict["shifted_high"]
    return [
        Cell(_(verdict["quadrant"])), _share(verdict["value"]), Cell(chance_range(low, high), low),
        _share(measures.get("coverage", np.nan)), _share(measures.get("mass_accuracy", np.nan)),
        looked,
    ]  # fmt: skip


def _share(value: float) -> Cell:
    return Cell(percent(value), value)


def _measures(study: Study, cases: Sequence[str]) -> dict[Key, dict[str, float]]:
    """Take the headline's coverage and mass accuracy of each case and model."""
    head = study.headline
    part = study.config["overlap"]["binarisations"][head["binarisation"]]["part"]
    rules = {"coverage": head["binarisation"], "mass_accuracy": part}
    paths = [study.layout.scores(case)[0] for case in cases]
    study.check(paths)
    found: dict[Key, dict[str, float]] = {}
    for row in read_measures(paths, head, rules).itertuples():
        found.setdefault((row.case, row.model), {})[row.measure] = row.value
    return found


def _raters(study: Study) -> dict[str, list[str]]:
    """Return who looked at each case."""
    found: dict[str, list[str]] = {}
    for row in study.marks.itertuples():
        found.setdefault(str(row.case), []).append(str(row.rater))
    return found
