"""Score-CAM and Ablation-CAM against numbers counted by hand and against plain loops."""

import math
import re

import pytest
import torch
from rightreason.ablations import Ablations
from rightreason.cam import layer_evidence
from rightreason.cam_formulas import FORMULAS
from rightreason.errors import InputError
from rightreason.perturbed_cam import ALGORITHMS, ablationcam, layer_output, scorecam
from torch import nn
from torch.nn import functional

from tests.random_networks import random_network
from tests.slice_encoders import UNFIT

torch.set_num_threads(1)

BLACK = {"baseline": 0.0}
RESNET = {"block_inplanes": [4, 8, 8, 16], "no_max_pool": True}
DENSENET = {"init_features": 8, "growth_rate": 4, "block_config": [2, 2]}
CASES = [
    ("ResNet18", 2, RESNET, "layer4.1.conv2"),
    ("ResNet18", 2, RESNET, "layer2"),
    ("ResNet18", 3, RESNET, "layer3"),
    ("DenseNet121", 2, DENSENET, "class_layers.relu"),
    ("DenseNet121", 2, DENSENET, "features.denseblock1.denselayer1.layers.conv2"),
    ("DenseNet121", 3, DENSENET, "features.denseblock2.denselayer2.layers.conv2"),
    ("AlexNet", 2, {"hidden": 16}, "features.0"),
    ("VGG16", 2, {"hidden": 16}, "features.2"),
]
SIZE = {2: (32, 24), 3: (8, 24, 16)}
PLANAR = {"AlexNet": (64, 64), "VGG16": (32, 32)}


def network_and_input(name, dims, options, batch=2):
    network = random_network(name, dims, 3, options)
    size = PLANAR.get(name, SIZE[dims])
    return network.double(), torch.rand(batch, 3, *size, dtype=torch.float64) * 2 - 1


class Two(nn.Module):
    """Channels x and -x; the logit of class 1 is x0 + 3 x1 of the first, that of 0 is zero."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1, bias=False)
        self.layer.weight.data[:, 0, 0, 0] = torch.tensor([1.0, -1.0])

    def forward(self, x):
        first = self.layer(x)[:, 0, 0]
        logit = first[:, 0] + 3 * first[:, 1]
        return torch.stack([torch.zeros_like(logit), logit], 1)


@pytest.mark.parametrize(
    ("grey", "difference"),
    # Masks of the channels (1/2, 1) and (-1/2, -1): (0, 1) and (1, 0).
    # On grey (0, 1) and (1/2, 0); on black (-1, 1) and (1/2, -1); on white (1, 1) and (1/2, 1).
    [(0.5, 3 - 0.5), (0.0, 2 - -2.5), (1.0, 4 - 3.5)],
)
def test_scorecam_by_hand(grey, difference):
    x = torch.tensor([[[[0.5, 1.0]]]])
    found = scorecam(Two(), x, "layer", 1, {"baseline": grey}, 1)
    # Two weights of a softmax, on opposite channels: their difference is a tanh.
    scale = math.tanh(difference / 2)
    assert found.flatten().tolist() == pytest.approx([0.5 * scale, scale])
    assert scorecam(Two(), x, "layer", 0, {"baseline": grey}, 1).flatten().tolist() == [0, 0]


def test_ablationcam_by_hand():
    x = torch.tensor([[[[0.5, 1.0]]], [[[-2.0, 0.0]]]])
    # The logits 3.5 and -2 hang on the first channel alone: drops 3.5 and -2, times the channel.
    found = ablationcam(Two(), x, "layer", 1, {}, 1)
    assert found.tolist() == [[[[1.75, 3.5]]], [[[4.0, 0.0]]]]
    assert not ablationcam(Two(), x, "layer", 0, {}, 1).any()
    each = ablationcam(Two(), x, "layer", torch.tensor([0, 1]), {}, 1)
    assert each.tolist() == [[[[0.0, 0.0]]], [[[4.0, 0.0]]]]


def plain_scorecam(network, x, layer, target):
    """One mask at a time, as the paper's algorithm 1 has it, with the subtraction."""
    maps = []
    with torch.no_grad():
        for one in x.split(1):
            [a] = layer_output(network, one, layer)[1]
            empty = network(torch.full_like(one, -1.0))[0, target]
            alive = [channel for channel in a if channel.max() > channel.min()]
            mode = "bilinear" if x.ndim == 4 else "trilinear"
            scores = []
            for channel in alive:
                mask = functional.interpolate(channel[None, None], one.shape[2:], mode=mode)
                mask = (mask - mask.min()) / (mask.max() - mask.min())
                scores.append(network(-1 + (one + 1) * mask)[0, target] - empty)
            weights = torch.stack(scores).exp() / torch.stack(scores).exp().sum()
            maps.append(sum(w * channel for w, channel in zip(weights, alive, strict=True)))
    return torch.stack(maps)[:, None]


