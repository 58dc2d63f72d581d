"""Check that the p of a paired comparison is uniform when the null is true.

`python benchmarks/permutation.py` simulates cohorts in which the two members of each pair are
exchangeable within the patient, with one case per patient and with one to four, whose differences
are skewed in size and alike within a patient. It prints the Kolmogorov-Smirnov distance of the p
values from the uniform distribution (0.030 is its 5 % point for 2,000 cohorts) and how often the
test rejects at 0.05 and 0.01. Beside it the same test with every case flipped by itself, which is
what a patient's cases forbid. Then the same of the exchange that tests an AUC or a rank
correlation.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from rightreason.permutation import exchange_p, sign_flip_p
from scipy.stats import kstest, rankdata

Floats = NDArray[np.float64]

COHORTS, PATIENTS, PERMUTATIONS = 2000, 40, 9999


def null_p_values(
    cohorts: int,
    patients: int,
    rng: np.random.Generator,
    repeated: bool = False,
    by_case: bool = False,
    permutations: int = PERMUTATIONS,
) -> Floats:
    """Return the p of `sign_flip_p` in simulated cohorts in which the null is true.

    Parameters
    ----------
    cohorts, patients : int
        How many cohorts, of how many patients.
    rng : generator
        Of the simulation.
    repeated : bool
        Whether patients have one to four cases with much in common, or one.
    by_case : bool
        Whether to flip each case by itself, as if no two were of one patient.
    permutations : int
        Sign patterns.
    """
    found = np.empty(cohorts)
    for k in range(cohorts):
        of = numbered(patients, repeated, rng)
        # Two models' ratios of a patient: skewed, alike in the patient's cases, and exchangeable.
        own = rng.beta(0.7, 1.5, (2, patients))[:, of]
        first, second = np.clip(own + rng.normal(0, 0.1, (2, len(of))), 0, 1)
        units = np.arange(len(of)) if by_case else of
        found[k] = sign_flip_p(first - second, units, permutations, k)
    return found


def null_exchange_p_values(
    cohorts: int,
    patients: int,
    rng: np.random.Generator,
    repeated: bool = False,
    error: bool = False,
    permutations: int = PERMUTATIONS,
) -> Floats:
    """Return the p of `exchange_p` where the ratio goes with nothing; as `null_p_values`.

    `error` asks for the p of the AUC (a fifth of the cases wrong), else of the rank correlation.
    """
    found = np.empty(cohorts)
    for k in range(cohorts):
        of = numbered(patients, repeated, rng)
        ratio = np.clip(rng.beta(0.7, 1.5, patients)[of] + rng.normal(0, 0.1, len(of)), 0, 1)
        other = rng.normal(size=patients)[of] + rng.normal(0, 0.5, len(of))
        column = (other > 0.94).astype(float) if error else rankdata(other)
        found[k] = exchange_p(rankdata(ratio), column, of, permutations, k)
    return found


def numbered(patients: int, repeated: bool, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the patient of each case: one case each, or one to four."""
    times = rng.integers(1, 5, patients) if repeated else np.ones(patients, dtype=np.int64)
    return np.repeat(np.arange(patients), times)


def line(name: str, p: Floats, seconds: float) -> str:
    """Return one row of the table."""
    distance = kstest(p, "uniform").statistic
    rejected = [(p <= level).mean() for level in (0.05, 0.01)]
    return f"| {name} | {distance:.3f} | {rejected[0]:.1%} | {rejected[1]:.1%} | {seconds:.0f} s |"


def main() -> None:
    """Print the table."""
    print(f"{COHORTS} cohorts of {PATIENTS} patients, {PERMUTATIONS} permutations")
    print("| test | KS distance | p <= .05 | p <= .01 | time |")
    print("|---|---|---|---|---|")
    for name, simulate, choices in (
        ("sign flips, a case per patient", null_p_values, {}),
        ("sign flips, 1-4 cases per patient", null_p_values, {"repeated": True}),
        ("the same, flipped by case", null_p_values, {"repeated": True, "by_case": True}),
        ("rank correlation, a case per patient", null_exchange_p_values, {}),
        ("rank correlation, 1-4 cases", null_exchange_p_values, {"repeated": True}),
        ("AUC, a case per patient", null_exchange_p_values, {"error": True}),
        ("AUC, 1-4 cases", null_exchange_p_values, {"repeated": True, "error": True}),
    ):
        start = time.perf_counter()
        p = simulate(COHORTS, PATIENTS, np.random.default_rng(1), **choices)
        print(line(name, p[np.isfinite(p)], time.perf_counter() - start), flush=True)


if __name__ == "__main__":
    main()
