"""Performance: by hand, against scikit-learn and scipy, and what a group cannot give."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rightreason.auc import auc_interval
from rightreason.average_precision import average_precision, average_precision_interval
from rightreason.calibration import LEAST_CASES, calibration, expected_calibration_error
from rightreason.performance import COLUMNS, performance_table
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

SETTINGS = {"bootstrap": 300, "confidence": 0.95, "seed": 1}

# case: patient, site, label, sex, fold, threshold, probabilities of two seeds (their mean counts)
COHORT = {
    "c1": ("p1", "A", "drowning", "F", "0", 0.4, 0.9, 0.9),
    "c2": ("p1", "A", "drowning", "F", "0", 0.4, 0.9, 0.7),
    "c3": ("p3", "A", "drowning", "M", "1", 0.6, 0.2, 0.4),
    "c4": ("p4", "A", "other", "M", "1", 0.6, 0.5, 0.3),
    "c5": ("p5", "A", "other", "", "0", 0.4, 0.1, 0.1),
    "c6": ("p6", "B", "drowning", "F", "", 0.5, 0.6, 0.6),
    "c7": ("p7", "B", "drowning", "M", "", 0.5, 0.1, 0.3),
}
CASES = {
    case: {"patient": p, "site": s, "label": label, "sex": sex}
    for case, (p, s, label, sex, *_) in COHORT.items()
}


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    rows, seeds = [], []
    for case, (_, site, label, _, fold, threshold, *values) in COHORT.items():
        mean = round(sum(values) / 2, 8)
        predicted = "drowning" if mean >= threshold else "other"
        rows.append((case, site, fold, label, predicted, mean, threshold))
        seeds += [(case, str(seed), value) for seed, value in enumerate(values)]
    names = ["case", "site", "fold", "label", "predicted", "probability", "threshold"]
    return pd.DataFrame(rows, columns=names), pd.DataFrame(
        seeds, columns=["case", "seed", "probability"]
    )


def table(strata: tuple[str, ...] = ("sex",), one_seed: bool = False) -> pd.DataFrame:
    predictions, seeds = tables()
    if one_seed:
        seeds = seeds[seeds["seed"] == "0"]
    return performance_table(
        {"m": predictions}, {"m": seeds}, CASES, ["B"], "drowning", strata, SETTINGS
    )


def row(found: pd.DataFrame, sites: str, stratum: str = "", group: str = "") -> pd.Series:
    keys = [sites, stratum, group]
    (number,) = np.flatnonzero((found[["sites", "stratum", "group"]] == keys).all(axis=1))
    return found.iloc[number]


def test_which_rows_there_are() -> None:
    found = table()
    assert list(found.columns) == COLUMNS
    assert found[["sites", "stratum", "group"]].to_numpy().tolist() == [
        ["A", "", ""], ["B", "", ""], ["training", "", ""], ["external", "", ""],
        ["training", "sex", "F"], ["training", "sex", "M"], ["training", "sex", "(blank)"],
        ["external", "sex", "F"], ["external", "sex", "M"],
        ["training", "fold", "0"], ["training", "fold", "1"],
    ]  # fmt: skip


def test_groups_are_in_the_order_a_reader_expects() -> None:
    predictions, seeds = tables()
    groups = dict(zip(COHORT, ["10", "9", "", "65+", "9", "9", "9"], strict=True))
    cases = {case: {**described, "g": groups[case]} for case, described in CASES.items()}
    found = performance_table(
        {"m": predictions}, {"m": seeds}, cases, ["B"], "drowning", ["g"], SETTINGS
    )
    here = found[(found["sites"] == "training") & (found["stratum"] == "g")]
    assert here["group"].tolist() == ["9", "10", "65+", "(blank)"]


def test_a_row_by_hand() -> None:
    found = row(table(), "training")
    assert found[["n_cases", "n_patients", "n_positive"]].tolist() == [5, 4, 3]
    # Of six pairs one is the wrong way round: 0.3 against 0.4.
    assert found["auc"] == pytest.approx(5 / 6)
    # Positives at ranks 1, 2 and 4.
    assert found["average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    assert found["threshold"] == pytest.approx((3 * 0.4 + 2 * 0.6) / 5)
    # c3 is missed.
    assert found["accuracy"] == pytest.approx(4 / 5)
    assert found["sensitivity"] == pytest.approx(2 / 3)
    assert found["specificity"] == 1
    assert found["brier"] == pytest.approx((0.01 + 0.04 + 0.49 + 0.16 + 0.01) / 5)
    # Seed 0: 0.2 is below 0.5 and above 0.1, five of six pairs; seed 1: all six.
    assert found["auc_seed_sd"] == pytest.approx(np.std([5 / 6, 1], ddof=1))


def test_limits_are_those_of_clustered_delong_and_wilson() -> None:
    found = row(table(), "training")
    labels = np.array([True, True, True, False, False])
    scores = np.array([0.9, 0.8, 0.3, 0.4, 0.1])
    expected = auc_interval(labels, scores, np.array([0, 0, 1, 2, 3]), 0.95)
    assert found[["auc", "auc_low", "auc_high"]].tolist() == pytest.approx(expected)
    for name, right, of in [("accuracy", 4, 5), ("sensitivity", 2, 3), ("specificity", 2, 2)]:
        limits = binomtest(right, of).proportion_ci(0.95, method="wilson")
        assert found[f"{name}_low"] == pytest.approx(limits.low)
        assert found[f"{name}_high"] == pytest.approx(limits.high)


def test_called_by_the_threshold_and_not_by_a_half() -> None:
    fold = row(table(), "training", "fold", "1")
    assert fold["threshold"] == 0.6
    predictions, seeds = tables()
    predictions["predicted"] = "other"
    found = performance_table(
        {"m": predictions}, {"m": seeds}, CASES, ["B"], "drowning", [], SETTINGS
    )
    assert row(found, "training")["sensitivity"] == 0
    assert row(found, "training")["specificity"] == 1


def test_what_a_group_cannot_give_is_blank() -> None:
    found = row(table(), "external")
    blank = ["auc", "auc_low", "auc_high", "average_precision", "specificity", "specificity_low",
             "specificity_high", "calibration_slope", "calibration_intercept", "auc_seed_sd",
             "expected_calibration_error"]  # fmt: skip
    assert found[blank].isna().all()
    assert found["sensitivity"] == 0.5
    assert row(table(one_seed=True), "training")[["auc_seed_sd"]].isna().all()


def test_no_external_site_no_such_rows() -> None:
    predictions, seeds = tables()
    found = performance_table(
        {"m": predictions, "n": predictions}, {"m": seeds, "n": seeds}, CASES, [], "drowning", [],
        SETTINGS,
    )  # fmt: skip
    assert set(found["sites"]) == {"A", "B", "training"}
    assert found["model"].tolist() == sorted(found["model"])


def test_nothing_is_warned_of(recwarn: pytest.WarningsRecorder) -> None:
    warnings.simplefilter("always")
    table()
    assert [str(warning.message) for warning in recwarn] == []


weighted = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=25
).filter(lambda rows: any(label and weight for label, _, weight in rows))


@given(weighted)
def test_average_precision_is_scikit_learns(rows: list[tuple[bool, int, int]]) -> None:
    labels = np.array([label for label, _, _ in rows])
    scores = np.array([score / 6 for _, score, _ in rows])
    weights = np.array([weight for _, _, weight in rows], dtype=float)
    both = average_precision(labels, scores, np.stack([weights, np.ones_like(weights)]))
    expected = [
        average_precision_score(labels, scores, sample_weight=weights),
        average_precision_score(labels, scores),
    ]
    assert both == pytest.approx(expected)


def cohort(n: int, seed: int, shift: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2 == 0
    return labels, expit(rng.normal(shift * labels, 1, n))


def test_the_interval_of_average_precision_covers_and_is_the_same_each_time() -> None:
    labels, scores = cohort(60, 0)
    patients = np.arange(60)
    value, low, high = average_precision_interval(labels, scores, patients, 500, 0.95, 3)
    assert value == pytest.approx(average_precision_score(labels, scores))
    assert low < value < high < 1
    again = average_precision_interval(labels, scores, patients, 500, 0.95, 3)
    assert again == (value, low, high)
    _, wide_low, wide_high = average_precision_interval(labels, scores, patients, 500, 0.99, 3)
    assert wide_low < low
    assert high < wide_high


def test_repeated_patients_widen_it() -> None:
    labels, scores = cohort(30, 1)
    _, low, high = average_precision_interval(labels, scores, np.arange(30), 1000, 0.95, 0)
    twice = np.concatenate([labels, labels]), np.concatenate([scores, scores])
    patients = np.concatenate([np.arange(30), np.arange(30)])
    _, same_low, same_high = average_precision_interval(*twice, patients, 1000, 0.95, 0)
    _, less_low, less_high = average_precision_interval(*twice, np.arange(60), 1000, 0.95, 0)
    assert (same_low, same_high) == pytest.approx((low, high))
    assert less_high - less_low < same_high - same_low


def test_a_perfect_or_lonely_ranking_has_no_interval() -> None:
    labels = np.array([True] * 5 + [False] * 5)
    perfect = average_precision_interval(labels, np.linspace(1, 0, 10), np.arange(10), 99, 0.95, 0)
    assert perfect[0] == 1
    assert np.isnan(perfect[1:]).all()
    one = np.array([False, True, False, False])
    lonely = average_precision_interval(one, np.linspace(1, 0, 4), np.arange(4), 99, 0.95, 0)
    assert lonely[0] == 0.5
    assert np.isnan(lonely[1:]).all()
    for single in (np.ones(4, bool), np.zeros(4, bool)):
        nothing = average_precision_interval(single, np.ones(4), np.arange(4), 99, 0.95, 0)
        assert np.isnan(nothing).all()


def test_a_single_patient_of_both_classes_costs_nobody_the_interval() -> None:
    labels, scores = cohort(40, 2)
    patients = np.concatenate([[0, 0], np.arange(1, 39)])
    value, low, high = average_precision_interval(labels, scores, patients, 300, 0.95, 0)
    assert low < value < high


def likelihood(labels: np.ndarray, x: np.ndarray, slope: bool) -> np.ndarray:
    """Maximise the likelihood of a logistic recalibration by a general optimiser."""

    def loss(parameters: np.ndarray) -> float:
        eta = parameters[0] + (parameters[1] if slope else 1) * x
        return float(np.logaddexp(0, np.where(labels, -eta, eta)).sum())

    return minimize(loss, np.ones(2) if slope else np.zeros(1), tol=1e-12).x


@pytest.mark.parametrize("seed", range(3))
def test_calibration_maximises_the_likelihood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 2, 200)
    labels = rng.random(200) < expit(0.7 + 0.5 * x)
    found = calibration(labels, expit(x))
    assert found.slope == pytest.approx(likelihood(labels, x, True)[1], abs=1e-4)
    assert found.intercept == pytest.approx(likelihood(labels, x, False)[0], abs=1e-4)
    assert found.brier == pytest.approx(brier_score_loss(labels, expit(x)))


def test_a_calibrated_model_has_intercept_0_and_slope_1() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1.5, 40_000)
    labels = rng.random(len(x)) < expit(x)
    found = calibration(labels, expit(x))
    assert found.intercept == pytest.approx(0, abs=0.05)
    assert found.slope == pytest.approx(1, abs=0.05)
    assert found.expected_error < 0.01
    # Twice too sure, and one unit too high.
    sure = calibration(labels, expit(2 * x))
    assert sure.slope == pytest.approx(0.5, abs=0.03)
    assert calibration(labels, expit(x + 1)).intercept == pytest.approx(-1, abs=0.05)


def test_parted_classes_have_no_slope_and_few_cases_neither() -> None:
    labels = np.array([True] * 12 + [False] * 12)
    for parted in (np.linspace(0.9, 0.2, 24), np.linspace(0.2, 0.9, 24), 1.0 * labels,
                   np.where(labels, 0.7, 0.7)):  # fmt: skip
        found = calibration(labels, parted)
        assert np.isnan(found.slope)
        assert np.isfinite(found.brier)
    few = np.array([True] * (LEAST_CASES - 1) + [False] * 50)
    found = calibration(few, np.random.default_rng(0).random(len(few)))
    assert np.isnan([found.slope, found.intercept]).all()
    assert np.isfinite([found.brier, found.expected_error]).all()
    assert np.isnan(calibration(np.zeros(0, bool), np.zeros(0)).brier)


def test_one_certain_mistake_is_no_infinite_logit() -> None:
    labels, probabilities = cohort(60, 5)
    probabilities[0] = 0.0
    found = calibration(labels, probabilities)
    assert np.isfinite([found.slope, found.intercept]).all()
    assert abs(found.slope) < 2


@settings(max_examples=60)
@given(
    st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 4.0, 12.0]), st.sampled_from([20, 24, 60])
)
def test_calibration_is_a_maximum_or_blank_and_warns_of_nothing(
    seed: int, shift: float, n: int
) -> None:
    labels, probabilities = cohort(n, seed, shift)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = calibration(labels, probabilities)
    x = logit(np.clip(probabilities, 1e-6, 1 - 1e-6))
    if np.isfinite(found.intercept):
        assert expit(found.intercept + x).sum() == pytest.approx(labels.sum(), abs=1e-3)
    if x[labels].min() >= x[~labels].max():
        assert np.isnan(found.slope)


def test_expected_error_by_hand_and_against_scikit_learn() -> None:
    # Two bins of five: probabilities 0.2 with one positive case, 0.9 with four.
    labels = np.array([1, 0, 0, 0, 0, 1, 1, 1, 1, 0], dtype=bool)
    assert expected_calibration_error(labels, np.repeat([0.2, 0.9], 5)) == pytest.approx(
        (0.0 + 0.1) / 2
    )
    assert np.isnan(expected_calibration_error(labels[:9], np.full(9, 0.5)))
    labels, probabilities = cohort(200, 3)
    true, predicted = calibration_curve(labels, probabilities, n_bins=10, strategy="quantile")
    assert expected_calibration_error(labels, probabilities) == pytest.approx(
        np.abs(true - predicted).mean()
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=10, max_size=40))
def test_the_order_of_equal_probabilities_does_not_matter(rows: list[tuple[bool, int]]) -> None:
    labels = np.array([label for label, _ in rows])
    values = np.array([value / 4 for _, value in rows])
    expected = expected_calibration_error(labels, values)
    assert 0 <= expected <= 1
    assert expected_calibration_error(labels[::-1], values[::-1]) == pytest.approx(expected)


def test_the_auc_is_scikit_learns() -> None:
    predictions, _ = tables()
    here = predictions[predictions["site"] == "A"]
    expected = roc_auc_score(here["label"] == "drowning", here["probability"])
    assert row(table(), "A")["auc"] == pytest.approx(expected)