def plain_ablationcam(network, x, layer, target):
    """One ablation at a time; the paper's weights, and times the logit that it divides by."""
    maps = []
    with torch.no_grad():
        for one in x.split(1):
            logits, [a] = layer_output(network, one, layer)
            y, weights = logits[0, target], []
            for channel in range(len(a)):

                def ablate(module, args, output, channel=channel):
                    output = output.clone()
                    output[:, channel] = 0
                    return output

                handle = network.get_submodule(layer).register_forward_hook(ablate)
                weights.append((y - network(one)[0, target]) / y * y)
                handle.remove()
            maps.append(torch.einsum("c,c...->...", torch.stack(weights), a))
    return torch.stack(maps)[:, None]


@pytest.mark.parametrize(("name", "dims", "options", "layer"), CASES)
def test_both_equal_plain_loops(name, dims, options, layer):
    network, x = network_and_input(name, dims, options)
    x = x[:1] if name in PLANAR else x
    found = scorecam(network, x, layer, 1, BLACK, 7)
    torch.testing.assert_close(found, plain_scorecam(network, x, layer, 1))
    found = ablationcam(network, x, layer, 1, {}, 7)
    assert found.any()
    torch.testing.assert_close(found, plain_ablationcam(network, x, layer, 1))


@pytest.mark.parametrize(("name", "dims", "options", "layer"), CASES)
def test_sharing_what_comes_before_the_layer_changes_nothing(
    name, dims, options, layer, monkeypatch
):
    network, x = network_and_input(name, dims, options)
    shared, sharing = [], Ablations.drops_sharing

    def spy(self, *arguments):
        shared.append(sharing(self, *arguments))
        return shared[-1]

    monkeypatch.setattr(Ablations, "drops_sharing", spy)
    found = ablationcam(network, x, layer, 1, {}, 8)
    assert len(shared) == len(x)
    assert all(drops is not None for drops in shared)
    monkeypatch.setattr(Ablations, "drops_sharing", lambda *_: None)
    torch.testing.assert_close(found, ablationcam(network, x, layer, 1, {}, 8))


class Odd(nn.Module):
    """After the layer it looks at its input again, in a way that wants equal batches."""

    def __init__(self, how):
        super().__init__()
        self.layer = nn.Conv2d(1, 3, 1)
        self.how = how

    def forward(self, x):
        out = self.layer(x).flatten(2)
        if self.how == "fails":
            return torch.bmm(out, x.flatten(2).mT)[:, :2, 0]
        if self.how == "another size":
            return out.sum(2)[: len(x), :2]
        return out.sum(2)[:, :2] * (1 + (len(out) - len(x)))


@pytest.mark.parametrize("how", ["fails", "another size", "another number"])
def test_where_sharing_is_not_possible_every_copy_runs_from_the_start(how):
    torch.manual_seed(0)
    network, x = Odd(how), torch.rand(2, 1, 3, 3)
    expected = plain_ablationcam(network, x, "layer", 1)
    torch.testing.assert_close(ablationcam(network, x, "layer", 1, {}, 2), expected)


