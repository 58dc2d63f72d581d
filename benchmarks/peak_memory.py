"""How far a device's memory rises while something runs, above what was held before."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

PROCESS = Path("/proc/self")


@dataclass
class Peak:
    """Megabytes above what was held at the start; NaN where the system does not tell."""

    megabytes: float = float("nan")


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """Measure the rise within the block: of torch's tensors on a GPU, of this process on a CPU."""
    found = Peak()
    gc.collect()
    before = _start(device)
    yield found
    found.megabytes = (_highest(device) - before) / 2**20


def _start(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    # What the allocator keeps of earlier work would hide that it is used again.
    ctypes.CDLL(None).malloc_trim(0)
    try:
        # Sets the highest resident size back to the present one (Linux, proc_pid_clear_refs(5)).
        (PROCESS / "clear_refs").write_text("5")
    except OSError:
        return float("nan")
    return _status("VmRSS")


def _highest(device: torch.device) -> float:
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else _status("VmHWM")


def _status(key: str) -> float:
    lines = (PROCESS / "status").read_text().splitlines()
    return 1024 * float(next(line.split()[1] for line in lines if line.startswith(key)))
