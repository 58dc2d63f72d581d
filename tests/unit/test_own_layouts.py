"""Own networks as they are commonly written: run, explained and trained in torch's own layout."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rightreason.algorithms import CAM_ALGORITHMS, INPUT_ALGORITHMS, PERTURBED_CAMS
from rightreason.committee import load_network
from rightreason.config_networks import Method
from rightreason.errors import InputError
from rightreason.explain import explain
from rightreason.own_networks import complete
from rightreason.perturbed_cam import ablationcam
from rightreason.probabilities import judge
from rightreason.samples import load_case
from rightreason.train import train_fold
from rightreason.trust_redraw import cascade
from rightreason.weights import read_state
from torch import nn

from tests.prepared import write_cohort

torch.set_num_threads(1)

NETS = """
from torch import nn

class LeNet(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4))
        self.head = nn.Linear(120, 2)
    def forward(self, x):
        y = self.features(x)
        return self.head(y.view(y.size(0), -1))

class SliceWise(nn.Module):
    '''A volume, slice by slice through a 2-D convolution.'''
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)
    def forward(self, x):
        n, _, z, *size = x.shape
        y = self.conv(x.view(n * z, 1, *size)).relu().mean((2, 3))
        return self.head(y.view(n, z, 4).mean(1))

class Deep(nn.Module):
    '''A subset as a volume of one channel.'''
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(1, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)
    def forward(self, x):
        return self.head(self.conv(x[:, None]).relu().mean((2, 3, 4)))
"""
# Of the image of 24 x 20 pixels LeNet's pooling leaves 6 x 5 places with 4 channels: 120.
CASES = [("LeNet", "slices"), ("LeNet", "subset"), ("SliceWise", "volume"), ("Deep", "subset")]
SETTINGS = {"patience": 5, "precision": "32", "device": "cpu", "threads": 1, "weight_decay": 0.0,
            "augment": True, "batch": 3}  # fmt: skip
SMALL = {"occlusion": {"window": 8, "stride": 8}}


@pytest.fixture
def code(tmp_path: Path) -> Iterator[str]:
    """A folder with the module `commonly`, forgotten afterwards."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "commonly.py").write_text(NETS)
    before = list(sys.path)
    yield str(folder)
    sys.path[:] = before
    sys.modules.pop("commonly", None)


def plainly(name: str, state: dict[str, torch.Tensor], channels: int) -> nn.Module:
    network = getattr(sys.modules["commonly"], name)(*([channels] if name == "LeNet" else []))
    network.load_state_dict(state)
    return network.eval()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_training_a_prediction_and_maps(name: str, kind: str, code: str, tmp_path: Path) -> None:
    images, labels = write_cohort(tmp_path / "images", kind)
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    model = {"input": kind, "network": f"commonly:{name}", "code": code, "epochs": 1, "batch": 8,
             "learning_rate": 0.01}  # fmt: skip
    out = tmp_path / "out"
    train_fold(images, labels, parts, model, SETTINGS, 0, out, tmp_path / "kept", "c")

    pixels = load_case(images["c00"]).pixels
    state = read_state(out / "weights.ckpt")
    x = (pixels.float() / 127.5 - 1).requires_grad_()
    logits = plainly(name, state, x.shape[1])(x)
    expected = float(logits.detach().double().softmax(1)[:, 1].mean())

    committee = [[out / "weights.ckpt"]]
    found = judge({"c00": images["c00"]}, [("c00", 0)], {0: committee}, model, SETTINGS)
    assert found["c00", 0] == pytest.approx([expected], abs=1e-6)

    cams = (*CAM_ALGORITHMS, *PERTURBED_CAMS) if name == "LeNet" else ()
    wanted = (*(set(INPUT_ALGORITHMS)), *cams)
    methods = {n: Method(algorithm=n, **SMALL.get(n, {})).model_dump() for n in wanted}
    network = load_network(out / "weights.ckpt", model, pixels, x.shape[1])
    layers = dict.fromkeys(cams, "features.0")
    made = explain([[network]], pixels, x.shape[1], methods, layers, 1, 3)
    assert made.probability == pytest.approx(expected, abs=1e-6)
    [gradient] = torch.autograd.grad(logits[:, 1].sum(), x)
    torch.testing.assert_close(torch.from_numpy(made.maps["gradient"]), gradient)
    for method in methods:
        assert made.maps[method].any(), method


