"""Batch norms folded into convolutions: the same logits, from fewer layers."""

import copy

import pytest
import torch
from rightreason.folded import MANY, folded
from rightreason.occlusion import occlusion
from rightreason.perturbed_cam import scorecam
from torch import nn
from torch.nn.utils import prune

from tests.random_networks import random_network

torch.set_num_threads(1)
NORMS = nn.BatchNorm2d | nn.BatchNorm3d


def norms(network):
    return sum(isinstance(module, NORMS) for module in network.modules())


def logits(network, x):
    with torch.inference_mode():
        return network(x.clone())


@pytest.mark.parametrize(
    ("name", "dims", "options", "before", "after"),
    [
        # One at the start, two in each of eight blocks, one in each of three projections.
        ("ResNet18", 2, {"block_inplanes": [4, 8, 8, 16]}, 20, 0),
        ("ResNet18", 3, {"block_inplanes": [4, 8, 8, 16]}, 20, 0),
        # In each of four layers the second of two; the first, those of the transition and at the
        # end follow a concatenation, but for the one after the very first convolution.
        ("DenseNet121", 2, {"init_features": 8, "growth_rate": 4, "block_config": [2, 2]}, 11, 6),
        ("VGG16", 2, {"hidden": 16}, 0, 0),
    ],
)
def test_the_logits_stay_and_the_norms_go(name, dims, options, before, after):
    network = random_network(name, dims, 3, options).double()
    x = torch.rand(2, 3, *(32,) * dims, dtype=torch.float64)
    expected = logits(network, x)
    found = folded(network, x, MANY)
    assert norms(network) == before
    assert norms(found) == after
    torch.testing.assert_close(logits(found, x), expected, rtol=1e-12, atol=1e-12)


def normed(**changes):
    """A convolution, a batch norm with statistics and weights of its own, and a mean."""
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, **changes), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    if network[1].running_mean is not None:
        network[1].running_mean.copy_(torch.tensor([0.5, -1.0]))
        network[1].running_var.copy_(torch.tensor([4.0, 0.25]))
    return network.eval()


def test_what_is_folded_by_hand():
    network = normed(affine=False, eps=0)
    convolution = network[0]
    found = folded(network, torch.rand(1, 1, 8, 8), MANY)
    scale = torch.tensor([0.5, 2.0])
    shift = torch.tensor([0.5, -1.0])
    torch.testing.assert_close(found[0].weight, convolution.weight * scale[:, None, None, None])
    torch.testing.assert_close(found[0].bias, (convolution.bias - shift) * scale)
    assert isinstance(found[1], nn.Identity)


class Around(nn.Module):
    """What the convolution puts out goes past the norm, too."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm, _, _ = normed()

    def forward(self, x):
        maps = self.convolution(x)
        return (self.norm(maps) + maps).mean((2, 3))


class Twice(nn.Module):
    """One norm after two convolutions."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, _, _ = normed()
        self.second = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        return self.norm(self.first(x)).mean((2, 3)) + self.norm(self.second(x)).mean((2, 3))


class Asking(nn.Module):
    """The way depends on the image."""

    def __init__(self):
        super().__init__()
        self.network = normed()

    def forward(self, x):
        return self.network(x) if x.mean() > 0 else self.network(-x)


class Counting(nn.Module):
    """Gives something else each time: a copy cannot be held against it."""

    def __init__(self):
        super().__init__()
        self.network = normed()
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return self.network(x) * self.passes


class Bound(nn.Conv2d):
    """A convolution that does more than one."""

    def forward(self, x):
        return super().forward(x).clamp(max=0.1)


def bound():
    network = normed()
    network[0] = Bound(1, 2, 3)
    return network


class Uncopied(Around):
    """Is its own copy."""

    def __deepcopy__(self, memo):
        return self

    def forward(self, x):
        return self.norm(self.convolution(x)).mean((2, 3))


