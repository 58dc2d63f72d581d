"""What a panel is made of; `templates/blocks.html` knows how each kind looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rightreason.figures import Picture
from rightreason.report_data import Study


@dataclass(frozen=True)
class Text:
    """Paragraphs; `look` is `plain`, `lead` (large), `small`, `warning` or `list`."""

    paragraphs: Sequence[str]
    look: str = "plain"
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Figures:
    """Plots side by side, each with its caption."""

    items: Sequence[tuple[Picture, str]]
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class CaseView:
    """The three pictures of one case under a heading, each with its caption."""

    title: str
    text: str
    items: Sequence[tuple[Picture, str]]
    kind: ClassVar[str] = "case"


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away until the reader opens them."""

    summary: str
    blocks: Sequence[Table | Text]
    kind: ClassVar[str] = "details"


Block = Text | Table | Figures | CaseView | Details


@dataclass(frozen=True)
class Panel:
    """A part of the page that must be there.

    Attributes
    ----------
    title : str
        Its heading; empty when the section's heading says it all.
    make : function of a study
        Returns the panel's blocks, or raises.
    """

    title: str
    make: Callable[[Study], Sequence[Block]]


@dataclass(frozen=True)
class Section:
    """Panels under one heading; `key` is the anchor."""

    key: str
    title: str
    panels: Sequence[Panel] = field(default_factory=list)
