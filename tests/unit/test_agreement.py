from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from rightreason.agreement import AGREEMENT_COLUMNS, agreement_table
from rightreason.errors import InputError
from rightreason.statistics import bootstrap_means

from benchmarks.outlier import KINDS, naming_rates

SETTINGS = {"bootstrap": 400, "permutations": 999, "confidence": 0.95, "seed": 0}
NOBODY = pd.DataFrame(columns=["case", "rater", "sensitivity", "specificity"])


def study(patterns, external=(), patients=None):
    """Cases of `patterns` (case to marked_by to voxels) at site A, or B where external."""
    rows = [
        (case, "seen", marked_by, voxels)
        for case, of in patterns.items() for marked_by, voxels in of.items()
    ]  # fmt: skip
    cases = {
        case: {
            "patient": (patients or {}).get(case, case),
            "site": "B" if case in external else "A",
            "label": "drowning",
        }
        for case in patterns
    }
    return pd.DataFrame(rows, columns=["case", "within", "marked_by", "voxels"]), cases


def only(table, sites="training", **where):
    rows = table[table["sites"] == sites]
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


HAND = {
    # a 3, b 3, both 2: Dice 2/3, IoU 1/2.
    "one": {"a+b": 2, "a": 1, "b": 1, "": 6},
    "two": {"a": 4, "": 6},  # Dice 0
    "three": {"": 10},  # undefined
}


def test_pairs_by_hand():
    patterns, cases = study(HAND)
    table = agreement_table(patterns, NOBODY, dict.fromkeys(HAND, ("b", "a")), cases, [], SETTINGS)
    assert list(table.columns) == AGREEMENT_COLUMNS
    assert table["sites"].unique().tolist() == ["A", "training"]
    dice = only(table, scope="pair", statistic="dice")
    assert (dice["rater"], dice["against"], dice["n_cases"]) == ("a", "b", 2)
    assert dice["value"] == pytest.approx(1 / 3)
    assert only(table, scope="pair", statistic="iou")["value"] == 0.25
    assert only(table, scope="rater", rater="b", statistic="mean_dice")["value"] == dice["value"]
    assert only(table, scope="all", statistic="mean_dice")["value"] == dice["value"]
    expected = bootstrap_means(np.array([[2 / 3], [np.nan], [0]]), np.arange(3), 400, 0.95, 0)
    assert dice["low"] == pytest.approx(expected.low[0])
    assert dice["high"] == pytest.approx(expected.high[0])
    assert table["note"].eq("").sum() > 0
    assert not (table["statistic"] == "outlier").any()  # of two raters nobody can be it


def test_chance_corrected_by_hand():
    patterns, cases = study(HAND)
    table = agreement_table(patterns, NOBODY, dict.fromkeys(HAND, ("a", "b")), cases, [], SETTINGS)
    # p = 6/20 and 2 of 10 differ; p = 4/20 and 4 of 10 differ; the third case does not vary.
    kappas = 1 - 0.2 / (2 * 0.3 * 0.7), 1 - 0.4 / (2 * 0.2 * 0.8)
    found = only(table, statistic="fleiss_kappa")
    assert (found["n_cases"], found["value"]) == (2, pytest.approx(np.mean(kappas)))
    # Together p = 10/60 and 6 of 30 differ: the empty case counts among the voxels.
    pooled = only(table, statistic="fleiss_kappa_pooled")
    assert (pooled["n_cases"], pooled["value"]) == (3, pytest.approx(1 - 0.2 / (20 / 72)))
    alpha = only(table, statistic="krippendorff_alpha_pooled")
    assert alpha["value"] == pytest.approx(1 - 0.2 / (2 * 10 * 50 / (60 * 59)))
    assert pooled["low"] <= pooled["value"] <= pooled["high"]


def test_a_missing_rater_leaves_kappa_and_stays_in_alpha():
    patterns, cases = study(
        {"one": {"a+b": 2, "c": 1, "": 7}, "two": {"a+b": 1, "b": 1, "": 8}, "three": {"a": 1}}
    )
    looked = {"one": ["a", "b", "c"], "two": ["a", "b"], "three": ["a"]}
    table = agreement_table(patterns, NOBODY, looked, cases, [], SETTINGS)
    assert only(table, statistic="fleiss_kappa")["n_cases"] == 1
    assert only(table, statistic="krippendorff_alpha")["n_cases"] == 2
    assert only(table, statistic="krippendorff_alpha_pooled")["n_cases"] == 2
    assert only(table, scope="pair", rater="a", against="b", statistic="dice")["n_cases"] == 2
    lone = only(table, scope="pair", rater="a", against="c", statistic="dice")
    assert (lone["n_cases"], lone["value"]) == (1, 0)
    assert np.isnan(lone["low"])
    assert lone["note"] == "From one patient: no interval."
    assert only(table, rater="c", statistic="outlier")["n_cases"] == 1


def test_one_rater_alone_has_nothing_to_agree_with():
    patterns, cases = study({"one": {"a": 2, "": 8}, "two": {"a": 1, "": 9}})
    table = agreement_table(patterns, NOBODY, dict.fromkeys(cases, ("a",)), cases, [], SETTINGS)
    assert set(table["scope"]) == {"rater", "all"}
    assert table["value"].isna().all()
    assert (table["note"] == "Undefined in every case.").all()
    nothing = agreement_table(patterns[:0], NOBODY, {}, cases, [], SETTINGS)
    assert list(nothing.columns) == AGREEMENT_COLUMNS
    assert nothing.empty


