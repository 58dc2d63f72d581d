"""The CAM family against captum and against numbers counted by hand."""

import re

import pytest
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from rightreason.algorithms import CAM_ALGORITHMS, INPUT_ALGORITHMS, PERTURBED_CAMS
from rightreason.attribution import ALGORITHMS as ATTRIBUTIONS
from rightreason.attribution import integrated_gradients
from rightreason.cam import last_convolution, layer_evidence, upsample
from rightreason.cam_formulas import FORMULAS, gradcam, hirescam
from rightreason.errors import InputError
from rightreason.networks import build
from rightreason.perturbed_cam import ALGORITHMS as PERTURBED
from torch import nn

from tests.random_networks import random_network
from tests.slice_encoders import UNFIT, Along, Slices, Tokens

torch.set_num_threads(1)

RESNET = {"block_inplanes": [4, 8, 8, 16], "no_max_pool": True}
DENSENET = {"init_features": 8, "growth_rate": 4, "block_config": [2, 2]}
CASES = [
    ("ResNet18", 2, RESNET, "layer4.1.conv2"),
    ("ResNet18", 3, RESNET, "layer4"),
    ("ResNet10", 2, RESNET, "layer4"),
    ("ResNet10", 3, RESNET, "layer3.0.conv2"),
    ("DenseNet121", 2, DENSENET, "class_layers.relu"),
    ("DenseNet121", 3, DENSENET, "features.denseblock2.denselayer2.layers.conv2"),
    ("AlexNet", 2, {"hidden": 16}, "features.10"),
    ("VGG16", 2, {"hidden": 16}, "features.28"),
]
SIZE = {2: (96, 64), 3: (16, 32, 24)}


def network_and_input(name, dims, options, batch=3):
    network = random_network(name, dims, 2, options)
    return network, torch.randn(batch, 2, *SIZE[dims])


@pytest.mark.parametrize(("name", "dims", "options", "layer"), CASES)
def test_maps_equal_captums(name, dims, options, layer):
    network, x = network_and_input(name, dims, options)
    logits, evidence = layer_evidence(network, x, [layer], 1)
    torch.testing.assert_close(logits, network(x).detach(), atol=1e-5, rtol=1e-5)
    module = network.get_submodule(layer)
    theirs = LayerGradCam(network, module).attribute(x, target=1, relu_attributions=False)
    torch.testing.assert_close(gradcam(evidence[layer]), theirs.detach(), atol=1e-5, rtol=1e-5)
    product = LayerGradientXActivation(network, module).attribute(x, target=1)
    expected = product.sum(dim=1, keepdim=True).detach()
    torch.testing.assert_close(hirescam(evidence[layer]), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "dims", "options", "layer"), CASES)
def test_a_batch_gives_the_maps_of_one_at_a_time(name, dims, options, layer):
    network, x = network_and_input(name, dims, options)
    targets = torch.tensor([0, 1, 0])
    _, together = layer_evidence(network, x, [layer], targets)
    for index, target in enumerate(targets.tolist()):
        _, alone = layer_evidence(network, x[index : index + 1], [layer], target)
        for algorithm, formula in FORMULAS.items():
            expected = formula(alone[layer])[0]
            # Before a ReLU a channel's sum, by which XGrad-CAM divides, may nearly cancel.
            tolerance = expected.abs().max().item() * (1e-3 if algorithm == "xgradcam" else 1e-5)
            torch.testing.assert_close(
                formula(together[layer])[index], expected, atol=tolerance, rtol=0
            )


def test_several_layers_at_once_are_each_as_if_alone():
    network, x = network_and_input("ResNet10", 2, RESNET)
    layers = ["layer4", "layer2", "conv1", "layer4.0.conv2"]
    _, together = layer_evidence(network, x, layers, 1)
    for layer in layers:
        _, alone = layer_evidence(network, x, [layer], 1)
        torch.testing.assert_close(together[layer], alone[layer], atol=1e-6, rtol=1e-5)


def test_what_works_in_place_after_the_layer_does_not_spoil_it():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(2)
    )
    x = torch.randn(2, 1, 3, 3)
    expected = network[0](x).detach()
    network(x)
    _, evidence = layer_evidence(network, x, ["0"], 0)
    assert (expected < 0).any()
    assert torch.equal(evidence["0"].activation, expected)


