"""The tests of maps catch what they are for: wrong maps, planted in a trained network.

The network learns to tell slices with a bright disc in a lung from slices without: pictures with
edges that have nothing to do with the class, as a CT has them.
"""

import pandas as pd
import pytest
import torch
from rightreason.config_trust import TrustLimits
from rightreason.trust import measured
from rightreason.trust_maps import map_function
from rightreason.trust_subjects import Subject
from rightreason.trust_table import verdicts
from torch import nn
from torch.nn import functional

torch.set_num_threads(1)
SIDE = 48
LAYER = "14"
SETTINGS = {
    "batch": 16, "stages": 5, "steps": 8, "orders": 2, "noise": 0.01, "shift": 2, "seed": 0,
}  # fmt: skip
BOOTSTRAP = {"bootstrap": 500, "confidence": 0.95, "seed": 0}


def scenes(count, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((count, 1, SIDE, SIDE), generator=generator) * 0.05 - 0.8
    y, z = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    labels = torch.arange(count) % 2
    for image, label in zip(x[:, 0], labels, strict=True):
        tall, wide = 18 + 4 * torch.rand(2, generator=generator)
        image[((y - 24) / tall) ** 2 + ((z - 24) / (wide - 4)) ** 2 < 1] += 0.9
        for side in (-7, 7):
            image[((y - 24) / 10) ** 2 + ((z - 24 - side) / 5) ** 2 < 1] -= 0.7
        if label:
            side = torch.randint(0, 2, (1,), generator=generator) * 14 - 7
            height = torch.randint(16, 32, (1,), generator=generator)
            image[(y - height) ** 2 + (z - 24 - side) ** 2 < 10] += 0.5
    return x.clamp(-1, 1), labels


def trained(seed):
    torch.manual_seed(seed)
    layers = []
    for number, (given, made) in enumerate([(1, 8), (8, 8), (8, 16), (16, 16), (16, 16)]):
        layers += [nn.Conv2d(given, made, 3, padding=1), nn.BatchNorm2d(made), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number in (1, 3) else []
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2))
    x, labels = scenes(256, seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.005)
    for _ in range(20):
        for part in torch.randperm(256).split(32):
            optimiser.zero_grad()
            functional.cross_entropy(network(x[part]), labels[part]).backward()
            optimiser.step()
    return network.eval()


@pytest.fixture(scope="module")
def network():
    network = trained(0)
    x, labels = scenes(100, 99)
    with torch.no_grad():
        assert (network(x).argmax(1) == labels).float().mean() > 0.9
    return network


gradcam = map_function({"algorithm": "gradcam"}, LAYER, 1, 16, 1)
integrated = map_function(
    {"algorithm": "integrated_gradients", "steps": 32, "baseline": 0.0}, None, 1, 16, 1
)
gradient = map_function({"algorithm": "gradient"}, None, 1, 16, 1)
guided_backprop = map_function({"algorithm": "guided_backprop"}, None, 1, 16, 1)


def found(network, map_of, *tests, method="gradcam"):
    x, labels = scenes(24, 7)
    inputs = {f"case{i:02}": one[None] for i, one in enumerate(x[labels == 1])}
    maps = {case: map_of(network, x) for case, x in inputs.items()}
    how = {"algorithm": method, "baseline": 0.0}
    subject = Subject([network], lambda _batch: map_of, inputs, maps, {}, how)
    rows = [row for test in tests for row in measured(test, subject, SETTINGS, SETTINGS["batch"])]
    cases = {case: {"patient": case, "label": "yes"} for case in inputs}
    limits = TrustLimits().model_dump()
    nothing = pd.DataFrame(columns=["case", "test", "measure", "step", "value"])
    table = verdicts(pd.DataFrame(rows), nothing, tests, cases, limits, BOOTSTRAP)
    return {(row["test"], row["measure"]): row["verdict"] for row in table}


def test_a_right_map_passes_every_test(network):
    verdict = found(network, gradcam, "batch", "randomisation", "faithfulness", "repeatability")
    assert len(verdict) == 6
    assert set(verdict.values()) == {"pass"}


def test_an_inverted_map_is_unfaithful(network):
    verdict = found(network, lambda n, x: -gradcam(n, x), "faithfulness")
    assert verdict["faithfulness", "gain_blur"] == "fail"
    assert verdict["faithfulness", "gain_mean"] == "fail"


def test_a_shuffled_map_does_not_follow_the_image(network):
    order = torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(3))

    def shuffled(network, x):
        return gradcam(network, x).flatten(1)[:, order].reshape(x.shape)

    verdict = found(network, shuffled, "faithfulness", "repeatability")
    assert verdict["repeatability", "shift"] == "fail"
    assert verdict["faithfulness", "gain_blur"] != "pass"


def test_a_map_from_another_model_survives_randomisation(network):
    other = trained(1)
    verdict = found(network, lambda _, x: gradcam(other, x), "randomisation")
    assert verdict["randomisation", "rank_correlation"] == "fail"


def test_a_map_of_the_whole_batch_is_none_of_its_case(network):
    def mixed(network, x):
        return gradcam(network, x).mean(dim=0, keepdim=True).expand_as(x)

    assert found(network, mixed, "batch") == {("batch", "difference"): "fail"}


def test_a_map_of_part_of_the_path_is_incomplete(network):
    complete = found(network, integrated, "completeness", method="integrated_gradients")
    part = found(
        network, lambda n, x: 0.9 * integrated(n, x), "completeness", method="integrated_gradients"
    )
    assert complete == {("completeness", "gap"): "pass"}
    assert part == {("completeness", "gap"): "fail"}


def test_guided_backpropagation_survives_randomisation_and_a_gradient_does_not(network):
    untrained = ("randomisation", "rank_correlation")
    assert found(network, guided_backprop, "randomisation") == {untrained: "fail"}
    assert found(network, gradient, "randomisation") == {untrained: "pass"}
