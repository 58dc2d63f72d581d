"""Patient-level cross-validation: which cases train, validate and test each fold.

Standard library only: it runs whenever the workflow is parsed, where scikit-learn's
StratifiedGroupKFold would cost 1.2 s of import.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """What cross-validation needs to know of a training case."""

    case: str
    patient: str
    positive: bool


def assign_folds(members: Iterable[Member], folds: int, seed: int) -> dict[str, int]:
    """Deal the patients of each stratum to the folds in turn, in an order drawn by `seed`.

    Parameters
    ----------
    members : iterable of Member
        Cases of the training sites.
    folds : int
        Number of folds.
    seed : int
        Draws the order.

    Returns
    -------
    dict of case to fold
        All cases of a patient have the same fold. The strata are patients with positive cases
        only, with negative ones only, and with both; each goes on where the last one stopped, so
        that folds differ by at most one patient.
    """
    members = list(members)
    fold_of: dict[str, int] = {}
    for group in _strata(members).values():
        for patient in _shuffled(group, seed):
            fold_of[patient] = len(fold_of) % folds
    return {member.case: fold_of[member.patient] for member in sorted(members, key=_case)}


def split(
    members: Iterable[Member], folds: Mapping[str, int], fold: int, fraction: float, seed: int
) -> dict[str, str]:
    """Divide the cases outside `fold` into `train` and `validation`, by patient and stratum.

    Parameters
    ----------
    members, folds
        As given to and returned by `assign_folds`.
    fold : int
        The test fold, whose cases are left out.
    fraction : float
        Share of each stratum's patients to validate on: rounded, at least one where a stratum has
        two or more.
    seed : int
        Draws the patients.

    Returns
    -------
    dict of case to `train` or `validation`
    """
    inner = [member for member in members if folds[member.case] != fold]
    validation: set[str] = set()
    for group in _strata(inner).values():
        count = max(1, round(fraction * len(group))) if len(group) > 1 else 0
        validation.update(_shuffled(group, seed + 1 + fold)[:count])
    return {
        member.case: "validation" if member.patient in validation else "train"
        for member in sorted(inner, key=_case)
    }


def _strata(members: Iterable[Member]) -> dict[tuple[bool, ...], set[str]]:
    """Group patients by the classes their cases have."""
    classes: dict[str, set[bool]] = {}
    for member in members:
        classes.setdefault(member.patient, set()).add(member.positive)
    strata: dict[tuple[bool, ...], set[str]] = {}
    for patient, present in classes.items():
        strata.setdefault(tuple(sorted(present)), set()).add(patient)
    return dict(sorted(strata.items()))


def _shuffled(patients: Iterable[str], seed: int) -> list[str]:
    """Order by a hash, which is the same on every machine and Python."""
    return sorted(
        patients, key=lambda patient: hashlib.sha256(f"{seed}/{patient}".encode()).digest()
    )


def _case(member: Member) -> str:
    return member.case