class Aside(Uncopied):
    """A hook hands something past the layers: the copy's would write to the first network."""

    __deepcopy__ = None

    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.pool.register_forward_hook(lambda module, args, output: setattr(self, "kept", output))

    def forward(self, x):
        self.pool(x)
        return super().forward(x) + self.kept.mean((2, 3))


class Caching(Uncopied):
    """Keeps a tensor of its first pass for all later ones."""

    __deepcopy__ = None

    def __init__(self):
        super().__init__()
        self.grid = None

    def forward(self, x):
        if self.grid is None:
            self.grid = torch.linspace(0, 1, x.shape[-1])
        return super().forward(x * self.grid)


def changed(change):
    """Let a change be made to the convolution."""

    def make():
        network = normed()
        change(network[0])
        return network

    return make


def endless():
    network = nn.Sequential(*normed(), nn.Linear(2, 2))
    network[4].bias.data[0] = torch.inf
    return network


AS_THEY_ARE = {
    "around": Around,
    "twice": Twice,
    "asking": Asking,
    "counting": Counting,
    "bound": bound,
    "uncopied": Uncopied,
    "aside": Aside,
    "caching": Caching,
    "no statistics": lambda: normed(track_running_stats=False),
    "weight norm, parametrised": changed(nn.utils.parametrizations.weight_norm),
    "spectral norm": changed(nn.utils.spectral_norm),
    "pruned": changed(lambda one: prune.random_unstructured(one, "weight", 0.5)),
    "endless": endless,
}


@pytest.mark.parametrize("make", AS_THEY_ARE.values(), ids=AS_THEY_ARE)
def test_what_cannot_be_folded_runs_as_it_is(make):
    network = make().eval()
    kinds = [type(module) for module in network.modules()]
    assert folded(network, torch.rand(1, 1, 8, 8), MANY) is network
    assert [type(module) for module in network.modules()] == kinds


@pytest.mark.parametrize("algorithm", ["occlusion", "scorecam"])
def test_what_runs_many_times_runs_folded(monkeypatch, algorithm):
    network = random_network("ResNet18", 2, 1, {"block_inplanes": [4, 8, 8, 16]})
    x = torch.rand(16, 1, 32, 32) * 2 - 1
    ran = []
    forward = nn.BatchNorm2d.forward
    monkeypatch.setattr(
        nn.BatchNorm2d, "forward", lambda norm, maps: ran.append(len(maps)) or forward(norm, maps)
    )
    settings = {"window": 8, "stride": 4, "baseline": 0.0}
    if algorithm == "occlusion":
        occlusion(network, x, 1, settings, 4)
    else:
        scorecam(network, x, "layer2", 1, settings, 4)
    # Of the network itself, one image is held against the copy, and all sixteen give the layer.
    assert sum(ran) == 20 * (1 if algorithm == "occlusion" else 1 + 16)


def test_a_few_images_are_not_worth_it():
    assert folded(network := normed(), torch.rand(1, 1, 8, 8), MANY - 1) is network


def test_low_precision_is_not_folded():
    network = normed().to(torch.bfloat16)
    assert folded(network, torch.rand(1, 1, 8, 8, dtype=torch.bfloat16), MANY) is network


class Keeping(nn.Module):
    """Keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.network = normed()
        self.kept = None

    def forward(self, x):
        self.kept = x
        return self.network(x)


def test_the_network_is_left_as_it_was():
    network = Keeping().eval()
    before = copy.deepcopy(network.state_dict())
    x = torch.rand(1, 1, 8, 8)
    found = folded(network, x, MANY)
    assert norms(found) == 0
    assert norms(network) == 1
    assert isinstance(network.kept, torch.Tensor)
    assert torch.equal(network.kept, x)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.network[3] is not found.network[3]


def test_the_copy_holds_no_weights_but_the_folded_ones_anew():
    network = nn.Sequential(*normed()[:3], nn.Flatten(), nn.Linear(2, 2)).eval()
    found = folded(network, torch.rand(1, 1, 8, 8), MANY)
    assert found[4].weight is network[4].weight
    assert found[0].weight is not network[0].weight
