"""Integrated gradients beside bare passes and captum; occlusion, Score-CAM and Ablation-CAM beside
what others have of them; and what each algorithm costs with the config's own settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from rightreason import attribution, perturbed_cam
from rightreason.algorithms import ALGORITHMS, CAM_ALGORITHMS, PERTURBED_CAMS
from rightreason.config_networks import Method
from rightreason.integrated import integrate

from benchmarks.saliency_cams import BARE, TARGET, cams, forward
from benchmarks.saliency_peers import captum_ablation, pytorch_grad_cam, torch_cam
from benchmarks.saliency_turns import (
    AGREES,
    AGREES_LOOSELY,
    Call,
    Subject,
    Took,
    assert_agreement,
    in_turns,
    subject,
)

BATCH = 16
STEPS = 32
WINDOW, STRIDE = 16, 8
GREY = 0.5  # The peers paint with zeros, which is the middle of the grey range.
OURS = "ours"


def small(device: torch.device) -> Iterator[Subject]:
    """Give a network in 2D and in 3D with an inner layer that others can afford, too."""
    yield subject("ResNet18", "layer3", 1, (112, 112), device)
    yield subject("ResNet18", "layer2", 1, (24, 48, 48), device)


def measure_integrated(device: torch.device, turns: int) -> tuple[str, dict[str, Took], float]:
    """Time integrated gradients and the passes they consist of; also return their error."""
    from captum.attr import IntegratedGradients

    one = subject("DenseNet121", "class_layers.relu", 1, (224, 224), device)
    one.network.requires_grad_(False)
    settings = {"steps": STEPS, "baseline": GREY}
    found = integrate(one.network, one.x, TARGET, settings, BATCH)
    if int(found.steps) != STEPS:
        raise RuntimeError(f"{int(found.steps)} steps were taken; the passes would be others.")
    path = one.x.repeat(BATCH, 1, 1, 1).contiguous(memory_format=torch.channels_last)

    def theirs() -> torch.Tensor:
        values: torch.Tensor = IntegratedGradients(one.network).attribute(
            one.x, baselines=0, target=TARGET, n_steps=STEPS, internal_batch_size=BATCH
        )
        return values

    def bare() -> torch.Tensor:
        for _ in range(STEPS // BATCH):
            leaf = path.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(one.network(leaf)[:, TARGET].sum(), leaf)
        return gradient

    def check(name: str, values: torch.Tensor) -> None:
        if name == "captum":
            assert_agreement(one.name, found.attributions, name, values)

    calls = {
        BARE: bare,
        OURS: lambda: integrate(one.network, one.x, TARGET, settings, BATCH).attributions,
        "captum": theirs,
    }
    return one.name, in_turns(device, calls, turns, check=check), float(found.error)


def measure_perturbed(one: Subject, turns: int) -> Iterator[tuple[str, dict[str, Took]]]:
    """Time our occlusion, Score-CAM and Ablation-CAM and those of each program that has it."""
    for algorithm, calls in _calls(one).items():
        yield algorithm, in_turns(one.x.device, calls, turns, check=_Check(algorithm, one.name))


class _Check:
    """Holds what each program gives against ours, which comes first."""

    def __init__(self, algorithm: str, where: str) -> None:
        self.within = AGREES_LOOSELY if algorithm == "scorecam" else AGREES
        self.where = f"{algorithm}, {where}"
        self.ours: torch.Tensor | None = None

    def __call__(self, name: str, found: torch.Tensor) -> None:
        if self.ours is None:
            self.ours = found.clone()
        expected = self.ours.relu() if name == "torch-cam" else self.ours
        assert_agreement(self.where, expected, name, found, self.within)


def _calls(one: Subject) -> dict[str, dict[str, Call]]:
    network, x, layer = one.network, one.x, one.layer
    logit = float(forward(one)[0, TARGET])
    occlusion = {"window": WINDOW, "stride": STRIDE, "baseline": GREY}

    def cam(name: str, **settings: Any) -> Call:
        make = perturbed_cam.ALGORITHMS[name]
        return lambda: make(network, x, layer, TARGET, settings, BATCH)

    def grad_cam(name: str, times: float = 1.0) -> dict[str, Call]:
        """Of pytorch-grad-cam, which has neither in 3D."""

        def make() -> torch.Tensor:
            return times * pytorch_grad_cam(name, network, x, layer, TARGET, batch_size=BATCH)

        return {"pytorch-grad-cam": make} if x.ndim == 4 else {}

    def by_torch_cam() -> torch.Tensor:
        return torch_cam("scorecam", network, x, layer, TARGET, batch_size=BATCH)

    return {
        "occlusion": {
            OURS: lambda: attribution.ALGORITHMS["occlusion"](network, x, TARGET, occlusion, BATCH),
            "captum": lambda: _captum_occlusion(one),
        },
        # As many passes with slightly other masks: torch-cam scales them before it brings them to
        # size, pytorch-grad-cam brings them to size with their corners aligned.
        "scorecam": {
            OURS: cam("scorecam", baseline=GREY),
            "torch-cam": by_torch_cam,
            **grad_cam("scorecam"),
        },
        # Ours are not divided by the logit.
        "ablationcam": {
            OURS: cam("ablationcam"),
            "captum": lambda: captum_ablation(network, x, layer, TARGET, BATCH),
            **grad_cam("ablationcam", logit),
        },
    }


def _captum_occlusion(one: Subject) -> torch.Tensor:
    from captum.attr import Occlusion

    sizes = one.x.shape[2:]
    # Ours shorten window and step along z to the same share of the size.
    shares = [size / max(sizes[1:]) if axis == 0 and len(sizes) == 3 else 1
              for axis, size in enumerate(sizes)]  # fmt: skip
    with torch.inference_mode():
        values: torch.Tensor = Occlusion(one.network).attribute(
            one.x, (1, *(round(WINDOW * share) for share in shares)),
            strides=(1, *(round(STRIDE * share) for share in shares)),
            baselines=0, target=TARGET, perturbations_per_eval=BATCH,
        )  # fmt: skip
    return values


def costs(one: Subject, turns: int) -> dict[str, Took]:
    """Time every algorithm with the config's own settings, and the bare forward pass."""

    def call(name: str) -> Call:
        settings = Method(algorithm=name).model_dump()
        if name in CAM_ALGORITHMS:
            return lambda: cams(one, [name])[0]
        if name in PERTURBED_CAMS:
            perturbed = perturbed_cam.ALGORITHMS[name]
            return lambda: perturbed(one.network, one.x, one.layer, TARGET, settings, BATCH)
        attribute = attribution.ALGORITHMS[name]
        return lambda: attribute(one.network, one.x, TARGET, settings, BATCH)

    return in_turns(
        one.x.device, {BARE: lambda: forward(one), **{name: call(name) for name in ALGORITHMS}},
        turns,
    )  # fmt: skip
