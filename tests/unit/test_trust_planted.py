"""The tests of maps catch what they are for: wrong maps, planted in a trained network."""

import pytest
import torch

from tests.planted import (
    INTEGRATED,
    gradcam,
    gradient,
    guided_backprop,
    integrated,
    inverted,
    judged,
    mixed,
    nine_tenths,
    of_another,
    scenes,
    shuffled,
    trained,
)

torch.set_num_threads(1)

UNTRAINED = ("randomisation", "rank_correlation")
GAINS = (("faithfulness", "gain_blur"), ("faithfulness", "gain_mean"))


@pytest.fixture(scope="module")
def network():
    network = trained(0)
    x, labels = scenes(100, 99)
    with torch.no_grad():
        assert (network(x).argmax(1) == labels).float().mean() > 0.9
    return network


def verdict(*given, **named):
    return {key: row["verdict"] for key, row in judged(*given, **named).items()}


def test_a_right_map_passes_every_test(network):
    tests = "batch", "randomisation", "faithfulness", "repeatability"
    found = verdict(network, gradcam, tests)
    assert len(found) == 6
    assert set(found.values()) == {"pass"}


def test_an_inverted_map_is_unfaithful(network):
    found = verdict(network, inverted, ["faithfulness"])
    assert found == dict.fromkeys(GAINS, "fail")


def test_a_shuffled_map_does_not_follow_the_image(network):
    found = judged(network, shuffled, ["faithfulness", "repeatability"])
    assert found["repeatability", "shift"]["verdict"] == "fail"
    assert found["repeatability", "shift"]["high"] < 0.1
    # Its order is as good as the same one elsewhere: the two differ by next to nothing.
    for gain in GAINS:
        assert found[gain]["verdict"] != "pass"
        assert found[gain]["low"] <= 0
        assert abs(found[gain]["figure"]) < 0.02


def test_a_map_from_another_model_survives_randomisation(network):
    found = verdict(network, of_another(trained(1)), ["randomisation"])
    assert found == {UNTRAINED: "fail"}


def test_a_map_of_the_whole_batch_is_none_of_its_case(network):
    assert verdict(network, mixed, ["batch"]) == {("batch", "difference"): "fail"}


def test_a_map_of_part_of_the_path_is_incomplete(network):
    complete = verdict(network, integrated, ["completeness"], INTEGRATED)
    part = verdict(network, nine_tenths, ["completeness"], INTEGRATED)
    assert complete == {("completeness", "gap"): "pass"}
    assert part == {("completeness", "gap"): "fail"}


def test_guided_backpropagation_survives_randomisation_and_a_gradient_does_not(network):
    assert verdict(network, guided_backprop, ["randomisation"]) == {UNTRAINED: "fail"}
    assert verdict(network, gradient, ["randomisation"]) == {UNTRAINED: "pass"}
