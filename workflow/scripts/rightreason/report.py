"""Stage `report`: one page and its figures, made from a list of panels that must be there."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rightreason.cohort import Cases
from rightreason.errors import InputError
from rightreason.figures import Picture
from rightreason.report_blocks import Block, CaseView, Details, Figures, Panel, Section
from rightreason.report_data import Check, Study, read_study
from rightreason.report_page import Made, panels_of, render
from rightreason.report_sections import sections
from rightreason.whole import write_whole
from rightreason.words import speaking

log = logging.getLogger(__name__)

INCOMPLETE = "incomplete.html"


def write_report(
    config: Mapping[str, Any], cases: Cases, results: Path, out: Path, check: Check
) -> None:
    """Write the page, and its figures into the folder `figures` beside it.

    Parameters
    ----------
    config : mapping
        The whole resolved config as plain types.
    cases : mapping of case to mapping
        `site`, `label`.
    results : path
        The folder `results`, with what the earlier stages left.
    out : path
        The page.
    check : callable
        Raises `InputError` where files are not as they were made.

    Raises
    ------
    InputError
        When a panel could not be made and missing panels are not allowed; the page as far as it
        came is then written beside `out`, as `incomplete.html`.
    """
    with speaking(config["report"]["language"]):
        _write(read_study(config, cases, results, check), out)
    _remove_foreign(cases, out.parent / "cases")


def _write(study: Study, out: Path) -> None:
    made = [
        (section, [_make(study, section, number, panel)
                   for number, panel in enumerate(section.panels, start=1)])
        for section in sections(study)
    ]  # fmt: skip
    page = render(study, made).encode()
    missing = [panel for panel in panels_of(made) if panel.problem]
    aside = out.with_name(INCOMPLETE)
    if missing and not study.config["report"]["allow_missing"]:
        write_whole(aside, page)
        raise InputError.of(
            f"{len(missing)} panels of the report could not be made (the rest is in {aside}; "
            "`report: allow_missing: true` accepts a page without them):",
            [f"{panel.title}: {panel.problem}" for panel in missing],
        )
    aside.unlink(missing_ok=True)
    (out.parent / "figures").mkdir(parents=True, exist_ok=True)
    for drawn in _pictures(block for panel in panels_of(made) for block in panel.blocks):
        for ending, content in drawn.files.items():
            write_whole(out.parent / "figures" / f"{drawn.name}.{ending}", content)
    write_whole(out, page)


def _remove_foreign(cases: Cases, folder: Path) -> None:
    """Remove views of cases that are not the study's: the folder is handed on with the page."""
    for path in sorted(folder.glob("*.js")):
        if path.stem not in cases:
            log.info("%s is of no case of this study: removed.", path)
            path.unlink()


def _pictures(blocks: Iterable[Block]) -> Iterator[Picture]:
    """Yield the pictures of blocks, in the order of the page."""
    for block in blocks:
        if isinstance(block, Details):
            yield from _pictures(block.blocks)
        elif isinstance(block, Figures | CaseView):
            yield from (drawn for drawn, _caption in block.items)


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
