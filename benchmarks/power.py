"""What the audit can tell: maps that mix finding and shortcut in a known proportion.

`make power` scores such maps (`mixed_maps`) by `scores.score`, shifts them by `Shifts` and judges
them by `verdict.reason`, against the union of the raters' masks. Means, intervals and verdicts are
those of a cohort of 40 patients. Whether a mix is told from 0 is asked of 400 cohorts of 40
patients drawn with replacement from 80, each with maps of that mix and, as if of another model,
maps of mix 0 with other noise, one copy of two by lot: `sign_flip_p` of the paired differences has
to be below .05, and their mean on the right side of 0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray
from rightreason.config_audit import Overlap, Summary
from rightreason.demo_plan import POSITIVE, PlannedCase, plan
from rightreason.permutation import sign_flip_p
from rightreason.ranked import RankedMap
from rightreason.scene import Scene
from rightreason.scores import MapScores, score
from rightreason.shifts import Shifts, limits_of
from rightreason.statistics import bootstrap_means
from rightreason.verdict import reason
from scipy.stats import rankdata

from benchmarks.mixed_maps import DEMO, Cam, Truth

Floats = NDArray[np.float64]

PATIENTS, COHORT, COPIES, DRAWS, PERMUTATIONS, PROCESSES = 80, 40, 2, 400, 999, 2
LEVEL, WANTED = 0.05, 0.80
PART, OTSU, RATIO = "positive", "otsu", "irrelevant_ratio"
MIXES = (0, 1, 2, 3, 4, 5, 10, 15, 20, 25, *range(30, 101, 10))
JUDGED = range(0, 101, 20)
MEASURES = {RATIO: (OTSU, RATIO), "mass_accuracy": (PART, "mass_accuracy"),
            "top10_any": (PART, "top10_any")}  # fmt: skip
REASONS = ("relevant", "undecided", "irrelevant")
SUMMARY, OVERLAP = Summary(), Overlap()
CAMS = (Cam(12, 0.5, 0.1), Cam(7, 0.5, 0.1), Cam(7, 1.0, 0.3))


def scored(case: PlannedCase, judged: bool) -> tuple[Floats, list[list[str]]]:
    """Score all maps of one case.

    Returns
    -------
    values : (cams, mixes, copies, measures) array
        The last half of the copies is what other mixes are compared with.
    reasons : list of list of str
        The verdict on the first copy of `JUDGED`, (cams, mixes); empty unless `judged`.
    """
    truth = Truth.of(case)
    shifts = Shifts.of(truth.scene, OVERLAP.shifts, case.case)
    values = np.full((len(CAMS), len(MIXES), 2 * COPIES, len(MEASURES)), np.nan)
    reasons: list[list[str]] = [[] for _ in CAMS]
    for (c, cam), (m, percent) in product(enumerate(CAMS), enumerate(MIXES)):
        for copy in range(COPIES if percent else 2 * COPIES):
            ranked = RankedMap.of(truth.maps(cam, case.case, percent / 100, copy), PART)
            found = score(ranked, truth.scene, PART, {OTSU: {"rule": "otsu"}})
            values[c, m, copy] = [found.values[key][0, 0] for key in MEASURES.values()]
            if judged and copy == 0 and percent in JUDGED:
                reasons[c].append(_reason(ranked, truth.scene, found, shifts))
    return values, reasons


def _reason(ranked: RankedMap, scene: Scene, found: MapScores, shifts: Shifts) -> str:
    moved = shifts.score(ranked, scene, PART, found)[OTSU, RATIO]
    _, low, high = limits_of(moved, OVERLAP.percentiles)
    return reason({
        "important_voxels": scene.references.sizes[0],
        "attended_voxels": found.regions[OTSU].attended[0],
        "overlap_voxels": found.overlap[OTSU][0],
        "value": found.values[OTSU, RATIO][0, 0],
        "shifted_low": low[0], "shifted_high": high[0],
    })  # fmt: skip


def told(values: Floats, rising: bool) -> list[float]:
    """Return how often each mix is told from 0, until one always is.

    Parameters
    ----------
    values : (patients, mixes, copies) array
        Of one measure, as from `scored`.
    rising : bool
        Whether the measure should rise with the mix.
    """
    shares: list[float] = []
    while len(shares) < len(MIXES) and 1.0 not in shares:
        m = len(shares)
        hits = 0
        for draw in range(DRAWS):
            rng = np.random.default_rng([m, draw])
            who = rng.integers(0, len(values), COHORT)
            own, other = rng.integers(0, COPIES, (2, COHORT))
            apart = values[who, m, own] - values[who, 0, COPIES + other]
            if (apart.mean() > 0) == rising:
                p = sign_flip_p(apart, np.arange(COHORT), PERMUTATIONS, draw)
                hits += p < LEVEL
        shares.append(hits / DRAWS)
    return shares


def smallest(shares: Sequence[float]) -> str:
    """Return the smallest mix from which on each is told often enough."""
    known = [*shares, *[1.0] * (len(MIXES) - len(shares))]
    enough = [percent for m, percent in enumerate(MIXES) if min(known[m:]) >= WANTED]
    return f"{enough[0]} %" if enough else "none"


def falls(means: Floats) -> str:
    """Say where means over rising mixes fall, and by how much."""
    steps = np.diff(means)
    at = [f"{a} to {b} % ({step:+.4f})" for (a, b), step in zip(pairwise(MIXES), steps, strict=True)
          if step < 0]  # fmt: skip
    return f"but for {', '.join(at)}" if at else "throughout"


def table(values: Floats, reasons: Sequence[Sequence[str]], shares: Sequence[list[float]]) -> None:
    """Print the table of one kind of maps.

    Parameters
    ----------
    values : (patients, mixes, copies, measures) array
    reasons : sequence of sequence of str
        (patients of the cohort, `JUDGED`).
    shares : sequence of list of float
        From `told`, of each measure.
    """
    print("| mix, % | " + " | ".join(f"{name} (95 %)" for name in MEASURES)
          + " | told from 0, % | relevant / undecided / irrelevant |")  # fmt: skip
    print("|---|" + "---|" * (len(MEASURES) + 2))
    cohort = values[:COHORT, :, 0].reshape(COHORT, -1)
    found = bootstrap_means(cohort, np.arange(COHORT), SUMMARY.bootstrap, SUMMARY.confidence, 0)
    mean, low, high = (x.reshape(len(MIXES), -1) for x in (found.mean, found.low, found.high))
    for m, percent in enumerate(MIXES):
        cells = [f"{mean[m, k]:.3f} ({low[m, k]:.3f} to {high[m, k]:.3f})"
                 for k in range(len(MEASURES))]  # fmt: skip
        power = " / ".join(f"{100 * s[m]:.0f}" if m < len(s) else "" for s in shares)
        said = [of[JUDGED.index(percent)] for of in reasons] if percent in JUDGED else []
        verdicts = " / ".join(str(said.count(name)) for name in REASONS) if said else ""
        print(f"| {percent} | {' | '.join(cells)} | {power} | {verdicts} |")
    print()
    for k, (name, share) in enumerate(zip(MEASURES, shares, strict=True)):
        sign = 1 if name == RATIO else -1
        pool = values[:, :, :COPIES, k]
        ranks = rankdata(sign * pool[:COHORT, :, 0], axis=1)
        rho = np.mean([np.corrcoef(row, np.arange(len(MIXES)))[0, 1] for row in ranks])
        print(f"- `{name}`: smallest mix told from 0: {smallest(share)}. Its mean goes with the "
              f"mix {falls(sign * mean[:, k])}; the mean of all {len(values)} patients, {COPIES} "
              f"maps each: {falls(sign * pool.mean((0, 2)))}. Spearman of mix and value within a "
              f"case, mean: {rho:.3f}")  # fmt: skip


def main(patients: int, processes: int) -> None:
    """Simulate and print the tables."""
    start = time.perf_counter()
    settings = {**DEMO, "training_cases": 2 * patients, "external_cases": 0}
    cases = [case for case in plan(settings) if case.label == POSITIVE]
    assert all(case.shortcut for case in cases)
    with ProcessPoolExecutor(processes) as pool:
        found = list(pool.map(scored, cases, [k < COHORT for k in range(len(cases))]))
        values = np.stack([each for each, _ in found])
        for c, cam in enumerate(CAMS):
            print(f"\n**{cam.name}**\n")
            shares = list(pool.map(told, (values[:, c, :, :, k] for k in range(len(MEASURES))),
                                   [name == RATIO for name in MEASURES]))  # fmt: skip
            table(values[:, c], [reasons[c] for _, reasons in found[:COHORT]], shares)
    print(f"\n{len(cases)} patients, {time.perf_counter() - start:.0f} s on {processes} processes.")


def options() -> argparse.Namespace:
    """Return the number of patients to draw from and of processes."""
    parser = argparse.ArgumentParser(description="The audit's own power, by simulation.")
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    return parser.parse_args()


if __name__ == "__main__":
    main(**vars(options()))
