from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rightreason.rater_patterns import (
    fleiss_kappa,
    krippendorff_alpha,
    pairwise,
    tally,
    with_and_without,
)
from sklearn.metrics import f1_score, jaccard_score
from statsmodels.stats.inter_rater import aggregate_raters
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_kappa


@st.composite
def patterns(draw):
    """Any patterns of 2 to 5 raters, with 0 to 20 voxels each."""
    n_raters = draw(st.integers(2, 5))
    kinds = [[bool(code >> bit & 1) for bit in range(n_raters)] for code in range(2**n_raters)]
    voxels = draw(st.lists(st.integers(0, 20), min_size=len(kinds), max_size=len(kinds)))
    return np.array(kinds), np.array(voxels, dtype=float)


def expand(marks, voxels):
    return np.repeat(marks, voxels.astype(int), axis=0)


@given(patterns())
def test_kappa_and_alpha_are_the_libraries_on_the_expanded_voxels(case):
    marks, voxels = case
    units = expand(marks, voxels)
    found = tally(marks, voxels)
    if not units.size or units.all() or not units.any():
        assert np.isnan([fleiss_kappa(found), krippendorff_alpha(found)]).all()
        return
    table, _ = aggregate_raters(units.astype(int), n_cat=2)
    assert fleiss_kappa(found) == pytest.approx(statsmodels_kappa(table), abs=1e-9)
    theirs = krippendorff.alpha(units.T.astype(float), level_of_measurement="nominal")
    assert krippendorff_alpha(found) == pytest.approx(theirs, abs=1e-9)


@given(st.lists(patterns(), min_size=2, max_size=3))
def test_alpha_of_added_tallies_is_the_librarys_with_missing_raters(cases):
    total = sum(tally(marks, voxels) for marks, voxels in cases)
    columns = []
    for marks, voxels in cases:
        units = expand(marks, voxels).astype(float)
        columns.append(np.pad(units, ((0, 0), (0, 5 - units.shape[1])), constant_values=np.nan))
    data = np.concatenate(columns).T
    if not data.size or np.nanmin(data) == np.nanmax(data):
        assert np.isnan(krippendorff_alpha(total))
        return
    theirs = krippendorff.alpha(data, level_of_measurement="nominal")
    assert krippendorff_alpha(total) == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=30)
@given(patterns())
def test_dice_and_iou_are_scikit_learns(case):
    marks, voxels = case
    units = expand(marks, voxels)
    dice, iou = pairwise(marks, voxels)
    for i, j in zip(*np.triu_indices(marks.shape[1], 1), strict=True):
        assert dice[i, j] == pytest.approx(dice[j, i], nan_ok=True)
        if not units[:, [i, j]].any():
            assert np.isnan([dice[i, j], iou[i, j]]).all()
            continue
        assert dice[i, j] == pytest.approx(f1_score(units[:, i], units[:, j]), abs=1e-12)
        assert iou[i, j] == pytest.approx(jaccard_score(units[:, i], units[:, j]), abs=1e-12)


def test_kappa_and_alpha_by_hand():
    # Ten voxels, two raters: both mark 2, one 3, nobody 5: p = 7/20, and 3 of 10 differ.
    marks = np.array([[True, True], [True, False], [False, False]])
    found = tally(marks, np.array([2.0, 3, 5]))
    assert found.tolist() == [7, 13, 6]
    assert fleiss_kappa(found) == pytest.approx(1 - 0.3 / (2 * 0.35 * 0.65))
    assert krippendorff_alpha(found) == pytest.approx(1 - 0.3 / (2 * 7 * 13 / (20 * 19)))


def test_one_voxel_and_one_rater():
    one = np.ones(1)
    assert fleiss_kappa(tally(np.array([[True, False, False]]), one)) == pytest.approx(-0.5)
    assert np.isnan(fleiss_kappa(tally(np.array([[True, True]]), one)))
    assert tally(np.array([[True]]), one).tolist() == [0, 0, 0]
    assert pairwise(np.array([[True, False]]), one)[0][0, 1] == 0


def test_millions_of_voxels_are_counted_exactly():
    marks = np.array([[True, True], [True, False], [False, False]])
    dice, _ = pairwise(marks, np.array([1e9, 1.0, 4e9]))
    assert dice[0, 1] == 2e9 / (2e9 + 1)


def test_with_and_without_by_hand():
    # Raters a, b, c: ab 0.8, ac 0.4, bc 0.6. With a 0.6, without 0.6; b 0.7, 0.4; c 0.5, 0.8.
    dice = np.full((3, 3, 3), np.nan)
    for i, j, value in ((0, 1, 0.8), (0, 2, 0.4), (1, 2, 0.6)):
        dice[0, i, j] = dice[0, j, i] = value
    dice[1, 0, 1] = dice[1, 1, 0] = 0.7  # c did not look: nobody can be told from the other
    dice[2, 0, 2] = dice[2, 1, 2] = dice[2, 2, 0] = dice[2, 2, 1] = 0.0  # ab both empty
    found = with_and_without(dice)
    assert found[0] == pytest.approx([0, 0.3, -0.3])
    assert np.isnan(found[1]).all()
    assert found[2] == pytest.approx([0, 0, np.nan], nan_ok=True)
