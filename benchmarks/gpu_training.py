"""A training through the package's own module and trainer, in turns with the bare network."""

from __future__ import annotations

import logging
import statistics
import tempfile
import warnings
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from rightreason import networks, train, training_formats
from rightreason.classifier import Classifier, Plan
from rightreason.config import Config
from rightreason.samples import in_channels, memory_format, to_input
from torch import nn
from torch.nn import functional

from benchmarks.gpu_study import TURNS, WARM_UP, Found, Size, made_up, now, timed

TRAINING_CASES = 240  # Of 313: in nine of ten folds, and not in the validation part.


class Meter(Callback):  # type: ignore[misc]
    """Times the steps of each epoch, and after its last one the bare passes."""

    def __init__(self, found: Found, size: Size, mixed: bool) -> None:
        self.found, self.size, self.mixed = found, size, mixed
        self.times: dict[str, list[float]] = {"step": [], "bare": [], "optimiser": [], "waits": []}
        self._started = self._ended = self._between = 0.0
        self._profiler: Any = None

    def on_train_batch_start(
        self, trainer: Any, module: Classifier, batch: Any, batch_idx: int
    ) -> None:
        """Start the clock with the first step; note how long a later one was waited for."""
        if batch_idx:
            self._between += now(module.device) - self._ended if self._on_cpu(module) else 0
            return
        if not self._on_cpu(module) and trainer.current_epoch == trainer.max_epochs - 1:
            activities = [torch.profiler.ProfilerActivity.CUDA]
            self._profiler = torch.profiler.profile(activities=activities)
            self._profiler.__enter__()
        self._between, self._started = 0.0, now(module.device)

    def on_train_batch_end(
        self, trainer: Any, module: Classifier, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop the clock with the last step, then run the bare passes."""
        if self._on_cpu(module):
            self._ended = now(module.device)
        if batch_idx + 1 < trainer.num_training_batches:
            return
        wall = now(module.device) - self._started
        if self._profiler:
            self._profiler.__exit__(None, None, None)
            self.times["waits"] = [1 - busy_s(self._profiler) / wall]
            return
        bare, optimiser = self._bare(module)
        if trainer.current_epoch >= WARM_UP:
            self.times["step"].append(wall / (batch_idx + 1))
            self.times["bare"].append(bare)
            self.times["optimiser"].append(optimiser)
            self.times["waits"].append(self._between / wall)

    def _on_cpu(self, module: Classifier) -> bool:
        return module.device.type == "cpu"

    def _bare(self, module: Classifier) -> tuple[float, float]:
        """Time forward and backward on a batch that is there, and an optimiser's step alone."""
        x = to_input(module.get_buffer("train_pixels")[: self.found.batch], module.channels)
        classes = module.get_buffer("train_classes")[: self.found.batch]

        def both() -> None:
            module.network.zero_grad()
            with torch.autocast(x.device.type, torch.bfloat16, enabled=self.mixed):
                loss = functional.cross_entropy(module.network(x).float(), classes)
            loss.backward()

        seconds = timed(module.device, self.size.steps, both)
        optimiser = module.optimizers().optimizer
        return seconds, timed(module.device, self.size.steps, optimiser.step)

    def conclude(self) -> None:
        """Write the medians down."""
        middle = {name: statistics.median(values) for name, values in self.times.items()}
        self.found.step_s, self.found.bare_s = middle["step"], middle["bare"]
        self.found.optimiser_s, self.found.training_waits = middle["optimiser"], middle["waits"]


def busy_s(profiler: Any) -> float:
    """Return the seconds in which at least one kernel or copy ran on the GPU."""
    spans = sorted(
        (event.time_range.start, event.time_range.end)
        for event in profiler.events()
        if event.device_type == torch.autograd.DeviceType.CUDA
    )
    total, reached = 0.0, float("-inf")
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total / 1e6


def watch_formats(network: nn.Module, found: Found) -> Any:
    """Note, of the first convolution, where it runs, in what numbers and in what order."""
    first = next(m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Conv3d))

    def look(module: nn.Module, args: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        last = out.is_contiguous(memory_format=memory_format(out.ndim))
        found.formats = {
            "numbers": str(out.dtype).removeprefix("torch."),
            "order": "channels last" if last else "CHANNELS FIRST",
            "device": args[0].device.type,
        }

    return first.register_forward_hook(look)


def measure_training(
    found: Found, config: Config, model: dict[str, Any], device: torch.device
) -> nn.Module:
    """Train a few epochs; return the network."""
    size = Size.of(device)
    settings = {**config.section("train"), "threads": torch.get_num_threads()}
    settings["precision"] = training_formats.numbers(settings["precision"], device)
    cases = min(TRAINING_CASES, -(-size.steps * found.batch // found.each))
    samples = {
        "train": made_up(cases, found.shape, found.each),
        "validation": made_up(2, found.shape, found.each),
    }
    channels = in_channels(samples["train"].pixels[:1], model["channels"])
    spatial = len(found.shape) - 1
    network = networks.build(model["network"], spatial, channels, options=model["options"])
    training_formats.arrange(network, spatial + 2)
    plan = Plan(
        WARM_UP + TURNS + (device.type == "cuda"), found.batch, model["learning_rate"],
        settings["weight_decay"], None, settings["augment"], seed=0,
    )  # fmt: skip
    labels = {part: torch.arange(len(s.cases)) % 2 for part, s in samples.items()}
    meter = Meter(found, size, settings["precision"] == "bf16-mixed")
    hook = watch_formats(network, found)
    _quietly(Classifier(network, samples, labels, channels, plan), meter, settings, device)
    hook.remove()
    meter.conclude()
    return network


def _quietly(
    classifier: Classifier, meter: Meter, settings: dict[str, Any], device: torch.device
) -> None:
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        callbacks: list[Callback] = [meter, ModelCheckpoint(folder, save_top_k=0)]
        trainer: pl.Trainer = train._trainer(classifier.plan, settings, device, callbacks)
        trainer.fit(classifier)
