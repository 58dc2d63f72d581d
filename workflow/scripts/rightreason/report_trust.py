"""What the report says of the tests of the maps themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rightreason.citations import References
from rightreason.report_blocks import Block, Table, Text
from rightreason.report_data import Study, interval
from rightreason.sentences import (
    NBSP,
    UNDEFINED,
    commas,
    decimal_interval,
    join,
    number,
    paragraph,
    percent_interval,
    semicolons,
    signed_interval,
)
from rightreason.told import told
from rightreason.words import _, mark

MEASURES = {
    ("batch", "difference"): (mark("Alone and in a batch, largest difference"), "number"),
    ("completeness", "gap"): (mark("Completeness, largest gap"), "percent"),
    ("randomisation", "rank_correlation"): (mark("Half drawn anew or more, rank correlation"),
                                            "decimal"),
    ("faithfulness", "gain_blur"): (mark("Blurred in the map’s order, gain"), "signed"),
    ("faithfulness", "gain_mean"): (mark("Erased in the map’s order, gain"), "signed"),
    ("findings", "gain_blur"): (mark("Blurred, gain over the findings’ order"), "signed"),
    ("findings", "gain_mean"): (mark("Erased, gain over the findings’ order"), "signed"),
    ("repeatability", "noise"): (mark("With noise, rank correlation"), "decimal"),
    ("repeatability", "shift"): (mark("Shifted, rank correlation"), "decimal"),
    ("repeatability", "seeds"): (mark("Over trainings, rank correlation"), "decimal"),
    ("empty", "share"): (mark("Empty or flat maps"), "percent"),
    ("empty", "not_finite"): (mark("Maps with NaN or infinity"), "number"),
}  # fmt: skip
"""Of each test and measure its name and how its figure is written, in the order of the table."""

TESTS = {
    "batch": mark("alone and in a batch"),
    "completeness": mark("completeness"),
    "randomisation": mark("randomisation"),
    "faithfulness": mark("faithfulness"),
    "findings": mark("the order of the findings"),
    "repeatability": mark("repeatability"),
    "empty": mark("empty maps"),
}
DAGGER = "†"


def insensitive(study: Study) -> set[tuple[str, str]]:
    """Return the models and methods whose map survives an untrained network."""
    table = study.trust
    failed = table[(table["test"] == "randomisation") & (table["verdict"] == "fail")]
    return set(zip(failed["model"], failed["method"], strict=True))


def untrusted(study: Study) -> list[str]:
    """Name the methods that fail tests, for the first screen."""
    failed = study.trust[study.trust["verdict"] == "fail"]
    if failed.empty:
        return []
    there = set(failed["method"])
    methods = [name for name in study.config["saliency"]["methods"] if name in there]
    which = [
        _("{method} ({tests})").format(
            method=method, tests=commas(_(TESTS[test]) for test in TESTS
                                        if test in set(failed["test"][failed["method"] == method])),
        )
        for method in methods
    ]  # fmt: skip
    message = _(
        "These methods’ maps fail tests of the maps themselves, with one model at least: {which}. "
        "See Whether the maps can be trusted."
    )
    return [message.format(which=semicolons(which)), *_blind(study, methods)]


def _blind(study: Study, methods: Sequence[str]) -> list[str]:
    found = {method for _model, method in insensitive(study)}
    if not found:
        return []
    message = _(
        "Insensitive: {methods}. These maps survive an untrained network; their overlap, in grey, "
        "tells of the image more than of what a model learnt."
    ).format(methods=commas(method for method in methods if method in found))
    own = _("The headline’s method is one of them.") if study.headline["method"] in found else ""
    return [paragraph(message, own)]


def faint_note(study: Study) -> str:
    """Explain grey numbers; empty where there are none."""
    if not insensitive(study):
        return ""
    return _("In grey ({dagger}): the map survives an untrained network.").format(dagger=DAGGER)


def trust(study: Study) -> Sequence[Block]:
    """Every test of the maps, by model and method."""
    if study.trust.empty:
        return [Text([_("The maps themselves were not tested.")])]
    text = _(
        "Before their overlap counts, the maps are tested themselves, on cases of the class "
        "{positive} and by networks that never saw the patient. Pass: the whole interval keeps the "
        "limit. Fail: the whole interval breaks it. Undecided: the limit lies within, or no case "
        "or but one patient has a value. Batch and completeness look at the worst case alone."
    ).format(positive=study.positive)
    tables = [_table(study, model) for model in study.models]
    return [Text([text]), *tables, Text(_failures(study), "list")]


def tested(config: Mapping[str, Any], works: References) -> str:
    """Say for the methods which tests the maps went through; empty where there were none."""
    tests = [test for test in TESTS if test in config["trust"]["tests"]]
    if not tests:
        return ""
    cited = {"randomisation", "faithfulness"} & set(tests)
    named = [_(TESTS[test]) + (works.cite(test) if test in cited else "") for test in tests]
    return _(
        "The maps were tested themselves ({tests}), on up to {n} cases of the class {positive} of "
        "the training sites."
    ).format(tests=join(named), n=config["trust"]["cases"], positive=config["positive"])


def _table(study: Study, model: str) -> Table:
    here = study.trust[study.trust["model"] == model]
    methods = [name for name in study.config["saliency"]["methods"] if name in set(here["method"])]
    at = {(row["test"], row["measure"], row["method"]): row for row in here.to_dict("records")}
    rows = []
    for (test, measure), (name, kind) in MEASURES.items():
        found = [at.get((test, measure, method)) for method in methods]
        limit = next((row["limit"] for row in found if row), None)
        if limit is not None:
            rows.append([_(name), number(limit), *(_cell(row, kind) for row in found)])
    caption = _("{model}: figure with its interval, and verdict.").format(model=model)
    return Table(caption, [_("Test"), _("Limit"), *methods], rows)


def _cell(row: dict[Any, Any] | None, kind: str) -> str:
    if row is None:
        return UNDEFINED
    found = interval(row, "figure")
    if kind == "number":
        text = UNDEFINED if np.isnan(found.value) else number(float(f"{found.value:.1g}"))
    elif row["low"] == row["high"] == row["figure"] and kind == "percent":
        text = percent_interval(interval({**row, "low": np.nan}, "figure"))
    else:
        formats = {"percent": percent_interval, "decimal": decimal_interval,
                   "signed": signed_interval}  # fmt: skip
        text = formats[kind](found)
    return f"{text}{NBSP}{_(row['verdict'])}"


def _failures(study: Study) -> list[str]:
    failed: pd.DataFrame = study.trust[study.trust["verdict"] == "fail"]
    message = _("{model}, {method}: {note}")
    return [
        message.format(model=row["model"], method=row["method"], note=told(row["note"]))
        for row in failed.to_dict("records")
    ]
