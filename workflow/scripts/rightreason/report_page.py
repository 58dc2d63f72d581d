"""The page: its panels as they came out, put into the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rightreason.japanese_font import page_font
from rightreason.page_scripts import NIIVUE, page_scripts
from rightreason.report_blocks import Block, Section
from rightreason.report_case_view import inlined, presets, viewer
from rightreason.report_data import Study
from rightreason.sentences import commas
from rightreason.words import _, mark, plural

TEMPLATES = Path(__file__).parent / "templates"
QUESTION = mark("Does the classifier look where the experts look?")


@dataclass(frozen=True)
class Made:
    """A panel as it came out: its blocks, or why there are none."""

    title: str
    anchor: str
    blocks: Sequence[Block]
    problem: str = ""


def panels_of(made: Sequence[tuple[Section, Sequence[Made]]]) -> list[Made]:
    """List all panels of the page."""
    return [panel for _section, panels in made for panel in panels]


def render(study: Study, made: Sequence[tuple[Section, Sequence[Made]]]) -> str:
    """Fill the template; whatever comes from tables is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals.update(_=_, plural=plural, commas=commas)
    panels = panels_of(made)
    draw = partial(
        environment.get_template("page.html").render,
        title=study.config["report"]["title"] or _(QUESTION),
        language=study.config["report"]["language"],
        positive=study.positive,
        sites=sorted({case["site"] for case in study.cases.values()}),
        n_cases=len(study.cases),
        n_models=len(study.models),
        raters=study.raters,
        made=made,
        n_panels=len(panels),
        missing=[panel for panel in panels if panel.problem],
        scripts=page_scripts(),
        viewer=viewer(study),
        presets=presets(study),
        inlined=inlined(study),
        niivue_licence=NIIVUE.with_name("LICENSE").read_text(encoding="utf-8"),
    )
    # The font holds the letters of the page, which must be there first.
    return draw(font=page_font(draw(font="")))
