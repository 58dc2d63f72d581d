"""Parsing LIDC XML: sessions, nodules and outlines, as the file has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from rightreason.errors import InputError

ROOT = "LidcReadMessage"
# The largest of the public collection has 2 MB.
_MOST_BYTES = 32 << 20


@dataclass(frozen=True)
class Outline:
    """A closed line in pixels of one DICOM slice; of one point, a mark.

    Attributes
    ----------
    points : (points, 2) array of int
        Column and row.
    z_mm : float
        The slice's z, in mm of LPS.
    instance : str
        The slice's SOPInstanceUID.
    included : bool
        Whether it encloses a part of the nodule, or a part that is none of it.
    """

    points: NDArray[np.int_]
    z_mm: float
    instance: str
    included: bool


@dataclass(frozen=True)
class Nodule:
    """What one rater drew of one nodule."""

    name: str
    outlines: list[Outline]


@dataclass(frozen=True)
class Message:
    """One file: the nodules of each reading session, and the UIDs of what was read."""

    sessions: list[list[Nodule]]
    studies: list[str]
    series: list[str]
    instances: list[str]


def read_message(path: Path) -> Message:
    """Parse a file; with an XML namespace or none.

    Raises
    ------
    InputError
        When it is no LIDC XML or damaged, is larger than 32 MB, or declares a document type or
        entities, which LIDC files never do.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path.name} is larger than {_MOST_BYTES >> 20} MB; LIDC XML never is.")
    content = path.read_bytes()
    try:
        _refuse_declarations(content, path)
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, expat.ExpatError, LookupError, ValueError) as error:
        raise InputError(f"{path.name} is damaged: it is no whole XML ({error}).") from error
    if _name(root) != ROOT:
        raise InputError(
            f"{path.name} is XML of another kind ({_name(root)[:40]}); of XML files, those of LIDC "
            f"({ROOT}) are supported."
        )
    try:
        sessions = [
            [_nodule(node) for node in _children(session, "unblindedReadNodule")]
            for session in _children(root, "readingSession")
        ]
        # Marks of what is no nodule name slices, too.
        instances = [
            uid for element in root.iter() if _name(element) == "imageSOP_UID"
            if (uid := (element.text or "").strip())
        ]  # fmt: skip
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path.name} is damaged: {error}.") from error
    if not sessions:
        raise InputError(f"{path.name} holds no reading session.")
    header = next(_children(root, "ResponseHeader"), root)
    return Message(
        sessions,
        [uid] if (uid := _text(header, "StudyInstanceUID", "")) else [],
        [uid] if (uid := _text(header, "SeriesInstanceUid", "")) else [],
        instances,
    )


def _refuse_declarations(content: bytes, path: Path) -> None:
    """Stop before a document type is read: its entities can grow without bound or read files."""

    def refuse(*_: Any) -> None:
        raise InputError(
            f"{path.name} declares a document type or entities, which LIDC XML never does; it is "
            "not read."
        )

    parser = expat.ParserCreate()
    handler: Callable[..., None] = refuse
    parser.StartDoctypeDeclHandler = handler
    parser.EntityDeclHandler = handler
    parser.Parse(content, True)


def _nodule(node: ElementTree.Element) -> Nodule:
    return Nodule(_text(node, "noduleID", ""), [_outline(roi) for roi in _children(node, "roi")])


def _outline(roi: ElementTree.Element) -> Outline:
    points = [
        (int(_text(edge, "xCoord")), int(_text(edge, "yCoord")))
        for edge in _children(roi, "edgeMap")
    ]
    z_mm = float(_text(roi, "imageZposition"))
    if not points or not np.isfinite(z_mm):
        raise ValueError("an outline has no points or no finite z")
    inclusion = _text(roi, "inclusion", "TRUE").upper()
    if inclusion not in ("TRUE", "FALSE"):
        raise ValueError(f"inclusion is {inclusion[:20]!r}, not TRUE or FALSE")
    # Whatever does not fit is far outside any image, and said so there.
    pixels = np.clip(np.array(points, dtype=object), -(2**31), 2**31).astype(np.int64)
    return Outline(pixels, z_mm, _text(roi, "imageSOP_UID", ""), inclusion == "TRUE")


def _children(node: ElementTree.Element, name: str) -> Any:
    return (child for child in node if _name(child) == name)


def _text(node: ElementTree.Element, name: str, otherwise: str | None = None) -> str:
    for child in _children(node, name):
        if child.text and child.text.strip():
            return str(child.text.strip())
    if otherwise is None:
        raise ValueError(f"an element {_name(node)} has no {name}")
    return otherwise


def _name(node: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return str(node.tag).rpartition("}")[2]