def test_a_layer_beside_the_way_to_the_logits_has_gradient_zero():
    class Aside(nn.Module):
        def __init__(self):
            super().__init__()
            self.aside = nn.Conv2d(1, 2, 1)

        def forward(self, x):
            self.aside(x)
            return x.flatten(1)

    _, evidence = layer_evidence(Aside(), torch.ones(2, 1, 2, 2), ["aside"], 1)
    assert evidence["aside"].gradient.tolist() == torch.zeros(2, 2, 2, 2).tolist()
    assert evidence["aside"].activation.any()


def test_without_layers_there_are_the_logits():
    network, x = network_and_input("ResNet10", 2, RESNET)
    logits, evidence = layer_evidence(network, x, [], 1)
    assert evidence == {}
    assert torch.equal(logits, network(x).detach())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_give_the_same_map_in_their_digits(dtype):
    network, x = network_and_input("DenseNet121", 2, DENSENET)
    layer = "class_layers.relu"
    _, expected = layer_evidence(network, x, [layer], 1)
    _, found = layer_evidence(network.to(dtype), x.to(dtype), [layer], 1)
    assert found[layer].activation.dtype == torch.promote_types(dtype, torch.float32)
    for name, formula in FORMULAS.items():
        true, other = formula(expected[layer]), formula(found[layer]).float()
        digits = {torch.float64: 1e-5, torch.bfloat16: 0.1}[dtype] * true.abs().max().item()
        torch.testing.assert_close(other, true, atol=digits, rtol=0, msg=name)


def test_upsampling_keeps_voxel_centres():
    # Output centres 1/4, 3/4, 5/4, 7/4 of an input with centres 1/2 and 3/2.
    assert upsample(torch.tensor([[[[0.0, 4.0]]]]), (1, 4)).flatten().tolist() == [0, 1, 3, 4]
    assert upsample(torch.rand(2, 1, 2, 3, 4), (8, 9, 10)).shape == (2, 1, 8, 9, 10)


@pytest.mark.parametrize(
    ("few", "many"),
    [((7, 5), (21, 64)), ((2, 4, 3), (9, 8, 32)), ((6, 8), (3, 8)), ((1, 1), (4, 5))],
)
def test_upsampling_is_torchs(few, many):
    maps = torch.randn(3, 2, *few)
    mode = "bilinear" if len(few) == 2 else "trilinear"
    expected = nn.functional.interpolate(maps, many, mode=mode, align_corners=False)
    torch.testing.assert_close(upsample(maps, many), expected, atol=1e-6, rtol=1e-5)


class Branches(nn.Module):
    """Registers its convolutions in another order than it runs them, one never."""

    def __init__(self, *, broken=False):
        super().__init__()
        self.last = nn.Conv2d(2, 2, 1)
        self.first = nn.Conv2d(1, 2, 1)
        self.never = nn.Conv2d(2, 2, 1)
        self.act = nn.ReLU()
        self.broken = broken

    def forward(self, x):
        out = self.act(self.last(self.act(self.first(x))))
        if self.broken:
            raise RuntimeError("on purpose")
        return out.mean(dim=(2, 3))


def test_the_last_convolution_is_the_one_that_runs_last():
    assert last_convolution(Branches(), torch.zeros(1, 1, 4, 4)) == "last"
    network = build("VGG16", 2, 1, 2, {"hidden": 4})
    assert last_convolution(network, torch.zeros(1, 1, 32, 32)) == "features.28"
    with pytest.raises(InputError, match="Linear has no convolution"):
        last_convolution(nn.Linear(2, 2), torch.zeros(1, 2))


def test_the_projection_of_a_skip_connection_is_not_the_last_convolution():
    network = build("ResNet10", 2, 1)
    assert last_convolution(network, torch.zeros(1, 1, 32, 32)) == "layer4.0.conv2"


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("lost", r"Branches has no layer 'lost'\. It has: last, first, never, act\."),
        ("act", r"'act' runs 2 times in one forward pass"),
        ("never", r"'never' runs 0 times"),
    ],
)
def test_layers_that_cannot_be_explained(layer, sentence):
    with pytest.raises(InputError, match=sentence):
        layer_evidence(Branches(), torch.zeros(1, 1, 4, 4), [layer], 0)


def test_a_layer_without_places_gives_no_map():
    network, x = network_and_input("ResNet10", 2, RESNET)
    with pytest.raises(InputError, match="'fc' of ResNet gives no map"):
        layer_evidence(network, x, ["fc"], 0)


