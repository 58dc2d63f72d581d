"""A training computes as the config says: in which numbers, in what order, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from rightreason import classifier, networks
from rightreason.samples import memory_format
from rightreason.train import train_fold
from torch import nn

from tests.prepared import MODEL, SETTINGS, write_cohort
from tests.unit.test_train import FILES, KINDS, places

NUMBERS = {"32": torch.float32, "bf16-mixed": torch.bfloat16}


@pytest.mark.parametrize("precision", NUMBERS)
@pytest.mark.parametrize("kind", [kind for kind, *_ in KINDS])
def test_numbers_and_order_of_every_convolution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, precision: str
) -> None:
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
    model = {**MODEL, "input": kind, "epochs": 1}
    settings = {**SETTINGS, "precision": precision}
    train_fold(images, labels, parts, model, settings, 0, *places(tmp_path))
    assert all((tmp_path / "out" / name).is_file() for name in FILES)
    assert set(seen) == {(NUMBERS[precision], True)}
    # Made from bytes that lie where the network does, in the order that it wants.
    assert {x.device.type for x in augmented} == {"cpu"}
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
