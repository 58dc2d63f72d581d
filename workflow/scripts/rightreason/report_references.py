"""The report's list of references."""

from __future__ import annotations

from collections.abc import Sequence

from rightreason.citations import needed
from rightreason.report_blocks import Block, Text
from rightreason.report_data import Study


def references(study: Study) -> Sequence[Block]:
    """The works that the methods cite, numbered as there."""
    return [Text(needed(study.config).listed(), "references")]
