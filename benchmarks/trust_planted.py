"""What the tests of maps measure of wrong maps, planted in a small trained network.

The network, the maps and the measures are those of `tests/unit/test_trust_planted.py`, which holds
the verdicts. The figures are of one training: on another machine, or with another version of torch,
sums in another order train another network.

Printed as the table of docs/trust.md. About a minute of one core:

    make trust-planted
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from rightreason.machine import processor
from rightreason.trust import TESTS

from benchmarks.gpu_study import table
from tests import planted

Row = Mapping[str, Any]
COLUMNS = {
    ("randomisation", "rank_correlation"): "half drawn anew or more",
    ("faithfulness", "gain_blur"): "gain, blur",
    ("faithfulness", "gain_mean"): "gain, mean",
    ("repeatability", "noise"): "noise",
    ("repeatability", "shift"): "shift",
}


def maps() -> Iterator[tuple[str, planted.MapOf, Mapping[str, Any]]]:
    """Give each map of the table: its name, what makes it, and the settings of its method."""
    yield "Grad-CAM", planted.gradcam, planted.GRADCAM
    yield "… inverted", planted.inverted, planted.GRADCAM
    yield "… shuffled, always in the same way", planted.shuffled, planted.GRADCAM
    yield "… of another training", planted.of_another(planted.trained(1)), planted.GRADCAM
    yield "gradient", planted.gradient, {"algorithm": "gradient"}
    yield "guided backpropagation", planted.guided_backprop, {"algorithm": "guided_backprop"}
    yield "integrated gradients", planted.integrated, planted.INTEGRATED


def cell(row: Row) -> str:
    """Return a figure with its interval, in bold where it fails.

    >>> cell({"figure": -0.184, "low": -0.28, "high": 0.0, "verdict": "fail"})
    '**−0.18 [−0.28, 0.00]**'
    """
    text = f"{row['figure']:.2f} [{row['low']:.2f}, {row['high']:.2f}]".replace("-", "−")
    return f"**{text}**" if row["verdict"] == "fail" else text


def found_by(rows: Mapping[tuple[str, str], Row]) -> str:
    """Name the tests that fail; where none does, what the cases do not decide."""
    failed = dict.fromkeys(test for (test, _), row in rows.items() if row["verdict"] == "fail")
    if failed:
        return ", ".join(failed)
    undecided = [name for key, name in COLUMNS.items() if rows[key]["verdict"] == "undecided"]
    return f"– (undecided: {'; '.join(undecided)})" if undecided else "– (passes all)"


def worst(network: torch.nn.Module) -> str:
    """Say what the tests find of which the worst case decides alone."""
    gaps = [
        planted.judged(network, made, ["completeness"], planted.INTEGRATED)["completeness", "gap"]
        for made in (planted.integrated, planted.nine_tenths)
    ]
    mixed = planted.judged(network, planted.mixed, ["batch"])["batch", "difference"]
    whole, part = (f"{100 * row['figure']:.1f} % ({row['verdict']})" for row in gaps)
    return (
        f"Largest gap of integrated gradients: {whole}; of nine tenths of them: {part}. Grad-CAM "
        f"mixed over the batch differs by {mixed['figure']:.2f} of its range ({mixed['verdict']})."
    )


def main() -> None:
    """Print the table, and where it was measured."""
    torch.set_num_threads(1)
    network = planted.trained(0)
    rows = []
    for name, map_of, method in maps():
        found = planted.judged(network, map_of, list(TESTS), method)
        rows.append([name, *(cell(found[key]) for key in COLUMNS), found_by(found)])
    sys.stdout.write(table(["map", *COLUMNS.values(), "found by"], rows))
    sys.stdout.write(f"{worst(network)}\n{processor()}, torch {torch.__version__}.\n")


if __name__ == "__main__":
    main()
