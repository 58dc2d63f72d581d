from __future__ import annotations

import math

import pandas as pd
import pytest
from rightreason.verdict import QUADRANTS, judge, reason

NAN = float("nan")


@pytest.mark.parametrize(
    ("important", "attended", "overlap", "ratio", "low", "high", "expected"),
    [
        (40, 20, 15, 0.25, 0.40, 0.90, "relevant"),
        (40, 20, 1, 0.95, 0.40, 0.90, "irrelevant"),
        (40, 20, 8, 0.60, 0.40, 0.90, "undecided"),
        (40, 20, 12, 0.40, 0.40, 0.90, "undecided"),  # on the limit is not beyond it
        (40, 20, 0, 1.00, 0.40, 1.00, "irrelevant"),  # no overlap, though chance reaches 1
        (40, 0, 0, NAN, NAN, NAN, "undefined"),  # an empty map
        (0, 20, 0, 1.00, 1.00, 1.00, "undefined"),  # nothing marked: no place to miss
        (40, 20, 8, 0.60, NAN, NAN, "undecided"),  # no chance distribution
    ],
)
def test_reason(important, attended, overlap, ratio, low, high, expected):
    row = {
        "important_voxels": important, "attended_voxels": attended, "overlap_voxels": overlap,
        "irrelevant_ratio": ratio, "low": low, "high": high,
    }  # fmt: skip
    assert reason(row) == expected


def test_every_quadrant_has_its_own_name():
    assert len(set(QUADRANTS.values())) == len(QUADRANTS) == 8


HEADLINE = {"method": "gradcam", "reference": "union", "binarisation": "otsu", "subset": "all"}


def overlap_row(case, correct, ratio, reference="union"):
    return {
        "case": case, "model": "m", "method": "gradcam", "reference": reference,
        "binarisation": "otsu", "correct": correct, "important_voxels": 40.0,
        "attended_voxels": 20.0, "overlap_voxels": 20 * (1 - ratio), "irrelevant_ratio": ratio,
    }  # fmt: skip


def test_judge_joins_chance_by_case_and_sorts_wrong_reasons_first(tmp_path):
    overlap = pd.DataFrame(
        [
            overlap_row("a", "true", 0.1),
            overlap_row("b", "true", 0.9),
            overlap_row("b", "true", 0.2, reference="r1"),
            overlap_row("c", "false", 0.95),
            overlap_row("d", "true", 0.97),
            overlap_row("e", "true", 0.5),
        ]
    )
    lines = ["case\tmodel\tmethod\treference\tbinarisation\tshifts\tlow\thigh"]
    lines += [f"{case}\tm\tgradcam\tunion\totsu\t100\t0.4\t0.8" for case in "abcd"]
    lines += ["e\tm\tgradcam\tr1\totsu\t100\t0.6\t0.8"]
    path = tmp_path / "chance.tsv"
    path.write_text("\n".join(lines) + "\n")
    found = judge(overlap, [path], HEADLINE)
    assert found["case"].tolist() == ["d", "b", "e", "a", "c"]
    assert found["quadrant"].tolist() == [
        "right for the wrong reason",
        "right for the wrong reason",
        "right, reason undecided",
        "right for the right reason",
        "wrong, looking elsewhere",
    ]
    assert math.isnan(found.set_index("case").loc["e", "low"])


def test_nothing_to_judge():
    overlap = pd.DataFrame(columns=list(overlap_row("a", "true", 0.1)))
    assert judge(overlap, [], HEADLINE).empty
