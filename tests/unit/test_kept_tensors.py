"""Networks that keep a tensor of one pass for the next, which may be one with a tape."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rightreason import probabilities
from rightreason.algorithms import ALGORITHMS, LAYER_ALGORITHMS
from rightreason.answers import Question, answers
from rightreason.cam import last_convolution
from rightreason.classifier import Classifier, Plan
from rightreason.config_networks import Method
from rightreason.own_networks import complete
from rightreason.samples import Samples, load_case
from rightreason.trust_completeness import completeness_gap
from rightreason.trust_faithfulness import target_probability
from rightreason.trust_redraw import cascade, layers_from_top
from rightreason.trust_samples import strongest
from torch import nn

from tests.prepared import write_cohort

torch.set_num_threads(1)

SMALL = {"occlusion": {"window": 4, "stride": 4}, "integrated_gradients": {"steps": 2}}
METHODS = {n: Method(algorithm=n, **SMALL.get(n, {})).model_dump() for n in ALGORITHMS}


class Keeping(nn.Module):
    """Keeps coordinates for its input, and a window for its layer, of the shapes it saw last."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.head = nn.Linear(3, 2)
        self.kept: dict[str, torch.Tensor] = {}

    def ramp(self, name: str, like: torch.Tensor) -> torch.Tensor:
        if name not in self.kept or self.kept[name].shape != like.shape:
            self.kept[name] = torch.linspace(0.5, 1, like.shape[-1]).expand(like.shape)
        return self.kept[name]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x * self.ramp("coordinates", x)).relu()
        return self.head((y * self.ramp("window", y)).mean((2, 3)))


def keeping() -> nn.Module:
    torch.manual_seed(0)
    return Keeping().eval()


def ask(network: nn.Module, x: torch.Tensor, *names: str) -> dict[str, torch.Tensor]:
    methods = {name: METHODS[name] for name in names}
    question = Question(methods, dict.fromkeys(LAYER_ALGORITHMS, "conv"), 1)
    return {name: answer.maps for name, answer in answers(network, x, question, 4)[1].items()}


def draw_anew(network: nn.Module, x: torch.Tensor) -> None:
    with cascade(network, x, 2, 0) as steps:
        assert list(steps) == [0.5, 1]


PASSES: dict[str, Callable[[nn.Module, torch.Tensor], object]] = {
    "trial": lambda network, x: complete(network, x, "Keeping"),
    "default layer": last_convolution,
    "strongest": lambda network, x: strongest(network, x, 1, 1, 4),
    "probability": lambda network, x: target_probability(network, x, 1, 4),
    "completeness": lambda network, x: completeness_gap(network, x, x, 1, 0.0, len(x)),
    "order of layers": layers_from_top,
    "cascade": draw_anew,
    **{n: lambda network, x, name=n: ask(network, x, name) for n in ALGORITHMS},
}


@pytest.mark.parametrize("first", PASSES)
def test_after_any_pass_gradients_are_those_of_a_fresh_network(first: str) -> None:
    # The trial, and completeness at the baseline, run one sample.
    for x in torch.rand(2, 1, 8, 8) * 2 - 1, torch.rand(1, 1, 8, 8) * 2 - 1:
        network = keeping()
        PASSES[first](network, x)
        for name in ("gradient", "gradcam"):
            [found], [expected] = (ask(n, x, name).values() for n in (network, keeping()))
            assert expected.any()
            assert torch.equal(found, expected)


def test_a_prediction_then_maps_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, _ = write_cohort(tmp_path, "slices", cases=1)
    network = keeping()
    monkeypatch.setattr(probabilities, "load_network", lambda *_: network)
    settings = {"device": "cpu", "threads": 1, "batch": 4}
    found = probabilities.judge(images, [("c00", 0)], {0: [["w"]]}, {"network": "n:N"}, settings)
    x = load_case(images["c00"]).pixels.float() / 127.5 - 1
    expected = keeping()(x).softmax(1)[:, 1].mean().item()
    assert found["c00", 0] == pytest.approx([expected])
    for name in ("gradient", "integrated_gradients", "gradcam", "scorecam", "gradient"):
        assert torch.equal(ask(network, x, name)[name], ask(keeping(), x, name)[name]), name


def test_training_goes_on_after_the_trial() -> None:
    network, pixels = keeping().train(), torch.randint(0, 256, (4, 1, 8, 8), dtype=torch.uint8)
    complete(network, pixels.float() / 127.5 - 1, "Keeping")
    samples = Samples(tuple("abcd"), pixels, torch.arange(4))
    parts, labels = {"train": samples, "validation": samples}, torch.tensor([0, 1, 0, 1])
    plan = Plan(1, 4, 0.1, 0.0, None, False, 0)
    classifier = Classifier(network, parts, dict.fromkeys(parts, labels), 1, plan)
    for one in (torch.tensor([0]), torch.arange(4)):
        loss = classifier.training_step(one)
        loss.backward()
        assert network.conv.weight.grad.any()
