"""Tables of ours as tab-separated text, without pandas: per-case jobs write them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np


def to_tsv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Format rows; NaN and None become blank, floats have eight significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[column]) for column in columns])
    return text.getvalue().encode()


def as_written(value: float) -> float:
    """Return the number that a reader of the table finds."""
    return float(f"{value:.8g}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.8g}"
    return str(value)
