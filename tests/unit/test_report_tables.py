"""Every number that the report takes from a table of `summary`, found again in the page."""

from __future__ import annotations

from html import unescape

import numpy as np
import pandas as pd
import pytest
from rightreason import report_comparisons
from rightreason.report_comparisons import AGAINST, _against
from rightreason.report_data import Study, read_study
from rightreason.report_stands import strips
from rightreason.report_warnings import warnings
from rightreason.sentences import NBSP

from tests.page_numbers import apart, dec, of_headline, pct, with_limits
from tests.unit.report_fakes import fake_config, fake_study, page_of, rows_under

NAN = float("nan")


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    # Beside the training sites' cases one fold is empty of overlap.
    return fake_study(tmp_path_factory.mktemp("tables"), n=16, seed=3)


@pytest.fixture(scope="module")
def page(fakes):
    return unescape(page_of(fakes)).replace(NBSP, " ")


@pytest.fixture(scope="module")
def tables(fakes):
    names = ("performance", "overlap", "sensitivity", "places", "comparisons", "agreement",
             "verdict")  # fmt: skip
    return {
        name: pd.read_csv(fakes.folder / "summary" / f"{name}.tsv", sep="\t",
                          keep_default_na=False, na_values=[""])
        for name in names
    }  # fmt: skip


def study_of(fakes) -> Study:
    return read_study(*(fakes.arguments[name] for name in ("config", "cases", "results", "check")))


def test_classification_by_site_and_fold(page, tables):
    table = tables["performance"]
    whole = table[table["stratum"].isna()]
    rows = rows_under(page, "Classification by site")
    assert len(rows) == len(whole) == 8
    for row, (_, told) in zip(rows, whole.iterrows(), strict=True):
        assert row[:3] == [told["model"], told["sites"],
                           f"{told['n_cases']} ({told['n_positive']})"]  # fmt: skip
        names = ("auc", "average_precision", "threshold", "accuracy", "sensitivity", "specificity")
        forms = (dec, dec, dec, pct, pct, pct)
        for cell, name, form in zip(row[3:], names, forms, strict=True):
            if name == "threshold":
                assert cell == dec(told[name]) == "0.50"
            else:
                assert cell == with_limits(told, name, f"{name}_low", f"{name}_high", form)
    folds = rows_under(page, "Classification by stratum and by fold")
    assert [row[:4] for row in folds] == [
        [model, "training", "fold", "0"] for model in ("planar", "block")
    ]
    calibration = rows_under(page, "Calibration.")
    pooled = whole[whole["sites"].isin(["training", "external"])]
    assert [row[2] for row in calibration] == [dec(value) for value in pooled["brier"]]


def test_the_strip_and_its_numbers(fakes, page, tables):
    table = tables["sensitivity"]
    rows = rows_under(page, "The headline with one choice made otherwise")
    assert len(rows) == len(table[table["sites"].isin(["training", "external"])])
    first = table[(table["model"] == "planar") & (table["sites"] == "training")]
    assert first["choice"].iloc[0] == "headline"
    for row, (_, told) in zip(rows, first.iterrows(), strict=False):
        assert row[5] == with_limits(told, "mean", "low", "high", pct)
        assert row[6] == pct(told["chance"])
        assert row[7] == ("–" if np.isnan(told["difference"]) else
                          f"{100 * told['difference']:+z.1f} points".replace("-", "−"))  # fmt: skip
    low, high = first.loc[first["mean"].idxmin()], first.loc[first["mean"].idxmax()]
    assert f"planar: from {pct(low['mean'])} (" in page
    assert f") to {pct(high['mean'])} (" in page
    alt = strips(study_of(fakes))[2].items[0][0].alt.replace(NBSP, " ")
    for _, told in first.iterrows():
        assert with_limits(told, "mean", "low", "high", pct) in alt
    assert "without r2" in alt
    assert "binarisation top10" in alt