class Ordinary(nn.Module):
    """Notes the strides of what it gets; one logit or two."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(1, 1, 3, padding=1)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(64, outputs)
        self.strides: list[tuple[int, ...]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.strides.append(x.stride())
        return self.head(self.conv(self.squeeze(x)).view(len(x), -1))


def one_channel_last(samples: int) -> torch.Tensor:
    """Strides that `contiguous` does not change and convolutions hand on."""
    x = torch.empty(samples, 1, 4, 4, memory_format=torch.channels_last).uniform_(-1, 1)
    assert x.contiguous().stride() == (16, 1, 4, 1)
    return x


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_second_call_adds_nothing_and_a_copy_keeps_what_the_first_added(outputs: int) -> None:
    network, x = Ordinary(outputs), one_channel_last(3)
    complete(network, x, "Ordinary")
    expected = network(x)
    complete(network, x, "Ordinary")
    assert len(network._forward_pre_hooks) == 1
    assert len(network._forward_hooks) == 2 - outputs
    assert torch.equal(network(x), expected)
    twin = copy.deepcopy(network)
    assert torch.equal(twin(x), expected)
    assert set(network.strides + twin.strides) == {(16, 16, 4, 1)}


class InPlace(nn.Module):
    """Scales its input in place; the logits are 0 and the sum."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mul_(2).flatten(1).sum(1, keepdim=True) * torch.tensor([0.0, 1.0])


def test_work_in_place_at_the_beginning_spoils_no_image() -> None:
    """Each pass, and each method, is of the same image: of ones, with the logit 2 * 4."""
    network, pixels = InPlace(), torch.full((2, 1, 2, 2), 255, dtype=torch.uint8)
    x = torch.ones(2, 1, 2, 2)
    complete(network, x, "InPlace")
    assert x.eq(1).all()
    methods = {n: Method(algorithm=n).model_dump() for n in ("input_x_gradient", "gradient")}
    made = explain([[network, network]], pixels, 1, methods, {}, 1, 2)
    assert made.logit == 8
    assert {name: set(values.flatten()) for name, values in made.maps.items()} == {
        "input_x_gradient": {2.0},
        "gradient": {2.0},
    }


def test_a_network_that_fails_keeps_no_second_hook() -> None:
    network = nn.Conv2d(1, 2, 1)
    for _ in range(2):
        with pytest.raises(InputError, match="expected logits as a tensor of shape"):
            complete(network, torch.rand(1, 1, 4, 4), "Conv2d")
    assert len(network._forward_pre_hooks) == 1


def test_weights_drawn_anew_are_run_and_put_back_in_the_same_layout() -> None:
    network, x = Ordinary().eval(), one_channel_last(2)
    complete(network, x, "Ordinary")
    expected, strides = network(x), [p.stride() for p in network.parameters()]
    with cascade(network, x, 3, 0) as steps:
        for _ in steps:
            assert not torch.equal(network(x), expected)
    assert torch.equal(network(x), expected)
    assert [p.stride() for p in network.parameters()] == strides
    assert set(network.strides) == {(16, 16, 4, 1)}


def test_a_target_layer_of_one_channel_is_ablated_in_the_same_layout() -> None:
    """The logit less the logit without the channel, times the channel."""
    network, x = Ordinary().eval(), one_channel_last(2)
    complete(network, x, "Ordinary")
    maps = network.squeeze(x)
    empty = network.head(network.conv(torch.zeros(1, 1, 4, 4)).flatten(1))
    drops = (network(x) - empty)[:, 1]
    found = ablationcam(network, x, "squeeze", 1, {}, 2)
    torch.testing.assert_close(found, (drops[:, None, None, None] * maps).detach())


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_what_is_compiled_to_torchscript_takes_no_hooks_and_is_run_as_it_is() -> None:
    network = torch.jit.script(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)))
    x = one_channel_last(2)
    complete(network, x, "Scripted")
    assert network(x).shape == (2, 2)
