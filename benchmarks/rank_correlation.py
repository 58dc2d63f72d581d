"""Count how often bootstrap intervals of a rank correlation hold the truth.

`python benchmarks/rank_correlation.py` simulates cohorts of bivariate normal pairs, whose Spearman
correlation is 6 / pi asin(r / 2), with one case per patient, and with two in every second patient.
"""

from __future__ import annotations

import numpy as np
from rightreason.resampling import percentile_interval, weighted_spearman

COHORTS, RESAMPLES = 2000, 500


def covered(
    cohorts: int, patients: int, correlation: float, repeated: bool, rng: np.random.Generator
) -> float:
    """Return the share of 95 % intervals that hold the truth.

    Parameters
    ----------
    cohorts, patients : int
        How many cohorts, of how many patients.
    correlation : float
        Pearson's, of the normal pairs.
    repeated : bool
        Whether every second patient has two cases, which correlate by one half.
    rng : generator
        Of the simulation.
    """
    truth = 6 / np.pi * np.arcsin(correlation / 2)
    of = np.r_[np.arange(patients), np.arange(patients // 2 if repeated else 0)]
    hits = 0
    for k in range(cohorts):
        own, each = rng.normal(size=(2, patients))[:, of], rng.normal(size=(2, len(of)))
        x, z = (own + each) / np.sqrt(2)
        y = correlation * x + np.sqrt(1 - correlation**2) * z

        def statistic(counts, x=x, y=y):
            return weighted_spearman(x, y, counts[:, of])

        low, high = percentile_interval(statistic, patients, RESAMPLES, 0.95, k)
        hits += low <= truth <= high
    return hits / cohorts


def main() -> None:
    """Print the table."""
    print(f"{COHORTS} cohorts, {RESAMPLES} draws; aim 95 %")
    print("| patients | cases per patient | r | covered |")
    print("|---|---|---|---|")
    for patients in (10, 20, 40):
        for repeated in (False, True):
            for correlation in (0.0, 0.7):
                found = covered(
                    COHORTS, patients, correlation, repeated, np.random.default_rng(patients)
                )
                print(
                    f"| {patients} | {'1-2' if repeated else '1'} | {correlation} | {found:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
