"""What a panel is made of; `templates/blocks.html` knows how each kind looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rightreason.figures import Picture
from rightreason.report_data import Study


@dataclass(frozen=True)
class Text:
    """Paragraphs; `look` is `plain`, `lead` (large), `small`, `warning`, `list` or
    `references`."""

    paragraphs: Sequence[str]
    look: str = "plain"
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows; `faint` are the (row, column) shown in grey."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    faint: frozenset[tuple[int, int]] = frozenset()
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
    blocks: Sequence[Table | Text | Figures]
    kind: ClassVar[str] = "details"


@dataclass(frozen=True)
class Cell:
    """A cell of the table of cases; `order` is the number it is sorted by, None for text."""

    text: str
    order: float | None = None


@dataclass(frozen=True)
class CaseTable:
    """The table of all cases, which the page lets one sort, filter and search.

    Attributes
    ----------
    caption : str
        Of the table.
    columns : sequence of str
        Headings; the first column is the case, which opens its view.
    rows : sequence of sequence of Cell
        In the order of the page.
    choices : mapping of column number to str
        The columns to filter by, each with what is said for "all of them".
    first : str
        The value of the first of these columns that is chosen when the page opens.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    choices: Mapping[int, str]
    first: str
    kind: ClassVar[str] = "cases"


Block = Text | Table | Figures | CaseView | Details | CaseTable


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
