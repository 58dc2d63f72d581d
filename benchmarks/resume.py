"""What it costs to keep the state that a killed training is resumed from.

The networks of `config/drowning/config.yaml` at full size, a batch of each: a step of training (on
a GPU where there is one, in bf16), the bytes of the state, its writing, and its reading with the
check of its sums. An epoch is as many steps as the study of 313 cases has in ten folds; what it
costs beside its steps (validation) is left out, which makes the share of the writing larger than it
is. The fastest of the repetitions, for the machine may be shared. The state is written where the
working directory lies: run it on the disk of a study.

    python -m benchmarks.resume [repetitions] [network ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rightreason import machine, networks, resume
from torch import nn

# Name: spatial size, channels, batch, samples of a training part (313 cases, of ten folds nine,
# of those four fifths).
CASES = 225
NETWORKS: dict[str, tuple[tuple[int, ...], int, int, int]] = {
    "VGG16": ((224, 224), 28, 32, CASES),
    "AlexNet": ((224, 224), 3, 128, 28 * CASES),
    "DenseNet121": ((64, 128, 128), 1, 8, CASES),
}
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seconds(act: Callable[[], Any], repetitions: int) -> float:
    """Return the shortest time of an act, after one that is not counted."""
    times = []
    for _ in range(repetitions + 1):
        started = time.perf_counter()
        act()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def step(network: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor) -> None:
    """Train one batch."""
    optimizer.zero_grad()
    with torch.autocast(DEVICE.type, torch.bfloat16, enabled=DEVICE.type == "cuda"):
        loss = network(x).float().logsumexp(1).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def measure(name: str, folder: Path, repetitions: int) -> dict[str, float]:
    """Measure one network; times in s, size in GB of 10^9 bytes."""
    size, channels, batch, samples = NETWORKS[name]
    layout = torch.channels_last if len(size) == 2 else torch.channels_last_3d
    network = networks.build(name, len(size), channels).to(DEVICE, memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters())
    x = torch.rand(batch, channels, *size, device=DEVICE).to(memory_format=layout)
    step_s = seconds(lambda: step(network, optimizer, x), repetitions)
    store = resume.Store(folder, "0" * 64)
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        # The most there can be: the best epoch is another than this.
        "weights": {k: v.cpu().clone() for k, v in network.state_dict().items()},
    }
    write_s = seconds(lambda: store.write(state), repetitions)
    read_s = seconds(store.read, repetitions)
    [file] = folder.glob("*/state.ckpt")
    found = {
        "parameters": sum(p.numel() for p in network.parameters()) / 1e6,
        "gb": file.stat().st_size / 1e9,
        "epoch_s": step_s * -(-samples // batch),
        "step_s": step_s,
        "write_s": write_s,
        "read_s": read_s,
    }
    store.forget()
    return found


def main(repetitions: int, names: list[str]) -> None:
    """Measure and print a table."""
    device = torch.cuda.get_device_name() if DEVICE.type == "cuda" else machine.processor()
    print(f"{device}, {torch.get_num_threads()} threads, {repetitions} repetitions\n")
    heads = (
        "network, batch", "parameters, M", "state, GB", "step, s", "epoch, s", "writing, s",
        "reading, s", "writing / epoch", "kept after", "lost at most, s",
    )  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for name in names:
        with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".resume-") as folder:
            found = measure(name, Path(folder), repetitions)
        ratio = found["write_s"] / found["epoch_s"]
        epochs = max(1, -int(-ratio // resume.SHARE))
        often = "each epoch" if epochs == 1 else f"every {epochs} epochs"
        print(
            f"| {name}, {NETWORKS[name][2]} | {found['parameters']:.1f} | {found['gb']:.2f} "
            f"| {found['step_s']:.2f} | {found['epoch_s']:.0f} | {found['write_s']:.2f} "
            f"| {found['read_s']:.2f} | {ratio:.1%} | {often} | {epochs * found['epoch_s']:.0f} |",
            flush=True,
        )
    print(f"\naim: at most {resume.SHARE:.0%} of the time, whatever the network and the disk")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    main(count, sys.argv[2:] or list(NETWORKS))
