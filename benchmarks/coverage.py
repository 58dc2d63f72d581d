"""How often the 95 % intervals of `rightreason.statistics` hold the truth.

`make coverage` simulates cohorts with a known truth (`simulated_cohorts`), asks the functions that
the stage `summary` calls for their intervals, and prints the tables of docs/statistics.md. Beside
them stand other intervals of the same cohorts. `--cohorts N` sets the number of cohorts a row.
Cohort k of a row has a seed made of the row's name and k, and its resampling has the seed k; so a
row does not depend on the others, nor on the number of processes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rightreason.auc import auc_interval, auc_variance, score_interval
from rightreason.config_audit import Summary
from rightreason.statistics import bootstrap_means, draw_patients
from scipy.special import expit, logit, ndtri
from scipy.stats import t as student

from benchmarks.simulated_cohorts import (
    AucDesign,
    MeanDesign,
    Ratios,
    Scores,
    auc_cohort,
    generator,
    intraclass_correlation,
    mean_cohort,
    mean_truth,
)

Floats = NDArray[np.float64]
Limits = tuple[float, float]

COHORTS, PROCESSES = 2000, 2
AIM = (93.0, 97.0)
SETTINGS = Summary()
CONFIDENCE, RESAMPLES = SETTINGS.confidence, SETTINGS.bootstrap
NORMAL = float(ndtri((1 + CONFIDENCE) / 2))

MEAN_METHODS = (
    "shipped",
    "BCa, not expanded",
    "Student's t",
    "t on the logit scale",
    "bootstrap-t",
)
AUC_METHODS = ("shipped", "DeLong (Wald)", "score")
SHAPES = {
    "mean .30, Beta(.6, 1.4)": Ratios(0.6, 1.4),
    "mean .40, Beta(.8, 1.2)": Ratios(0.8, 1.2),
    "mean .80, Beta(1.6, .4)": Ratios(1.6, 0.4),
    "mean .80, Beta(4, 1)": Ratios(4, 1),
    "mean .40, 15 % zeros, 25 % ones": Ratios(1, 3, at_zero=0.15, at_one=0.25),
    "mean .85, 70 % ones": Ratios(2, 2, at_one=0.7),
    "mean .05, Beta(.2, 3.8)": Ratios(0.2, 3.8),
}


def mean_designs() -> list[MeanDesign]:
    """Return the rows of the table of means."""
    designs = [
        MeanDesign(f"{name}{', repeated' * repeated}", ratios, repeated=repeated)
        for repeated in (False, True)
        for name, ratios in SHAPES.items()
    ]
    third, eighth = SHAPES["mean .30, Beta(.6, 1.4)"], SHAPES["mean .80, Beta(1.6, .4)"]
    for name, ratios in (("Beta(.6, 1.4)", third), ("Beta(1.6, .4)", eighth)):
        for informative in (False, True):
            how = "more cases and more undefined with the value" if informative else "repeated"
            label = f"{name}, 20 % undefined, {how}"
            designs.append(MeanDesign(label, ratios, 40, True, 0.5, 0.2, informative))
    for patients in (20, 10):
        for name, ratios in (("Beta(.6, 1.4)", third), ("Beta(1.6, .4)", eighth)):
            designs.append(MeanDesign(f"{name}, {patients} patients", ratios, patients))
    return designs


def auc_designs() -> list[AucDesign]:
    """Return the rows of the table of AUCs."""
    values = (0.80, 0.94, 0.98)
    small = [
        AucDesign(Scores(shape, auc), patients)
        for patients in ("single", "repeated")
        for shape in ("binormal", "exponential", "missed")
        for auc in values
    ]
    small += [AucDesign(Scores("binormal", auc), "mixed") for auc in values]
    large = [
        AucDesign(Scores("binormal", auc), patients, 150, 160)
        for patients in ("single", "repeated")
        for auc in values
    ]
    return small + large + [AucDesign(Scores("exponential", auc), m=150, n=160) for auc in values]


def main(cohorts: int, processes: int) -> None:
    """Simulate and print the tables."""
    start = time.perf_counter()
    print(f"{cohorts} cohorts a row; one standard error of a coverage of 95 % is "
          f"{100 * np.sqrt(0.95 * 0.05 / cohorts):.1f}.\n")  # fmt: skip
    with ProcessPoolExecutor(processes) as pool:
        print_means(pool, cohorts)
        print_aucs(pool, cohorts)
    print_perfect()
    print(f"\n{time.perf_counter() - start:.0f} s on {processes} processes.")


def print_means(pool: Executor, cohorts: int) -> None:
    """Print coverage for means: the shipped interval, then the others."""
    others = []
    head = ["cases", "truth", "ICC", "coverage, %", "low > truth, %", "high < truth, %", "width"]
    print_rows([[*head, f"aim {AIM[0]:g} to {AIM[1]:g}"]])
    for design in mean_designs():
        truth = mean_truth(design)
        limits, _ = simulate(pool, partial(mean_limits, design), cohorts)
        found = [count(limits[:, k], truth) for k in range(len(MEAN_METHODS))]
        icc = f"{intraclass_correlation(design):.2f}" if design.repeated else ""
        verdict = "met" if AIM[0] <= found[0][0] <= AIM[1] else "**missed**"
        print_rows([[design.name, f"{truth:.3f}", icc, *shown(found[0]), verdict]], head=False)
        others.append([design.name, *(f"{c:.1f} ({width:.3f})" for c, _, _, width in found)])
    print("\nCoverage, % (mean width), of other intervals of the same cohorts:\n")
    print_rows([["cases", *MEAN_METHODS], *others])


def print_aucs(pool: Executor, cohorts: int) -> None:
    """Print coverage for AUCs, and how it is where the estimate is 1."""
    print()
    head = ["scores", "AUC", "patients", "coverage, %", "low > truth, %", "high < truth, %"]
    head += ["width", "DeLong (Wald), % (width)", "score, % (width)", "estimate = 1, %"]
    print_rows([[*head, "coverage there, %", "Wald there, %"]])
    for design in auc_designs():
        limits, estimates = simulate(pool, partial(auc_limits, design), cohorts)
        truth, perfect = design.scores.auc, estimates == 1
        ours, *others = (count(limits[:, k], truth) for k in range(len(AUC_METHODS)))
        there = ["", ""]
        if perfect.any():
            there = [f"{count(limits[perfect, k], truth)[0]:.1f}" for k in (0, 1)]
        who = f"{design.patients}, {design.m} + {design.n}"
        row = [design.scores.shape, f"{truth:.2f}", who, *shown(ours)]
        row += [f"{coverage:.1f} ({width:.3f})" for coverage, _, _, width in others]
        print_rows([[*row, f"{100 * perfect.mean():.1f}", *there]], head=False)


def print_perfect() -> None:
    """Print, for an estimate of 1, the lower limit, and how likely a model at it is perfect."""
    print("\nWere the AUC at the lower limit, how often would the estimate be 1?\n")
    shapes = ("binormal", "exponential", "missed")
    rows = [["cases", "limit at 1", *(f"{shape}, %" for shape in shapes), "adverse, %"]]
    for m, n in ((5, 5), (10, 10), (20, 20), (40, 40), (150, 160)):
        low, _ = score_interval(1.0, m, n, CONFIDENCE)
        chances = [Scores(shape, low).chance_perfect(m, n) for shape in shapes]
        # An adverse model: a case of the smaller class lies beyond all of the other class, on the
        # right side as often as the AUC says.
        adverse = low ** min(m, n)
        rows.append([f"{m} + {n}", f"{low:.3f}", *(f"{100 * c:.2f}" for c in (*chances, adverse))])
    print_rows(rows)


def simulate(
    pool: Executor, limits_of: Callable[[int], list[Limits | float]], cohorts: int
) -> tuple[Floats, Floats]:
    """Return the limits, (cohorts, methods, 2), and the estimates, (cohorts,)."""
    found = list(pool.map(limits_of, range(cohorts), chunksize=25))
    return np.array([one[1:] for one in found]), np.array([one[0] for one in found])


def count(limits: Floats, truth: float) -> tuple[float, float, float, float]:
    """Return coverage and one-sided misses in percent, and the mean width.

    Parameters
    ----------
    limits : (cohorts, 2) array
        An interval without limits holds nothing, and is missing from the width.
    """
    above, below = limits[:, 0] > truth, limits[:, 1] < truth
    covered = (limits[:, 0] <= truth) & (limits[:, 1] >= truth)
    width = np.nanmean(limits[:, 1] - limits[:, 0])
    coverage, over, under = (float(100 * which.mean()) for which in (covered, above, below))
    return coverage, over, under, float(width)


def shown(found: Sequence[float]) -> list[str]:
    """Return coverage, misses and width as cells."""
    return [*(f"{percent:.1f}" for percent in found[:3]), f"{found[3]:.3f}"]


def print_rows(rows: Sequence[Sequence[str]], head: bool = True) -> None:
    """Print rows of a Markdown table, the first as its head."""
    for number, row in enumerate(rows):
        print(f"| {' | '.join(row)} |", flush=True)
        if head and not number:
            print("|" + "---|" * len(row))


def mean_limits(design: MeanDesign, cohort: int) -> list[Limits | float]:
    """Return the mean of one cohort and its limits by each of `MEAN_METHODS`."""
    values, patients = mean_cohort(design, generator(design.name, cohort))
    number = len(np.unique(patients[np.isfinite(values)]))
    sums, counts = (
        np.bincount(patients, of_case, minlength=design.patients).astype(np.float64)
        for of_case in (np.nan_to_num(values), np.isfinite(values))
    )
    mean = float(sums.sum() / counts.sum())
    found: list[Limits | float] = [mean]
    for confidence in (CONFIDENCE, unexpanded(number)):
        means = bootstrap_means(values[:, None], patients, RESAMPLES, confidence, cohort)
        found.append((float(means.low[0]), float(means.high[0])))
    error = float(standard_errors(sums, counts, np.ones((1, len(sums))))[1][0])
    error *= np.sqrt(number / (number - 1))
    reach = student.ppf((1 + CONFIDENCE) / 2, number - 1) * error
    found.append((mean - reach, mean + reach))
    found.append(logit_limits(mean, reach))
    found.append(bootstrap_t(sums, counts, error, cohort))
    return found


def unexpanded(number: int) -> float:
    """Return the level at which the shipped interval is the plain BCa interval of `CONFIDENCE`."""
    return float(2 * student.cdf(NORMAL * np.sqrt((number - 1) / number), number - 1) - 1)


def logit_limits(estimate: float, reach: float) -> Limits:
    """Return the limits estimate ± reach, carried over to the logit scale."""
    if not 0 < estimate < 1:
        return estimate, estimate
    scaled = reach / (estimate * (1 - estimate))
    return float(expit(logit(estimate) - scaled)), float(expit(logit(estimate) + scaled))


def standard_errors(sums: Floats, counts: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """Return the mean over cases of each draw of patients, and its linearised standard error."""
    total = draws @ counts
    means = draws @ sums / total
    squares = draws @ sums**2 - 2 * means * (draws @ (sums * counts))
    squares += means**2 * (draws @ counts**2)
    return means, np.sqrt(np.maximum(squares, 0)) / total


def bootstrap_t(sums: Floats, counts: Floats, error: float, seed: int) -> Limits:
    """Return the studentised bootstrap interval; infinite where draws have no spread."""
    means, errors = standard_errors(sums, counts, draw_patients(len(sums), RESAMPLES, seed))
    mean = sums.sum() / counts.sum()
    safe = np.where(errors > 1e-9, errors, 1)
    ratios = np.where(errors > 1e-9, (means - mean) / safe, np.sign(means - mean) * 1e6)
    tails = np.quantile(ratios, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    low, high = np.clip(mean - tails[::-1] * error, 0, 1)
    return float(low), float(high)


def auc_limits(design: AucDesign, cohort: int) -> list[Limits | float]:
    """Return the AUC of one cohort and its limits by each of `AUC_METHODS`."""
    labels, scores, patients = auc_cohort(design, generator(design.name, cohort))
    auc, low, high = auc_interval(labels, scores, patients, CONFIDENCE)
    variance = max(auc_variance(labels, scores, patients), 0.0)
    reach = NORMAL * np.sqrt(variance)
    alone = auc_variance(labels, scores, np.arange(len(labels)))
    # Correlated cases are worth fewer independent ones, but never fewer than the patients.
    least = len(np.unique(patients)) / len(patients)
    share = min(max(alone / variance, least), 1.0) if variance > 0 else least
    sizes = share * labels.sum(), share * (~labels).sum()
    score = score_interval(auc, *sizes, CONFIDENCE)
    return [auc, (low, high), (max(auc - reach, 0.0), min(auc + reach, 1.0)), score]


def options() -> argparse.Namespace:
    """Return the number of cohorts and of processes."""
    parser = argparse.ArgumentParser(description="Coverage of the intervals, by simulation.")
    parser.add_argument("--cohorts", type=int, default=COHORTS)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    return parser.parse_args()


if __name__ == "__main__":
    main(**vars(options()))
