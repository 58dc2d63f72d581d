"""The words and numbers of the overlap tables' rows."""

from __future__ import annotations

from typing import Any

import pytest
from rightreason.overlap_rows import why


@pytest.mark.parametrize(
    ("measure", "important", "attended", "reason"),
    [
        ("irrelevant_ratio", 0, 0, "nothing marked"),
        ("coverage", 0, 7, "nothing marked"),
        ("irrelevant_ratio", 5, 0, "nothing attended"),
        ("pointing_game", 5, None, "no evidence"),
        ("rank_correlation", 5, None, "votes or evidence all alike"),
        ("auroc", 9, None, "everything marked"),
    ],
)
def test_why_a_value_is_undefined(
    measure: str, important: int, attended: int | None, reason: str
) -> None:
    """The rule `area` attends to nothing where nothing is marked: that is no fault of the map."""
    row: dict[str, Any] = {"measure": measure, "important_voxels": important, "seen_voxels": 9}
    assert why(row | {"attended_voxels": attended}) == reason
