"""Chance by shifting, against moving the map for real."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rightreason import shifts as shifting
from rightreason.ranked import RankedMap
from rightreason.scores import score
from rightreason.shifts import Shifts, limits_of, percentile_of

from tests.scenes import scene

RULES = {
    "otsu": {"rule": "otsu"},
    "top25": {"rule": "top", "percent": 25},
    "area": {"rule": "area"},
}
maps = hnp.arrays(np.float32, (4, 3, 5), elements=st.integers(-3, 4).map(float))
masks = hnp.arrays(np.bool_, (2, 4, 3, 5))


@given(maps, masks)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_shift_scores_what_the_moved_map_scores(values: np.ndarray, stack: np.ndarray) -> None:
    of = scene({"a": stack[0], "b": stack[1]}, (1, 2, 3), tolerance_mm=2.0).of_all_raters()
    ranked = RankedMap.of(values, "positive")
    found = score(ranked, of, "positive", RULES)
    shifts = Shifts.of(of, 6, "case")
    moved = shifts.score(ranked, of, "positive", found)
    assert set(moved) == set(found.values)
    for b, offset in enumerate(shifts.offsets):
        rolled = np.roll(values, offset, axis=(0, 1, 2))
        expected = score(RankedMap.of(rolled, "positive"), of, "positive", RULES)
        for key, scores in expected.values.items():
            assert moved[key][b] == pytest.approx(scores[0], abs=1e-6, nan_ok=True), key


def test_a_sample_stands_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for a tenth of the marked voxels the means change by less than their error."""
    rng = np.random.default_rng(0)
    mask = np.zeros((40, 40, 10), bool)
    mask[5:20, 5:30, 2:8] = True
    other = np.roll(mask, 4, axis=0)
    values = rng.normal(size=mask.shape).astype(np.float32)
    of = scene({"a": mask, "b": other}).of_all_raters()
    ranked = RankedMap.of(values, "positive")
    found = score(ranked, of, "positive", RULES)
    whole = Shifts.of(of, 100, "case").score(ranked, of, "positive", found)
    assert of.references.at.size < shifting.SAMPLE
    monkeypatch.setattr(shifting, "SAMPLE", 300)
    sampled = Shifts.of(of, 100, "case")
    assert len(sampled.codes) <= 300
    assert sampled.weights.sum() == pytest.approx(of.references.at.size)
    fewer = sampled.score(ranked, of, "positive", found)
    for key in (("otsu", "irrelevant_ratio"), ("positive", "auroc"), ("positive", "mass_accuracy")):
        error = whole[key].std(axis=0) / np.sqrt(100) + 0.5 / np.sqrt(100 * 300)
        assert np.abs(whole[key].mean(axis=0) - fewer[key].mean(axis=0)).max() < 4 * error.max()


def test_many_raters_do_not_crowd_out_what_most_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One combination of raters holds nearly everything: it gets the room, the others a place."""
    stack = np.zeros((4, 30, 30, 5), bool)
    stack[:, 5:25, 5:25, 1:4] = True
    for k, rater in enumerate(stack):
        rater[k, k:, 0] = True
        rater[20 + k, 10, 2] = False
    of = scene({f"r{k}": mask for k, mask in enumerate(stack)}).of_all_raters()
    counts = np.unique(of.references.codes, return_counts=True)[1]
    assert Shifts.of(of, 20, "case").weights == pytest.approx(1), "all fit in"
    monkeypatch.setattr(shifting, "SAMPLE", 400)
    sampled = Shifts.of(of, 20, "case")
    rooms = np.unique(sampled.codes, return_counts=True)[1]
    assert len(rooms) == len(counts)
    assert rooms[counts.argmax()] >= 200
    assert 350 <= rooms.sum() <= 400
    assert sampled.weights.sum() == pytest.approx(counts.sum())
    monkeypatch.setattr(shifting, "SAMPLE", 3)
    assert set(Shifts.of(of, 20, "case").codes) == set(of.references.codes)


def test_percentile_counts_ties_half() -> None:
    shifted = np.array([[0.1, np.nan], [0.2, np.nan], [0.2, np.nan], [0.4, np.nan]])
    assert percentile_of(np.array([0.2, 0.2]), shifted) == pytest.approx([50, np.nan], nan_ok=True)
    assert percentile_of(np.array([np.nan, 0.2]), shifted)[0] != 50


def test_limits_are_numpys_percentiles_and_blank_when_undefined() -> None:
    shifted = np.arange(101, dtype=float)[:, None] / 100
    mean, low, high = limits_of(np.hstack([shifted, shifted * np.nan]), (5, 95))
    assert (mean[0], low[0], high[0]) == pytest.approx((0.5, 0.05, 0.95))
    assert np.isnan([mean[1], low[1], high[1]]).all()


def test_the_same_case_has_the_same_shifts() -> None:
    of = scene({"a": np.ones((6, 6, 6), bool)})
    assert (Shifts.of(of, 30, "c").offsets == Shifts.of(of, 30, "c").offsets).all()
    assert (Shifts.of(of, 30, "c").offsets != Shifts.of(of, 30, "d").offsets).any()
