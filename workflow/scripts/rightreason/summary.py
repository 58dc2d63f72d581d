"""Stage `summary`: the cohort's tables, with intervals over patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rightreason import case_tables
from rightreason.agreement import agreement_table
from rightreason.audited import Audited
from rightreason.bands_table import bands_table
from rightreason.calibration_table import calibration_table
from rightreason.case_tables import VOTES
from rightreason.cohort import Cases, read_predictions, read_seeds
from rightreason.cohort_table import write_cohort
from rightreason.comparisons import comparisons_table
from rightreason.curves_table import curves_table
from rightreason.layout import Layout
from rightreason.overlap_table import overlap_table
from rightreason.performance import performance_table
from rightreason.places_table import places_table
from rightreason.ratios_table import ratios_table
from rightreason.sensitivity_table import sensitivity_table
from rightreason.trust_table import trust_table
from rightreason.usable import usable_cohort, write_failed
from rightreason.verdict import verdict_table
from rightreason.whole import write_whole


@dataclass(frozen=True)
class Tables:
    """What the stages left of the audited cases: frames from `case_tables`, joined with `audited`.

    Attributes
    ----------
    audited : Audited
        The positive, annotated cases.
    predictions : mapping of model to data frame
        From `cohort.read_predictions`; every case of the study.
    scores, judged, raters, pairs, places, seeds, patterns : data frame
        From the function of `case_tables` of each name.
    curves : mapping of case to path
        The cases' threshold curves.
    """

    audited: Audited
    predictions: Mapping[str, pd.DataFrame]
    scores: pd.DataFrame
    judged: pd.DataFrame
    raters: pd.DataFrame
    pairs: pd.DataFrame
    places: pd.DataFrame
    seeds: pd.DataFrame
    patterns: pd.DataFrame
    curves: Mapping[str, Path]


def write_summary(
    results: Path,
    cases: Cases,
    raters: Mapping[str, Sequence[str]],
    kinds: Sequence[str],
    models: Sequence[str],
    study: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Write every table of `results/summary/`, of the cases that did not fail.

    Parameters
    ----------
    results, cases, raters, models, study, settings
        As for `summarise`, failed cases among them.
    kinds : sequence of str
        The kinds of input that models use.

    Raises
    ------
    InputError
        As `summarise`, and when a file of a case is not as it was made.
    """
    cohort = usable_cohort(cases, raters, kinds, Layout(shards=1, root=results))
    write_failed(cohort.failed, results / "summary" / "failed.tsv")
    write_cohort(cohort.cases, cohort.raters, kinds, results, results / "summary" / "cohort.tsv")
    summarise(results, cohort.cases, cohort.raters, models, study, settings)


def summarise(
    results: Path,
    cases: Cases,
    raters: Mapping[str, Sequence[str]],
    models: Sequence[str],
    study: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Write every table of `results/summary/` but `cohort.tsv` and `failed.tsv`.

    Parameters
    ----------
    results : path
        The folder `results`, with the tables of `predict` and `overlap`.
    cases : mapping of case to mapping
        `patient`, `site`, `label` and the strata of every case.
    raters : mapping of case to sequence of str
        Who annotated each annotated case.
    models : sequence of str
        Their names, in the order of the tables.
    study : mapping
        `external_sites`, that were never trained on; `positive`, the class whose evidence is
        audited; `headline`; `methods`, with `algorithm` and `layer` of each; `layers`, each model's
        target layer or None; `trust`, with `tests` and `limits`; and `shards`.
    settings : mapping
        Section `summary` of the config.

    Raises
    ------
    InputError
        When a table does not hold the cases it should.
    """
    tables = read_tables(results, cases, list(raters), models, study)
    # A table at a time: each is written before the next is made.
    for name, table in _summaries(results, cases, raters, tables, study, settings):
        text = table.to_csv(sep="\t", index=False, float_format="%.6g", lineterminator="\n")
        write_whole(results / "summary" / f"{name}.tsv", text.encode())


def read_tables(
    results: Path, cases: Cases, annotated: Sequence[str], models: Sequence[str],
    study: Mapping[str, Any],
) -> Tables:  # fmt: skip
    """Read what `summarise` needs; `annotated` are the cases that anyone annotated."""
    predictions = {
        model: read_predictions(results / "predict" / f"{model}.tsv", cases) for model in models
    }
    audited = Audited.of(cases, annotated, study["external_sites"], study["positive"], predictions)

    def paths(suffix: str) -> list[Path]:
        return [results / "overlap" / f"{case}{suffix}" for case in audited.cases]

    scores, judged = case_tables.read_scores(paths(".tsv"), study["headline"])
    return Tables(
        audited=audited,
        predictions=predictions,
        scores=audited.join(scores),
        judged=audited.join(judged),
        raters=audited.join(case_tables.read_raters(paths(".raters.tsv"), study["headline"])),
        pairs=audited.join(case_tables.read_pairs(paths(".pairs.tsv"), study["headline"])),
        places=audited.join(case_tables.read_places(paths(".places.tsv"))),
        seeds=audited.join(case_tables.read_seeds(paths(".seeds.tsv"))),
        patterns=audited.join(case_tables.read_patterns(paths(".agreement.tsv"))),
        curves=dict(zip(audited.cases, paths(".curves.npz"), strict=True)),
    )


def _summaries(
    results: Path, cases: Cases, raters: Mapping[str, Sequence[str]], tables: Tables,
    study: Mapping[str, Any], settings: Mapping[str, Any],
) -> Iterator[tuple[str, pd.DataFrame]]:  # fmt: skip
    """Yield the name and the table of each output."""
    audited, scores = tables.audited, tables.scores
    networks = {
        model: read_seeds(results / "predict" / f"{model}.seeds.tsv")
        for model in tables.predictions
    }
    yield "performance", performance_table(
        tables.predictions, networks, cases, study["external_sites"], study["positive"],
        settings["strata"], settings,
    )  # fmt: skip
    yield "calibration", calibration_table(
        tables.predictions, cases, study["external_sites"], study["positive"],
        settings["confidence"],
    )  # fmt: skip
    yield "overlap", overlap_table(scores, tables.seeds, audited, settings)
    yield "ratios", ratios_table(scores, study["headline"])
    yield "sensitivity", sensitivity_table(
        scores, tables.raters, audited, study["headline"], study["methods"], study["layers"],
        settings,
    )  # fmt: skip
    yield "places", places_table(tables.places, audited, settings)
    yield "trust", trust_table(
        Layout(study["shards"], results), list(tables.predictions), list(study["methods"]), cases,
        study["positive"], study["trust"], settings,
    )  # fmt: skip
    yield "verdict", verdict_table(tables.judged, tables.predictions)
    references = [name for name in scores["reference"].cat.categories if name != VOTES]
    yield "curves", curves_table(tables.curves, references, audited)
    external, headline = study["external_sites"], study["headline"]
    yield "bands", bands_table(tables.curves, tables.judged, audited, headline, settings)
    yield (
        "comparisons",
        comparisons_table(
            tables.judged, tables.pairs, tables.predictions, cases, external, headline, settings
        ),
    )
    staple = case_tables.read_staple({case: results / "annotate" / case for case in audited.cases})
    who = {case: raters[case] for case in audited.cases}
    yield "agreement", agreement_table(tables.patterns, staple, who, cases, external, settings)
