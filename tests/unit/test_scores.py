"""Every measure against counts by hand, scikit-learn and scipy, on ties, empties and the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from rightreason.constant import constant, perfect
from rightreason.curves import CURVES, FRACTIONS, curves
from rightreason.measures import (
    COUNTED,
    MAP_MEASURES,
    TOP_MEASURES,
    VOTES_MEASURES,
    counted,
)
from rightreason.ranked import Marks, RankedMap
from rightreason.scene import Scene
from rightreason.scores import MapScores, binarise, score
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.scenes import position, scene

RULES = {
    "otsu": {"rule": "otsu"},
    "half": {"rule": "half"},
    "top25": {"rule": "top", "percent": 25},
    "area": {"rule": "area"},
}


def scores_of(values: np.ndarray, of: Scene, rules=RULES, part: str = "positive") -> MapScores:
    return score(RankedMap.of(np.asarray(values, np.float32), part), of, part, rules)


# Whole numbers make ties; three raters make every consensus differ.
maps = hnp.arrays(np.float32, (4, 3, 2), elements=st.integers(-3, 4).map(float))
masks = hnp.arrays(np.bool_, (3, 4, 3, 2))


def by_rater(stack: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip("abc", stack, strict=True))


def test_counted_by_hand_on_four_by_four() -> None:
    values = np.array([[9, 8, 0, 0], [7, 5, 0, -4], [1, 0, 0, 0], [0, 0, 0, 0]])
    first = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    second = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    print("map:", values, "first rater:", first, "second rater:", second, sep="\n")
    of = scene({"a": first, "b": second}, tolerance_mm=1.0)
    found = scores_of(values[..., None], of)
    a, union = position(of, "a"), position(of, "union")
    both = position(of, "intersection")

    def value(name: str, measure: str, reference: int = union) -> float:
        return float(found.values[name, measure][0, reference])

    # At half of 9 and more: 9 8 7 5. Rater a marked 9 and 8 of them, the union no more.
    assert found.regions["half"].attended[union] == 4
    assert found.overlap["half"][[a, union, both]].tolist() == [2, 2, 1]
    assert value("half", "irrelevant_ratio") == 0.5
    assert value("half", "irrelevant_ratio", both) == 0.75
    assert value("half", "coverage", a) == pytest.approx(2 / 3)
    assert value("half", "dice") == pytest.approx(4 / 8)
    assert value("half", "iou") == pytest.approx(2 / 6)
    assert value("half", "relative_area") == 4 / 16
    # Attended: rows 0 0 1 1, columns 0 1 0 1; union: (0,0) (0,1) (0,2) (2,0).
    assert value("half", "centroid_distance_mm") == pytest.approx(np.hypot(0.5 - 0.5, 0.5 - 0.75))
    # Of a mass of 30, 9 + 8 + 1 + 0 lies in the union.
    assert value("positive", "mass_accuracy") == pytest.approx(18 / 30)
    # The four largest are 9 8 7 5; two of them in the union of four.
    assert value("positive", "rank_accuracy") == 0.5
    # In falling order 9 8 7 5 1 and eleven zeros, of which the union holds one: recall steps of a
    # quarter at precision 1, 1, 3/5 and, all zeros together, 4/16.
    assert value("positive", "average_precision") == pytest.approx((1 + 1 + 3 / 5 + 4 / 16) / 4)
    # Against twelve unmarked (7, 5 and ten zeros): 9 and 8 beat twelve, 1 beats ten, 0 ties ten.
    assert value("positive", "auroc") == pytest.approx((12 + 12 + 10 + 5) / 48)
    # The maximum is marked by both; the only voxel within 1 mm of it that is not is irrelevant.
    assert value("positive", "pointing_game") == 1
    # Union in falling order 9 8 1 0 with votes 2 1 1 1: ranks 4 3 2 1 against 4 2 2 2.
    assert float(found.values["positive", "rank_correlation"][0, 0]) == pytest.approx(
        spearmanr([9, 8, 1, 0], [2, 1, 1, 1]).statistic
    )
    # Map over 30: .3 .267 .033 0 on the union; votes over 5: .4 .2 .2 .2.
    shared = 9 / 30 + 0.2 + 1 / 30
    assert float(found.values["positive", "weighted_jaccard"][0, 0]) == pytest.approx(
        shared / (2 - shared)
    )
    # The top 10 % are 1.6 voxels: the 9, marked by both, and 0.6 of the 8, marked by one.
    top = {level: float(found.values["positive", f"top10_{level}"][0, 0])
           for level in ("any", "half", "all")}  # fmt: skip
    assert top == {"any": 1, "half": 1, "all": pytest.approx(1 / 1.6)}


def test_the_maximum_counts_within_the_tolerance() -> None:
    values = np.zeros((5, 5, 1))
    values[4, 2] = 1
    mask = np.zeros((5, 5, 1), dtype=bool)
    mask[2, 2] = True
    found = {
        mm: float(scores_of(values, scene({"a": mask}, (1.5, 1, 1), mm))
                  .values["positive", "pointing_game"][0, 0])
        for mm in (0, 2.9, 3.0)
    }  # fmt: skip
    assert found == {0: 0, 2.9: 0, 3.0: 1}


def test_several_maxima_hit_by_their_share() -> None:
    mask = np.zeros((4, 4, 1), dtype=bool)
    mask[0] = True
    found = scores_of(np.ones((4, 4, 1)), scene({"a": mask}))
    assert found.values["positive", "pointing_game"][0, 0] == 0.25


@given(maps, masks)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_rank_measures_are_scikit_learns(values: np.ndarray, stack: np.ndarray) -> None:
    of = scene(by_rater(stack))
    found = scores_of(values, of)
    part = np.maximum(values, 0).ravel()
    for i in range(len(of.references.patterns.keys)):
        mask = of.references.mask(i)
        ap, auc = (found.values["positive", m][0, i] for m in ("average_precision", "auroc"))
        if not part.any() or not mask.any():
            assert np.isnan(ap)
            assert np.isnan(auc)
            continue
        assert ap == pytest.approx(average_precision_score(mask, part), abs=1e-9)
        if mask.all():
            assert np.isnan(auc)
        else:
            assert auc == pytest.approx(roc_auc_score(mask, part), abs=1e-9)


@given(maps, masks)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_rank_correlation_is_scipys_within_the_union(values: np.ndarray, stack: np.ndarray) -> None:
    of = scene(by_rater(stack))
    found = scores_of(values, of).values["positive", "rank_correlation"][0]
    voters = {"": [0, 1, 2], "a": [1, 2], "b": [0, 2], "c": [0, 1]}
    for i, (_, kept) in enumerate(voters.items()):
        votes = stack[kept].sum(axis=0)
        union = votes > 0
        here, there = values[union], votes[union]
        if not (values > 0).any() or len(set(here)) < 2 or len(set(there)) < 2:
            assert np.isnan(found[i])
        else:
            assert found[i] == pytest.approx(spearmanr(here, there).statistic, abs=1e-9)


@given(maps, masks)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_counts_by_drawing_among_ties(values: np.ndarray, stack: np.ndarray) -> None:
    """Area measures from the definition: sort, cut, share the ties, add up."""
    of = scene(by_rater(stack))
    found = scores_of(values, of)
    part = np.maximum(values, 0).ravel()
    for name, percent in (("top25", 25), ("area", None)):
        for i in range(len(of.references.patterns.keys)):
            mask = of.references.mask(i)
            wanted = mask.sum() if percent is None else part.size * percent / 100
            wanted = min(wanted, (part > 0).sum())
            inside = np.zeros(part.size)
            left = wanted
            for value in sorted(set(part[part > 0]), reverse=True):
                tied = part == value
                inside[tied] = min(1, left / tied.sum())
                left -= inside[tied].sum()
            overlap = inside[mask].sum()
            assert found.overlap[name][i] == pytest.approx(overlap, abs=1e-9)
            expected = counted(part.size, np.array([float(mask.sum())]), inside.sum(),
                               np.array([overlap]))  # fmt: skip
            for measure in COUNTED:
                got = found.values[name, measure][0, i]
                assert got == pytest.approx(expected[measure][0], abs=1e-6, nan_ok=True)


@given(maps, masks)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_curves_are_the_rule_top_at_every_fraction(values: np.ndarray, stack: np.ndarray) -> None:
    of = scene(by_rater(stack)).of_all_raters()
    ranked = RankedMap.of(values, "positive")
    lines = curves(ranked, Marks.of(ranked, of.references), of.references)
    for k, fraction in enumerate(FRACTIONS):
        if fraction * ranked.size > ranked.ranked.size:
            assert all(np.isnan(lines[name][:, k]).all() for name in CURVES)
            continue
        cut = {"cut": {"rule": "top", "percent": 100 * fraction}}
        found = score(ranked, of, "positive", cut)
        for name in CURVES:
            assert lines[name][:, k] == pytest.approx(found.values["cut", name][0], nan_ok=True)


@given(masks, hnp.arrays(np.bool_, (4, 3, 2)))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_chance_is_what_a_constant_map_scores(stack: np.ndarray, region: np.ndarray) -> None:
    """The closed forms against the measures themselves, everywhere and within a region."""
    of = scene(by_rater(stack), tolerance_mm=1.0, region=region).of_all_raters()
    if not region.any():
        region[0, 0, 0] = True
    for where in (np.ones_like(region), region):
        found = scores_of(where.astype(np.float32), of)
        closed = constant(of, found, "positive", where.ravel())
        missing = set(found.values) - set(closed)
        # Where a map ends at a border there are ranks, and no closed form of their correlation.
        open_form = {"relative_area"} | ({"rank_correlation"} - {m for _, m in closed})
        assert {measure for _, measure in missing} == open_form
        assert where.all() == (("positive", "rank_correlation") in closed)
        for key, expected in closed.items():
            if key[1] == "rank_correlation":
                continue
            assert found.values[key][0] == pytest.approx(expected, abs=1e-6, nan_ok=True), key
    everywhere = constant(of, found, "positive")
    whole = constant(of, found, "positive", np.ones(of.references.size, dtype=bool))
    assert all(everywhere[k] == pytest.approx(whole[k], nan_ok=True) for k in everywhere)


@given(masks)
@settings(max_examples=50, deadline=None, derandomize=True)
def test_perfect_is_what_the_reference_itself_scores(stack: np.ndarray) -> None:
    of = scene(by_rater(stack), tolerance_mm=1.0).of_all_raters()
    best = perfect(of.references, "positive", RULES)
    for i in range(len(of.references.patterns.keys)):
        mask = of.references.mask(i)
        found = scores_of(mask.astype(np.float32), of)
        for (name, measure), values in best.items():
            if measure in VOTES_MEASURES or (name, measure) not in found.values:
                continue
            if not mask.any() and measure in ("irrelevant_ratio", "dice", "iou", "coverage"):
                assert np.isnan(values[i])
                continue
            got = found.values[name, measure][0, i]
            assert got == pytest.approx(values[i], abs=1e-6, nan_ok=True), (name, measure)
    votes = stack.sum(axis=0)
    found = scores_of(votes.astype(np.float32), of)
    for measure in VOTES_MEASURES:
        got, expected = found.values["positive", measure][0, 0], best["positive", measure][0]
        if measure == "rank_correlation" and len(set(votes[votes > 0])) < 2:
            continue
        if measure in TOP_MEASURES:
            level = votes >= {"any": 1, "half": 1.5, "all": 3}[measure.split("_")[1]]
            own = scores_of(level.astype(np.float32), of).values["positive", measure][0, 0]
            assert own == pytest.approx(expected, abs=1e-6, nan_ok=True), measure
            continue
        assert got == pytest.approx(expected, abs=1e-6, nan_ok=True), measure


def test_a_region_that_was_not_seen_is_no_chance_level() -> None:
    mask = np.zeros((4, 3, 2), bool)
    mask[0] = True
    of = scene({"a": mask}, region=np.zeros_like(mask)).of_all_raters()
    found = scores_of(np.ones(mask.shape, np.float32), of)
    assert constant(of, found, "positive", of.region) == {}


def test_votes_that_are_all_alike_have_no_perfect_correlation() -> None:
    mask = np.zeros((4, 3, 2), bool)
    mask[0] = True
    alike = scene({"a": mask, "b": mask}).of_all_raters()
    assert np.isnan(perfect(alike.references, "positive", RULES)["positive", "rank_correlation"])
    other = scene({"a": mask, "b": np.roll(mask, 1, axis=1) ^ mask ^ True}).of_all_raters()
    assert perfect(other.references, "positive", RULES)["positive", "rank_correlation"] == 1


def test_policies_of_empty_and_full() -> None:
    """The table in the module's docstring, row by row."""
    nothing, everything = np.zeros((4, 3, 2), bool), np.ones((4, 3, 2), bool)
    values = np.zeros((4, 3, 2), np.float32)
    values[0, 0, 0] = 2
    some = np.zeros((4, 3, 2), bool)
    some[0, 0] = True

    def row(saliency: np.ndarray, mask: np.ndarray) -> dict[str, float]:
        of = scene({"a": mask})
        found = scores_of(saliency, of, {"half": {"rule": "half"}})
        return {measure: float(v[0, 0]) for (_, measure), v in found.values.items()}

    blank = {name for name, value in row(values, nothing).items() if np.isnan(value)}
    assert blank == {
        "coverage", "centroid_distance_mm", "rank_accuracy", "average_precision", "auroc",
        "rank_correlation", "weighted_jaccard",
    }  # fmt: skip
    empty = row(values, nothing)
    assert empty["irrelevant_ratio"] == 1
    zeros = ("dice", "iou", "pointing_game", "mass_accuracy", *TOP_MEASURES)
    assert [empty[name] for name in zeros] == [0] * len(zeros)
    flat = row(np.zeros_like(values), some)
    assert {name for name, value in flat.items() if np.isnan(value)} == {
        "irrelevant_ratio", "centroid_distance_mm", *MAP_MEASURES, *VOTES_MEASURES,
    }  # fmt: skip
    assert [flat[name] for name in ("coverage", "dice", "iou", "relative_area")] == [0] * 4
    neither = row(np.zeros_like(values), nothing)
    assert all(np.isnan(neither[name]) for name in ("irrelevant_ratio", "coverage", "dice", "iou"))
    full = row(values, everything)
    assert full["irrelevant_ratio"] == 0
    assert full["coverage"] == pytest.approx(1 / 24)
    assert np.isnan(full["auroc"])
    ones = ("pointing_game", "mass_accuracy", "rank_accuracy", "average_precision")
    assert [full[name] for name in ones] == [1] * 4


def test_a_map_that_one_bin_holds_is_attended_whole() -> None:
    values = np.full((4, 3, 2), 1, np.float32)
    values[0] = np.float32(1.001)
    assert binarise(RankedMap.of(values, "positive"), {"rule": "otsu"}, np.ones(1)).attended == 24


@pytest.mark.parametrize("part", ["negative", "absolute"])
def test_parts_of_a_signed_map(part: str) -> None:
    values = np.array([[4, -3], [-2, 1]], dtype=np.float32)[..., None]
    mask = np.array([[0, 1], [0, 0]])[..., None]
    found = scores_of(values, scene({"a": mask}), {"half": {"rule": "half"}}, part)
    # Of -3 and -2 half and more; of sizes 4 3 2 1 those from 2 on.
    assert found.regions["half"].attended[0] == {"negative": 2, "absolute": 3}[part]
    mass = {"negative": 3 / 5, "absolute": 3 / 10}[part]
    assert found.values[part, "mass_accuracy"][0, 0] == pytest.approx(mass)
