"""The threshold: by hand, and against every threshold there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rightreason.threshold_choice import UNDECIDED, choose_threshold
from sklearn.metrics import roc_curve


def choose(positive: list[float], negative: list[float]) -> float:
    labels = np.array([True] * len(positive) + [False] * len(negative), dtype=bool)
    return choose_threshold(labels, np.array([*positive, *negative], dtype=float))


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        # Parted: halfway between the neighbours.
        ([0.8, 0.4], [0.1, 0.2], 0.3),
        # J is 1/2, 0 and 1/2 at 0.15, 0.25 and 0.35, the nearest to 0.5.
        ([0.2, 0.4], [0.1, 0.3], 0.35),
        # The same mirrored about 0.5.
        ([0.9, 0.7], [0.8, 0.6], 0.65),
        # Equally near on both sides: the lower.
        ([0.375, 0.875], [0.125, 0.625], 0.25),
        # A tie between the classes is never cut through.
        ([0.5, 0.5, 0.9], [0.5, 0.1], 0.3),
        # One class; no case; all alike; worse than chance everywhere: nothing to choose by.
        ([0.9, 0.8], [], UNDECIDED),
        ([], [0.1], UNDECIDED),
        ([], [], UNDECIDED),
        ([0.7, 0.7], [0.7], UNDECIDED),
        ([0.1, 0.2], [0.8, 0.9], UNDECIDED),
    ],
)
def test_by_hand(positive: list[float], negative: list[float], expected: float) -> None:
    assert choose(positive, negative) == expected


def test_neighbours_that_no_number_of_eight_digits_parts() -> None:
    low, high = 0.12345678, 0.12345679
    threshold = choose([high], [low])
    assert low < threshold <= high


probabilities = st.lists(
    st.tuples(st.booleans(), st.integers(0, 40).map(lambda n: n / 40)), min_size=2, max_size=30
).filter(lambda pairs: len({label for label, _ in pairs}) == 2)


@given(probabilities)
def test_no_threshold_has_a_higher_youden_index(pairs: list[tuple[bool, float]]) -> None:
    labels = np.array([label for label, _ in pairs])
    values = np.array([value for _, value in pairs])
    fpr, tpr, _ = roc_curve(labels, values, drop_intermediate=False)
    chosen = choose_threshold(labels, values)
    called = values >= chosen
    youden = called[labels].mean() - called[~labels].mean()
    best = (tpr - fpr).max()
    if best > 1e-12:
        assert youden == pytest.approx(best)
    else:
        assert chosen == UNDECIDED


@given(probabilities)
def test_the_order_of_cases_does_not_matter(pairs: list[tuple[bool, float]]) -> None:
    labels = np.array([label for label, _ in pairs])
    values = np.array([value for _, value in pairs])
    assert choose_threshold(labels, values) == choose_threshold(labels[::-1], values[::-1])


@given(probabilities)
def test_of_equals_it_is_the_nearest_to_a_half(pairs: list[tuple[bool, float]]) -> None:
    labels = np.array([label for label, _ in pairs])
    values = np.array([value for _, value in pairs])
    there = np.unique(values)
    middles = (there[1:] + there[:-1]) / 2
    youden = np.array(
        [(values >= m)[labels].mean() - (values >= m)[~labels].mean() for m in middles]
    )
    if len(middles) and youden.max() > 1e-12:
        equals = middles[np.isclose(youden, youden.max())]
        nearest = np.abs(equals - 0.5).min()
        assert abs(choose_threshold(labels, values) - 0.5) == pytest.approx(nearest)
