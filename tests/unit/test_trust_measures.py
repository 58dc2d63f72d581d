"""Batch, completeness, faithfulness and repeatability against numbers counted by hand."""

import math

import pytest
import torch
from rightreason.trust_batch import batch_difference
from rightreason.trust_completeness import completeness_gap
from rightreason.trust_faithfulness import (
    Areas,
    areas,
    elsewhere,
    filled,
    gain,
    places,
    target_probability,
)
from rightreason.trust_repeatability import over_seeds, under_noise, under_shift
from rightreason.trust_samples import strongest
from scipy.ndimage import gaussian_filter
from torch import nn

torch.set_num_threads(1)


class Weighted(nn.Module):
    """Logit 1 is a weighted sum of the voxels, logit 0 is zero: its evidence is known."""

    def __init__(self, weights, bias=0.0):
        super().__init__()
        self.register_buffer("weights", weights)
        self.bias = bias

    def forward(self, x):
        evidence = (x * self.weights).flatten(1).sum(dim=1) + self.bias
        return torch.stack([torch.zeros_like(evidence), evidence], dim=1)


def evidence_of(network, x):
    return x * network.weights


def noise(seed, shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_map_of_its_own_sample_is_the_same_in_a_batch():
    network, x = Weighted(noise(0, (1, 6, 6))), noise(1, (3, 1, 6, 6))
    assert batch_difference(network, evidence_of, x) == 0


def test_a_map_that_mixes_the_batch_is_found_by_its_size():
    network, x = Weighted(torch.ones(1, 1, 2)), torch.tensor([[[[0.0, 2.0]]]])
    # Alone: 0 and 2. With (-2, 0) before it the mean of the maps is -1 and 1: off by 1 of 2.
    assert batch_difference(network, lambda n, x: (x * n.weights).mean(0, keepdim=True)
                            .expand_as(x), x) == pytest.approx(0.5)  # fmt: skip


def test_a_flat_or_broken_map_has_its_say():
    network, x = Weighted(torch.ones(1, 1, 2)), torch.tensor([[[[0.0, 2.0]]]])
    assert batch_difference(network, lambda _, x: torch.zeros_like(x), x) == 0
    assert math.isnan(batch_difference(network, lambda _, x: x * math.nan, x))

    def rounded(_network, x):
        return torch.full_like(x, 3) + (1e-6 * x if len(x) == 1 else -1e-6 * x)

    assert batch_difference(network, rounded, x) == pytest.approx(4e-6 / 3, rel=0.2)

    def broken_together(_network, x):
        return x if len(x) == 1 else x * math.nan

    assert batch_difference(network, broken_together, x) == math.inf


def test_evidence_of_a_weighted_sum_is_complete():
    network, x = Weighted(noise(0, (1, 6, 6)), 2.0), noise(1, (3, 1, 6, 6))
    maps = (x + 1) * network.weights
    assert completeness_gap(network, x, maps, 1, 0.0, batch=2) == pytest.approx(0, abs=1e-6)


def test_what_is_missing_is_a_share_of_the_difference():
    network, x = Weighted(torch.ones(1, 1, 2)), torch.tensor([[[[1.0, 0.0]]], [[[1.0, 1.0]]]])
    # Against grey 0.5 (0 on the network's scale) the outputs differ by 1 and 2.
    maps = torch.tensor([[[[0.9, 0.0]]], [[[1.0, 0.9]]]])
    assert completeness_gap(network, x, maps, 1, 0.5, batch=1) == pytest.approx(0.1)
    assert completeness_gap(network, x[1:], maps[1:], 1, 0.5, batch=2) == pytest.approx(0.05)


def test_places_are_those_of_the_falling_order():
    values = torch.tensor([[[[3.0, 9.0], [3.0, -1.0]]]])
    assert places(values).tolist() == [[[[0.25, 0.0], [0.5, 0.75]]]]


def test_fills_are_the_mean_and_the_blurred_image():
    x = noise(0, (2, 2, 16, 32))
    assert filled(x, "mean")[1, 0].unique().item() == pytest.approx(x[1, 0].mean().item())
    expected = gaussian_filter(x[1, 0].numpy(), (1, 2), mode="nearest")
    torch.testing.assert_close(filled(x, "blur")[1, 0], torch.from_numpy(expected))


def test_areas_are_those_counted_by_hand():
    # Four voxels that each weigh something; two steps: the first half of the order, then all.
    network = Weighted(torch.tensor([[[4.0, 2.0, 1.0, 1.0]]]), -4.0)
    x, fill = torch.ones(1, 1, 1, 4), torch.zeros(1, 1, 1, 4)

    def p(evidence):
        return 1 / (1 + math.exp(-(evidence - 4)))

    found = areas(network, x, fill, [places(x * network.weights)], 1, steps=2, batch=8)[0]
    assert found.deletion == pytest.approx((p(8) + 2 * p(2) + p(0)) / 4)
    assert found.insertion == pytest.approx((p(0) + 2 * p(6) + p(8)) / 4)


def test_a_channel_of_a_map_stands_for_all_channels_of_the_input():
    weights = torch.tensor([[[1.0, 0.0]], [[3.0, 0.0]]])
    network, x = Weighted(weights), torch.ones(1, 2, 1, 2)
    order = places(torch.tensor([[[[1.0, 0.0]]]]))
    found = areas(network, x, torch.zeros_like(x), [order], 1, steps=2, batch=8)[0]
    # All of the evidence, 4, lies in the first of two places: both curves fall or rise at once.
    whole, empty = 1 / (1 + math.exp(-4)), 0.5
    assert found.deletion == pytest.approx((whole + 2 * empty + empty) / 4)
    assert found.insertion == pytest.approx((empty + 2 * whole + whole) / 4)


def test_the_gain_is_the_mean_of_both_areas_between_the_curves():
    others = [Areas(0.6, 0.4), Areas(0.8, 0.2)]
    assert gain(Areas(0.1, 0.9), others) == pytest.approx(((0.7 - 0.1) + (0.9 - 0.3)) / 2)
    assert gain(others[0], [others[0]]) == 0


def test_the_order_elsewhere_is_the_same_order_rolled():
    order = places(noise(0, (1, 1, 8, 8)))
    first, second = elsewhere(order, 2, seed=5)
    assert not torch.equal(first, second)
    assert sorted(first.ravel().tolist()) == sorted(order.ravel().tolist())
    rolled = [order.roll((dy, dx), (2, 3)) for dy in range(8) for dx in range(8)]
    assert any(torch.equal(first, candidate) for candidate in rolled)


def test_the_probability_is_the_mean_over_samples_whatever_the_batch():
    network, x = Weighted(torch.ones(1, 1, 1)), torch.tensor([0.0, math.log(3)]).view(2, 1, 1, 1)
    assert target_probability(network, x, 1, batch=1) == pytest.approx((0.5 + 0.75) / 2)
    assert target_probability(network, x, 0, batch=2) == pytest.approx((0.5 + 0.25) / 2)


@pytest.mark.parametrize("shape", [(2, 1, 16, 20), (1, 3, 16, 20), (1, 1, 8, 16, 20)])
def test_a_map_of_the_input_itself_follows_a_shift_exactly(shape):
    network, x = Weighted(torch.ones(shape[1:])), noise(0, shape)
    assert under_shift(network, lambda _, x: x, x, x, 2) == pytest.approx(1)


def test_a_map_that_stays_behind_does_not_follow():
    network, x = Weighted(torch.ones(1, 16, 20)), noise(0, (2, 1, 16, 20))
    fixed = noise(1, (2, 1, 16, 20))
    assert abs(under_shift(network, lambda _, x: fixed, x, fixed, 2)) < 0.3


def test_noise_of_nothing_changes_nothing_and_noise_of_all_everything():
    network, x = Weighted(torch.ones(1, 32, 32)), noise(0, (1, 1, 32, 32)).clamp(-1, 1)

    def alike(level):
        return under_noise(network, evidence_of, x, evidence_of(network, x), level, 7)

    assert alike(0.0) == pytest.approx(1)
    assert 0.9 < alike(0.05) < 1
    assert alike(0.05) == alike(0.05)
    assert alike(5.0) < 0.3


def test_seeds_are_compared_two_by_two():
    a = torch.arange(4.0).view(1, 1, 2, 2)
    assert over_seeds([a, a, -a]) == pytest.approx((1 - 1 - 1) / 3)


def test_the_samples_with_the_most_of_the_class_are_taken():
    network = Weighted(torch.ones(1, 1, 1))
    x = torch.tensor([0.0, 3.0, -1.0, 3.0, 2.0]).view(5, 1, 1, 1)
    assert strongest(network, x, 1, 3, batch=2).tolist() == [1, 3, 4]
    assert strongest(network, x, 0, 2, batch=2).tolist() == [0, 2]
    assert strongest(network, x, 1, 9, batch=2).tolist() == [0, 1, 2, 3, 4]
