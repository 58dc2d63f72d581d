"""Networks whose weights are set by hand, on the embedded cohort: maps must point where they look.

One network looks at nothing but the shortcut (the fold of wet body bag), one at nothing but the
finding; the truth is known voxel by voxel. Each comes with two kinds of head. *Pooled*: evidence is
gathered where it counts and averaged over the image, as in DenseNet and ResNet; other channels of
the layer show the whole body and have no weight. *Placed*: one weight for each place of the layer,
as in AlexNet and VGG16; the layer itself shows the whole body, and its weights choose the place.
"""

from functools import cache

import numpy as np
import pytest
import torch
from rightreason.algorithms import ALGORITHMS, LAYER_ALGORITHMS
from rightreason.answers import Question, answers
from rightreason.config_networks import Method
from rightreason.config_sections import Demo
from rightreason.demo import paint_case
from rightreason.demo_plan import POSITIVE, plan
from scipy import ndimage
from torch import nn

torch.set_num_threads(1)

DEMO = Demo(matrix=(64, 64, 16)).model_dump()
CASES = 2
KINDS = ("slices", "subset", "volume")
# Brightness from which there is evidence: of water and sheets; of lung that is denser than air.
BRIGHT = {"shortcut": 0.2, "finding": -0.6}


@cache
def pictures():
    cases = [case for case in plan(DEMO) if case.label == POSITIVE and case.shortcut]
    return [paint_case(case, DEMO) for case in cases[:CASES]]


def arranged(array, kind):
    """(X, Y, Z) as a network's input: 4 slices, 4 slices as channels, or 8 as a volume."""
    zyx = np.ascontiguousarray(array.transpose(2, 1, 0))
    if kind == "volume":
        return zyx[None, None, 6:14]
    return zyx[6:14:2, None] if kind == "slices" else zyx[None, 6:14:2]


def network_input(picture, kind):
    grey = (np.clip(picture.hu, -1000, 400).astype(np.float32) + 1000) / 1400
    return torch.from_numpy(arranged(2 * grey - 1, kind))


class Planted(nn.Module):
    """Looks at one place: (1, C, *spatial), 1 where it looks, else 0.

    The layer has four channels: evidence; all that is as bright; bone; air.
    """

    def __init__(self, place, bright, head):
        super().__init__()
        dims, channels = place.ndim - 2, place.shape[1]
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        gate = place if head == "pooled" else torch.ones_like(place)
        self.register_buffer("gate", gate)
        self.bright = bright
        # In plane: there are few slices.
        self.pool = nn.AvgPool2d(2) if dims == 2 else nn.AvgPool3d((1, 2, 2))
        self.layer = conv(4 * channels, 4, 3, padding=1, bias=False)
        with torch.no_grad():
            self.layer.weight.zero_()
            for channel in range(4):
                own = slice(channel * channels, (channel + 1) * channels)
                self.layer.weight[channel, own] = 1 / 3**dims
            cells = self.pool(place).amax(dim=1, keepdim=True)
            weights = torch.ones_like(cells) if head == "pooled" else (cells > 0).float()
            weights = 100 * weights / (cells > 0).sum()
        self.register_buffer("weights", weights)

    def forward(self, x):
        relu = nn.functional.relu
        evidence = relu(x - self.bright) * self.gate
        parts = [evidence, relu(x - self.bright), relu(x - 0.8), relu(-0.9 - x)]
        features = relu(self.layer(self.pool(torch.cat(parts, dim=1))))
        out = (features[:, :1] * self.weights).flatten(1).sum(dim=1)
        return torch.stack([torch.zeros_like(out), out], dim=1)


# Windows in proportion to the small images: 25 mm wide.
SMALL = {"occlusion": {"window": 4, "stride": 4}}
METHODS = {n: Method(algorithm=n, **SMALL.get(n, {})).model_dump() for n in ALGORITHMS}
QUESTION = Question(METHODS, dict.fromkeys(LAYER_ALGORITHMS, "layer"), 1)


def near(places):
    """All that one place of the layer may see: 3 voxels in plane, a slice above and below."""
    return ndimage.maximum_filter(places, (1, 1, 3, 7, 7) if places.ndim == 5 else (1, 1, 7, 7))


