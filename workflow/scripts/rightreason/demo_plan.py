"""The listing of the embedded cohort: which cases, raters and files there are, before any exists.

A pure function of the config's `demo:` section, in the standard library alone, so that the workflow
can list the cohort while it is parsed. Choices ("every sixth case has no annotation") are made by
ranking the cases by a hash of seed, purpose and case: the same on every machine and Python, and one
choice never moves another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TRAINING_SITE, EXTERNAL_SITE = "A", "B"
POSITIVE, NEGATIVE = "drowning", "other"
CASE_COLUMNS = ("case", "image", "label", "patient", "site", "region", "sex", "age")
ANNOTATION_COLUMNS = ("case", "rater", "file", "roi", "finding")
FINDING = "drowning"
ROI = "findings"
COMPRESSIONS = ("rle", "jpegls", "jpeg2000")


@dataclass(frozen=True)
class Rater:
    """A rater of the cohort: a habit, and the file format the rater's program writes.

    Attributes
    ----------
    name : str
        Names the habit; the id in `annotations.tsv`.
    format : str
        `rtstruct`, `nifti`, `seg` or `nrrd`.
    suffix : str
        Ending of the rater's files.
    roi : str
        What to take of a file, empty where the file holds nothing else.
    """

    name: str
    format: str
    suffix: str
    roi: str


RATERS = (
    Rater("generous", "rtstruct", ".dcm", ROI),
    Rater("tight", "nifti", ".nii.gz", ""),
    Rater("hasty", "seg", ".dcm", ROI),
    Rater("drifting", "nrrd", ".seg.nrrd", ROI),
)


@dataclass(frozen=True)
class PlannedAnnotation:
    """What one rater hands in for one case; an empty `file` means looked and found nothing."""

    rater: Rater
    file: str


@dataclass(frozen=True)
class PlannedCase:
    """One case of the cohort; paths are relative to the cohort's folder.

    Attributes
    ----------
    case, patient, site, label, sex, age
        As in `cases.tsv`; age in years.
    shortcut : bool
        Whether the fold of wet body bag lies beside the chest.
    hypostasis, haze : bool
        Whether blood has sunk into the dependent lung (two of three in either class); whether there
        is some ground-glass of another cause (half of the other cases).
    compression : str
        Empty, or how the series is compressed (one of `COMPRESSIONS`).
    annotations : tuple of PlannedAnnotation
        Empty for a case that nobody annotated.
    """

    case: str
    patient: str
    site: str
    label: str
    sex: str
    age: int
    shortcut: bool
    hypostasis: bool
    haze: bool
    compression: str
    annotations: tuple[PlannedAnnotation, ...]

    @property
    def image(self) -> str:
        """Folder of the DICOM series."""
        return f"dicom/{self.case}"

    @property
    def region(self) -> str:
        """File of the lung mask."""
        return f"regions/{self.case}.nii.gz"

    @property
    def truth_finding(self) -> str:
        """File of the true finding mask."""
        return f"truth/finding/{self.case}.nii.gz"

    @property
    def truth_shortcut(self) -> str:
        """File of the shortcut object's mask."""
        return f"truth/shortcut/{self.case}.nii.gz"


def plan(settings: Mapping[str, Any]) -> list[PlannedCase]:
    """List the cohort's cases, training site first.

    Parameters
    ----------
    settings : mapping
        The `demo:` section: `training_cases`, `external_cases`, `shortcut` (0 to 1) and `seed`
        decide the listing.

    Returns
    -------
    list of PlannedCase
        Half of each site's cases are drowning. At strength s the object is present in (1 + s) / 2
        of the drowning cases and (1 - s) / 2 of the others at the training site, and the other way
        round at the external one.
    """
    seed, strength = int(settings["seed"]), float(settings["shortcut"])
    sizes = {TRAINING_SITE: settings["training_cases"], EXTERNAL_SITE: settings["external_cases"]}
    width = max(2, len(str(max(sizes.values()))))
    names = {s: [f"{s}{i + 1:0{width}d}" for i in range(n)] for s, n in sizes.items()}
    compression = _compressions([c for cases in names.values() for c in cases], seed)
    shares = {POSITIVE: (1 + strength) / 2, NEGATIVE: (1 - strength) / 2}
    out = _plan_site(names[TRAINING_SITE], TRAINING_SITE, shares, 0, seed, compression)
    turned = {POSITIVE: shares[NEGATIVE], NEGATIVE: shares[POSITIVE]}
    return out + _plan_site(
        names[EXTERNAL_SITE], EXTERNAL_SITE, turned, len(out), seed, compression
    )


