from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rightreason.sensitivity_table import SENSITIVITY_COLUMNS, sensitivity_table
from rightreason.summary import read_tables
from scipy.stats import bootstrap

from tests.unit.overlap_fakes import (
    HEADLINE,
    FakeCase,
    FakeStudy,
    annotated_of,
    cases_of,
    expanded_level,
    write_study,
)

SETTINGS = {"bootstrap": 1000, "confidence": 0.95, "seed": 3}
NAN = float("nan")
STUDY = FakeStudy(("m",), ("gradcam", "deep", "ig"), ("otsu", "half"))
METHODS = {
    "gradcam": {"algorithm": "gradcam", "layer": None},
    "deep": {"algorithm": "hirescam", "layer": "features.4"},
    "ig": {"algorithm": "integrated_gradients", "layer": None},
}


def table_of(folder: Path, cohort, layers=None, **headline) -> pd.DataFrame:
    write_study(folder, cohort, STUDY)
    named = HEADLINE | headline
    about = {"external_sites": [], "positive": "drowning", "headline": named}
    tables = read_tables(folder, cases_of(cohort), annotated_of(cohort), STUDY.models, about)
    table = sensitivity_table(
        tables.scores, tables.raters, tables.audited, named, METHODS,
        {"m": "relu"} if layers is None else layers, SETTINGS,
    )  # fmt: skip
    assert list(table.columns) == SENSITIVITY_COLUMNS
    return table[table["sites"] == "training"].set_index(["choice", "option"])


def other_ratio(base: float):
    """A ratio that differs by method, reference and binarisation."""

    def ratio(_model: str, method: str, reference: str, binarisation: str) -> float:
        steps = {"deep": 0.01, "ig": 0.02, "r1": 0.03, "intersection": 0.04, "half": 0.05}
        return base + sum(steps.get(name, 0) for name in (method, reference, binarisation))

    return ratio


COHORT = {
    "c1": FakeCase("p1", ratio=other_ratio(0.2), left_out={"r1": 0.3, "r2": 0.2}),
    "c2": FakeCase("p2", ratio=other_ratio(0.4), left_out={"r1": 0.6}),
    "c3": FakeCase("p3", ratio=other_ratio(0.7), raters=("r2", "r3"), left_out={"r2": 0.5}),
    "c4": FakeCase("p4", ratio=other_ratio(0.9), probability=0.1),
}


def test_one_choice_at_a_time_by_hand(tmp_path: Path):
    table = table_of(tmp_path, COHORT, subset="correct")
    assert list(table.index) == [
        ("headline", ""), ("left_out", "r1"), ("left_out", "r2"), ("left_out", "r3"),
        *(("reference", name) for name in
          ("r1", "r2", "r3", "majority", "union", "intersection", "staple")),
        ("binarisation", "otsu"), ("binarisation", "half"),
        ("method", "gradcam"), ("method", "deep"), ("method", "ig"),
    ]  # fmt: skip
    first = table.loc["headline", ""]
    # c4 is classified wrongly.
    assert (first["n_cases"], first["difference"]) == (3, 0)
    assert first["mean"] == pytest.approx((0.2 + 0.4 + 0.7) / 3)
    assert first["chance"] == pytest.approx(0.8)
    for key, step in {("reference", "union"): 0, ("reference", "intersection"): 0.04,
                      ("binarisation", "half"): 0.05, ("method", "deep"): 0.01,
                      ("method", "ig"): 0.02}.items():  # fmt: skip
        found = table.loc[key]
        assert found["n_cases"] == 3
        assert found["mean"] == pytest.approx(first["mean"] + step)
        assert found["difference"] == pytest.approx(step)


def test_a_reference_of_fewer_cases_differs_by_the_cases_both_have(tmp_path: Path):
    found = table_of(tmp_path, COHORT, subset="correct").loc["reference", "r1"]
    assert found["n_cases"] == 2  # not c3
    assert found["mean"] == pytest.approx((0.23 + 0.43) / 2)
    assert found["difference"] == pytest.approx(0.03)


def test_without_a_rater(tmp_path: Path):
    table = table_of(tmp_path, COHORT, subset="correct")
    first = table.loc["left_out", "r1"]
    # r1 did not annotate c3, where the headline stays.
    assert (first["n_cases"], first["mean"]) == (3, pytest.approx((0.3 + 0.6 + 0.7) / 3))
    assert first["difference"] == pytest.approx((0.1 + 0.2 + 0) / 3)
    assert np.isnan(first["chance"])
    assert table.loc["left_out", "r2"]["mean"] == pytest.approx((0.2 + 0.4 + 0.5) / 3)
    assert table.loc["left_out", "r3"]["difference"] == pytest.approx(0)


def test_without_the_only_rater_of_a_case_it_has_no_value(tmp_path: Path):
    cohort = COHORT | {"c3": FakeCase("p3", ratio=0.7, raters=("r3",))}
    found = table_of(tmp_path, cohort, subset="correct").loc["left_out", "r3"]
    assert (found["n_cases"], found["mean"]) == (2, pytest.approx(0.3))
    assert found["difference"] == pytest.approx(0)


def test_where_a_rater_is_the_reference(tmp_path: Path):
    table = table_of(tmp_path, COHORT, reference="r1")
    assert table.loc["headline", ""]["n_cases"] == 3  # c1, c2, c4
    gone, other = table.loc["left_out", "r1"], table.loc["left_out", "r2"]
    assert gone["n_cases"] == 0
    assert gone[["mean", "low", "high", "chance", "difference"]].isna().all()
    # Who else looked does not change what r1 marked.
    assert (other["mean"], other["difference"]) == (table.loc["headline", ""]["mean"], 0)


def test_undefined_values_are_left_out_of_both(tmp_path: Path):
    def ratio(_model: str, method: str, _reference: str, _binarisation: str) -> float:
        return NAN if method == "ig" else 0.9

    cohort = {"c1": FakeCase("p1", ratio=0.2), "c2": FakeCase("p2", ratio=ratio)}
    found = table_of(tmp_path, cohort).loc["method", "ig"]
    assert (found["n_cases"], found["mean"], found["difference"]) == (1, pytest.approx(0.2), 0)


def test_intervals_are_scipys_bca(tmp_path: Path):
    ratios = np.round(np.random.default_rng(2).random(12), 3) * 0.9
    cohort = {
        f"c{i:02d}": FakeCase(f"p{i:02d}", ratio=other_ratio(float(r)))
        for i, r in enumerate(ratios)
    }
    found = table_of(tmp_path, cohort).loc["binarisation", "half"]
    theirs = bootstrap(
        (ratios + 0.05,), np.mean, n_resamples=1000, method="BCa", axis=-1, vectorized=True,
        confidence_level=expanded_level(12),
        random_state=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert found["low"] == pytest.approx(theirs.low, abs=1e-7)
    assert found["high"] == pytest.approx(theirs.high, abs=1e-7)


def test_algorithm_and_layer_of_each_row(tmp_path: Path):
    table = table_of(tmp_path, COHORT)
    about = {key: (row["algorithm"], row["layer"]) for key, row in table.iterrows()}
    assert about["headline", ""] == about["left_out", "r1"] == ("gradcam", "relu")
    assert about["method", "deep"] == ("hirescam", "features.4")
    assert about["method", "ig"] == ("integrated_gradients", "")
    last = table_of(tmp_path / "last", COHORT, layers={"m": None})
    assert last.loc["headline", ""]["layer"] == ""


def test_nobody_is_audited(tmp_path: Path):
    assert table_of(tmp_path, {"c1": FakeCase("p1", raters=())}).empty
