"""Attribution to the input against captum, on toy networks counted by hand, and what it leaves."""

import warnings

import numpy as np
import pytest
import torch
from captum.attr import (
    GradientShap,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    NoiseTunnel,
    Occlusion,
    Saliency,
)
from rightreason import attribution, integrated
from rightreason.algorithms import INPUT_ALGORITHMS, SETTINGS
from rightreason.attribution import ALGORITHMS
from rightreason.errors import InputError
from rightreason.integrated import COMPLETE_WITHIN, MOST_STEPS, completeness_error, integrate
from torch import nn

from tests.random_networks import random_network

torch.set_num_threads(1)

RESNET = {"block_inplanes": [4, 8, 8, 16]}
DENSENET = {"init_features": 8, "growth_rate": 4, "block_config": [2, 2]}
NETWORKS = [
    ("ResNet18", 2, RESNET, (2, 32, 40)),
    ("ResNet18", 3, RESNET, (1, 10, 24, 20)),
    ("DenseNet121", 2, DENSENET, (1, 32, 40)),
    ("DenseNet121", 3, DENSENET, (2, 10, 24, 20)),
    ("AlexNet", 2, {"hidden": 16}, (3, 64, 72)),
]
USUAL = {"steps": 8, "baseline": 0.25, "samples": 5, "noise": 0.1, "window": 16, "stride": 12}
GREY = -0.5  # what a baseline of 0.25 is to the network


def network_and_input(name, dims, options, size, batch=3, dtype=torch.float32):
    network = random_network(name, dims, size[0], options)
    return network.to(dtype), torch.rand(batch, *size, dtype=dtype) * 2 - 1


def ours(algorithm, network, x, target=1, batch=4, **settings):
    values = {key: (USUAL | settings)[key] for key in SETTINGS[algorithm]}
    return ALGORITHMS[algorithm](network, x, target, values, batch)


def assert_same(found, expected, beside=0.0):
    """Equal to 1e-5 of the largest value, or of what they are differences of."""
    expected = expected.detach().to(found.dtype)
    scale = max(float(expected.abs().max()), beside)
    assert scale > 0
    torch.testing.assert_close(found / scale, expected / scale, atol=1e-5, rtol=0)


def captums(algorithm, network, x):
    """Captum's own map; steps and noise as ours are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if algorithm == "gradient":
            return Saliency(network).attribute(x, target=1, abs=False)
        if algorithm == "input_x_gradient":
            return InputXGradient(network).attribute(x, target=1)
        if algorithm == "integrated_gradients":
            method = IntegratedGradients(network)
            return method.attribute(x, GREY, target=1, n_steps=USUAL["steps"])
        if algorithm == "guided_backprop":
            return GuidedBackprop(network).attribute(x, target=1)
        edges = [16, 16] if x.ndim == 4 else [round(16 * x.shape[2] / max(x.shape[3:])), 16, 16]
        steps = [12, 12] if x.ndim == 4 else [round(12 * x.shape[2] / max(x.shape[3:])), 12, 12]
        edges = [min(edge, size) for edge, size in zip(edges, x.shape[2:], strict=True)]
        return Occlusion(network).attribute(
            x, (1, *edges), strides=(1, *steps), baselines=GREY, target=1
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "algorithm", ["gradient", "input_x_gradient", "integrated_gradients", "occlusion"]
)
@pytest.mark.parametrize(("name", "dims", "options", "size"), NETWORKS)
def test_maps_equal_captums(monkeypatch, name, dims, options, size, algorithm, dtype):
    monkeypatch.setattr(integrated, "MOST_STEPS", 1)
    network, x = network_and_input(name, dims, options, size, dtype=dtype)
    found = ours(algorithm, network, x)
    assert found.dtype == dtype
    assert not found.requires_grad
    logits = float(network(x).detach().abs().max()) if algorithm == "occlusion" else 0.0
    assert_same(found, captums(algorithm, network, x), beside=logits)


@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("algorithm", ["integrated_gradients", "occlusion", "gradient"])
def test_any_batch_equals_captums(monkeypatch, algorithm, batch):
    monkeypatch.setattr(integrated, "MOST_STEPS", 1)
    network, x = network_and_input("ResNet18", 2, RESNET, (2, 40, 48))
    assert_same(ours(algorithm, network, x, batch=batch), captums(algorithm, network, x))


@pytest.mark.parametrize("name", ["ResNet18", "AlexNet"])
def test_guided_backpropagation_equals_captums(name):
    """Where each ReLU is a module of its own that does not work in place, captum's is right."""
    if name == "AlexNet":
        network, x = network_and_input(name, 2, {"hidden": 16}, (3, 64, 80))
    else:
        network = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(),
            nn.Linear(4 * 36, 2),
        )  # fmt: skip
        x = torch.randn(3, 1, 10, 10)
    assert_same(ours("guided_backprop", network, x), captums("guided_backprop", network, x))


