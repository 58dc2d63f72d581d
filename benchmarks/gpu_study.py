"""What the parts of `benchmarks.gpu` share: sizes, a clock, and a made-up study of full size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from rightreason.config import Config
from rightreason.samples import Samples

WARM_UP, TURNS = 1, 3


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    steps : int
        Most training steps of an epoch, and as many bare passes.
    cases : int
        Cases explained in a turn; as many passes forward; the stage runs on these and on thrice.
    """

    steps: int
    cases: int

    @classmethod
    def of(cls, device: torch.device) -> Size:
        """Return what a GPU does within the time, or what a core of a CPU does."""
        return cls(60, 30) if device.type == "cuda" else cls(2, 2)


@dataclass
class Found:
    """What was measured of one model; seconds."""

    name: str
    batch: int
    shape: tuple[int, ...]
    each: int
    step_s: float = 0.0
    bare_s: float = 0.0
    optimiser_s: float = 0.0
    training_waits: float = 0.0
    maps_s: float = 0.0
    forward_s: float = 0.0
    stage_s: float = 0.0
    stage_mb: float = 0.0
    formats: dict[str, str] = field(default_factory=dict)


def now(device: torch.device) -> float:
    """Read the clock when the device has nothing left to do.

    On a CPU it is the process's own time, which other programs on the machine do not lengthen.
    """
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def timed(device: torch.device, passes: int, body: Callable[[], Any]) -> float:
    """Return the seconds of one pass."""
    started = now(device)
    for _ in range(passes):
        body()
    return (now(device) - started) / passes


def shape_of(config: Config, kind: str) -> tuple[tuple[int, ...], int]:
    """Return the shape of one sample, and how many a case has."""
    section = config.section("prepare")[kind]
    if kind == "volume":
        x, y, z = section["size"]
        return (1, z, y, x), 1
    size, count = section["size"], section["count"]
    return ((1, size, size), count) if kind == "slices" else ((count, size, size), 1)


def made_up(cases: int, shape: tuple[int, ...], each: int) -> Samples:
    """Return random samples of many cases."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (cases * each, *shape), dtype=torch.uint8, generator=generator)
    owner = torch.repeat_interleave(torch.arange(cases), each)
    return Samples(tuple(f"c{k}" for k in range(cases)), pixels, owner)


def held(ratio: float, aim: float) -> str:
    """Return a ratio, and what it was to be where it is more."""
    return f"{ratio:.2f}" if ratio <= aim else f"{ratio:.2f} (missed: {aim:g})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