def planted(kind, region, head):
    """Yield networks, each with its input and with what lies near the place it looks at."""
    for picture in pictures()[: 1 if kind == "volume" else None]:
        mask = getattr(picture, region)
        x = network_input(picture, kind)
        places = arranged(mask, kind)
        for one, place, truth in zip(x, places, near(places), strict=True):
            if head == "placed":
                # A place of the layer is one for all slices of a subset.
                truth = np.broadcast_to(truth.any(axis=0), truth.shape)
            gate = torch.from_numpy(place[None]).float()
            yield Planted(gate, BRIGHT[region], head), one[None], truth


@cache
def figures(kind, region, head):
    """Of each method: how often the maximum lies near, and which part of the positive mass."""
    found = {name: [] for name in ALGORITHMS}
    for network, x, truth in planted(kind, region, head):
        for name, answer in answers(network, x, QUESTION, 16)[1].items():
            values = answer.maps[0].numpy()
            true = truth if len(values) == len(truth) else truth.any(axis=0, keepdims=True)
            evidence = values.clip(min=0)
            hit = evidence.max() > 0 and true[values == values.max()].all()
            found[name].append((hit, evidence[true].sum() / evidence.sum()))
    return {name: np.mean(each, axis=0) for name, each in found.items()}


@pytest.mark.parametrize("head", ["pooled", "placed"])
@pytest.mark.parametrize("region", BRIGHT)
@pytest.mark.parametrize("kind", KINDS)
def test_the_networks_look_nowhere_else(kind, region, head):
    torch.manual_seed(0)
    for network, x, truth in planted(kind, region, head):
        outside = torch.from_numpy(~truth)
        elsewhere = torch.where(outside, torch.rand(x.shape) * 2 - 1, x)
        there = torch.where(outside, x, -1.0)
        logit = network(x)[0, 1]
        torch.testing.assert_close(network(elsewhere)[0, 1], logit)
        assert network(there)[0, 1] < 0.1 * logit


# The principal component of the layer, whatever the class; channels with no weight come along.
BLIND_TO_THE_CLASS = {"eigencam"}
# One weight per channel, for all places: not for a head that weighs each place by itself.
BLIND_TO_THE_PLACE = {"gradcam", "gradcam++", "xgradcam", "eigencam", "scorecam", "ablationcam"}
# Hits, but most of the mass lies elsewhere: channels without any weight keep theirs.
SPREAD_OUT = {"scorecam"}


@pytest.mark.parametrize("region", BRIGHT)
@pytest.mark.parametrize("kind", KINDS)
def test_maps_of_a_pooled_head_point_where_it_looks(kind, region):
    found = figures(kind, region, "pooled")
    for name in set(ALGORITHMS) - BLIND_TO_THE_CLASS:
        hits, mass = found[name]
        assert hits == 1, name
        assert mass > (0.3 if name in SPREAD_OUT else 0.95), name


@pytest.mark.parametrize("region", BRIGHT)
@pytest.mark.parametrize("kind", KINDS)
def test_maps_of_a_head_with_weights_for_places_point_where_it_looks_or_are_known_not_to(
    kind, region
):
    found = figures(kind, region, "placed")
    for name in set(ALGORITHMS) - BLIND_TO_THE_PLACE:
        hits, mass = found[name]
        assert hits == 1, name
        assert mass > 0.9, name
    for name in BLIND_TO_THE_PLACE:
        hits, mass = found[name]
        assert hits < 1, name
        assert mass < 0.6, name


def test_input_times_gradient_turns_round_what_is_darker_than_mid_grey():
    """Ground-glass speaks for the class in truth; times a negative input it speaks against it."""
    shares = {"input_x_gradient": [], "integrated_gradients": []}
    for network, x, _ in planted("slices", "finding", "pooled"):
        _, found = answers(network, x, QUESTION, 16)
        for name, share in shares.items():
            values = found[name].maps
            share.append(float(values.clamp(min=0).sum() / values.abs().sum()))
    assert np.mean(shares["integrated_gradients"]) == pytest.approx(1)
    assert np.mean(shares["input_x_gradient"]) < 0.5
