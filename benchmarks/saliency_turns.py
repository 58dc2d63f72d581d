"""What is measured beside one another: networks, inputs, and calls in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from rightreason import networks
from rightreason.samples import memory_format
from torch import nn

from benchmarks.gpu_study import timed
from benchmarks.peak_memory import peak_memory

# Of the largest value: in 32 bits, summed in another order through a deep network; in bfloat16,
# which has three digits; and where a program defines the same a little otherwise.
AGREES, AGREES_IN_BF16, AGREES_LOOSELY = 1e-4, 0.02, 0.2

Call = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Subject:
    """A network in eval mode with random weights, and an input, both on the device.

    Attributes
    ----------
    name : str
        As the tables show it.
    network : nn.Module
        Its weights ask for gradients, as those of a network that was just built do.
    x : (N, C, *spatial) tensor
    layer : str
        Target layer of the CAMs.
    """

    name: str
    network: nn.Module
    x: torch.Tensor
    layer: str

    def shortened(self) -> Subject:
        """Give the same in bfloat16; the network itself is changed."""
        short = torch.bfloat16
        name = f"{self.name}, bf16"
        return Subject(name, self.network.to(short), self.x.to(short), self.layer)


@dataclass(frozen=True)
class Took:
    """Seconds of a call in each turn, and the most megabytes it needed."""

    turns: tuple[float, ...]
    megabytes: float

    @property
    def seconds(self) -> float:
        """Median over the turns."""
        return statistics.median(self.turns)

    def over(self, other: Took) -> float:
        """Return the median over the turns of how many times as long it took as another did."""
        return statistics.median(a / b for a, b in zip(self.turns, other.turns, strict=True))


def subject(
    network: str, layer: str, batch: int, size: tuple[int, ...], device: torch.device
) -> Subject:
    """Build a network and a random input in its range."""
    torch.manual_seed(0)
    dims = len(size)
    order = memory_format(dims + 2)
    built = networks.build(network, dims, 1).eval().to(device)
    built.to(memory_format=order)  # type: ignore[call-overload]
    x = torch.rand(batch, 1, *size, device=device).mul_(2).sub_(1).contiguous(memory_format=order)
    extent = " x ".join(map(str, size))
    return Subject(f"{network}, {batch} of {extent}", built, x, layer)


def in_turns(
    device: torch.device,
    calls: Mapping[str, Call],
    turns: int,
    passes: int = 1,
    check: Callable[[str, torch.Tensor], None] = lambda name, found: None,
) -> dict[str, Took]:
    """Run each call once in every turn, after a turn that is for memory and warming up only.

    What the calls of that first turn gave is handed to `check`, which raises before a clock is read
    where it is not what is to be timed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    megabytes: dict[str, float] = {}
    for name, call in calls.items():
        with peak_memory(device) as peak:
            found = call()
        megabytes[name] = peak.megabytes
        check(name, found)
        del found
    for _ in range(turns):
        for name, call in calls.items():
            seconds[name].append(timed(device, passes, call))
    return {name: Took(tuple(values), megabytes[name]) for name, values in seconds.items()}


def assert_agreement(
    where: str, expected: torch.Tensor, program: str, found: torch.Tensor, within: float = AGREES
) -> None:
    """Stop the benchmark when what it would time gives other maps.

    Parameters
    ----------
    where, program : str
        For the message.
    expected, found : tensor
        Our map, and the program's.
    within : float
        Largest difference allowed, of the largest value.
    """
    if found.shape != expected.shape:
        raise RuntimeError(f"{where}: the map of {program} has another shape than ours.")
    difference = float((found.float() - expected).abs().max() / expected.abs().max())
    if not difference <= within:
        raise RuntimeError(
            f"{where}: the map of {program} differs by {difference:.2g} of the largest value; "
            "times of different things are not compared."
        )
