"""Count how often a rater is named as outlying when all are alike, and when one is not.

`python benchmarks/outlier.py` simulates the Dice of pairs of exchangeable raters: whose quality in
each case is normal, who fail now and then (one case in ten), or of whom one, by lot, fails in each
case. Beside the rule of `agreement` (difference, interval and exchange) the first two alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rightreason.agreement import OUTLYING
from rightreason.permutation import lowest_column_p
from rightreason.rater_patterns import with_and_without
from rightreason.statistics import bootstrap_means

Floats = NDArray[np.float64]

COHORTS, RESAMPLES, PERMUTATIONS = 1000, 999, 999
KINDS = ("normal", "now and then", "one by lot")


def simulated(
    kind: str, patients: int, raters: int, rng: np.random.Generator, worse: float = 0.0
) -> Floats:
    """Return the Dice of pairs, (patients, raters, raters); the first rater is `worse` by that."""
    if kind == "normal":
        quality = rng.normal(0.8, 0.15, (patients, raters))
    elif kind == "now and then":
        quality = np.where(rng.random((patients, raters)) < 0.1, 0.0, 0.9)
    else:
        quality = np.full((patients, raters), 0.9)
        quality[np.arange(patients), rng.integers(0, raters, patients)] = 0.3
    quality[:, 0] -= worse
    dice = np.minimum(quality[:, :, None], quality[:, None]) + rng.normal(
        0, 0.02, (patients, raters, raters)
    )
    clipped: Floats = np.clip((dice + dice.transpose(0, 2, 1)) / 2, 0, 1)
    return clipped


def naming_rates(
    cohorts: int, kind: str, patients: int, raters: int, rng: np.random.Generator,
    worse: float = 0.0,
) -> tuple[float, float]:  # fmt: skip
    """Return how often anybody is named: by difference and interval, and by the whole rule."""
    named = np.zeros(2)
    for k in range(cohorts):
        apart = with_and_without(simulated(kind, patients, raters, rng, worse))
        found = bootstrap_means(apart, np.arange(patients), RESAMPLES, 1 - 0.05 / raters, k)
        loose = (found.mean < OUTLYING) & (found.high < 0)
        named[0] += loose.any()
        if loose.any():
            named[1] += (loose & (lowest_column_p(apart, PERMUTATIONS, k) <= 0.05)).any()
    alone, whole = named / cohorts
    return float(alone), float(whole)


def main() -> None:
    """Print the table."""
    print(f"{COHORTS} cohorts: how often anybody is named, interval alone / with the exchange")
    print("| raters | patients | " + " | ".join(KINDS) + " | one worse by 0.25 |")
    print("|---|---|---|---|---|---|")
    for raters in (3, 4, 6):
        for patients in (3, 5, 8, 10, 20, 40):
            rng = np.random.default_rng(patients)
            rates = [naming_rates(COHORTS, kind, patients, raters, rng) for kind in KINDS]
            rates.append(naming_rates(COHORTS // 5, "normal", patients, raters, rng, 0.25))
            cells = " | ".join(f"{alone:.1%} / {whole:.1%}" for alone, whole in rates)
            print(f"| {raters} | {patients} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
