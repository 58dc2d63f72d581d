"""Verdicts on the maps from measured values counted by hand."""

import numpy as np
import pandas as pd
import pytest
from rightreason.config_trust import TESTS, TrustLimits
from rightreason.trust_table import Found, empty_verdicts, judge, verdicts
from rightreason.trust_words import FEW_CASES, NO_VALUE, SENTENCES

LIMITS = TrustLimits().model_dump()
SETTINGS = {"bootstrap": 200, "confidence": 0.95, "seed": 0}
CASES = {f"c{i}": {"patient": f"p{i}", "label": "yes" if i < 4 else "no"} for i in range(6)}
COLUMNS = ["case", "test", "measure", "step", "value"]


def table(rows):
    wide = [(case, test, measure, step, value)
            for test, measure, step, values in rows
            for case, value in zip(CASES, values, strict=False)]  # fmt: skip
    found = pd.DataFrame(wide, columns=COLUMNS)
    return found.astype({"step": float, "value": float})


def judged(rows, *tests, findings=()):
    found = verdicts(table(rows), table(findings), tests, CASES, LIMITS, SETTINGS)
    return {(row["test"], row["measure"]): row for row in found}


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.1, 0.3, True, "pass"), (0.1, 0.4, True, "pass"), (0.5, 0.6, True, "fail"),
        (0.3, 0.5, True, "undecided"), (0.5, 0.6, False, "pass"), (0.1, 0.3, False, "fail"),
        (0.4, 0.6, False, "undecided"), (np.nan, np.nan, True, "undecided"),
        (np.nan, np.nan, False, "undecided"),
    ],
)  # fmt: skip
def test_the_whole_interval_has_to_keep_or_break_the_limit(low, high, most, expected):
    assert judge(Found(0.4, low, high, 5), 0.4, most) == expected


def test_the_worst_case_decides_where_computing_is_in_question():
    rows = judged([("batch", "difference", None, [0, 1e-6, 3e-4])], "batch")
    row = rows["batch", "difference"]
    assert (row["figure"], row["verdict"], row["n_cases"]) == (3e-4, "fail", 3)
    assert row["note"] == SENTENCES["batch", "difference"][1]
    rows = judged([("completeness", "gap", None, [0.02, 0.049])], "batch", "completeness")
    assert rows["completeness", "gap"]["verdict"] == "pass"
    assert rows["batch", "difference"]["verdict"] == "undecided"
    assert rows["batch", "difference"]["note"] == NO_VALUE


def test_methods_without_completeness_have_no_row_of_it():
    assert judged([], "completeness") == {}


def test_the_step_of_half_or_more_that_leaves_most_of_the_map_counts():
    name = "rank_correlation"
    rows = [
        ("randomisation", name, 0.1, [0.9, 0.9, 0.9]),
        ("randomisation", name, 0.5, [0.1, 0.2, 0.3]),
        ("randomisation", name, 1.0, [0.5, 0.6, 0.7]),
        ("randomisation", "ssim", 1.0, [0.99, 0.99, 0.99]),
    ]
    row = judged(rows, "randomisation")["randomisation", name]
    assert row["figure"] == pytest.approx(0.6)
    assert row["verdict"] == "fail"
    assert row["limit"] == 0.4
    row = judged(rows[:2], "randomisation")["randomisation", name]
    assert row["figure"] == pytest.approx(0.2)
    assert row["verdict"] == "pass"
    # Where half drawn anew leaves most of it, the untrained network does not excuse that.
    row = judged([(*rows[2][:2], 0.5, rows[2][3]), (*rows[1][:2], 1.0, rows[1][3])],
                 "randomisation")["randomisation", name]  # fmt: skip
    assert row["figure"] == pytest.approx(0.6)


def test_gains_are_means_over_cases_with_an_interval():
    rows = judged([("faithfulness", "gain_blur", None, [0.1, 0.2, 0.3, 0.4])], "faithfulness")
    row = rows["faithfulness", "gain_blur"]
    assert row["figure"] == pytest.approx(0.25)
    assert 0 < row["low"] < 0.25 < row["high"]
    assert row["verdict"] == "pass"
    assert rows["faithfulness", "gain_mean"]["note"] == NO_VALUE


def test_one_patient_decides_nothing():
    row = judged([("repeatability", "noise", None, [0.99])], "repeatability")
    assert row["repeatability", "noise"]["verdict"] == "undecided"
    assert row["repeatability", "noise"]["note"] == FEW_CASES
    assert ("repeatability", "seeds") not in row


def test_the_map_is_held_against_the_findings_case_by_case():
    own = [("faithfulness", "insertion_blur", None, [0.8, 0.6, 0.7]),
           ("faithfulness", "deletion_blur", None, [0.2, 0.4, 0.3])]  # fmt: skip
    theirs = [("findings", "insertion_blur", None, [0.9, 0.9]),
              ("findings", "deletion_blur", None, [0.1, 0.3])]  # fmt: skip
    row = judged(own, "findings", findings=theirs)["findings", "gain_blur"]
    # Leads of 0.3 and 0.1 against 0.4 and 0.3; the third case is not annotated.
    assert row["figure"] == pytest.approx((-0.1 - 0.2) / 2)
    assert row["n_cases"] == 2
    assert row["verdict"] == "fail"


def test_values_of_cases_that_failed_do_not_count():
    rows = pd.DataFrame([("gone", "batch", "difference", np.nan, 1.0)], columns=COLUMNS)
    row = next(verdicts(rows, table([]), ["batch"], CASES, LIMITS, SETTINGS))
    assert row["n_cases"] == 0


def maps(*rows):
    names = ["case", "target", "minimum", "maximum", "reason"]
    return pd.DataFrame(rows, columns=names)


def test_empty_and_flat_maps_of_their_own_class_are_counted():
    found = empty_verdicts(
        maps(
            ("c0", 1, -1.0, 2.0, ""), ("c1", 1, -1.0, 0.0, "no positive evidence"),
            ("c2", 1, 0.5, 0.5, ""), ("c3", 1, 0.0, 1.0, ""),
            # Of the other class: rightly empty, or explained as what it is.
            ("c4", 1, -1.0, 0.0, "no positive evidence"), ("c5", 0, 0.0, 1.0, ""),
        ),
        CASES, "yes", LIMITS, SETTINGS,
    )  # fmt: skip
    share, broken = found
    assert (share["figure"], share["n_cases"]) == (0.4, 5)
    assert share["verdict"] == "undecided"
    assert (broken["figure"], broken["verdict"]) == (0, "pass")


def test_one_broken_map_fails():
    rows = [("c0", 1, -1.0, 2.0, ""), ("c1", 1, np.nan, np.nan, "NaN or infinite values")]
    share, broken = empty_verdicts(maps(*rows), CASES, "yes", LIMITS, SETTINGS)
    assert (broken["figure"], broken["verdict"]) == (1, "fail")
    assert share["figure"] == 0


def test_every_test_has_its_sentences():
    assert {test for test, _ in SENTENCES} == set(TESTS)
