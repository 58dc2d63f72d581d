from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rightreason.places_table import PLACES_COLUMNS, places_table
from rightreason.summary import read_tables

from tests.unit.overlap_fakes import (
    HEADLINE,
    PLACES,
    FakeCase,
    annotated_of,
    cases_of,
    write_study,
)

SETTINGS = {"bootstrap": 500, "confidence": 0.95, "seed": 3}


def table_of(folder: Path, cohort) -> pd.DataFrame:
    write_study(folder, cohort)
    about = {"external_sites": [], "positive": "drowning", "headline": HEADLINE}
    tables = read_tables(folder, cases_of(cohort), annotated_of(cohort), ["m"], about)
    table = places_table(tables.places, tables.audited, SETTINGS)
    assert list(table.columns) == PLACES_COLUMNS
    chosen = (table["sites"] == "training") & (table["reference"] == "union")
    return table[chosen].set_index(["subset", "place"])


def with_region(outside: float, beside: float, inside: float) -> dict[str, float]:
    return {"outside_body": outside, "body_outside_region": beside, "unmarked_in_region": inside}


def test_shares_by_hand(tmp_path: Path):
    cohort = {
        # 10 attended voxels, of which 5 and 8 are irrelevant.
        "c1": FakeCase("p1", ratio=0.5, places=with_region(1, 1.5, 2.5)),
        "c2": FakeCase("p2", ratio=0.8, places=with_region(4, 4, 0), probability=0.2),
        # Nothing is irrelevant; nothing is attended: no shares.
        "c3": FakeCase("p3", ratio=0.0, places=with_region(0, 0, 0)),
        "c4": FakeCase("p4", ratio=float("nan"), places=with_region(0, 0, 0)),
    }
    table = table_of(tmp_path, cohort)
    assert [place for subset, place in table.index if subset == "all"] == PLACES[:3]
    shares = table.loc["all"]["share"].to_dict()
    assert shares == {
        "outside_body": pytest.approx((0.2 + 0.5) / 2),
        "body_outside_region": pytest.approx((0.3 + 0.5) / 2),
        "unmarked_in_region": pytest.approx((0.5 + 0) / 2),
    }
    assert sum(shares.values()) == pytest.approx(1)
    assert (table.loc["all"]["n_cases"] == 2).all()
    assert table.loc["correct", "outside_body"]["share"] == pytest.approx(0.2)
    wrong = table.loc["wrong", "outside_body"]
    assert (wrong["n_cases"], wrong["share"]) == (1, 0.5)
    assert np.isnan(wrong["low"])
    both = table.loc["all", "outside_body"]
    assert both["low"] <= both["share"] <= both["high"]


def test_cases_with_and_without_a_region_are_not_mixed(tmp_path: Path):
    cohort = {
        "c1": FakeCase("p1", ratio=0.5, places=with_region(1, 1, 3)),
        "c2": FakeCase("p2", ratio=0.5, places={"outside_body": 2, "unmarked_in_body": 3}),
    }
    table = table_of(tmp_path, cohort).loc["all"]
    assert table["n_cases"].to_dict() == dict(zip(PLACES, (2, 1, 1, 1), strict=True))
    assert table["share"].to_dict() == {
        "outside_body": pytest.approx(0.3),
        "body_outside_region": pytest.approx(0.2),
        "unmarked_in_region": pytest.approx(0.6),
        "unmarked_in_body": pytest.approx(0.6),
    }


def test_nobody_is_audited(tmp_path: Path):
    assert table_of(tmp_path, {"c1": FakeCase("p1", raters=())}).empty