def test_channels_that_cannot_matter_cost_no_pass():
    network = nn.Sequential(nn.Conv2d(1, 6, 1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    x = torch.rand(2, 1, 3, 3) + 0.1
    network(x)
    network[0].weight.data[:] = torch.tensor([1.0, -1, -1, 2, 0, -1]).reshape(6, 1, 1, 1)
    network[0].bias.data[:] = torch.tensor([0.0, 0, 0, 0, 5, 0])
    seen = []
    network[0].register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    scorecam(network, x, "1", 1, BLACK, 64)
    # The two samples, then their two channels that differ from place to place, all in one pass.
    assert seen == [2, 4]
    seen.clear()
    tail = []
    network[3].register_forward_pre_hook(lambda module, args: tail.append(len(args[0])))
    ablationcam(network, x, "1", 1, {}, 64)
    # The two samples; then each once, to become three ablated copies and a whole one.
    assert (seen, tail) == ([2, 1, 1], [2, 4, 4])


@pytest.mark.parametrize("batch", [1, 3, 5])
def test_no_pass_holds_more_than_the_batch(batch):
    network, x = network_and_input("ResNet18", 2, RESNET)
    seen = []
    network.conv1.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    scorecam(network, x[:1], "layer4", 1, BLACK, batch)
    assert max(seen) == batch
    assert sum(seen) == 1 + 16


@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_a_map_hangs_on_no_other_sample_nor_on_the_batch(algorithm):
    network, x = network_and_input("ResNet18", 2, RESNET, batch=3)
    together = algorithm(network, x, "layer3", 1, BLACK, 5)
    for n in range(3):
        alone = algorithm(network, x[n : n + 1], "layer3", 1, BLACK, 1)
        torch.testing.assert_close(together[n : n + 1], alone)


@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_a_dead_layer_has_a_map_of_zeros(algorithm):
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    x = torch.rand(2, 1, 3, 3)
    network(x)
    nn.init.zeros_(network[0].weight)
    nn.init.constant_(network[0].bias, -1.0)
    assert not algorithm(network, x, "1", 1, BLACK, 4).any()


@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_a_map_that_is_not_finite_says_so(algorithm):
    network, x = network_and_input("ResNet18", 2, RESNET)
    x[1, 0, 3, 3] = torch.nan
    found = algorithm(network, x, "layer3", 1, BLACK, 4)
    assert found[0].isfinite().all()
    assert not found[1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_other_precisions_give_the_same_map_in_their_digits(algorithm, dtype):
    network, x = network_and_input("ResNet18", 2, RESNET)
    expected = algorithm(network, x, "layer3", 1, BLACK, 8)
    found = algorithm(network.to(dtype), x.to(dtype), "layer3", 1, BLACK, 8)
    assert found.dtype == torch.float32
    digits = {torch.float32: 1e-5, torch.bfloat16: 0.2}[dtype] * expected.abs().max().item()
    torch.testing.assert_close(found.double(), expected, atol=digits, rtol=0)


def flip_equivariant(dims):
    """Convolutions that are their own mirror image along x, and a mean over places."""
    torch.manual_seed(1)
    convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dims]
    pool = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}[dims]
    network = nn.Sequential(
        convolution(2, 6, 3, padding=1), nn.ReLU(), convolution(6, 5, 3, 2, padding=1), nn.ReLU(),
        pool(1), nn.Flatten(), nn.Linear(5, 2),
    ).double()  # fmt: skip
    for module in (network[0], network[2]):
        module.weight.data = (module.weight.data + module.weight.data.flip(-1)) / 2
    return network


@pytest.mark.parametrize("dims", [2, 3])
def test_a_mirrored_image_has_the_mirrored_map_by_every_cam(dims):
    network = flip_equivariant(dims)
    x = torch.rand(2, 2, *(7, 9, 11)[-dims:], dtype=torch.float64) * 2 - 1
    mirrored = x.flip(-1)
    for layer in ("1", "2"):
        there, here = (
            layer_evidence(network, each, [layer], 1)[1][layer] for each in (mirrored, x)
        )
        for name, formula in FORMULAS.items():
            assert formula(here).any(), name
            torch.testing.assert_close(formula(there), formula(here).flip(-1), msg=name)
        for name, algorithm in ALGORITHMS.items():
            found = algorithm(network, mirrored, layer, 1, BLACK, 4)
            assert found.any(), name
            expected = algorithm(network, x, layer, 1, BLACK, 4).flip(-1)
            torch.testing.assert_close(found, expected, msg=name)


def state(network):
    return (
        [module.training for module in network.modules()],
        [parameter.requires_grad for parameter in network.parameters()],
        [parameter.grad for parameter in network.parameters()],
        [len(module._forward_hooks) for module in network.modules()],
        {name: value.tolist() for name, value in network.state_dict().items()},
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("broken", [0, 1, 2])
@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_the_network_is_left_as_it_was(algorithm, broken):
    class Breaks(nn.Module):
        left = broken

        def forward(self, x):
            self.left -= 1
            if self.left == 0:
                raise torch.OutOfMemoryError("on purpose")
            return x

    network = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(),
        nn.Linear(18, 2), Breaks(),
    )  # fmt: skip
    network[1].eval()
    network[0].weight.requires_grad_(False)
    x = torch.rand(2, 1, 3, 3)
    before = state(network)
    kept = x.clone()
    if broken:
        with pytest.raises(torch.OutOfMemoryError, match="on purpose"):
            algorithm(network, x, "1", 1, BLACK, 2)
    else:
        assert algorithm(network, x, "1", 1, BLACK, 2).shape == (2, 1, 3, 3)
    assert state(network) == before
    assert torch.equal(x, kept)


@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_layers_that_cannot_be_explained(algorithm):
    network, x = network_and_input("ResNet18", 2, RESNET)
    with pytest.raises(InputError, match="no layer 'lost'"):
        algorithm(network, x, "lost", 1, BLACK, 2)
    with pytest.raises(InputError, match="'fc' of ResNet gives no map"):
        algorithm(network, x, "fc", 1, BLACK, 2)


@pytest.mark.parametrize(("network", "layer", "shape"), UNFIT)
@pytest.mark.parametrize("algorithm", ALGORITHMS.values())
def test_a_layer_that_holds_slices_or_a_sequence_gives_no_map_of_the_sample(
    algorithm, network, layer, shape
):
    said = f"'{layer}' of {network.__name__} gives an output of shape {shape} for an input of shape"
    with pytest.raises(InputError, match=re.escape(said)):
        algorithm(network(), torch.rand(1, 5, 16, 16), layer, 1, BLACK, 2)
