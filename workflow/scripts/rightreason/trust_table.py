"""`trust.tsv`: what the tests of maps found, with intervals over patients, and a verdict on each.

| verdict     | when                                                                          |
|-------------|-------------------------------------------------------------------------------|
| `pass`      | the whole interval keeps the limit                                            |
| `fail`      | the whole interval breaks it                                                  |
| `undecided` | the interval holds the limit; or there is no value, or but one patient        |

A figure is the mean over cases. Batch and completeness ask for an error of the computation: there
the figure is the worst case, which has no interval and decides alone; so is the number of maps that
hold NaN. Randomisation looks at each step that draws half of the layers or more: the one that
leaves the most of the map counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from rightreason import made
from rightreason.cohort import Cases, number_patients, read_table
from rightreason.layout import Layout
from rightreason.saliency_words import NOT_FINITE
from rightreason.statistics import bootstrap_means
from rightreason.trust_words import FEW_CASES, NO_VALUE, SENTENCES

TRUST_COLUMNS = ["model", "method", "test", "measure", "figure", "low", "high", "limit", "verdict"]
TRUST_COLUMNS += ["n_cases", "note"]

AFTERWARDS = {"findings", "empty"}
"""Tests that are no part of the job of a model and method."""
HALF = 0.5
"""Of the layers: a network so far drawn anew decides by chance."""
UNTRAINED = ("randomisation", "rank_correlation")
FILLS = ("blur", "mean")
NAN = float("nan")


class Found(NamedTuple):
    """A figure, its limits, and the number of cases behind it; NaN where undefined."""

    figure: float
    low: float
    high: float
    n_cases: int


def trust_table(
    layout: Layout, models: Sequence[str], methods: Sequence[str], cases: Cases, positive: str,
    trust: Mapping[str, Any], settings: Mapping[str, Any],
) -> pd.DataFrame:  # fmt: skip
    """Return the verdicts on the maps of every model and method.

    Parameters
    ----------
    layout : Layout
        Where the tables of the stages `trust` and `saliency` lie.
    models, methods : sequence of str
        In the order of the table.
    cases : mapping of case to mapping
        `patient` and `label` of every case that did not fail.
    positive : str
        The class whose evidence is audited.
    trust : mapping
        `tests` that are made and their `limits`, of section `trust` of the config.
    settings : mapping
        Section `summary` of the config.

    Raises
    ------
    InputError
        When a table of maps is not as it was made.
    """
    tests, limits = list(trust["tests"]), trust["limits"]
    rows: list[dict[str, Any]] = []
    for model in models:
        findings = _read(layout.trust_findings(model), "findings" in tests)
        for method in methods:
            values = _read(layout.trust(model, method), bool(set(tests) - AFTERWARDS))
            found = [*verdicts(values, findings, tests, cases, limits, settings)]
            if "empty" in tests:
                maps = _read_maps(layout.map_tables(model, method, cases))
                found += empty_verdicts(maps, cases, positive, limits, settings)
            rows += [{"model": model, "method": method, **row} for row in found]
    return pd.DataFrame(rows, columns=TRUST_COLUMNS)


def _read(path: Path, there: bool) -> pd.DataFrame:
    texts, numbers = ["case", "test", "measure"], ["step", "value"]
    if not there:
        return pd.DataFrame(columns=[*texts, *numbers]).astype(dict.fromkeys(numbers, float))
    return read_table(path, texts, numbers)


def _read_maps(paths: Sequence[Path]) -> pd.DataFrame:
    made.check(paths)
    texts, numbers = ["case", "reason"], ["target", "minimum", "maximum"]
    return pd.concat([read_table(path, texts, numbers) for path in paths])


def judge(found: Found, limit: float, most: bool) -> str:
    """Return the verdict: whether the figure is at most (or at least) the limit.

    >>> judge(Found(0.2, 0.1, 0.3, 8), 0.4, most=True)
    'pass'
    >>> judge(Found(0.2, 0.1, 0.3, 8), 0.4, most=False)
    'fail'
    >>> judge(Found(0.2, float("nan"), float("nan"), 1), 0.4, most=True)
    'undecided'
    """
    if found.high <= limit if most else found.low > limit:
        return "pass"
    if found.low > limit if most else found.high < limit:
        return "fail"
    return "undecided"


def judged_row(
    test: str, measure: str, found: Found, limits: Mapping[str, float], most: bool
) -> dict[str, Any]:
    """Return a row of the table, without model and method."""
    limit = 0.0 if measure == "not_finite" else float(limits[test])
    verdict = judge(found, limit, most)
    passed, failed = SENTENCES[test, measure]
    undecided = FEW_CASES if found.n_cases else NO_VALUE
    note = {"pass": passed, "fail": failed, "undecided": undecided}[verdict]
    return {"test": test, "measure": measure, **found._asdict(), "limit": limit,
            "verdict": verdict, "note": note}  # fmt: skip


def verdicts(
    values: pd.DataFrame, findings: pd.DataFrame, tests: Sequence[str], cases: Cases,
    limits: Mapping[str, float], settings: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Give the rows of one model and method that come of its measured values.

    Parameters
    ----------
    values : data frame
        From the stage `trust`: `case`, `test`, `measure`, `step`, `value`.
    findings : data frame
        The same of the model's annotated part.
    tests : sequence of str
        Those that are made.
    cases : mapping of case to mapping
        `patient` of each; the values of others do not count.
    limits : mapping of test to float
        Section `trust.limits` of the config.
    settings : mapping
        `bootstrap`, `confidence`, `seed`.
    """
    values = values[values["case"].isin(cases)]
    single = values[values["step"].isna()]
    by_measure = {
        key: part.set_index("case")["value"].dropna()
        for key, part in single.groupby(["test", "measure"])
    }

    def found(test: str, measure: str) -> pd.Series[float]:
        return by_measure.get((test, measure), pd.Series(dtype=float))

    def average(test: str, measure: str, of: pd.Series[float]) -> dict[str, Any]:
        return judged_row(test, measure, _mean(of, cases, settings), limits, most=False)

    for key in (("batch", "difference"), ("completeness", "gap")):
        if key[0] in tests and (key[0] == "batch" or key in by_measure):
            yield judged_row(*key, _worst(found(*key)), limits, most=True)
    if "randomisation" in tests:
        steps = values[values["test"] == "randomisation"]
        yield judged_row(*UNTRAINED, _survival(steps, cases, settings), limits, most=True)
    for fill in FILLS if "faithfulness" in tests else ():
        yield average("faithfulness", f"gain_{fill}", found("faithfulness", f"gain_{fill}"))
    for fill in FILLS if "findings" in tests else ():
        yield average("findings", f"gain_{fill}", _gains(values, findings, fill))
    for measure in ("noise", "shift", "seeds") if "repeatability" in tests else ():
        there = found("repeatability", measure)
        if measure != "seeds" or len(there):
            yield average("repeatability", measure, there)