def _plan_site(
    names: Sequence[str],
    site: str,
    shares: Mapping[str, float],
    start: int,
    seed: int,
    compression: Mapping[str, str],
) -> list[PlannedCase]:
    """Plan one site; `shares` is the part of each class with the shortcut object."""
    drowned = _choose(names, len(names) // 2, seed, "label")
    labels = {case: POSITIVE if case in drowned else NEGATIVE for case in names}
    groups = {label: [c for c in names if labels[c] == label] for label in shares}
    fold, sunk = set[str](), set[str]()
    for label, group in groups.items():
        fold |= _choose(group, _share(len(group), shares[label]), seed, "fold")
        sunk |= _choose(group, _share(len(group), 2 / 3), seed, "hypostasis")
    hazy = _choose(groups[NEGATIVE], _share(len(groups[NEGATIVE]), 1 / 2), seed, "haze")
    annotations = _annotations(groups, seed)
    return [
        PlannedCase(
            case=case,
            patient=f"P{number:03d}",
            site=site,
            label=labels[case],
            sex="FM"[_hash(seed, "sex", case) % 2],
            age=20 + _hash(seed, "age", case) % 70,
            shortcut=case in fold,
            hypostasis=case in sunk,
            haze=case in hazy,
            compression=compression.get(case, ""),
            annotations=annotations.get(case, ()),
        )
        for number, case in enumerate(names, start + 1)
    ]


def case_rows(cases: Sequence[PlannedCase]) -> list[dict[str, str]]:
    """Return the rows of `cases.tsv` (`CASE_COLUMNS`), paths relative to the cohort's folder."""
    return [
        {"case": c.case, "image": c.image, "label": c.label, "patient": c.patient, "site": c.site,
         "region": c.region, "sex": c.sex, "age": str(c.age)}
        for c in cases
    ]  # fmt: skip


def annotation_rows(cases: Sequence[PlannedCase]) -> list[dict[str, str]]:
    """Return the rows of `annotations.tsv` (`ANNOTATION_COLUMNS`), with relative paths."""
    return [
        {"case": c.case, "rater": a.rater.name, "file": a.file,
         "roi": a.rater.roi if a.file else "", "finding": FINDING}
        for c in cases for a in c.annotations
    ]  # fmt: skip


def output_files(settings: Mapping[str, Any]) -> list[str]:
    """Return every file of the cohort outside the DICOM folders, relative to its folder."""
    cases = plan(settings)
    files = ["cases.tsv", "annotations.tsv"]
    for case in cases:
        files += [case.region, case.truth_finding, case.truth_shortcut]
        files += [a.file for a in case.annotations if a.file]
    return files


def output_folders(settings: Mapping[str, Any]) -> list[str]:
    """Return the DICOM folders of the cohort, one of each case, relative to its folder."""
    return [case.image for case in plan(settings)]


def _annotations(
    groups: Mapping[str, Sequence[str]], seed: int
) -> dict[str, tuple[PlannedAnnotation, ...]]:
    """Say who annotated what at one site; cases that nobody annotated are left out."""
    drowned, others = groups[POSITIVE], groups[NEGATIVE]
    skipped = _choose(drowned, _share(len(drowned), 1 / 6), seed, "unannotated")
    read = [case for case in drowned if case not in skipped]
    short = _choose(read, 1 if len(read) > 3 else 0, seed, "three raters")
    out = {}
    for case in read:
        absent = _hash(seed, "absent rater", case) % len(RATERS) if case in short else None
        out[case] = tuple(
            PlannedAnnotation(rater, f"annotations/{rater.name}/{case}{rater.suffix}")
            for index, rater in enumerate(RATERS) if index != absent
        )  # fmt: skip
    for case in _choose(others, _share(len(others), 1 / 3), seed, "annotated empty"):
        out[case] = tuple(PlannedAnnotation(rater, "") for rater in RATERS)
    return out


def _compressions(cases: Sequence[str], seed: int) -> dict[str, str]:
    each = max(1, len(cases) // 16)
    ranked = sorted(cases, key=lambda case: _hash(seed, "compression", case))
    return {case: COMPRESSIONS[i // each] for i, case in enumerate(ranked[: 3 * each])}


def _share(n: int, share: float) -> int:
    return int(n * share + 0.5)


def _choose(cases: Sequence[str], n: int, seed: int, purpose: str) -> set[str]:
    return set(sorted(cases, key=lambda case: _hash(seed, purpose, case))[:n])


def _hash(seed: int, purpose: str, case: str) -> int:
    digest = hashlib.sha256(f"{seed}/{purpose}/{case}".encode()).digest()
    return int.from_bytes(digest[:8], "big")
