"""A training computes as the config says: in which numbers, in what order, and where."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rightreason import classifier, networks, training_formats
from rightreason.samples import memory_format
from rightreason.train import train_fold
from torch import nn
from torch.nn import functional

from tests.prepared import MODEL, SETTINGS, write_cohort
from tests.unit.test_train import FILES, KINDS, places

# A CPU's bfloat16 gradients cannot be trusted (`training_formats.numbers`).
NUMBERS = {("32", "cpu"): torch.float32, ("bf16-mixed", "cpu"): torch.float32,
           ("32", "cuda"): torch.float32, ("bf16-mixed", "cuda"): torch.bfloat16}  # fmt: skip


@pytest.mark.parametrize(("precision", "device"), NUMBERS)
@pytest.mark.parametrize("kind", [kind for kind, *_ in KINDS])
def test_numbers_and_order_of_every_convolution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, precision: str, device: str
) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    seen: list[tuple[torch.dtype, bool]] = []
    augmented: list[torch.Tensor] = []

    def look(module: nn.Module, args: Any, out: torch.Tensor) -> None:
        last = out.is_contiguous(memory_format=memory_format(out.ndim))
        seen.append((out.dtype, last))

    def build(*arguments: Any, **more: Any) -> nn.Module:
        network = make(*arguments, **more)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                module.register_forward_hook(look)
        return network

    def augment(x: torch.Tensor) -> torch.Tensor:
        augmented.append(x)
        return change(x)

    make, change = networks.build, classifier.augment
    monkeypatch.setattr(networks, "build", build)
    monkeypatch.setattr(classifier, "augment", augment)
    images, labels = write_cohort(tmp_path / "images", kind)
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    wide = {**MODEL["options"], "block_inplanes": [16] * 4}
    model = {**MODEL, "input": kind, "epochs": 1, "options": wide}
    settings = {**SETTINGS, "precision": precision, "device": device}
    train_fold(images, labels, parts, model, settings, 0, *places(tmp_path))
    assert all((tmp_path / "out" / name).is_file() for name in FILES)
    told = json.loads((tmp_path / "out" / "record.json").read_text())["precision"]
    assert told == ("bf16-mixed" if NUMBERS[precision, device] == torch.bfloat16 else "32")
    assert set(seen) == {(NUMBERS[precision, device], True)}
    # Made from bytes that lie where the network does, in the order that it wants.
    assert {x.device.type for x in augmented} == {device}
    assert all(x.is_contiguous(memory_format=memory_format(x.ndim)) for x in augmented)
    assert sum(len(x) for x in augmented) == 8 * {"slices": 4, "subset": 1, "volume": 1}[kind]


def test_an_epoch_takes_its_batches_as_numbers_of_samples(tmp_path: Path) -> None:
    """No voxel comes through the loader: they are on the device from the start."""
    from rightreason.train import _classifier, _plan

    images, labels = write_cohort(tmp_path / "images", "slices")
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    module = _classifier(images, labels, parts, MODEL, _plan(MODEL, SETTINGS, 0))
    buffers = dict(module.named_buffers())
    assert buffers["train_pixels"].dtype == torch.uint8
    assert len(buffers["train_pixels"]) == 8 * 4
    module.to("meta")
    assert module.get_buffer("train_pixels").is_meta
    assert module.get_buffer("train_classes").is_meta


def gradient(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the first narrow convolution's weights."""
    functional.cross_entropy(network(x), torch.arange(len(x)) % 2).backward()
    narrow = next(m for m in network.modules() if training_formats._is_narrow(m))
    return narrow.weight.grad


def test_a_narrow_network_has_the_gradients_of_64_bits(tmp_path: Path) -> None:
    """In channels-last memory this crashes, or is wrong."""
    narrow = {"block_inplanes": [8, 16, 16, 16], "conv1_t_size": 1}
    torch.manual_seed(0)
    network = networks.build("ResNet18", 2, 1, options=narrow)
    exact = copy.deepcopy(network).double()
    training_formats.arrange(network, 4)
    x = torch.rand(4, 1, 112, 112)
    expected = gradient(exact, x.double())
    found = gradient(network, x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("width", "last"), [(8, False), (16, True)])
def test_what_is_wide_enough_runs_in_channels_last(width: int, last: bool) -> None:
    network = networks.build("ResNet18", 2, 1, options={"block_inplanes": [width, 32, 32, 32]})
    training_formats.arrange(network, 4)
    seen = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, i, out: seen.append(out))
    network(torch.rand(2, 1, 64, 64).contiguous(memory_format=torch.channels_last))
    assert {out.is_contiguous(memory_format=torch.channels_last) for out in seen} == {last}
