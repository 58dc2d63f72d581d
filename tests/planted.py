"""Wrong maps, planted in a trained network, and what the tests of maps measure of them.

The network learns to tell slices with a bright disc in a lung from slices without: pictures with
edges that have nothing to do with the class, as a CT has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from rightreason.config_trust import TrustLimits
from rightreason.trust import measured
from rightreason.trust_maps import MapOf, map_function
from rightreason.trust_subjects import Subject
from rightreason.trust_table import verdicts
from torch import nn
from torch.nn import functional

SIDE = 48
LAYER = "14"
SETTINGS = {
    "batch": 16, "stages": 5, "steps": 8, "orders": 2, "noise": 0.01, "shift": 2, "seed": 0,
}  # fmt: skip
BOOTSTRAP = {"bootstrap": 500, "confidence": 0.95, "seed": 0}
GRADCAM = {"algorithm": "gradcam"}
INTEGRATED = {"algorithm": "integrated_gradients", "steps": 32, "baseline": 0.0}


def scenes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
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


def trained(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
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


gradcam = map_function(GRADCAM, LAYER, 1, 16, 1)
integrated = map_function(INTEGRATED, None, 1, 16, 1)
gradient = map_function({"algorithm": "gradient"}, None, 1, 16, 1)
guided_backprop = map_function({"algorithm": "guided_backprop"}, None, 1, 16, 1)


def inverted(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return -gradcam(network, x)


def shuffled(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Always in the same way."""
    order = torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(3))
    return gradcam(network, x).flatten(1)[:, order].reshape(x.shape)


def of_another(other: nn.Module) -> MapOf:
    """Give the maps of another network, whichever is asked."""
    return lambda _network, x: gradcam(other, x)


def mixed(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Give each sample the mean map of its batch."""
    return gradcam(network, x).mean(dim=0, keepdim=True).expand_as(x)


def nine_tenths(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return 0.9 * integrated(network, x)


def judged(
    network: nn.Module,
    map_of: MapOf,
    tests: Sequence[str],
    method: Mapping[str, Any] = GRADCAM,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return each measure's row of the table of verdicts, of twelve slices with a disc."""
    x, labels = scenes(24, 7)
    inputs = {f"case{i:02}": one[None] for i, one in enumerate(x[labels == 1])}
    maps = {case: map_of(network, x) for case, x in inputs.items()}
    subject = Subject([network], lambda _batch: map_of, inputs, maps, {}, method)
    rows = [row for test in tests for row in measured(test, subject, SETTINGS, SETTINGS["batch"])]
    cases = {case: {"patient": case, "label": "yes"} for case in inputs}
    limits = TrustLimits().model_dump()
    nothing = pd.DataFrame(columns=["case", "test", "measure", "step", "value"])
    table = verdicts(pd.DataFrame(rows), nothing, tests, cases, limits, BOOTSTRAP)
    return {(row["test"], row["measure"]): row for row in table}