def test_where_the_irrelevant_part_lies(tmp_path):
    # Half of what is irrelevant lies in no region, a tenth in no body.
    places = {"outside_body": 0.5, "body_outside_region": 2.5, "unmarked_in_region": 2}
    ratios = {f"c{i:02d}": 0.5 for i in range(20)}
    config = fake_config(("planar",), subset="all")
    fakes = fake_study(tmp_path, config=config, ratios=ratios, places=places)
    page = unescape(page_of(fakes)).replace(NBSP, " ")
    assert rows_under(page, "Where the irrelevant part lies") == [
        ["planar", "training", "10 % [10, 10] (5)", "50 % [50, 50] (5)", "40 % [40, 40] (5)"],
        ["planar", "external", "10 % [10, 10] (2)", "50 % [50, 50] (2)", "40 % [40, 40] (2)"],
    ]
    said = "planar: 10 % outside the body, 50 % in the body, outside the region, 40 % in the"
    assert f"{said} region, unmarked." in page


def test_comparisons_with_p_and_notes(page, tables):
    table = tables["comparisons"]
    here = table[(table["sites"] == "training") & (table["subset"] == "correct")]
    chance = here[here["family"] == "model against chance"]
    rows = rows_under(page, "Model against chance.")
    assert len(rows) == len(chance) == 6
    for row, (_, told) in zip(rows, chance.iterrows(), strict=True):
        assert row[1] == report_comparisons.AGAINST[told["against"]]
        assert row[4] == str(told["n_cases"])
        assert row[5] == with_limits(
            told, "estimate", "low", "high",
            lambda value: f"{100 * value:+z.1f} points".replace("-", "−"),
        )  # fmt: skip
        assert row[6:8] == [f"{told[p]:.3f}" if told[p] >= 0.001 else "<0.001"
                            for p in ("p", "p_holm")]  # fmt: skip
        assert row[9] == (told["note"] if isinstance(told["note"], str) else "")
    goes = table[(table["family"] == "what overlap goes with") & (table["sites"] == "training")]
    rows = rows_under(page, "What the irrelevant ratio goes with")
    assert [row[9] for row in rows] == list(goes[goes["n_cases"] > 0]["note"])
    assert any("Too few to say" in row[9] for row in rows)
    assert len(rows_under(page, "Model against model")) == 1
    assert len(rows_under(page, "Model against raters")) == 2


def test_agreement_between_raters(page, tables):
    table = tables["agreement"]
    here = table[table["sites"] == "training"]
    matrix = rows_under(page, "Mean Dice of each pair of raters, training")
    assert [row[0] for row in matrix] == ["r1", "r2", "r3"]
    # r1 marked 20 voxels, r2 18 of them, r3 12 of these.
    dice = {("r1", "r2"): 36 / 38, ("r1", "r3"): 24 / 32, ("r2", "r3"): 24 / 30}
    for (one, other), value in dice.items():
        i, j = int(one[1]), int(other[1])
        assert matrix[i - 1][j] == matrix[j - 1][i]
        assert matrix[i - 1][j].startswith(f"{value:.2f} [")
    assert [matrix[i][i + 1] for i in range(3)] == ["–"] * 3
    for row in rows_under(page, "Agreement of all raters"):
        if row[1] == "training":
            told = here[(here["scope"] == "all") & here["n_cases"].eq(int(row[3]))]
            assert row[2] in {
                with_limits(one, "value", "low", "high", dec) for _, one in told.iterrows()
            }
    assert len(rows_under(page, "Each rater beside the others")) == 6


def test_an_outlying_rater_is_named_at_the_top(tmp_path):
    patterns = {"": 60, "r1+r2": 20, "r3": 20}
    config = fake_config(("planar",))
    fakes = fake_study(tmp_path, n=44, config=config, patterns=patterns)
    said = [one for one in warnings(study_of(fakes)) if "stands out" in one]
    assert len(said) == 1
    # r1 and r2 agree wholly, and neither with r3.
    assert said[0].startswith(
        "Rater r3 stands out: the Dice coefficient of a pair with r3 is on average 1.00 lower"
    )
    assert "Cases of the training sites" in said[0]


