"""Which tests of maps run for which cases: what the rules ask (standard library only)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rightreason.study import Study

AFTERWARDS = ("findings", "empty")
"""Tests that are no part of the job of a model and method."""


def looked_at(cases: Iterable[str], count: int) -> list[str]:
    """Choose cases by their ids alone: a case that is added or taken away moves at most one."""

    def number(case: str) -> bytes:
        return hashlib.sha256(f"trust/{case}".encode()).digest()

    return sorted(sorted(cases, key=number)[:count])


def trust_cases(study: Study, model: str) -> dict[str, int | None]:
    """Return the cases that are looked at, with the fold whose networks are asked.

    Of the positive class, at sites that are trained on. The fold is None where the model was
    trained elsewhere: all of its networks judge every case.
    """
    positive = [case for case in study.folds if study.label(case)]
    folds = {} if study.config.models[model].trained_files else study.folds
    return {case: folds.get(case) for case in looked_at(positive, study.config.trust.cases)}


def annotated_trust_cases(study: Study, model: str) -> dict[str, int | None]:
    """Return those of them that a rater looked at."""
    cases = trust_cases(study, model)
    return {case: fold for case, fold in cases.items() if case in study.annotations}


def trust_tests(study: Study, afterwards: bool) -> list[str]:
    """Return the tests that are part of the job of a model and method, or those that are not."""
    chosen: Sequence[str] = study.config.trust.tests
    return [test for test in chosen if (test in AFTERWARDS) == afterwards]


def trust_settings(study: Study) -> dict[str, Any]:
    """Return what measured values depend on, beside network and method: no limits."""
    section = study.config.section("trust")
    del section["limits"]
    return {
        **section,
        "tests": trust_tests(study, afterwards=False),
        "batch": study.config.saliency.batch,
        "threads": study.config.threads,
    }


def trust_files(study: Study) -> list[Path]:
    """Return what the verdicts on the maps are made from."""
    layout, models = study.layout, study.config.models
    found: list[Path] = []
    if trust_tests(study, afterwards=False):
        methods = study.config.saliency.methods
        found += [layout.trust(model, method) for model in models for method in methods]
    if "findings" in study.config.trust.tests:
        found += [layout.trust_findings(model) for model in models]
    if "empty" in study.config.trust.tests:
        found += layout.saliency_indices(study.cases)
    return found