def test_staple_is_averaged_over_its_defined_cases_of_the_site():
    patterns, cases = study(HAND, external=["three"])
    staple = pd.DataFrame(
        [("one", "a", 0.9, 1), ("two", "a", 0.7, 0.8), ("three", "a", np.nan, np.nan)],
        columns=NOBODY.columns,
    )
    looked = dict.fromkeys(HAND, ("a", "b"))
    table = agreement_table(patterns, staple, looked, cases, ["B"], SETTINGS)
    assert table["sites"].unique().tolist() == ["A", "B", "training", "external"]
    found = only(table, rater="a", statistic="staple_sensitivity")
    assert (found["value"], found["n_cases"]) == (pytest.approx(0.8), 2)
    assert only(table, rater="a", statistic="staple_specificity")["value"] == pytest.approx(0.9)
    assert only(table, "external", rater="a", statistic="staple_sensitivity")["n_cases"] == 0


def test_cases_of_a_patient_are_drawn_together():
    rng = np.random.default_rng(0)
    of = {f"c{i}": {"a+b": int(rng.integers(1, 9)), "a": 4, "b": 2, "": 30} for i in range(16)}
    looked = dict.fromkeys(of, ("a", "b"))
    widths = []
    for size in (1, 4):
        patterns, cases = study(of, patients={case: f"p{i // size}" for i, case in enumerate(of)})
        table = agreement_table(patterns, NOBODY, looked, cases, [], SETTINGS)
        rows = table[table["sites"] == "training"].set_index("statistic")
        widths.append(rows.loc[["dice", "fleiss_kappa_pooled"]])
    assert widths[0]["value"].tolist() == pytest.approx(widths[1]["value"].tolist())
    assert (widths[0]["low"] != widths[1]["low"]).all()


def test_strangers_are_refused():
    patterns, cases = study({"one": {"a+zoe": 1, "": 3}})
    with pytest.raises(InputError, match="case one names zoe, expected only a"):
        agreement_table(patterns, NOBODY, {"one": ["a"]}, cases, [], SETTINGS)


def four_raters(worst: float, seed: int = 1, n: int = 24):
    """Voxels of raters who each mark a finding with own misses; `d` misses the share `worst`."""
    rng = np.random.default_rng(seed)
    patterns = {}
    for i in range(n):
        finding = np.arange(400) < 100
        marks = {name: finding & (rng.random(400) > 0.1) for name in "abc"}
        marks["d"] = finding & (rng.random(400) > worst)
        codes = ["+".join(name for name in "abcd" if marks[name][v]) for v in range(400)]
        patterns[f"case{i}"] = pd.Series(codes).value_counts().to_dict()
    return patterns


def test_an_outlying_rater_is_named_and_the_others_are_not():
    of = four_raters(0.6)
    patterns, cases = study(of)
    looked = dict.fromkeys(of, tuple("abcd"))
    table = agreement_table(patterns, NOBODY, looked, cases, [], SETTINGS)
    rows = table[table["statistic"] == "outlier"]
    assert rows["sites"].unique().tolist() == ["training"]  # asked once, not of every site
    assert "".join(rows["rater"]) == "abcd"
    named = rows[rows["note"] != ""]
    assert named["rater"].tolist() == ["d"]
    note = named["note"].iloc[0]
    assert note.startswith(
        "Rater d stands out: the Dice coefficient of a pair with d is on average"
    )
    assert named["value"].iloc[0] < -0.1
    assert f"{-named['value'].iloc[0]:.2f} lower" in note


def test_the_difference_of_an_outlier_is_counted_voxel_by_voxel():
    of = four_raters(0.6, n=3)
    differences = []
    for pattern in of.values():
        dice = {}
        for i, j in combinations("abcd", 2):
            sizes = [sum(n for who, n in pattern.items() if x in who) for x in (i, j)]
            both = sum(n for who, n in pattern.items() if i in who and j in who)
            dice[i + j] = 2 * both / sum(sizes)
        split = [[v for pair, v in dice.items() if ("d" in pair) == inside] for inside in (1, 0)]
        differences.append(np.mean(split[0]) - np.mean(split[1]))
    patterns, cases = study(of)
    table = agreement_table(patterns, NOBODY, dict.fromkeys(of, tuple("abcd")), cases, [], SETTINGS)
    row = only(table, rater="d", statistic="outlier")
    assert row["value"] == pytest.approx(np.mean(differences))
    assert row["note"] == ""  # three patients prove nothing, however large the difference


def test_a_small_difference_is_not_named_however_sure():
    of = four_raters(0.2)
    patterns, cases = study(of)
    table = agreement_table(patterns, NOBODY, dict.fromkeys(of, tuple("abcd")), cases, [], SETTINGS)
    row = only(table, rater="d", statistic="outlier")
    assert -0.1 < row["high"] < 0
    assert row["note"] == ""


@pytest.mark.parametrize("kind", KINDS)
def test_exchangeable_raters_are_seldom_named(kind):
    _, whole = naming_rates(150, kind, 8, 3, np.random.default_rng(0))
    assert whole <= 0.09  # 5 % and more than twice its standard error
