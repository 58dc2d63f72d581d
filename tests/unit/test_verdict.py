from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from rightreason.summary import read_tables
from rightreason.verdict import (
    NEVER_IRRELEVANT,
    NEVER_RELEVANT,
    NO_CHANCE,
    ONLY_WITHOUT_OVERLAP,
    QUADRANTS,
    VERDICT_COLUMNS,
    power,
    reason,
    verdict_table,
)

from tests.unit.overlap_fakes import (
    HEADLINE,
    FakeCase,
    FakeStudy,
    annotated_of,
    cases_of,
    write_study,
)

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
        "value": ratio, "shifted_low": low, "shifted_high": high,
    }  # fmt: skip
    assert reason(row) == expected


@pytest.mark.parametrize(
    ("seen", "important", "attended", "low", "high", "expected"),
    [
        (100, 20, 10, 0.50, 0.95, ""),
        (100, 20, 10, 0.00, 0.95, NEVER_RELEVANT),  # S fits into A: the best is 0
        (100, 20, 80, 0.75, 0.95, NEVER_RELEVANT),  # the best is 1 - 20 / 80
        (100, 20, 80, 0.7501, 0.95, ""),
        (100, 20, 60, 0.66666667, 0.95, NEVER_RELEVANT),  # as the table writes 2 / 3
        (100, 20, 10, 0.50, 1.00, ONLY_WITHOUT_OVERLAP),
        (100, 20, 10, 0.00, 1.00, f"{NEVER_RELEVANT} {ONLY_WITHOUT_OVERLAP}"),
        # 50 + 70 voxels in 100: 20 overlap whatever is attended, so that 0.6 is the worst.
        (100, 70, 50, 0.20, 0.60, NEVER_IRRELEVANT),
        (100, 70, 50, 0.20, 0.55, ""),
        (100, 100, 50, 0.00, 0.00, f"{NEVER_RELEVANT} {NEVER_IRRELEVANT}"),
        (100, 20, 10, NAN, NAN, NO_CHANCE),
        (100, 0, 10, 1.00, 1.00, ""),  # undefined says it already
        (100, 20, 0, NAN, NAN, ""),
    ],
)
def test_power(seen, important, attended, low, high, expected):
    row = {
        "seen_voxels": seen, "important_voxels": important, "attended_voxels": attended,
        "shifted_low": low, "shifted_high": high,
    }  # fmt: skip
    assert power(row) == expected


@pytest.mark.parametrize("seen", [6, 9])
def test_power_is_what_trying_every_region_finds(seen):
    """Every size of A and S, every overlap that they can have, limits on and beside each ratio."""
    for important in range(1, seen + 1):
        for attended in range(1, seen + 1):
            overlaps = range(max(0, attended + important - seen), min(attended, important) + 1)
            ratios = [1 - overlap / attended for overlap in overlaps]
            for low in {0.0, *ratios}:
                for high in {low, *(ratio for ratio in ratios if ratio >= low), 1.0}:
                    limits = {"shifted_low": low, "shifted_high": high}
                    row = {"seen_voxels": seen, "important_voxels": important,
                           "attended_voxels": attended, **limits}  # fmt: skip
                    found = [
                        (overlap, reason({**row, "overlap_voxels": overlap, "value": ratio}))
                        for overlap, ratio in zip(overlaps, ratios, strict=True)
                    ]
                    said = power(row)
                    assert (NEVER_RELEVANT in said) == ("relevant" not in dict(found).values())
                    irrelevant = [o for o, verdict in found if verdict == "irrelevant"]
                    assert (NEVER_IRRELEVANT in said) == (not irrelevant)
                    if ONLY_WITHOUT_OVERLAP in said:
                        assert irrelevant == [0]
                    assert (ONLY_WITHOUT_OVERLAP in said) == (high >= 1 and 0 in overlaps)


def test_every_quadrant_has_its_own_name():
    assert len(set(QUADRANTS.values())) == len(QUADRANTS) == 8


def table_of(folder: Path, cohort, study=None, **headline) -> pd.DataFrame:
    study = study or FakeStudy()
    write_study(folder, cohort, study)
    about = {"external_sites": ["B"], "positive": "drowning", "headline": HEADLINE | headline}
    tables = read_tables(folder, cases_of(cohort), annotated_of(cohort), study.models, about)
    table = verdict_table(tables.judged, tables.predictions)
    assert list(table.columns) == VERDICT_COLUMNS
    return table


def test_right_for_the_wrong_reason_comes_first(tmp_path: Path):
    cohort = {
        "a": FakeCase("p1", ratio=0.1),
        "b": FakeCase("p2", ratio=0.96, site="B"),
        "c": FakeCase("p3", ratio=0.99, probability=0.3),
        "d": FakeCase("p4", ratio=1.0, limits=(0.5, 1.0)),
        "e": FakeCase("p5", ratio=0.7),
        "f": FakeCase("p6", ratio=NAN),
        "g": FakeCase("p7", ratio=0.99, label="other", probability=0.3),
    }
    found = table_of(tmp_path, cohort)
    assert found[["case", "quadrant", "power"]].to_numpy().tolist() == [
        ["d", "right for the wrong reason", ONLY_WITHOUT_OVERLAP],
        ["b", "right for the wrong reason", ""],
        ["e", "right, reason undecided", ""],
        ["a", "right for the right reason", ""],
        ["c", "wrong, looking elsewhere", ""],
        ["f", "right, reason undefined", ""],
    ]
    rows = found.set_index("case")
    assert rows.loc["c", ["right", "predicted", "probability"]].tolist() == ["false", "other", 0.3]
    assert rows.loc["b", ["site", "right", "label", "threshold"]].tolist() == [
        "B", "true", "drowning", 0.5,
    ]  # fmt: skip
    assert rows.loc["b", "overlap_voxels"] == pytest.approx(0.4)
    assert rows.loc["b", ["chance", "shifted_low", "shifted_high"]].tolist() == [
        pytest.approx(0.8), 0.6, 0.95,
    ]  # fmt: skip


def test_models_are_judged_apart_by_the_headline_and_at_the_chosen_threshold(tmp_path: Path):
    def ratio(model: str, method: str, reference: str, binarisation: str) -> float:
        chosen = (method, reference, binarisation) == ("ig", "r1", "half")
        return {"m": 0.1, "n": 0.97}[model] if chosen else 0.7

    cohort = {"c1": FakeCase("p1", ratio=ratio, probability={"m": 0.4, "n": 0.2}, threshold=0.3)}
    study = FakeStudy(("m", "n"), ("gradcam", "ig"), ("otsu", "half"))
    found = table_of(
        tmp_path, cohort, study, method="ig", reference="r1", binarisation="half"
    ).set_index("model")
    assert found["quadrant"].to_dict() == {
        "m": "right for the right reason", "n": "wrong, looking elsewhere",
    }  # fmt: skip


def test_nothing_to_judge(tmp_path: Path):
    assert table_of(tmp_path, {"c1": FakeCase("p1", raters=())}).empty
