"""What saliency costs beside the bare network and beside other programs.

The same network, layer, input, type of number and thread for all; what is to be timed must first
give the same map as ours. Calls go in turns within one run, each ratio is of that run, and times
are medians over the turns, read when the device is idle; on a CPU it is one core in the process's
own time, which other work on the machine does not lengthen. Beside each time stands the most memory
that the call needed above what was held before.

Each program is called as its documents say, with a network that was just built (its weights ask for
gradients). Ours end with maps at the input's size; captum's and torch-cam's at the layer's.

Printed as the tables of docs/saliency.md. About nine minutes on one core; a GPU where there is one:

    make saliency-bench
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import torch
import yaml
from rightreason import devices
from rightreason.algorithms import CAM_ALGORITHMS
from rightreason.config import read_config
from rightreason.machine import processor

from benchmarks.gpu_saliency import measure_saliency
from benchmarks.gpu_study import Found, held, table
from benchmarks.saliency_cams import (
    AIMS,
    ALL,
    BARE,
    ONE,
    PEERS,
    differences,
    measure_cams,
    subjects,
)
from benchmarks.saliency_perturbed import (
    OURS,
    STEPS,
    costs,
    measure_integrated,
    measure_perturbed,
    small,
)
from benchmarks.saliency_turns import Subject, Took, subject

CONFIG = Path(__file__).resolve().parents[1] / "config" / "drowning" / "config.yaml"
SLICES = 28
AIM_INTEGRATED, AIM_STAGE = 1.05, 1.3
SECTIONS = ("cams", "integrated", "perturbed", "stage", "costs")


def cam_table(device: torch.device) -> str:
    """Return CAMs beside the bare forward pass, and how far bfloat16 is from 32 bits."""
    turns, passes = (9, 10) if device.type == "cuda" else (3, 1)
    rows: list[list[str]] = []
    notes: list[list[str]] = []

    def measure(one: Subject) -> None:
        rows.append(_cam_row(one.name, measure_cams(one, turns, passes)))
        _tell(rows[-1])

    for one in subjects(device):
        if device.type == "cuda" or "8 of" in one.name:
            apart = differences(one, measure)
            notes.append([one.name, *(f"{100 * value:.2g} %" for value in apart.values())])
        else:
            measure(one)
    head = ["network, input", BARE, ONE, ALL, *PEERS]
    return table(head, rows) + "\n" + table(["bf16 against 32 bits", *CAM_ALGORITHMS], notes)


def _tell(row: list[str]) -> None:
    """Show a row when it is there; the tables come whole."""
    sys.stderr.write(f"{' | '.join(row)}\n")
    sys.stderr.flush()


def _cam_row(name: str, took: Mapping[str, Took]) -> list[str]:
    ratios = [
        _with_memory(held(took[call].over(took[BARE]), AIMS.get(call, float("inf"))), took[call])
        if call in took
        else "–"
        for call in (ONE, ALL, *PEERS)
    ]
    return [name, _seconds(took[BARE]), *ratios]


def integrated_table(device: torch.device) -> str:
    """Return integrated gradients beside as many forward and backward passes."""
    name, took, error = measure_integrated(device, turns=2)
    bare = took[BARE]
    row = [
        name, _seconds(bare),
        _with_memory(held(took[OURS].over(bare), AIM_INTEGRATED), took[OURS]),
        _with_memory(f"{took['captum'].over(bare):.2f}", took["captum"]),
        f"{100 * error:.2g} %",
    ]  # fmt: skip
    head = [f"integrated gradients, {STEPS} steps", f"{STEPS} passes there and back", OURS,
            "captum", "incomplete by"]  # fmt: skip
    return table(head, [row])


def perturbed_table(device: torch.device) -> str:
    """Return ours in seconds, the others as multiples of it."""
    peers = ("captum", "torch-cam", "pytorch-grad-cam")
    rows = []
    for one in small(device):
        for algorithm, took in measure_perturbed(one, turns=2):
            own = took[OURS]
            others = [
                _with_memory(f"{took[name].over(own):.2f} ×", took[name]) if name in took else "–"
                for name in peers
            ]
            rows.append([algorithm, one.name, _seconds(own), *others])
            _tell(rows[-1])
    return table(["method", "network, input", OURS, *peers], rows)


def stage_table(device: torch.device) -> str:
    """Return the stage of cases of 28 slices, with its files, beside the passes it contains."""
    config = read_config(yaml.safe_load(CONFIG.read_text()))
    one = subject("DenseNet121", "class_layers.relu", 1, (224, 224), device)
    model = {
        **config.section("models")["alexnet"], "network": "DenseNet121", "options": {},
        "target_layer": one.layer, "channels": None,
    }  # fmt: skip
    found = Found("DenseNet121", 0, (1, 224, 224), SLICES)
    measure_saliency(found, config, model, one.network, device)
    row = [
        f"DenseNet121, {SLICES} of 224 x 224", f"{found.forward_s:.2f} s",
        f"{found.maps_s / found.forward_s:.2f}",
        f"{held(found.stage_s / found.forward_s, AIM_STAGE)} ({found.stage_mb:.0f} MB)",
    ]  # fmt: skip
    return table(["case", "forward passes", "maps", "stage"], [row])


def cost_table(device: torch.device) -> str:
    """Return what each algorithm costs with the config's own settings, in forward passes."""
    one = next(small(device))
    took = costs(one, turns=1)
    bare = took.pop(BARE)
    rows = [[name, f"{cost.over(bare):,.3g}", f"{cost.megabytes:.0f} MB"]
            for name, cost in took.items()]  # fmt: skip
    return table([f"method ({one.name}: {_seconds(bare)})", "forward passes", "memory"], rows)


def _seconds(took: Took) -> str:
    seconds = took.seconds
    shown = f"{1000 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
    return _with_memory(shown, took)


def _with_memory(text: str, took: Took) -> str:
    return f"{text} ({took.megabytes:.0f} MB)"


def tables(device: torch.device, sections: tuple[str, ...]) -> Iterator[str]:
    """Make one table after another."""
    makers = dict(
        zip(
            SECTIONS,
            (cam_table, integrated_table, perturbed_table, stage_table, cost_table),
            strict=True,
        )
    )
    for section in sections:
        yield makers[section](device)


def main() -> None:
    """Print the tables and where they were measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", default=SECTIONS, metavar=" ".join(SECTIONS))
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    device = devices.select({"device": chosen.device, "threads": 1})
    started = time.perf_counter()
    for text in tables(device, tuple(chosen.sections)):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"one core of {processor()}"
    programs = [f"{name} {version(name)}" for name in ("captum", "torchcam", "grad-cam", "monai")]
    sys.stdout.write(
        f"{where}, torch {torch.__version__}, {', '.join(programs)}; load of the machine "
        f"{os.getloadavg()[1]:.1f}; {time.perf_counter() - started:.0f} s in all.\n"
    )


if __name__ == "__main__":
    main()
