"""Training and saliency of the three default models at full study size, beside the bare network.

The models, sizes and settings are those of `config/drowning`; voxels are made up. A training runs
through the package's own Lightning module and trainer, epochs of it in turns with the bare forward
and backward pass of the same network on a batch that lies on the device already, in the same
precision, memory format and determinism. Saliency makes the maps of all CAM methods case by case,
in turns with forward passes alone; and the whole stage runs once, with files read and written.
Medians over the turns; the clock is read when the device is idle.

The share of time that a GPU waits in training is what no kernel runs in, by the profiler, whose own
cost makes it larger. Without a GPU the same is measured on one core, in that process's own time, in
shorter epochs and with fewer cases, and the share is that between two steps.

One command, meant to take at most eight minutes on an H100; it needs the package and its lock only:

    PYTHONPATH=workflow/scripts python -m benchmarks.gpu
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytorch_lightning as pl
import torch
import yaml
from rightreason import devices
from rightreason.config import Config, read_config
from rightreason.machine import processor
from rightreason.training_formats import numbers

from benchmarks.gpu_saliency import measure_saliency
from benchmarks.gpu_study import Found, Size, held, shape_of, table
from benchmarks.gpu_training import measure_training

CONFIG = Path(__file__).resolve().parents[1] / "config" / "drowning" / "config.yaml"
AIM_STEP, AIM_CAMS = 1.15, 1.3
TRAINING = ("model", "sample", "batch", "samples/s", "step (ms)", "bare (ms)", "optimiser (ms)",
            "step / bare", "waits", "numbers", "order", "device")  # fmt: skip
SALIENCY = ("model", "samples of a case", "samples/s", "maps (ms)", "forward (ms)",
            "maps / forward", "stage (ms)", "stage, samples/s", "waits for files")  # fmt: skip


def measure(config: Config, device: torch.device) -> Iterator[Found]:
    """Measure each of the config's models."""
    for name, model in config.section("models").items():
        shape, each = shape_of(config, model["input"])
        found = Found(name, model["batch"], shape, each)
        pl.seed_everything(0, verbose=False)
        network = measure_training(found, config, model, device)
        # The stage `saliency` asks for no deterministic kernels.
        torch.use_deterministic_algorithms(mode=False)
        measure_saliency(found, config, model, network, device)
        yield found


def in_training(found: Found) -> list[str]:
    """Return a model's cells of the table of training."""
    ratio = found.step_s / found.bare_s
    return [
        found.name, " x ".join(map(str, found.shape)), str(found.batch),
        f"{found.batch / found.step_s:,.1f}",
        *(f"{1000 * s:,.1f}" for s in (found.step_s, found.bare_s, found.optimiser_s)),
        held(ratio, AIM_STEP), f"{100 * found.training_waits:.1f} %", *found.formats.values(),
    ]  # fmt: skip


def in_saliency(found: Found) -> list[str]:
    """Return a model's cells of the table of saliency."""
    return [
        found.name, str(found.each), f"{found.each / found.maps_s:,.1f}",
        f"{1000 * found.maps_s:,.1f}", f"{1000 * found.forward_s:,.1f}",
        held(found.maps_s / found.forward_s, AIM_CAMS),
        f"{1000 * found.stage_s:,.1f}", f"{found.each / found.stage_s:,.1f}",
        f"{100 * (1 - found.maps_s / found.stage_s):.1f} %",
    ]  # fmt: skip


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    named = parser.parse_args().device
    device = devices.select({"device": named, "threads": 1})
    if device.type == "cuda":
        torch.set_num_threads(8)
    config = read_config(yaml.safe_load(CONFIG.read_text()))
    started = time.perf_counter()
    found = list(measure(config, device))
    size = Size.of(device)
    precision = numbers(config.train.precision, device)
    sys.stdout.write(
        f"{torch.cuda.get_device_name() if device.type == 'cuda' else f'one core of {processor()}'}"
        f", torch {torch.__version__}, {precision}; epochs of at most {size.steps} "
        f"steps, {size.cases} cases a turn; {time.perf_counter() - started:.0f} s in all.\n\n"
        f"Training:\n\n{table(TRAINING, [in_training(one) for one in found])}\n"
        f"Saliency, all CAM methods:\n\n{table(SALIENCY, [in_saliency(one) for one in found])}"
    )


if __name__ == "__main__":
    main()
