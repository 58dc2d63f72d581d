"""The control: the audit must be able to fail.

The same model is trained on the embedded cohort with the shortcut and without it. With it the model
still classifies the training site, but looks elsewhere and fails at the external site; the audit
must show both. Run it with `make control`.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

ROOT = Path(__file__).parents[2]
STRENGTHS = {"with": 1.0, "without": 0.0}


@dataclass(frozen=True)
class Outcome:
    """What the audit says of one training: AUC by site, irrelevant ratio by case."""

    auc: dict[str, float]
    irrelevant: dict[str, float]


def run(folder: Path, config: Path, shortcut: float) -> Outcome:
    """Run the workflow in `folder` with a shortcut of that strength and read its tables."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "all", "--snakefile", ROOT / "Snakefile",
         "--directory", folder, "--workflow-profile", ROOT / "profiles" / "default",
         "--configfile", config, "--config", f"demo={{shortcut: {shortcut}}}",
         "--", "results/summary/performance.tsv"],
        check=True,
    )  # fmt: skip
    results = folder / "results"
    performance = read(results / "summary" / "performance.tsv")
    (predictions,) = (path for path in (results / "predict").glob("*.tsv") if "." not in path.stem)
    drowned = {row["case"] for row in read(predictions) if row["label"] == "drowning"}
    rows = [row for path in (results / "overlap").glob("A*.tsv") if "." not in path.stem
            for row in read(path) if row["case"] in drowned]  # fmt: skip
    return Outcome(
        auc={row["sites"]: float(row["auc"]) for row in performance if not row["stratum"]},
        irrelevant={
            row["case"]: float(row["value"])
            for row in rows
            if row["method"] == "gradcam" and row["reference"] == "union"
            and row["binarisation"] == "otsu" and row["measure"] == "irrelevant_ratio"
            and row["value"]
        },
    )  # fmt: skip


def read(path: Path) -> list[dict[str, str]]:
    """Read a tab-separated table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def paired(first: Outcome, second: Outcome) -> NDArray[np.float64]:
    """Differences of the irrelevant ratio, case by case."""
    cases = sorted(first.irrelevant.keys() & second.irrelevant.keys())
    return np.array([first.irrelevant[case] - second.irrelevant[case] for case in cases])


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 % BCa bootstrap interval of the mean difference."""
    found = stats.bootstrap((differences,), np.mean, n_resamples=9999, rng=0, method="BCa")
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def control(folder: Path, config: Path) -> tuple[dict[str, Outcome], NDArray[np.float64]]:
    """Run both trainings; return their outcomes and the paired differences (with - without)."""
    outcomes = {name: run(folder / name, config, s) for name, s in STRENGTHS.items()}
    return outcomes, paired(outcomes["with"], outcomes["without"])


def describe(outcomes: dict[str, Outcome], differences: NDArray[np.float64]) -> str:
    """Say in a few lines what came out."""
    lines = ["shortcut  AUC training  AUC external  irrelevant ratio (mean, cases)"]
    for name, outcome in outcomes.items():
        ratios = list(outcome.irrelevant.values())
        lines.append(
            f"{name:8}  {outcome.auc['training']:12.3f}  {outcome.auc['external']:12.3f}  "
            f"{np.mean(ratios):.3f} ({len(ratios)})"
        )
    low, high = interval(differences)
    lines.append(
        f"irrelevant ratio, with - without, {len(differences)} cases: "
        f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
    )
    return "\n".join(lines)


def shortfalls(outcomes: dict[str, Outcome], differences: NDArray[np.float64]) -> list[str]:
    """List what the control should have shown and did not."""
    missed = [
        f"AUC at the training site {name} the shortcut is below 0.9"
        for name, outcome in outcomes.items()
        if outcome.auc["training"] < 0.9
    ]
    if outcomes["without"].auc["external"] - outcomes["with"].auc["external"] < 0.2:
        missed.append("the shortcut does not lower the external AUC by 0.2")
    if interval(differences)[0] <= 0:
        missed.append("the irrelevant ratio is not higher with the shortcut")
    return missed


if __name__ == "__main__":
    result = control(ROOT / "results" / "control", ROOT / "tests" / "control.yaml")
    print(describe(*result))
    sys.exit("\n".join(shortfalls(*result)) or None)
