"""Saliency beside captum, torch-cam 0.5.0 and pytorch-grad-cam 1.5.7, each where it is right.

Run in the environment of `make peers`, by `test_saliency_peers.py`. Where a program is wrong, or
defines something else, a test on numbers counted by hand says which and how:

- torch-cam's Grad-CAM++ never divides by alpha's denominator;
- pytorch-grad-cam's Eigen-CAM takes each channel's mean off first, which the paper does not;
- pytorch-grad-cam's Ablation-CAM sets a channel to ten million less than the least value, not to
  zero, at a layer whose least value is not zero, and the next channel of a batch to as much less
  again; it divides by the logit, as the paper does and we do not;
- Score-CAM's masks: torch-cam scales them before it brings them to the input's size, so that a peak
  does not reach 1; pytorch-grad-cam brings them there with their corners aligned, so that they
  shift against the input;
- torch-cam and pytorch-grad-cam cut what is negative off; MONAI turns its maps round.
"""

from __future__ import annotations

import pytest
import torch
from captum.attr import (
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    Occlusion,
    Saliency,
)
from monai.visualize import GradCAM
from rightreason import attribution, perturbed_cam
from rightreason.algorithms import CAM_ALGORITHMS
from rightreason.cam import layer_evidence
from rightreason.cam_formulas import FORMULAS, Evidence
from rightreason.integrated import integrate
from torch import nn

from benchmarks.saliency_cams import ALL, BARE, ONE, PEERS, differences, measure_cams
from benchmarks.saliency_peers import (
    captum_ablation,
    captum_cam,
    grad_cam_package,
    pytorch_grad_cam,
    torch_cam,
)
from benchmarks.saliency_perturbed import measure_perturbed
from benchmarks.saliency_turns import Subject, assert_agreement, subject
from tests.random_networks import random_network

torch.set_num_threads(1)

RESNET = {"block_inplanes": [4, 8, 8, 16], "no_max_pool": True}
DENSENET = {"init_features": 8, "growth_rate": 4, "block_config": [2, 2]}
NETWORKS = {
    "resnet 2D": ("ResNet10", 2, RESNET, "layer4"),
    "resnet 2D, inner": ("ResNet10", 2, RESNET, "layer3.0.conv2"),
    "resnet 3D": ("ResNet10", 3, RESNET, "layer4"),
    "densenet 2D": ("DenseNet121", 2, DENSENET, "class_layers.relu"),
    "densenet 3D": ("DenseNet121", 3, DENSENET, "class_layers.relu"),
    "alexnet 2D": ("AlexNet", 2, {"hidden": 16}, "features.11"),
}
SIZE = {2: (72, 64), 3: (12, 24, 16)}
SHARP = 1e5  # Widens the gradients so far that a peer's epsilon in a quotient does not show.


def network_and_input(
    name: str, batch: int, dtype: torch.dtype
) -> tuple[nn.Module, torch.Tensor, str]:
    kind, dims, options, layer = NETWORKS[name]
    network = random_network(kind, dims, 2, options)
    x = torch.randn(batch, 2, *SIZE[dims])
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        # So that there is a positive part: Grad-CAM's values at such a layer sum to the logit.
        last.weight.mul_(SHARP * (network(x)[:, 1].mean() - last.bias[1]).sign())
    return network.to(dtype), x.to(dtype), layer


def ours(algorithm: str, network: nn.Module, x: torch.Tensor, layer: str) -> torch.Tensor:
    _, evidence = layer_evidence(network, x, [layer], 1)
    return FORMULAS[algorithm](evidence[layer])


def assert_same(found: torch.Tensor, expected: torch.Tensor) -> None:
    """To 1e-5 of the largest value."""
    assert found.shape == expected.shape
    assert expected.abs().max() > 0
    scale = float(expected.abs().max())
    torch.testing.assert_close(
        found, expected.to(found.dtype), rtol=0, atol=1e-5 * scale, check_dtype=False
    )


