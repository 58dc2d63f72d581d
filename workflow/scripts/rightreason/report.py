"""Stage `report`: one self-contained page, made from a list of panels that must be there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rightreason import (
    report_agreement,
    report_cohort,
    report_comparisons,
    report_glance,
    report_overlap,
    report_performance,
    report_stands,
    report_verdicts,
)
from rightreason.cohort import Cases
from rightreason.errors import InputError
from rightreason.images import write_whole
from rightreason.methods_text import LIMITS, methods
from rightreason.report_blocks import Block, Panel, Section, Text
from rightreason.report_cases import cases_of
from rightreason.report_data import Study, read_study
from rightreason.report_left_out import left_out

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
INCOMPLETE = "incomplete.html"


@dataclass(frozen=True)
class Made:
    """A panel as it came out: its blocks, or why there are none."""

    title: str
    anchor: str
    blocks: Sequence[Block]
    problem: str = ""


def write_report(config: Mapping[str, Any], cases: Cases, results: Path, out: Path) -> None:
    """Write the page.

    Parameters
    ----------
    config : mapping
        The whole resolved config as plain types; `config["report"]` holds `title`, `window` (HU of
        the pictures) and `allow_missing`.
    cases : mapping of case to mapping
        `patient`, `site`, `label`.
    results : path
        The folder `results`, with what the earlier stages left.
    out : path
        The page.

    Raises
    ------
    InputError
        When a panel could not be made and missing panels are not allowed; the page as far as it
        came is then written beside `out`, as `incomplete.html`.
    """
    study = read_study(config, cases, results)
    made = [
        (section, [_make(study, section, number, panel)
                   for number, panel in enumerate(section.panels, start=1)])
        for section in sections(study)
    ]  # fmt: skip
    page = render(study, made).encode()
    missing = [panel for _, panels in made for panel in panels if panel.problem]
    aside = out.with_name(INCOMPLETE)
    if missing and not config["report"]["allow_missing"]:
        write_whole(aside, page)
        raise InputError.of(
            f"{len(missing)} panels of the report could not be made (the rest is in {aside}; "
            "`report: allow_missing: true` accepts a page without them):",
            [f"{panel.title}: {panel.problem}" for panel in missing],
        )
    aside.unlink(missing_ok=True)
    write_whole(out, page)


def sections(study: Study) -> list[Section]:
    """List the panels that must be there, section by section."""
    return [
        Section("glance", "At a glance", [Panel("", report_glance.at_a_glance)]),
        Section("cohort", "The cohort", [
            Panel("Cases and scanners", report_cohort.cases_and_scanners),
            Panel("Corrections and files left out", report_cohort.corrections),
            Panel("Raters", report_cohort.raters),
            Panel("Agreement between raters", report_agreement.agreement),
        ]),
        Section("performance", "How well the models classify", [
            Panel("ROC curves", report_performance.roc_curves),
            Panel("By site, stratum and fold", report_performance.by_group),
            Panel("Calibration", report_performance.calibration),
        ]),
        Section("reasons", "Right for the right reason?", [
            Panel("Case by case", report_verdicts.scatter),
            Panel("Verdicts", report_verdicts.verdict_counts),
            Panel("Where the irrelevant part lies", report_stands.places),
        ]),
        Section("cases", "What the models look at", [
            Panel(f"Model {model}", partial(cases_of, model=model)) for model in study.models
        ]),
        Section("stands", "Does the conclusion stand?", [
            Panel("One choice at a time", report_stands.strips),
            Panel("By reference, method and threshold", report_overlap.choices),
            Panel("Held against each other, chance and raters", report_comparisons.differences),
            Panel("What overlap goes with", report_comparisons.associations),
            Panel("More measures", report_overlap.measures),
        ]),
        Section("excluded", "What is undefined or left out", [Panel("", left_out)]),
        Section("methods", "Methods", [Panel("", lambda s: [Text(methods(s))])]),
        Section("limits", "Limits", [Panel("", lambda s: [Text(LIMITS, "list")])]),
    ]  # fmt: skip


def _make(study: Study, section: Section, number: int, panel: Panel) -> Made:
    title, anchor = panel.title or section.title, f"{section.key}-{number}"
    try:
        return Made(panel.title, anchor, panel.make(study))
    except InputError as error:
        return Made(title, anchor, [], str(error))
    except Exception as error:
        # A fault of ours in one panel must not cost the reader the others; the job fails later.
        log.exception("The panel %r could not be made.", title)
        return Made(title, anchor, [], f"{type(error).__name__}: {error}")


def render(study: Study, made: Sequence[tuple[Section, Sequence[Made]]]) -> str:
    """Fill the template; whatever comes from tables is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    panels = [panel for _, panels in made for panel in panels]
    return environment.get_template("page.html").render(
        title=study.config["report"]["title"],
        positive=study.positive,
        sites=sorted({case["site"] for case in study.cases.values()}),
        n_cases=len(study.cases),
        n_models=len(study.models),
        raters=study.raters,
        made=made,
        n_panels=len(panels),
        missing=[panel for panel in panels if panel.problem],
    )
