"""The human ceiling and the fair comparison, against scenes made without the rater left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rightreason.measures import VOTES_MEASURES
from rightreason.people import MASK, WHOLE, ceiling, fair, rater_scores, side_by_side
from rightreason.ranked import RankedMap
from rightreason.scores import score

from tests.scenes import position, scene

RULES = {"otsu": {"rule": "otsu"}, "area": {"rule": "area"}}
CONSENSUS = ("majority", "union", "intersection", "staple")
RATERS = "abc"
maps = hnp.arrays(np.float32, (4, 3, 2), elements=st.integers(-3, 4).map(float))
masks = hnp.arrays(np.bool_, (3, 4, 3, 2))


def mean(values: list[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else np.nan


@given(maps, masks)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_fair_is_the_mean_over_scenes_without_one_rater(
    values: np.ndarray, stack: np.ndarray
) -> None:
    named = dict(zip(RATERS, stack, strict=True))
    of = scene(named, tolerance_mm=1.0)
    ranked = RankedMap.of(values, "positive")
    found = score(ranked, of, "positive", RULES)
    got = fair(found.values, of.references)
    without = {}
    for left_out in RATERS:
        rest = scene({r: m for r, m in named.items() if r != left_out}, tolerance_mm=1.0)
        without[left_out] = rest, score(ranked, rest, "positive", RULES).values
    for key in found.values:
        if key[1] in VOTES_MEASURES:
            expected = mean([scores[key][0, 0] for _, scores in without.values()])
            assert got[key] == pytest.approx([expected], abs=1e-9, nan_ok=True), key
            continue
        for name in CONSENSUS:
            expected = mean([scores[key][0, position(r, name)] for r, scores in without.values()])
            assert got[key][position(of, name)] == pytest.approx(expected, abs=1e-9, nan_ok=True)
        for name in RATERS:
            own = found.values[key][0, position(of, name)]
            assert got[key][position(of, name)] == pytest.approx(own, nan_ok=True)


@given(masks)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_ceiling_is_each_rater_scored_as_a_map(stack: np.ndarray) -> None:
    named = dict(zip(RATERS, stack, strict=True))
    of = scene(named, tolerance_mm=1.0)
    got = ceiling({r: rater_scores(r, of)[1].values for r in RATERS}, of.references)
    own = {}
    for rater in RATERS:
        rest = scene({r: m for r, m in named.items() if r != rater}, tolerance_mm=1.0)
        ranked = RankedMap.of(named[rater].astype(np.float32), WHOLE)
        own[rater] = rest, score(ranked, rest, WHOLE, {MASK: {"rule": "half"}}).values
    for key, values in got.items():
        if key[1] in VOTES_MEASURES:
            expected = mean([scores[key][0, 0] for _, scores in own.values()])
            assert values == pytest.approx([expected], abs=1e-9, nan_ok=True), key
            continue
        for name in CONSENSUS:
            expected = mean([scores[key][0, position(r, name)] for r, scores in own.values()])
            assert values[position(of, name)] == pytest.approx(expected, abs=1e-9, nan_ok=True)
        for name in RATERS:
            pairs = [s[key][0, position(r, name)] for who, (r, s) in own.items() if who != name]
            assert values[position(of, name)] == pytest.approx(mean(pairs), abs=1e-9, nan_ok=True)


def test_counted_by_hand() -> None:
    first, second, third = (np.zeros((2, 3), bool) for _ in range(3))
    first[0, :2] = second[0, :3] = third[1, 0] = True
    of = scene({"a": first, "b": second, "c": third})
    found = ceiling({r: rater_scores(r, of)[1].values for r in RATERS}, of.references)
    union = position(of, "union")
    # a outside b or c: none of 2; b outside a or c: 1 of 3; c outside a or b: 1 of 1.
    assert found[MASK, "irrelevant_ratio"][union] == pytest.approx((0 + 1 / 3 + 1) / 3)
    # Against rater a alone: b has 1 of 3 outside, c its one.
    assert found[MASK, "irrelevant_ratio"][position(of, "a")] == pytest.approx((1 / 3 + 1) / 2)
    assert found[MASK, "relative_area"][union] == pytest.approx((2 + 3 + 1) / 3 / 6)


def test_both_sides_stand_on_the_same_raters_left_out() -> None:
    """The third rater found nothing, so has no ratio: nor has the model without the third."""
    first, second, nothing = (np.zeros((1, 6), bool) for _ in range(3))
    first[0, :4], second[0, 2:5] = True, True
    of = scene({"a": first, "b": second, "c": nothing})
    ranked = RankedMap.of(np.array([[0, 0, 1, 1, 1, 1]], np.float32)[..., None], "positive")
    found = score(ranked, of, "positive", {"half": {"rule": "half"}})
    scores = {r: rater_scores(r, of)[1].values for r in RATERS}
    level, top = side_by_side(found.values, scores, of.references)
    union = position(of, "union")
    # Of four voxels one is outside b, two are outside a; that one is outside both is left out.
    assert level["half", "irrelevant_ratio"][union] == pytest.approx((1 / 4 + 2 / 4) / 2)
    assert top["half", "irrelevant_ratio"][union] == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert fair(found.values, of.references)["half", "irrelevant_ratio"][union] == pytest.approx(
        (1 / 4 + 2 / 4 + 1 / 4) / 3
    )
    # Coverage is defined for all three: c covers none of the others' marks.
    assert level["half", "coverage"][union] == pytest.approx((3 / 3 + 2 / 4 + 3 / 5) / 3)
    assert top["half", "coverage"][union] == pytest.approx((2 / 3 + 2 / 4 + 0) / 3)
    assert found.values["half", "irrelevant_ratio"].shape == (1, len(of.references.patterns.keys))
    assert not np.isnan(found.values["half", "irrelevant_ratio"]).any()


def test_nobody_is_left_out_of_one() -> None:
    mask = np.zeros((3, 3), bool)
    mask[0] = True
    of = scene({"a": mask})
    found = score(RankedMap.of(np.ones((3, 3, 1), np.float32), "positive"), of, "positive", RULES)
    assert all(np.isnan(values).all() for values in fair(found.values, of.references).values())
    assert ceiling({}, of.references) == {}
    level, top = side_by_side(found.values, {}, of.references)
    assert set(level) == set(found.values)
    assert top == {}