@pytest.fixture(params=[1, 3], ids=["alone", "batch"])
def batch(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("algorithm", ["gradcam", "hirescam"])
def test_captum(name: str, algorithm: str, batch: int, dtype: torch.dtype) -> None:
    network, x, layer = network_and_input(name, batch, dtype)
    found = ours(algorithm, network, x, layer)
    assert_same(found, captum_cam(algorithm, network, x, layer, 1))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("algorithm", ["gradcam", "layercam", "xgradcam"])
def test_torch_cam_keeps_the_positive_part(
    name: str, algorithm: str, batch: int, dtype: torch.dtype
) -> None:
    network, x, layer = network_and_input(name, batch, dtype)
    found = ours(algorithm, network, x, layer).relu()
    assert_same(found, torch_cam(algorithm, network, x, layer, 1))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("algorithm", ["gradcam", "hirescam", "layercam"])
def test_pytorch_grad_cam(name: str, algorithm: str, batch: int, dtype: torch.dtype) -> None:
    network, x, layer = network_and_input(name, batch, dtype)
    found = ours(algorithm, network, x, layer)
    assert_same(found, pytorch_grad_cam(algorithm, network, x, layer, 1))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("algorithm", ["gradcam++", "xgradcam"])
def test_quotients_of_pytorch_grad_cam(name: str, algorithm: str, batch: int) -> None:
    """In double precision: before a ReLU a denominator may be next to zero."""
    network, x, layer = network_and_input(name, batch, torch.float64)
    found = ours(algorithm, network, x, layer)
    assert_same(found, pytorch_grad_cam(algorithm, network, x, layer, 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_eigen_cam_of_pytorch_grad_cam_is_that_of_centred_channels(
    name: str, batch: int, dtype: torch.dtype
) -> None:
    network, x, layer = network_and_input(name, batch, dtype)
    _, evidence = layer_evidence(network, x, [layer], 1)
    activation, gradient = evidence[layer]
    means = activation.flatten(2).mean(2).reshape(*activation.shape[:2], *[1] * (x.ndim - 2))
    found = FORMULAS["eigencam"](Evidence(activation - means, gradient))
    theirs = pytorch_grad_cam("eigencam", network, x, layer, 1).to(found.dtype)
    # A singular vector has no sign.
    sides = (found * theirs).flatten(1).sum(1).sign().reshape(-1, *[1] * (x.ndim - 1))
    assert_same(found, sides * theirs)


@pytest.mark.parametrize("name", NETWORKS)
def test_ablation_cam(name: str) -> None:
    """In double precision: a drop is the small difference of two large logits."""
    network, x, layer = network_and_input(name, 2, torch.float64)
    found = perturbed_cam.ALGORITHMS["ablationcam"](network, x, layer, 1, {}, 4)
    assert_same(found, captum_ablation(network, x, layer, 1, 4))
    if "2D" in name and "inner" not in name:
        logits = network(x).detach()[:, 1].reshape(-1, 1, 1, 1)
        theirs = pytorch_grad_cam("ablationcam", network, x, layer, 1)
        assert_same(found, logits * theirs)


@pytest.mark.parametrize("dims", [2, 3])
def test_score_cam_where_the_layer_is_as_large_as_the_input(
    dims: int, batch: int, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d if dims == 2 else nn.Conv3d
    network = nn.Sequential(
        convolution(2, 5, 3, padding=1), nn.Softplus(), nn.Flatten(), nn.LazyLinear(2)
    )
    x = torch.rand(batch, 2, *(6, 5, 4)[:dims])
    network(x)
    network.to(dtype).eval()
    x = x.to(dtype)
    settings = {"baseline": 0.5}  # The others multiply: what is hidden becomes zero.
    found = perturbed_cam.ALGORITHMS["scorecam"](network, x, "1", 1, settings, 4)
    assert_same(found, torch_cam("scorecam", network, x, "1", 1))
    if dims == 2:
        assert_same(found, pytorch_grad_cam("scorecam", network, x, "1", 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_captum(name: str, batch: int, dtype: torch.dtype) -> None:
    network, x, _ = network_and_input(name, batch, dtype)
    leaf = x.clone().requires_grad_()
    expected = {
        "gradient": Saliency(network).attribute(leaf, target=1, abs=False),
        "input_x_gradient": InputXGradient(network).attribute(leaf, target=1),
    }
    for algorithm, theirs in expected.items():
        found = attribution.ALGORITHMS[algorithm](network, x, 1, {}, 2)
        assert_same(found, theirs.detach())


@pytest.mark.parametrize("name", NETWORKS)
def test_occlusion_of_captum(name: str) -> None:
    """In double precision, as of Ablation-CAM."""
    network, x, _ = network_and_input(name, 2, torch.float64)
    window, stride = (16, 16), (8, 8)
    if x.ndim == 5:
        # Ours shorten both along z to the same share of the size as in plane: 12 of 24.
        window, stride = (8, *window), (4, *stride)
    theirs = Occlusion(network).attribute(
        x, (1, *window), (1, *stride), baselines=-1, target=1, perturbations_per_eval=8
    )
    settings = {"baseline": 0, "window": 16, "stride": 8}
    found = attribution.ALGORITHMS["occlusion"](network, x, 1, settings, 8)
    assert_same(found, theirs.detach())


@pytest.mark.parametrize("name", NETWORKS)
def test_integrated_gradients_of_captum(name: str, dtype: torch.dtype) -> None:
    """With as many steps as ours found they need, which these networks differ in."""
    network, x, _ = network_and_input(name, 2, dtype)
    found = integrate(network, x, 1, {"steps": 8, "baseline": 0}, 8)
    for one, values, steps in zip(x, found.attributions, found.steps.tolist(), strict=True):
        theirs = IntegratedGradients(network).attribute(
            one[None], baselines=-1, target=1, n_steps=steps, internal_batch_size=8
        )
        assert_same(values[None], theirs.detach())


@pytest.mark.parametrize("name", ["alexnet 2D"])
def test_guided_backpropagation(name: str, batch: int, dtype: torch.dtype) -> None:
    network, x, _ = network_and_input(name, batch, dtype)
    found = attribution.ALGORITHMS["guided_backprop"](network, x, 1, {}, 4)
    # Neither of the others takes a ReLU that works in place.
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    leaf = x.clone().requires_grad_()
    assert_same(found, GuidedBackprop(network).attribute(leaf, target=1).detach())
    package = grad_cam_package()
    theirs = package.GuidedBackpropReLUModel(network, device="cpu")
    for index in range(batch):
        one = torch.from_numpy(theirs(x[index : index + 1], target_category=1))
        assert_same(found[index], one.permute(2, 0, 1))


def toy(filters: list[float], weights: list[float]) -> nn.Sequential:
    """A channel for each filter: the input times it. The logit of class 1 sums with weights."""
    network = nn.Sequential(
        nn.Conv2d(1, len(filters), 1, bias=False), nn.Flatten(), nn.Linear(len(weights), 2, False)
    )
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor(filters).reshape(-1, 1, 1, 1))
        network[2].weight.copy_(torch.stack([torch.zeros(len(weights)), torch.tensor(weights)]))
    return network.eval()


def test_grad_cam_plus_plus_of_torch_cam_lacks_its_denominator() -> None:
    network, x = toy([1.0], [1.0, 3.0]), torch.tensor([[[[1.0, 2.0]]]])
    # A = (1, 2), G = (1, 3). alpha = G² / (2 G² + sum(A) G³) = 1/5 and 9/99, the weight
    # 1/5 * 1 + 1/11 * 3 = 26/55. torch-cam's is sum(G² G) = 1 + 27.
    expected = torch.tensor([[[[26 / 55, 52 / 55]]]])
    assert_same(ours("gradcam++", network, x, "0"), expected)
    assert_same(pytorch_grad_cam("gradcam++", network, x, "0", 1), expected)
    assert torch_cam("gradcam++", network, x, "0", 1).flatten().tolist() == [28, 56]


def test_eigen_cam_of_pytorch_grad_cam_takes_means_off() -> None:
    network, x = toy([3.0, 4.0], [1.0] * 4), torch.tensor([[[[1.0, 3.0]]]])
    # Channels (3, 9) and (4, 12): all lies along (3, 4) / 5, and the places along it at 5 and 15.
    # Less their means, 6 and 8, at -5 and 5.
    assert_same(ours("eigencam", network, x, "0"), torch.tensor([[[[5.0, 15.0]]]]))
    theirs = pytorch_grad_cam("eigencam", network, x, "0", 1).flatten().tolist()
    assert sorted(theirs) == pytest.approx([-5, 5])


def test_ablation_cam_of_pytorch_grad_cam_ablates_to_minus_ten_million() -> None:
    network, x = toy([1.0, 2.0], [1.0, 1.0, 1.0, 1.0]), torch.tensor([[[[1.0, 3.0]]]])
    # Channels (1, 3) and (2, 6), the logit 12; without the first it is 8, without the second 4.
    found = perturbed_cam.ALGORITHMS["ablationcam"](network, x, "0", 1, {}, 4)
    assert_same(found, torch.tensor([[[[4 * 1 + 8 * 2, 4 * 3 + 8 * 6.0]]]]))
    assert_same(found, captum_ablation(network, x, "0", 1, 4))
    theirs = pytorch_grad_cam("ablationcam", network, x, "0", 1)
    # The first channel becomes 1 - 1e7 in both places, the second 1e7 less than that.
    first, second = (4 - 2 * (1 - 1e7)) / 12, (8 - 2 * (1 - 2e7)) / 12
    assert theirs[0, 0, 0, 0] == pytest.approx(first + 2 * second, rel=1e-5)


def test_masks_of_score_cam() -> None:
    network = nn.Sequential(
        nn.AvgPool2d((1, 2)), nn.Conv2d(1, 1, 1, bias=False), nn.Flatten(), nn.Linear(3, 2)
    ).eval()
    nn.init.ones_(network[1].weight)
    x = torch.tensor([[[[1.0, 1.0, 3.0, 3.0, 1.0, 1.0]]]])
    seen: list[torch.Tensor] = []
    network.register_forward_pre_hook(lambda module, args: seen.append(args[0].flatten()))

    def last() -> list[float]:
        return [round(value, 5) for value in seen[-1].tolist()]

    # The layer gives (1, 3, 1), from 0 to 1 (0, 1, 0); at the input's places, whose centres lie at
    # -1/4, 1/4, 3/4, ... of the layer's, (0, 1/4, 3/4, 3/4, 1/4, 0), and from 0 to 1 that by 3/4.
    perturbed_cam.ALGORITHMS["scorecam"](network, x, "1", 1, {"baseline": 0.5}, 4)
    assert last() == [0, round(1 / 3, 5), 3, 3, round(1 / 3, 5), 0]
    torch_cam("scorecam", network, x, "1", 1)
    assert last() == [0, 0.25, 2.25, 2.25, 0.25, 0]
    # Corners aligned: the places at 0, 2/5, 4/5, ..., so (0, 2/5, 4/5, ...), by 4/5.
    pytorch_grad_cam("scorecam", network, x, "1", 1)
    assert last() == [0, 0.5, 3, 3, 0.5, 0]


def test_monai_turns_its_maps_round() -> None:
    network, x = toy([1.0], [1.0, 1.0]), torch.tensor([[[[1.0, 3.0]]]])
    assert ours("gradcam", network, x, "0").flatten().tolist() == [1, 3]
    assert GradCAM(network, "0")(x, class_idx=1).flatten().tolist() == pytest.approx([1, 0])


def test_the_benchmark_measures_every_program_and_both_types_of_number() -> None:
    found: list[list[str]] = []

    def measure(one: Subject) -> None:
        took = measure_cams(one, turns=1, passes=1)
        assert min(each.seconds for each in took.values()) > 0
        found.append(list(took))

    one = subject("ResNet10", "layer4", 2, (32, 32), torch.device("cpu"))
    apart = differences(one, measure)
    assert list(apart) == list(CAM_ALGORITHMS)
    assert all(0 < value < 0.2 for value in apart.values())
    # pytorch-grad-cam has no bfloat16.
    assert found == [[BARE, ONE, ALL, *PEERS], [BARE, ONE, ALL, *PEERS[:2], PEERS[3]]]


@pytest.mark.parametrize(("size", "others"), [((16, 16), 5), ((8, 16, 16), 3)])
def test_the_benchmark_measures_perturbations(size: tuple[int, ...], others: int) -> None:
    one = subject("ResNet10", "layer1", 1, size, torch.device("cpu"))
    took = dict(measure_perturbed(one, turns=1))
    assert list(took) == ["occlusion", "scorecam", "ablationcam"]
    assert sum(len(each) - 1 for each in took.values()) == others


def test_the_benchmark_times_nothing_that_gives_another_map() -> None:
    ones = torch.ones(1, 1, 2, 2)
    assert_agreement("here", ones, "same", ones.clone())
    with pytest.raises(RuntimeError, match=r"here: the map of other differs by 0\.5"):
        assert_agreement("here", ones, "other", ones / 2)
    with pytest.raises(RuntimeError, match="another shape"):
        assert_agreement("here", ones, "other", ones[0])
    with pytest.raises(RuntimeError, match="differs by nan"):
        assert_agreement("here", ones, "other", ones * torch.nan)
