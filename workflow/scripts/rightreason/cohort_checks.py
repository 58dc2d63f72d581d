"""Whether a config and its cohort make a study: patients, sites, classes, folds, names.

Standard library and pydantic only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rightreason import study_networks
from rightreason.consensus import CONSENSUS
from rightreason.errors import unknown
from rightreason.table_rows import CASE_COLUMNS

if TYPE_CHECKING:
    from rightreason.study import Study

MAX_GROUPS = 12
"""A stratum with more values makes a table that nobody reads, of groups too small to say a word."""
OWN_STRATA = ("fold",)
"""What `performance.tsv` is divided by in any case."""


def cohort_problems(study: Study) -> list[str]:
    """Find what is wrong with the cohort as a whole; one sentence for each problem."""
    if not study.cases:
        return []
    config = study.config
    sites = sorted({case.site for case in study.cases.values()})
    problems = [
        unknown("external_sites", site, sites)
        for site in config.external_sites
        if site not in sites and not (study.is_demo and config.demo.external_cases == 0)
    ]
    trains = bool(study_networks.trained_here(config))
    if set(sites) <= set(config.external_sites):
        left = "to train on" if trains else "that the headline could be of; name none, or fewer"
        return [*problems, f"external_sites: every site is external; nothing is left {left}"]
    patients: dict[str, set[str]] = {}
    for case in study.cases.values():
        patients.setdefault(case.patient, set()).add(case.site)
    problems += [
        f"patient {patient} has cases in the sites {', '.join(sorted(there))}; a patient belongs "
        "to one site"
        for patient, there in patients.items()
        if len(there) > 1
    ]
    for label in config.classes:
        wanted = label == config.positive
        count = len({m.patient for m in study.training if m.positive == wanted})
        if count == 0:
            problems.append(f"the training sites have no case of the class {label}")
        elif trains and count < config.train.folds:
            problems.append(
                f"the training sites have {count} patients of the class {label}, fewer than the "
                f"{config.train.folds} folds (train.folds)"
            )
    if trains and not problems:
        problems += _fold_problems(study)
    problems += _shared_files(study) + _headline_problems(study) + _strata_problems(study)
    return problems + study_networks.problems(config)


def _fold_problems(study: Study) -> list[str]:
    """Find folds that leave too few patients to train and validate with."""
    for fold in range(study.config.train.folds):
        parts = study.parts(fold)
        labels = {part: {study.label(c) for c in parts if parts[c] == part}
                  for part in ("train", "validation")}  # fmt: skip
        if labels["train"] != {0, 1} or not labels["validation"]:
            return [
                f"the training sites have too few patients: without test fold {fold}, nothing is "
                "left to train with on both classes and to validate with; add patients or take "
                "more folds (train.folds)"
            ]
    return []


def _shared_files(study: Study) -> list[str]:
    """Find annotations that two patients share.

    Where both were scanned at one place of one scanner's coordinates, nothing in a mask tells.
    """
    first: dict[Path, str] = {}
    problems = []
    for case in study.cases:
        rows = study.annotations.get(case, [])
        for file in dict.fromkeys(row.file for row in rows if row.file):
            other = first.setdefault(file, case)
            if study.cases[other].patient != study.cases[case].patient:
                problems.append(
                    f"{file} is an annotation of case {other} and of case {case}, of another "
                    "patient; name each case's own (an empty `file` says that nothing was "
                    "found), or give both cases one `patient`"
                )
    return problems


def _headline_problems(study: Study) -> list[str]:
    raters = {a.rater for rows in study.annotations.values() for a in rows}
    references = [*sorted(raters), *CONSENSUS]
    if study.config.headline.reference not in references:
        return [unknown("headline.reference", study.config.headline.reference, references)]
    return []


def _strata_problems(study: Study) -> list[str]:
    """Find names in `summary.strata` by whose values the cohort cannot be divided."""
    names = study.config.summary.strata
    columns = sorted({name for case in study.cases.values() for name in case.extra})
    problems = [
        f"summary.strata: {name!r} is named twice"
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    for name in dict.fromkeys(names):
        groups = {case.extra.get(name, "") for case in study.cases.values()}
        if name in CASE_COLUMNS or name in OWN_STRATA:
            problems.append(
                f"summary.strata: {name!r} means something to the workflow itself (sites and folds "
                "are tabled in any case); name a further column of the table of cases"
            )
        elif not columns:
            problems.append(
                f"summary.strata: {name!r} is unknown; the table of cases has no further column"
            )
        elif name not in columns:
            problems.append(unknown("summary.strata", name, columns))
        elif len(groups) > MAX_GROUPS:
            problems.append(
                f"summary.strata: the column {name!r} has {len(groups)} different values, and at "
                f"most {MAX_GROUPS} can be tabled; add a column of groups (of an age, for example, "
                "18-39, 40-64, 65+) and name that one"
            )
    return problems
