"""What `make power` is built of: maps whose mix is known, and when a mix counts as told from 0."""

from __future__ import annotations

import numpy as np
import pytest
from rightreason.demo_plan import POSITIVE, plan

from benchmarks import power
from benchmarks.mixed_maps import DEMO, Cam, Truth

FINE = Cam(48, 0.0, 0.0)
COARSE = Cam(7, 0.5, 0.2)


@pytest.fixture(scope="module")
def truth() -> Truth:
    case = next(case for case in plan(DEMO) if case.label == POSITIVE)
    assert case.shortcut
    return Truth.of(case)


def test_the_truths_lie_apart_in_what_was_seen(truth: Truth) -> None:
    assert truth.finding.any()
    assert truth.shortcut.any()
    assert not (truth.finding & truth.shortcut).any()


@pytest.mark.parametrize("mix", [0.0, 0.25, 1.0])
def test_the_mix_is_the_share_of_the_mass(truth: Truth, mix: float) -> None:
    drawn = truth.maps(FINE, "c", mix, 0)
    assert drawn.sum(dtype=float) == pytest.approx(1, abs=1e-4)
    # A cell spreads its part over its neighbours: most of a part's mass is near its mask.
    ends = [truth.maps(FINE, "c", end, 0) for end in (0.0, 1.0)]
    np.testing.assert_allclose(drawn, (1 - mix) * ends[0] + mix * ends[1], rtol=0, atol=1e-9)
    for mask, share in ((truth.finding, 1 - mix), (truth.shortcut, mix)):
        assert drawn[mask].sum() >= 0.4 * share


def test_noise_is_of_its_case_mix_and_copy(truth: Truth) -> None:
    drawn = truth.maps(COARSE, "c", 0.25, 0)
    assert drawn.min() >= 0
    assert drawn.sum(dtype=float) == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(drawn, truth.maps(COARSE, "c", 0.25, 0))
    for other in (("d", 0.25, 0), ("c", 0.25, 1)):
        assert np.abs(drawn - truth.maps(COARSE, *other)).sum() > 0.1


def test_a_mix_is_told_when_the_measure_moves_the_right_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(power, "MIXES", (0, 10, 50))
    monkeypatch.setattr(power, "DRAWS", 30)
    monkeypatch.setattr(power, "PERMUTATIONS", 199)
    values = np.random.default_rng(0).normal(0, 0.1, (50, 3, 2 * power.COPIES))
    values[:, 2] += 1
    shares = power.told(values, rising=True)
    assert shares[2] == 1
    assert max(shares[:2]) < power.WANTED
    assert max(power.told(values, rising=False)) < power.WANTED
    assert power.smallest(shares) == "50 %"
    assert power.smallest([0.0, 0.9, 0.7]) == "none"


def test_falls_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "MIXES", (0, 10, 50))
    assert power.falls(np.array([0.1, 0.2, 0.3])) == "throughout"
    assert power.falls(np.array([0.2, 0.1, 0.3])) == "but for 0 to 10 % (-0.1000)"
