"""Cohorts with a known truth, for `coverage`.

A case has a latent normal value, part of it its patient's; its rank among all cases (a uniform
value) is turned into an irrelevant ratio or a score by a quantile function. So the distribution
over cases is the same whether the patients are repeated or not, and truths are integrals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

Floats = NDArray[np.float64]
Quantiles = Callable[[Floats], Floats]

MOST_CASES = 3
GRID = 600


def generator(name: str, cohort: int) -> np.random.Generator:
    """Return the generator of one cohort of one row of a table."""
    return np.random.default_rng([crc32(name.encode()), cohort])


def midpoints(count: int) -> Floats:
    """Return `count` evenly spread uniform values; a mean over them is a midpoint integral."""
    return (np.arange(count) + 0.5) / count


@dataclass(frozen=True)
class Ratios:
    """Distribution of a ratio over cases: a Beta, with masses at 0 and 1."""

    a: float
    b: float
    at_zero: float = 0.0
    at_one: float = 0.0

    def quantiles(self, uniform: Floats) -> Floats:
        """Return the values at these ranks."""
        between = 1 - self.at_zero - self.at_one
        values = betaincinv(self.a, self.b, np.clip((uniform - self.at_zero) / between, 0, 1))
        return np.asarray(values, np.float64)

    def mean(self) -> float:
        """Return the mean over cases."""
        return self.at_one + (1 - self.at_zero - self.at_one) * self.a / (self.a + self.b)


@dataclass(frozen=True)
class MeanDesign:
    """How the cases of a cohort come about.

    `correlation` is that of the latent values of two cases of a patient. `undefined` is the chance
    that a case has no value. When `informative`, both the number of cases (on average from 1 to 3)
    and that chance (from 0 to twice `undefined`) grow with the patient's rank among patients.
    """

    name: str
    ratios: Ratios
    patients: int = 40
    repeated: bool = False
    correlation: float = 0.5
    undefined: float = 0.0
    informative: bool = False


def mean_cohort(
    design: MeanDesign, random: np.random.Generator
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the values of the cases, NaN where undefined, and the patient of each."""
    own = random.normal(size=design.patients)
    if not design.repeated:
        counts = np.ones(design.patients, np.int64)
    elif design.informative:
        counts = 1 + random.binomial(MOST_CASES - 1, ndtr(own))
    else:
        counts = random.integers(1, MOST_CASES + 1, design.patients)
    patients = np.repeat(np.arange(design.patients), counts)
    latent = mixed(own[patients], random.normal(size=len(patients)), design.correlation)
    values = design.ratios.quantiles(ndtr(latent))
    chance = undefined_chance(design, ndtr(own))
    values[random.random(len(patients)) < chance[patients]] = np.nan
    return values, patients


def undefined_chance(design: MeanDesign, rank: Floats) -> Floats:
    """Return the chance that a case has no value, by its patient's rank among patients."""
    return np.asarray(design.undefined * (2 * rank if design.informative else np.ones_like(rank)))


def mixed(own: Floats, case: Floats, correlation: float) -> Floats:
    """Return latent values: the patients' and the cases' parts, weighted."""
    found: Floats = np.sqrt(correlation) * own + np.sqrt(1 - correlation) * case
    return found


def mean_truth(design: MeanDesign) -> float:
    """Return what the mean over cases estimates: the expected value of a case that has one.

    A case counts once, whoever its patient: E[sum of values] / E[number of values].
    """
    rank = midpoints(GRID)
    of_patient = patient_means(design)
    more = design.repeated and design.informative
    weight = (1 + (MOST_CASES - 1) * rank if more else np.ones(GRID)) * (
        1 - undefined_chance(design, rank)
    )
    return float((weight * of_patient).sum() / weight.sum())


def patient_means(design: MeanDesign) -> Floats:
    """Return the expected value of a case of each of `GRID` patients, evenly spread in rank."""
    normal = ndtri(midpoints(GRID))
    latent = mixed(normal[:, None], normal[None, :], design.correlation)
    means: Floats = design.ratios.quantiles(ndtr(latent)).mean(1)
    return means


def intraclass_correlation(design: MeanDesign) -> float:
    """Return the correlation of the values of two cases of a patient."""
    values = design.ratios.quantiles(midpoints(100 * GRID))
    return float(patient_means(design).var() / values.var())


@dataclass(frozen=True)
class Scores:
    """Scores of negative and positive cases with a given AUC.

    `binormal`: normal, equal variance. `exponential`: both exponential, positives with a larger
    scale, a long tail upwards. `missed`: binormal, but a share 1 - AUC of the positives scores
    like negatives.
    """

    shape: str
    auc: float

    def negatives(self, uniform: Floats) -> Floats:
        """Return the scores of negative cases at these ranks."""
        scores = -np.log1p(-uniform) if self.shape == "exponential" else ndtri(uniform)
        return np.asarray(scores, np.float64)

    def positives(self, uniform: Floats) -> Floats:
        """Return the scores of positive cases at these ranks."""
        if self.shape == "exponential":
            return np.asarray(-np.log1p(-uniform) * self.auc / (1 - self.auc))
        missed = 1 - self.auc if self.shape == "missed" else 0.0
        shift = np.sqrt(2) * ndtri((self.auc - missed / 2) / (1 - missed))
        # The missed are those of lowest rank, so that a patient's cases are missed together.
        low = np.clip(uniform / missed if missed else uniform, 0, 1 - 1e-12)
        high = np.clip((uniform - missed) / (1 - missed), 1e-12, 1)
        return np.asarray(np.where(uniform < missed, ndtri(low), shift + ndtri(high)))

    def chance_perfect(self, m: int, n: int) -> float:
        """Return the chance that m positives all score above n negatives."""
        rank = midpoints(200_000)
        highest = self.negatives(rank ** (1 / n))
        lower = np.searchsorted(np.sort(self.positives(rank)), highest) / len(rank)
        return float(((1 - lower) ** m).mean())


@dataclass(frozen=True)
class AucDesign:
    """How the cases of a cohort come about.

    `patients`: `single`, one case each; `repeated`, 1 to 3 cases of one label each; `mixed`, the
    m + n patients have 1 to 3 cases each, of either label.
    """

    scores: Scores
    patients: str = "single"
    m: int = 20
    n: int = 20
    correlation: float = 0.5

    @property
    def name(self) -> str:
        """Return what seeds the cohorts."""
        scores = self.scores
        return f"auc {scores.shape} {scores.auc} {self.patients} {self.m}+{self.n}"


def auc_cohort(
    design: AucDesign, random: np.random.Generator
) -> tuple[NDArray[np.bool_], Floats, NDArray[np.int64]]:
    """Return label, score and patient of each case."""
    total = design.m + design.n
    several = design.patients != "single"
    counts = random.integers(1, MOST_CASES + 1, total) if several else np.ones(total, np.int64)
    patients = np.repeat(np.arange(total), counts)
    size = len(patients)
    labels = patients < design.m
    if design.patients == "mixed":
        labels = random.random(size) < design.m / total
    own = random.normal(size=total)[patients]
    uniform = ndtr(mixed(own, random.normal(size=size), design.correlation))
    scores = design.scores
    return labels, np.where(labels, scores.positives(uniform), scores.negatives(uniform)), patients