@pytest.mark.parametrize("name", ["ResNet18", "DenseNet121"])
def test_guided_backpropagation_of_relus_in_place_and_used_twice(name):
    """The same network with a ReLU of its own, not in place, wherever one runs."""
    network, x = network_and_input(*next(each for each in NETWORKS if each[0] == name))
    relus = [module for module in network.modules() if isinstance(module, nn.ReLU)]
    assert any(module.inplace for module in relus)
    expected = hooked(network, x)
    found = ours("guided_backprop", network, x)
    assert_same(found, expected)
    assert not torch.allclose(found, ours("gradient", network, x))


def hooked(network, x):
    """Guided backpropagation by tensor hooks on what every ReLU takes: an independent way."""
    leaf = x.clone().requires_grad_()
    plain = nn.ReLU.forward

    def forward(self, given):
        given = given.clone()
        given.register_hook(lambda gradient: gradient.clamp(min=0))
        return given.relu()

    nn.ReLU.forward = forward
    try:
        return torch.autograd.grad(network(leaf)[:, 1].sum(), leaf)[0]
    finally:
        nn.ReLU.forward = plain


@pytest.mark.parametrize(("name", "dims", "options", "size"), NETWORKS)
@pytest.mark.parametrize("algorithm", ["smoothgrad", "gradient_shap"])
def test_what_draws_noise_equals_captums_with_the_same_draws(
    monkeypatch, name, dims, options, size, algorithm
):
    # In double precision: ReLUs at the kink go either way by rounding.
    network, x = network_and_input(name, dims, options, size, dtype=torch.float64)
    noise, shares = attribution._draws(x, USUAL)
    monkeypatch.setattr(torch, "normal", lambda mean, std: noise.repeat(len(x), *[1] * (dims + 1)))
    monkeypatch.setattr(np.random, "uniform", lambda *_: shares.flatten().repeat(len(x)).numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if algorithm == "smoothgrad":
            method = NoiseTunnel(Saliency(network))
            expected = method.attribute(x, nt_samples=5, stdevs=0.2, target=1, abs=False)
        else:
            grey = torch.full_like(x[:1], GREY)
            expected = GradientShap(network).attribute(x, grey, 5, stdevs=0.2, target=1)
    assert_same(ours(algorithm, network, x), expected)


def test_noise_has_the_share_of_the_grey_range_and_points_spread_over_the_way():
    noise, shares = attribution._draws(torch.zeros(1, 1, 64, 64), {"samples": 16, "noise": 0.1})
    assert noise.shape == (16, 1, 64, 64)
    assert float(noise.std()) == pytest.approx(0.2, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=0.005)
    assert (shares.flatten() * 16).long().tolist() == list(range(16))


class Toy(nn.Module):
    """Logits (0, f(pixels)) of images with one row of few pixels."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        out = self.f(*x.flatten(1).unbind(dim=1))
        return torch.stack([torch.zeros_like(out), out], dim=1)


def row(*pixels):
    return torch.tensor(pixels).reshape(1, 1, 1, -1)


def relu(x):
    return nn.functional.relu(x)


def test_a_weighted_sum_by_hand():
    network = Toy(lambda a, b: 2 * a - 3 * b)
    x = row(0.5, 1.0)
    for algorithm in ("gradient", "smoothgrad"):
        assert ours(algorithm, network, x).flatten().tolist() == pytest.approx([2, -3])
    assert ours("input_x_gradient", network, x).flatten().tolist() == pytest.approx([1, -3])
    # From black, -1, to the input: 1.5 and 2.
    for algorithm in ("integrated_gradients", "gradient_shap", "occlusion"):
        found = ours(algorithm, network, x, baseline=0.0, noise=1e-9, window=1, stride=1)
        assert found.flatten().tolist() == pytest.approx([3, -6])


def test_guided_backpropagation_by_hand():
    network = Toy(lambda a, b, c: relu(a) - relu(b) + relu(c))
    # The first ReLU passes on what asks for more; the second is asked for less; the third is off.
    assert ours("gradient", network, row(1.0, 1.0, -1.0)).flatten().tolist() == [1, -1, 0]
    assert ours("guided_backprop", network, row(1.0, 1.0, -1.0)).flatten().tolist() == [1, 0, 0]


def ignoring(call):
    """Call ReLU in place and go on with what it was given."""

    def f(a, b):
        h = torch.stack([a, -b]) * 1
        call(h)
        return h[0] - h[1]

    return f


RELUS = [
    torch.relu,
    torch.Tensor.relu,
    nn.functional.relu,
    nn.ReLU(),
    nn.ReLU(inplace=True),
    lambda x: torch.relu_(x * 1),
    lambda x: (x * 1).relu_(),
    lambda x: nn.functional.relu(input=x * 1, inplace=True),
    lambda x: nn.functional.relu_(x * 1),
]


@pytest.mark.parametrize("call", RELUS)
def test_every_way_to_call_a_relu_is_guided(call):
    network = Toy(lambda a, b: call(a * 1) - call(-b * 1))
    assert ours("gradient", network, row(1.0, -1.0)).flatten().tolist() == [1, 1]
    assert ours("guided_backprop", network, row(1.0, -1.0)).flatten().tolist() == [1, 0]


@pytest.mark.parametrize("call", [torch.relu_, torch.Tensor.relu_, nn.ReLU(inplace=True)])
def test_a_relu_in_place_whose_result_is_ignored_is_guided(call):
    network = Toy(ignoring(call))
    assert ours("guided_backprop", network, row(1.0, -1.0)).flatten().tolist() == [1, 0]


def test_a_network_without_relus_has_no_guided_backpropagation():
    network, x = network_and_input("EfficientNetB0", 2, {}, (1, 32, 32))
    with pytest.raises(InputError, match="EfficientNetBN computes none"):
        ours("guided_backprop", network, x)


def test_integrated_gradients_of_a_kink_by_hand():
    """relu(a - 1) from 0 to 3: no slope on the first third of the way, 1 on the rest; 3 x 2/3."""
    network = Toy(lambda a, b: relu(a - 1) + 0 * b)
    # One step lies at 1/2 (slope 1), two at 0.21 and 0.79, four at 0.07, 0.33, 0.67, 0.93, half
    # their weight before 1/3; of eight, that from 0.41 on have 1/2 + 0.1813 of it.
    expected = {1: 3.0, 2: 1.5, 4: 1.5, 8: 3 * (0.5 + 0.181342)}
    for steps, value in expected.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(integrated, "MOST_STEPS", 1)
            result = integrate(network, row(3.0, 0.0), 1, {"steps": steps, "baseline": 0.5}, 4)
        assert float(result.attributions[0, 0, 0, 0]) == pytest.approx(value, rel=1e-4)
        assert float(result.error) == pytest.approx(abs(value - 2) / 2, rel=1e-3)
        assert result.steps.tolist() == [steps]


def test_steps_are_raised_for_each_input_until_it_is_complete():
    network = Toy(lambda a, b: relu(a - 1) + b)
    x = torch.cat([row(3.0, 0.0), row(0.5, 0.5), row(3.0, 0.0)])
    result = integrate(network, x, 1, {"steps": 1, "baseline": 0.5}, 2)
    assert result.steps.tolist() == [8, 1, 8]
    assert (result.error <= COMPLETE_WITHIN).all()
    assert result.error[0] > 0
    assert torch.equal(result.attributions[0], result.attributions[2])
    assert result.attributions[1].flatten().tolist() == [0, 0.5]


def test_what_is_never_complete_stops_at_eight_times_the_steps_and_says_so():
    network = Toy(lambda a, b: 1000 * relu(a - 0.999) + 0 * b)
    seen = []
    network.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    result = integrate(network, row(1.0, 0.0), 1, {"steps": 2, "baseline": 0.5}, 64)
    # Two outputs, then 2, 4, 8 and 16 steps, none beyond 0.999; the first stands.
    assert seen == [1, 1, 2, 4, 8, 16]
    assert result.steps.tolist() == [2]
    assert float(result.error) == pytest.approx(1)
    assert MOST_STEPS == 8


def test_an_output_that_is_not_finite_is_not_tried_again():
    network = Toy(lambda a, b: a * float("nan") + b)
    result = integrate(network, row(1.0, 0.0), 1, {"steps": 4, "baseline": 0.5}, 4)
    assert result.steps.tolist() == [4]
    assert result.error.isnan().all()


def test_the_error_of_completeness_by_hand():
    maps = torch.tensor(
        [[3.0, -1.0], [100.0, -100.0], [100.0, -100.0], [0.0, 0.0], [0.0, 0.0]]
    ).reshape(5, 1, 1, 2)
    difference = torch.tensor([2.5, 0.5, 0.0, 0.0, 4.0])
    # 0.5 of 2.5; 0.5 of 1 % of 200, which is more than 0.5; nothing missed; nothing there; all.
    found = completeness_error(maps, difference)
    assert found.tolist() == pytest.approx([0.2, 0.25, 0, 0, 1])


def total(*pixels):
    return sum(pixels)


@pytest.mark.parametrize(
    ("window", "stride", "expected"),
    [
        (2, 2, [3, 3, 7, 7, 5]),  # Pairs 1 + 2 and 3 + 4; the last window is cut off.
        (3, 2, [6, 6, 9, 12, 12]),  # 6 and 12 meet in the middle.
        (9, 3, [15] * 5),  # As wide as the row at most.
    ],
)
def test_occlusion_of_a_sum_by_hand(window, stride, expected):
    x = row(1.0, 2.0, 3.0, 4.0, 5.0)
    found = ours("occlusion", Toy(total), x, baseline=0.5, window=window, stride=stride)
    assert found.flatten().tolist() == pytest.approx(expected)


def test_along_z_the_window_of_a_volume_is_in_proportion():
    x = torch.ones(1, 1, 4, 8, 6)
    found = ours("occlusion", Toy(total), x, baseline=0.5, window=4, stride=2)
    # 2 x 4 x 4 ones are hidden at a time, wherever the window lies.
    assert found.unique().tolist() == [32]


def test_channels_are_occluded_one_by_one_unless_they_are_one_image_repeated():
    subset = torch.tensor([2.0, 3.0, 4.0]).reshape(1, 3, 1, 1)
    grey = torch.full((1, 3, 1, 1), 2.0)
    network = Toy(lambda a, b, c: a * b * c + a)
    found = ours("occlusion", network, torch.cat([subset, grey]), baseline=0.5)
    assert found[0].flatten().tolist() == [26, 24, 24]
    # All three vanish: 10 are lost, a third for each.
    assert found[1].flatten().tolist() == pytest.approx([10 / 3] * 3)


def test_windows_over_nothing_but_the_paint_are_not_run():
    network = Toy(total)
    seen = []
    network.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    x = torch.full((1, 1, 8, 8), -1.0)
    x[0, 0, 3, 5] = 0.0
    found = ours("occlusion", network, x, baseline=0.0, window=2, stride=1)
    # The image itself, then the four windows that hold its one bright pixel.
    assert sum(seen) == 1 + 4
    assert found[0, 0, 3, 5] == 1
    assert found[0, 0, 0, 0] == 0


class Symmetric(nn.Module):
    """Sees an image as it sees its mirror image."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.head = nn.Conv2d(3, 2, 3, padding=1)
        for conv in (self.conv, self.head):
            conv.weight.data = conv.weight.data + conv.weight.data.flip(-1)

    def forward(self, x):
        return (self.head(relu(self.conv(x))) ** 2).mean(dim=(2, 3))


@pytest.mark.parametrize("algorithm", INPUT_ALGORITHMS)
def test_a_network_that_sees_no_mirror_gives_mirrored_maps(monkeypatch, algorithm):
    torch.manual_seed(0)
    network, x = Symmetric(), torch.rand(2, 1, 12, 12) * 2 - 1
    drawn = attribution._draws

    def mirrored(x, settings):
        noise, shares = drawn(x, settings)
        return noise + noise.flip(-1), shares

    monkeypatch.setattr(attribution, "_draws", mirrored)
    found = ours(algorithm, network, x, window=4, stride=2)
    turned = ours(algorithm, network, x.flip(-1), window=4, stride=2)
    assert_same(turned, found.flip(-1))
    assert not torch.allclose(found, found.flip(-1), atol=1e-3 * float(found.abs().max()))


@pytest.mark.parametrize("algorithm", INPUT_ALGORITHMS)
@pytest.mark.parametrize(("name", "dims", "options", "size"), NETWORKS[:2])
def test_a_map_depends_on_no_other_sample_and_no_batch(name, dims, options, size, algorithm):
    network, x = network_and_input(name, dims, options, size)
    torch.manual_seed(1)
    together = ours(algorithm, network, x, batch=64, steps=2)
    torch.manual_seed(2)
    for batch in (1, 2):
        assert_same(ours(algorithm, network, x, batch=batch, steps=2), together)
    turned = ours(algorithm, network, x.flip(0), batch=3, steps=2)
    assert_same(turned.flip(0), together)
    for index in range(len(x)):
        alone = ours(algorithm, network, x[index : index + 1], batch=4, steps=2)
        assert_same(alone, together[index : index + 1])


@pytest.mark.parametrize("algorithm", INPUT_ALGORITHMS)
@pytest.mark.parametrize("batch", [1, 3])
def test_no_more_than_a_batch_is_in_one_pass(algorithm, batch):
    network, x = network_and_input(*NETWORKS[0], batch=5)
    seen = []
    network.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    ours(algorithm, network, x, batch=batch)
    assert max(seen) == batch


@pytest.mark.parametrize("algorithm", INPUT_ALGORITHMS)
def test_a_low_precision_comes_back_as_it_went_in(algorithm):
    network, x = network_and_input(*NETWORKS[0])
    exact = ours(algorithm, network, x)
    found = ours(algorithm, network.bfloat16(), x.bfloat16())
    assert found.dtype == torch.bfloat16
    cosine = torch.cosine_similarity(found.float().flatten(1), exact.flatten(1))
    assert (cosine > 0.9).all()


class Odd(nn.Module):
    """Begins in place, uses one ReLU twice, mixes modes and flags, and fails when told to."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(2, 2)
        self.passes = None

    def forward(self, x):
        x.mul_(0.5)
        if self.passes is not None:
            self.passes -= 1
            if self.passes < 0:
                raise RuntimeError("on purpose")
        out = self.act(self.norm(self.act(self.conv(x))) + 1)
        return self.head(self.drop(out.mean(dim=(2, 3))))


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def state(network, x):
    """All that a method might leave behind."""
    return {
        "modes": [module.training for module in network.modules()],
        "flags": [parameter.requires_grad for parameter in network.parameters()],
        "gradients": [parameter.grad for parameter in network.parameters()],
        "hooks": [len(getattr(module, hook)) for module in network.modules() for hook in HOOKS],
        "own": [sorted(vars(module)) for module in network.modules()],
        "in place": network.act.inplace,
        "weights": {name: value.tolist() for name, value in network.state_dict().items()},
        "input": (x.tolist(), x.requires_grad, x.grad),
        "random": (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()),  # noqa: NPY002
        "taping": torch.is_grad_enabled(),
        "relu": torch.overrides._get_current_function_mode_stack(),
    }


@pytest.mark.parametrize("passes", [None, 0, 1, 2])
@pytest.mark.parametrize("algorithm", INPUT_ALGORITHMS)
def test_all_is_left_as_it_was(algorithm, passes):
    torch.manual_seed(0)
    network, x = Odd(), torch.rand(5, 1, 8, 8)
    network.norm.eval()
    network.conv.weight.requires_grad_(False)
    before = state(network, x)
    network.passes = passes
    if passes is None:
        assert ours(algorithm, network, x, batch=2, window=4, stride=4).isfinite().all()
    else:
        with pytest.raises(RuntimeError, match="on purpose"):
            ours(algorithm, network, x, batch=2, window=4, stride=4)
    assert state(network, x) == before


def test_the_config_offers_what_there_is():
    assert tuple(ALGORITHMS) == INPUT_ALGORITHMS