def empty_verdicts(
    maps: pd.DataFrame, cases: Cases, positive: str, limits: Mapping[str, float],
    settings: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Give the rows on maps in which there is nothing, or NaN.

    Parameters
    ----------
    maps : data frame
        From the stage `saliency`: `case`, `target`, `minimum`, `maximum`, `reason`.
    positive : str
        The class that the target 1 stands for. Only maps that explain a case's own class count:
        without evidence of another class a map is rightly empty.
    cases, limits, settings
        As for `verdicts`.
    """
    maps = maps[maps["case"].isin(cases)].set_index("case")
    own = pd.Series([cases[case]["label"] == positive for case in maps.index], maps.index)
    maps = maps[(maps["target"] == 1) == own]
    broken = maps["reason"] == NOT_FINITE
    blank = ((maps["reason"] != "") & ~broken) | (maps["minimum"] == maps["maximum"])
    share = _mean(blank.astype(float), cases, settings)
    yield judged_row("empty", "share", share, limits, most=True)
    count = float(broken.sum()) if len(maps) else NAN
    yield judged_row(
        "empty", "not_finite", Found(count, count, count, len(maps)), limits, most=True
    )


def _worst(values: pd.Series[float]) -> Found:
    worst = float(values.max()) if len(values) else NAN
    return Found(worst, worst, worst, len(values))


def _mean(values: pd.Series[float], cases: Cases, settings: Mapping[str, Any]) -> Found:
    if values.empty:
        return Found(NAN, NAN, NAN, 0)
    patients = number_patients(list(values.index), cases)
    column = values.to_numpy(dtype=float)[:, None]
    how = settings["bootstrap"], settings["confidence"], settings["seed"]
    found = bootstrap_means(column, patients, *how)
    return Found(float(found.mean[0]), float(found.low[0]), float(found.high[0]), len(values))


def _survival(steps: pd.DataFrame, cases: Cases, settings: Mapping[str, Any]) -> Found:
    """Return the rank correlation at the step of half the layers or more that leaves the most."""
    there = steps[(steps["measure"] == UNTRAINED[1]) & (steps["step"] >= HALF)]
    there = there.dropna(subset="value")
    found = [
        _mean(part.set_index("case")["value"], cases, settings) for _, part in there.groupby("step")
    ]
    return max(found, key=lambda one: one.figure, default=Found(NAN, NAN, NAN, 0))


def _gains(values: pd.DataFrame, findings: pd.DataFrame, fill: str) -> pd.Series[float]:
    """Return by how much the map's order beats that of the findings, case by case."""
    own, theirs = (
        table[table["test"] == test].pivot(index="case", columns="measure", values="value")
        for table, test in ((values, "faithfulness"), (findings, "findings"))
    )
    names = [f"insertion_{fill}", f"deletion_{fill}"]
    if not set(names) <= set(own) & set(theirs):
        return pd.Series(dtype=float)
    lead = [(table[names[0]] - table[names[1]]) / 2 for table in (own, theirs)]
    return (lead[0] - lead[1]).dropna()
