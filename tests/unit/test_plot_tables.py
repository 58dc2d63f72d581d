"""The tables that the report's plots are drawn from: bins, ratios of cases, curves with bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rightreason.bands_table import BANDS_COLUMNS
from rightreason.calibration import calibration_bins, expected_calibration_error
from rightreason.calibration_table import calibration_table
from rightreason.ratios_table import RATIOS_COLUMNS

from tests.unit.overlap_fakes import HEADLINE, FakeCase, write_study
from tests.unit.test_summary import STUDY, run

WILSON_3_OF_5 = (0.2307, 0.8824)
"""By hand: (0.6 + z²/10 ± z √(0.24/5 + z²/100)) / (1 + z²/5), with z = 1.96."""


def test_bins_hold_neighbours_in_equal_counts():
    probabilities = np.array([0.9, 0.1, 0.2, 0.3, 0.8, 0.7, 0.6, 0.4, 0.5, 0.0])
    labels = probabilities > 0.55
    low, high = calibration_bins(labels, probabilities)
    assert (low.n, low.low, low.high, low.observed) == (5, 0.0, 0.4, 0.0)
    assert low.predicted == pytest.approx(0.2)
    assert (high.n, high.low, high.high) == (5, 0.5, 0.9)
    assert high.observed == pytest.approx(4 / 5)
    # Their gaps, weighted by their counts, are the expected error of `performance.tsv`.
    gap = (abs(0.2 - 0.0) * 5 + abs(0.7 - 0.8) * 5) / 10
    assert expected_calibration_error(labels, probabilities) == pytest.approx(gap)


def test_few_cases_are_one_bin_and_none_are_none():
    one = calibration_bins(np.array([True, False, False]), np.array([0.9, 0.5, 0.1]))
    assert [(bin_.n, bin_.low, bin_.high) for bin_ in one] == [(3, 0.1, 0.9)]
    assert calibration_bins(np.array([], bool), np.array([])) == []
    assert np.isnan(expected_calibration_error(np.array([True, False]), np.array([0.9, 0.5])))


def test_cases_of_one_probability_share_their_labels():
    labels = np.array([True] * 5 + [False] * 5)
    bins = calibration_bins(labels, np.full(10, 0.5))
    assert [bin_.observed for bin_ in bins] == [0.5, 0.5]


def test_calibration_of_each_pool():
    cases = {f"c{i}": {"site": "A" if i < 5 else "B", "label": "yes" if i % 2 == 0 else "no"}
             for i in range(7)}  # fmt: skip
    table = pd.DataFrame({"case": list(cases), "label": [c["label"] for c in cases.values()],
                          "probability": [0.1 * i for i in range(7)]})  # fmt: skip
    found = calibration_table({"m": table}, cases, ["B"], "yes", 0.95)
    assert found["sites"].tolist() == ["training", "external"]
    training = found.iloc[0]
    assert (training["n_cases"], training["observed"]) == (5, 0.6)
    assert training["predicted"] == pytest.approx(0.2)
    assert (training["low"], training["high"]) == pytest.approx(WILSON_3_OF_5, abs=1e-4)
    alone = calibration_table({"m": table}, cases, [], "no", 0.95)
    assert alone["sites"].tolist() == ["training"]
    assert alone["observed"].tolist() == pytest.approx([3 / 7])


def test_limits_of_nothing_and_of_all_are_0_and_1():
    cases = {f"c{i}": {"site": "A", "label": "no"} for i in range(5)}
    table = pd.DataFrame({"case": list(cases), "label": "no", "probability": 0.2})
    row = calibration_table({"m": table}, cases, [], "yes", 0.95).iloc[0]
    assert (row["observed"], row["low"]) == (0, 0)
    assert calibration_table({"m": table}, cases, [], "no", 0.95).iloc[0]["high"] == 1


COHORT = {
    "c1": FakeCase("p1", ratio=0.2),
    "c2": FakeCase("p2", ratio=0.6, probability=0.1),
    "c3": FakeCase("p3", ratio=0.7, site="B"),
    "c4": FakeCase("p4", label="other", raters=()),
}


@pytest.fixture(scope="module")
def summary(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("summary")
    write_study(folder, COHORT)
    run(folder, COHORT)
    return folder / "summary"


def test_ratios_are_those_of_the_cases(summary):
    table = pd.read_csv(summary / "ratios.tsv", sep="\t", dtype={"right": str})
    assert list(table.columns) == RATIOS_COLUMNS
    assert table["case"].tolist() == ["c1", "c2", "c3"]
    assert table["value"].tolist() == [0.2, 0.6, 0.7]
    assert table["right"].tolist() == ["true", "false", "true"]
    # 20 of 100 seen voxels are marked.
    assert table["chance"].tolist() == pytest.approx([0.8] * 3)


def test_bands_are_the_curves_with_their_chance(summary):
    bands = pd.read_csv(summary / "bands.tsv", sep="\t")
    assert list(bands.columns) == BANDS_COLUMNS
    keys = ["sites", "model", "method", "part"]
    curves = pd.read_csv(summary / "curves.tsv", sep="\t").query(
        "reference == 'union' and subset == 'all' and sites in ['training', 'external']"
    )
    for measure in ("irrelevant_ratio", "coverage", "dice"):
        here = bands[bands["measure"] == measure].merge(curves, on=[*keys, "fraction"])
        assert len(here) == len(curves) == 200
        assert here["mean"].to_numpy() == pytest.approx(here[measure].to_numpy(), abs=1e-5)
    at = bands.query("sites == 'training' and fraction == 0.1").set_index("measure")
    ratio = at.loc["irrelevant_ratio"]
    assert (ratio["n_cases"], ratio["mean"]) == (2, pytest.approx(0.4))
    assert ratio["low"] < 0.4 < ratio["high"]
    # A tenth is attended, of it a fifth marked: 2 of 10 voxels, of 20 marked ones.
    assert at["chance"].to_dict() == pytest.approx(
        {"irrelevant_ratio": 0.8, "coverage": 0.1, "dice": 2 * 2 / 30}, abs=1e-6
    )


def test_bands_of_the_headlines_subset_and_of_one_patient(tmp_path: Path):
    write_study(tmp_path, COHORT)
    run(tmp_path, COHORT, STUDY | {"headline": HEADLINE | {"subset": "correct"}})
    bands = pd.read_csv(tmp_path / "summary" / "bands.tsv", sep="\t")
    here = bands.query("sites == 'training' and measure == 'irrelevant_ratio'")
    assert set(here["n_cases"]) == {1}
    assert set(here["mean"]) == {0.2}
    assert here[["low", "high"]].isna().all(axis=None)


def test_a_rater_who_did_not_look_has_no_curve(tmp_path: Path):
    alone = FakeCase("p2", ratio=0.6, raters=("r2",), patterns={"": 80, "r2": 20})
    cohort = {"c1": FakeCase("p1", ratio=0.2), "c2": alone}
    write_study(tmp_path, cohort)
    headline = HEADLINE | {"reference": "r1"}
    run(tmp_path, cohort, STUDY | {"headline": headline, "external_sites": []})
    bands = pd.read_csv(tmp_path / "summary" / "bands.tsv", sep="\t")
    assert set(bands["n_cases"]) == {1}
