"""CAMs beside the bare forward pass and other programs' Grad-CAM; two types of number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from rightreason.algorithms import CAM_ALGORITHMS
from rightreason.cam import layer_evidence, upsample
from rightreason.cam_formulas import FORMULAS

from benchmarks.saliency_peers import captum_cam, monai_gradcam, pytorch_grad_cam, torch_cam
from benchmarks.saliency_turns import (
    AGREES,
    AGREES_IN_BF16,
    Call,
    Subject,
    Took,
    assert_agreement,
    in_turns,
    subject,
)

TARGET = 1
BARE, ONE, ALL = "bare forward", "one CAM", "prediction, six CAMs"
PEERS = ("captum", "torch-cam", "pytorch-grad-cam", "MONAI")
AIMS = {ONE: 1.05, ALL: 1.15}


def subjects(device: torch.device) -> Iterator[Subject]:
    """Give the networks and inputs of the table, one at a time."""
    for batch in (1, 8, 16):
        yield subject("DenseNet121", "class_layers.relu", batch, (224, 224), device)
    yield subject("VGG16", "features.28", 4, (224, 224), device)
    yield subject("ResNet18", "layer4", 1, (64, 128, 128), device)


def cams(one: Subject, algorithms: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Make maps at the input's size, (N, algorithms, *spatial), and the probabilities."""
    logits, evidence = layer_evidence(one.network, one.x, [one.layer], TARGET)
    maps = [upsample(FORMULAS[name](evidence[one.layer]), one.x.shape[2:]) for name in algorithms]
    return torch.cat(maps, dim=1), logits.softmax(1)


def measure_cams(one: Subject, turns: int, passes: int) -> dict[str, Took]:
    """Time the forward pass, our CAMs, and each program's Grad-CAM of the same input."""
    own, _ = cams(one, ["gradcam"])
    at_layer = FORMULAS["gradcam"](
        layer_evidence(one.network, one.x, [one.layer], TARGET)[1][one.layer]
    )
    expected = {
        "captum": at_layer,
        "torch-cam": at_layer.relu(),
        "pytorch-grad-cam": at_layer,
        "MONAI": upsample(at_layer.relu(), one.x.shape[2:]),
        ONE: own,
    }

    def check(name: str, found: torch.Tensor) -> None:
        if name in expected:
            within = AGREES_IN_BF16 if one.x.dtype == torch.bfloat16 else AGREES
            assert_agreement(one.name, expected[name], name, found, within)

    calls = {
        BARE: lambda: forward(one),
        ONE: lambda: cams(one, ["gradcam"])[0],
        ALL: lambda: cams(one, CAM_ALGORITHMS)[0],
        **_peers(one),
    }
    return in_turns(one.x.device, calls, turns, passes, check)


def forward(one: Subject) -> torch.Tensor:
    """Run the network, nothing else."""
    with torch.inference_mode():
        return one.network(one.x)  # type: ignore[no-any-return]


def _peers(one: Subject) -> dict[str, Call]:
    network, x, layer = one.network, one.x, one.layer
    by_monai = monai_gradcam(network, layer)
    peers = {
        "captum": lambda: captum_cam("gradcam", network, x, layer, TARGET),
        "torch-cam": lambda: torch_cam("gradcam", network, x, layer, TARGET),
        "pytorch-grad-cam": lambda: pytorch_grad_cam("gradcam", network, x, layer, TARGET),
        "MONAI": lambda: by_monai(x, TARGET),
    }
    if x.dtype == torch.bfloat16:
        # It goes through NumPy, which has no such numbers.
        del peers["pytorch-grad-cam"]
    return peers


def differences(one: Subject, measure: Callable[[Subject], None]) -> dict[str, float]:
    """Measure a subject, then the same in bfloat16; return how far apart the CAMs are.

    Returns
    -------
    dict of algorithm to float
        The largest difference, of the map's largest value. The network is in bfloat16 afterwards.
    """
    measure(one)
    full, _ = cams(one, CAM_ALGORITHMS)
    short = one.shortened()
    measure(short)
    apart = (cams(short, CAM_ALGORITHMS)[0] - full).abs()
    places = (0, *range(2, full.ndim))
    shares = apart.amax(places) / full.abs().amax(places)
    return dict(zip(CAM_ALGORITHMS, shares.tolist(), strict=True))
