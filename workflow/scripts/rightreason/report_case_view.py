"""What the viewer of cases needs from the study: its words, colours and settings, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from rightreason.case_pictures import ATTENDED_COLOUR, COLOURS, VOTES_PART
from rightreason.report_data import Study
from rightreason.words import _

SEEN_COLOUR = "#9adcff"
OPENING, CLOSING = "rightreason.show(", ");"


def viewer(study: Study) -> dict[str, Any]:
    """Return the words, colours and settings of the viewer as plain types.

    The keys of `words` are what the scripts ask for; places in braces are filled by them.
    """
    return {
        "words": {**_sentences(), **_names()},
        "colours": {**{name: _hex(*cmap) for name, cmap in COLOURS.items()},
                    "votes": _hex("viridis", *VOTES_PART)},
        "chosen": study.config["report"]["colours"],
        "window": list(study.config["report"]["window"]),
        "attended": ATTENDED_COLOUR,
        "seen": SEEN_COLOUR,
        "method": study.headline["method"],
        "headline": _(
            "Verdicts and measures are of the headline: method {method}, reference {reference}, "
            "binarisation {binarisation}."
        ).format(**study.headline),
    }  # fmt: skip


def presets(study: Study) -> list[tuple[str, float, float]]:
    """Return the viewer's CT windows, the report's own among them: name, HU of black and white."""
    found = [(_("Lung"), -1350.0, 150.0), (_("Soft tissue"), -160.0, 240.0),
             (_("Bone"), -450.0, 1050.0)]  # fmt: skip
    low, high = study.config["report"]["window"]
    known = [(black, white) for _name, black, white in found]
    return found if (low, high) in known else [(_("Of the report"), low, high), *found]


def inlined(study: Study) -> dict[str, str]:
    """Return the statement's JSON of each case, of cases that have a file, when all go inline."""
    if not study.config["report"]["inline"]:
        return {}
    folder = study.results / "report" / "cases"
    return {case: statement(folder / f"{case}.js") for case in sorted(study.cases)
            if (folder / f"{case}.js").exists()}  # fmt: skip


def statement(path: Path) -> str:
    """Take the JSON out of a case's file `rightreason.show(...);`; safe within a page."""
    text = path.read_text(encoding="utf-8").strip()
    return text.removeprefix(OPENING).removesuffix(CLOSING).replace("<", "\\u003c")


def _hex(name: str, start: float, end: float = 1.0) -> str:
    """Return 256 colours as one text of six digits each."""
    colours = mpl.colormaps[name](np.linspace(start, end, 256))[:, :3]
    return bytes(np.rint(colours * 255).astype(np.uint8)).hex()


def _sentences() -> dict[str, str]:
    return {
        "shown": _("{n} of {all} rows shown"),
        "title": _("Case {case}"),
        "missing": _("The images of case {case} could not be read: {file} should lie beside this "
                     "page, as the report was written."),
        "broken": _("The images of case {case} are damaged: {file} does not hold what it should. "
                    "Make the report again."),
        "no_webgl": _("This browser cannot draw the three planes (it offers no WebGL2); the "
                      "pictures below are drawn without it."),
        "loading": _("Loading case {case} …"),
        "ready": _("Case {case} is shown."),
        "slice_of": _("{plane} slice {k} of {n}, at {mm} mm"),
        "no_marks": _("Nobody annotated this case."),
        "no_maps": _("There is no saliency map of this case."),
        "reduced": _("The CT is shown at {mm} mm per voxel, averaged from finer voxels."),
        "not_reduced": _("The CT is shown at its own {mm} mm per voxel."),
        "voted": _("{n} of {all} raters: {names}"),
        "voted_none": _("0 of {all} raters"),
        "position": _("{x} {x_mm}, {y} {y_mm}, {z} {z_mm} mm"),
        "hu": _("{hu} HU ± {within}"),
        "unseen": _("not seen by the model"),
        "outside": _("outside the part that is shown"),
        "ct_caption": _("CT, {plane} slice {k} of {n}, {low} to {high} HU"),
        "saliency_caption": _("Saliency of {model} ({method}); white line: marked by at least one "
                              "rater; dashed line: seen by the model."),
        "saliency_rater_caption": _("Saliency of {model} ({method}); white line: marked by "
                                    "{rater}; dashed line: seen by the model."),
        "votes_caption": _("Votes of {n} raters; orange line: what {model} attends to ({method})."),
        "rater_caption": _("Marks of {rater}; orange line: what {model} attends to ({method})."),
        "bad_window": _("The window’s upper end must lie above its lower end."),
        "nothing_seen": _("The model saw nothing of this slice."),
        "no_threshold": _("The map has no attended region."),
    }  # fmt: skip


def _names() -> dict[str, str]:
    return {
        "axial": _("Axial"), "coronal": _("Coronal"), "sagittal": _("Sagittal"),
        "R": _("R"), "L": _("L"), "A": _("A"), "P": _("P"), "S": _("S"), "I": _("I"),
        "hu_axis": _("CT number in HU"),
        "saliency_axis": _("saliency, raw units of the method"),
        "votes_axis": _("votes: raters who marked it"),
        "positive": _("evidence for the class"), "negative": _("evidence against the class"),
        "absolute": _("evidence for or against the class"),
        "all_votes": _("Votes of all raters"), "hidden": _("None"),
        "sort": _("Sort by {column}"),
    }  # fmt: skip
