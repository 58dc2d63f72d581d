"""The benchmark of a GPU: on the smallest study, for most machines never run it at its size."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import yaml
from rightreason.config import read_config

from benchmarks.gpu import SALIENCY, TRAINING, in_saliency, in_training, measure
from benchmarks.gpu_study import table
from benchmarks.gpu_training import busy_s

SMALL = Path(__file__).resolve().parents[1] / "small.yaml"


def event(start: float, end: float, device: Any = torch.autograd.DeviceType.CUDA) -> Any:
    return SimpleNamespace(device_type=device, time_range=SimpleNamespace(start=start, end=end))


def test_a_gpu_is_busy_while_any_kernel_runs() -> None:
    """Kernels overlap, and one may lie within another; what the host does is not counted."""
    events = [
        event(10, 20), event(0, 5), event(15, 30), event(16, 18), event(29, 31), event(40, 41),
        event(0, 100, torch.autograd.DeviceType.CPU),
    ]  # fmt: skip
    assert busy_s(SimpleNamespace(events=lambda: events)) == (5 + 21 + 1) / 1e6
    assert busy_s(SimpleNamespace(events=list)) == 0


def test_every_model_of_a_study_is_measured() -> None:
    written = yaml.safe_load(SMALL.read_text())
    for model in written["models"].values():
        model["options"] = {"block_inplanes": [16, 16, 16, 16]}
    config = read_config(written)
    found = list(measure(config, torch.device("cpu")))
    assert [one.name for one in found] == sorted(config.models)
    assert [(one.shape, one.each) for one in found] == [
        ((1, 32, 32), 6), ((4, 32, 32), 1), ((1, 16, 24, 24), 1),
    ]  # fmt: skip
    for one in found:
        assert one.formats == {"numbers": "float32", "order": "channels last", "device": "cpu"}
        assert min(one.step_s, one.bare_s, one.optimiser_s, one.maps_s, one.forward_s) > 0
    text = table(TRAINING, [in_training(one) for one in found])
    text += table(SALIENCY, [in_saliency(one) for one in found])
    lines = text.splitlines()
    assert len(lines) == 2 * (2 + len(found))
    assert {line.count("|") for line in lines[:5]} == {len(TRAINING) + 1}
    assert {line.count("|") for line in lines[5:]} == {len(SALIENCY) + 1}