def test_every_measure_with_its_gains(page, tables):
    rows = {row[0]: row for row in rows_under(page, "planar, training sites.")}
    overlap = tables["overlap"]
    overlap = overlap[(overlap["model"] == "planar") & (overlap["sites"] == "training")]
    asked = {
        "Irrelevant ratio": (pct, {"measure": "irrelevant_ratio"}),
        "Coverage": (pct, {"measure": "coverage"}),
        "Dice": (dec, {"measure": "dice"}),
        "Area, of what was seen": (pct, {"measure": "relative_area"}),
        "Maximum inside (pointing game)": (
            pct, {"measure": "pointing_game", "binarisation": "positive"}),
        "Rank correlation with the votes": (
            dec, {"measure": "rank_correlation", "binarisation": "positive", "reference": "votes"}),
    }  # fmt: skip
    assert list(rows) == list(asked)
    for name, (form, other) in asked.items():
        told = of_headline(overlap, **other).iloc[0]
        row = rows[name]
        assert row[1:3] == [with_limits(told, "mean", "low", "high", form), str(told["n_cases"])]
        levels = [("chance", "gain"), ("shifted", "shifted_gain"), ("shuffled", "shuffled_gain")]
        assert row[3:6] == [f"{form(told[level])} ({dec(told[gain])})" for level, gain in levels]
        assert row[6:] == [form(told["fair"]), form(told["ceiling"])]


def test_why_a_measure_is_undefined_is_said(tmp_path):
    fakes = fake_study(tmp_path, config=fake_config(("planar",), subset="all"),
                       ratios={"c05": NAN})  # fmt: skip
    rows = rows_under(page_of(fakes), "planar, training sites.")
    assert [row[2:4] for row in rows if row[0] == "Irrelevant ratio"] == [
        ["4", "nothing attended (1)"]
    ]
    # What attends to nothing has an area of 0: the areas stand on one case more.
    head = rows_under(page_of(fakes), "The headline")[0]
    assert [cell.replace(NBSP, " ") for cell in head[8:]] == ["8 % (5)", "22 % (5)", "4"]


def test_verdicts_with_what_could_not_be_told(page, tables):
    verdicts = tables["verdict"]
    rows = rows_under(page, "All cases, those right for the wrong reason first")
    assert len(rows) == len(verdicts)
    for row, (_, told) in zip(rows, verdicts.iterrows(), strict=True):
        assert row[:3] == [told["case"], told["model"], told["site"]]
        assert row[3:6] == [*apart(told["probability"], told["threshold"]), pct(told["value"])]
        assert row[7:] == [
            told["quadrant"],
            told["power"] if isinstance(told["power"], str) else "",
        ]
    counts = rows_under(page, "Annotated drowning cases by verdict")
    for row in counts:
        cells = []
        for model in ("planar", "block"):
            for group in ("A", "B"):
                here = verdicts[(verdicts["model"] == model) & (verdicts["site"] == group)]
                cells.append(str((here["quadrant"].str.capitalize() == row[0].capitalize()).sum()))
        assert row[1:] == cells


def test_a_verdict_without_power_says_so(tmp_path):
    # With 22 marked voxels no region of 60 can have an irrelevant ratio below 38 / 60.
    ratios = {f"c{i:02d}": 0.8 for i in range(20)}
    config = fake_config(("planar",))
    fakes = fake_study(tmp_path, config=config, ratios=ratios, attended=60, limits=(0.6, 0.95))
    page = unescape(page_of(fakes)).replace(NBSP, " ")
    rows = rows_under(page, "All cases, those right for the wrong reason first")
    assert {row[8] for row in rows} == {"No region of this size could have been called relevant."}
    assert "(planar 7 of 7 cases with a verdict)" in page


@pytest.mark.parametrize("model", AGAINST)
def test_a_model_called_like_a_kind_of_chance_keeps_its_name(model):
    assert _against({"family": "model against model", "against": model}) == model
    assert _against({"family": "model against chance", "against": model}) == AGAINST[model]