@pytest.mark.parametrize(("network", "layer", "shape"), UNFIT)
def test_a_layer_that_holds_slices_or_a_sequence_gives_no_map_of_the_sample(network, layer, shape):
    said = (
        f"The layer '{layer}' of {network.__name__} gives an output of shape {shape} for an input "
        "of shape (1, 5, 16, 16); a target layer must give one map per sample with as many axes as "
        "the input: 1 first, 4 axes. Choose a layer that does"
    )
    with pytest.raises(InputError, match=re.escape(said)):
        layer_evidence(network(), torch.rand(1, 5, 16, 16), [layer], 0)


def test_a_sample_of_one_slice_has_its_map():
    _, evidence = layer_evidence(Slices(), torch.rand(3, 1, 8, 8), ["conv"], 0)
    assert evidence["conv"].activation.shape == (3, 4, 8, 8)


def test_the_default_layer_is_the_last_convolution_with_a_map_per_sample():
    x = torch.rand(1, 5, 16, 16)
    assert last_convolution(Tokens(), x) == "patches"
    assert last_convolution(nn.Sequential(nn.Conv2d(5, 5, 1), Along()), x) == "0"
    for network, last, shape in ((Slices, "conv", "(5, 4, 16, 16)"), (Along, "along", "(1, 4, 5)")):
        said = (
            f"{network.__name__} has no convolution that can be the target layer. The last, "
            f"'{last}', gives an output of shape {shape} for an input of shape (1, 5, 16, 16)"
        )
        with pytest.raises(InputError, match=re.escape(said)):
            last_convolution(network(), x)


@pytest.mark.parametrize("broken", [False, True])
def test_the_network_is_left_as_it_was(broken):
    network = Branches(broken=broken)
    network.last.eval()
    network.first.weight.requires_grad_(False)
    modes = [module.training for module in network.modules()]
    flags = [parameter.requires_grad for parameter in network.parameters()]
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    x = torch.randn(1, 1, 4, 4)
    if broken:
        with pytest.raises(RuntimeError, match="on purpose"):
            layer_evidence(network, x, ["last"], 0)
        with pytest.raises(RuntimeError, match="on purpose"):
            last_convolution(network, x)
    else:
        layer_evidence(network, x, ["last"], 0)
        last_convolution(network, x)
    assert [module.training for module in network.modules()] == modes
    assert [parameter.requires_grad for parameter in network.parameters()] == flags
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    for name, value in network.state_dict().items():
        assert torch.equal(value, weights[name])


def test_nothing_before_the_layer_is_taped():
    network, x = network_and_input("ResNet10", 2, RESNET)
    taped = []
    network.layer3.register_forward_hook(lambda m, a, out: taped.append(out.requires_grad))
    network.layer4.register_forward_hook(lambda m, a, out: taped.append(out.requires_grad))
    layer_evidence(network, x, ["layer4"], 1)
    assert taped == [False, False]


def test_a_layer_without_influence_has_gradient_zero():
    network = Branches()
    nn.init.constant_(network.last.bias, -100.0)
    _, evidence = layer_evidence(network, torch.ones(1, 1, 4, 4), ["first"], 0)
    assert not evidence["first"].gradient.any()


def test_the_config_offers_what_there_is():
    assert set(FORMULAS) == set(CAM_ALGORITHMS)
    assert set(PERTURBED) == set(PERTURBED_CAMS)
    assert set(ATTRIBUTIONS) == set(INPUT_ALGORITHMS)


@pytest.mark.parametrize("batch", [2, 64])
def test_integrated_gradients_of_a_product_by_hand(batch):
    class Product(nn.Module):
        def forward(self, x):
            out = x[:, 0].flatten(1).prod(dim=1)
            return torch.stack([-out, out], dim=1)

    x = torch.tensor([[[[2.0, 3.0]]], [[[1.0, -1.0]]]])
    # Along t(a, b) the gradient is t(b, a): its mean is half, the attribution ab/2 each.
    values = integrated_gradients(Product(), x, 1, {"steps": 8, "baseline": 0.5}, batch)
    expected = torch.tensor([[[[3.0, 3.0]]], [[[-0.5, -0.5]]]])
    torch.testing.assert_close(values, expected, atol=1e-5, rtol=1e-5)
    black = integrated_gradients(Product(), x, 1, {"steps": 8, "baseline": 0.0}, batch)
    # Baseline -1: f(x) - f(-1, -1) = 6 - 1 and -1 - 1.
    torch.testing.assert_close(black.sum(dim=(1, 2, 3)), torch.tensor([5.0, -2.0]))
