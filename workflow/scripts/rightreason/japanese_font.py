"""IPAexGothic, the font of the report in Japanese: whole for plots, and as a subset for the page.

The file comes with the package matplotlib-fontja. Its licence (IPA Font License 1.0) allows that
documents carry it.
"""

from __future__ import annotations

import base64
import io
import logging
import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from matplotlib.font_manager import fontManager

from rightreason.errors import InputError
from rightreason.words import _, mark, spoken

NAME = "IPAexGothic"
PACKAGE = "matplotlib_fontja"
CREDIT = mark("The page and its plots use the font IPAexGothic (IPA Font License Agreement v1.0).")


def plot_fonts() -> list[str]:
    """Return the fonts of plots in the language that is spoken, each for what those before lack."""
    if spoken() == "ja":
        _known_to_matplotlib()
        return ["DejaVu Sans", NAME]
    return ["DejaVu Sans"]


@cache
def _known_to_matplotlib() -> None:
    # It has one weight, and matplotlib says so whenever another one is asked for.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    fontManager.addfont(font_file())


def font_file() -> Path:
    """Return where the font lies.

    The package is not imported: that would change matplotlib's settings.

    Raises
    ------
    InputError
        When the package is not installed.
    """
    found = find_spec(PACKAGE)
    if not found or not found.submodule_search_locations:
        raise InputError(
            "A report in Japanese needs the Python package matplotlib-fontja, which holds the "
            "font; install it, or set `report: language: en`."
        )
    return Path(found.submodule_search_locations[0]) / "fonts" / "ipaexg.ttf"


def credit() -> str:
    """Name the font and its licence; empty where the report needs no font of its own."""
    return _(CREDIT) if spoken() == "ja" else ""


def page_font(text: str) -> str:
    """Return the page's own font as a data address; empty where any system has one.

    Parameters
    ----------
    text : str
        Everything that the page may show, HTML and JSON with its escapes among it; the font holds
        its letters beyond ASCII.
    """
    if spoken() != "ja":
        return ""
    escaped = (chr(int(code, 16)) for code in re.findall(r"\\u([0-9a-f]{4})", text))
    letters = {*re.findall(r"[^\x00-\x7f]", text), *escaped}
    return f"data:font/woff;base64,{base64.b64encode(_subset(sorted(letters))).decode()}"


def _subset(letters: Sequence[str]) -> bytes:
    """Make a WOFF of these letters, the same bytes each time."""
    options = Options(flavor="woff", hinting=False, layout_features=["kern"])
    with TTFont(font_file(), recalcTimestamp=False) as font:
        subsetter = Subsetter(options)
        subsetter.populate(text="".join(letters))
        subsetter.subset(font)
        font.flavor = "woff"
        made = io.BytesIO()
        font.save(made)
    return made.getvalue()
