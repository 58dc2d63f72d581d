"""DICOM objects: on request, of cases that are DICOM, and of nothing that raters mark."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom

from tests.runs import ROOT, due, finish, snakemake
from tests.workflow.conftest import SMALL, TABLES
from tests.workflow.contract import (
    Finished,
    change_config,
    edit_a_mask,
    of_annotation,
    of_cases,
    rows_of,
    write_rows,
)

DICOM = ("--config", "report={dicom: true}")


def test_the_plan_is_the_same_but_for_the_objects() -> None:
    plain = due(ROOT, "--forceall", *SMALL)
    asked = due(ROOT, "--forceall", *SMALL, *DICOM)
    assert "export" not in {rule for rule, _ in plain}
    cases = [f"A{n:02}" for n in range(1, 9)] + [f"B{n:02}" for n in range(1, 5)]
    assert asked - plain == of_cases("export", cases)
    assert plain <= asked


def as_nifti(study: Path, case: str) -> None:
    """Give a case as a NIfTI file instead of its DICOM series."""
    image = nib.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4))
    nib.save(image, study / f"{case}.nii.gz")
    table = study / "cases.tsv"
    rows = rows_of(table)
    next(row for row in rows if row["case"] == case)["image"] = f"{case}.nii.gz"
    write_rows(table, rows)


def test_cases_given_as_nifti_have_none(run: Path) -> None:
    as_nifti(run / "study", "A01")
    arguments = ("--dry-run", "--forceall", *SMALL, *TABLES, "report={dicom: true}")
    printed = snakemake(run, *arguments).stdout
    assert "no DICOM objects for the cases whose image is NIfTI" in printed
    assert "to belong to: A01." in printed
    exported = {case for rule, case in due(run, *arguments[1:]) if rule == "export"}
    assert len(exported) == 11
    assert "case=A01" not in exported


def test_asked_for_later_and_when_what_was_marked_changes(run: Path) -> None:
    """Only a region as large as the reference depends on the raters."""
    cases = [row["case"] for row in rows_of(run / "study" / "cases.tsv")]
    change_config(Finished(run), lambda config: config.update(report={"dicom": True}))
    assert due(run, *SMALL, *TABLES) == of_cases("export", cases) | {("report", "")}
    finish(run, *SMALL, *TABLES)
    assert due(run, *SMALL, *TABLES) == set()
    folder = run / "results" / "export" / "A01"
    methods = ("gradcam", "hirescam", "integrated_gradients")
    maps = {f"{kind}_small.{m}.pm.dcm" for kind in ("slices", "subset", "volume") for m in methods}
    assert maps <= {path.name for path in folder.iterdir()}
    original = pydicom.dcmread(next((run / "study" / "dicom" / "A01").glob("[!.]*")))
    made = pydicom.dcmread(folder / "volume_small.gradcam.pm.dcm")
    assert (made.PatientID, made.StudyInstanceUID) == (
        original.PatientID, original.StudyInstanceUID
    )  # fmt: skip
    shutil.copytree(run, run.parent / "area", symlinks=True)
    case = edit_a_mask(run)
    expected = of_annotation(Finished(run), case)
    assert due(run, *SMALL, *TABLES) == expected
    by_area(run.parent / "area", case, cases, expected)


def by_area(run: Path, case: str, cases: list[str], expected: set[tuple[str, str]]) -> None:
    """The same with a headline whose regions are as large as the reference."""
    headline = {"binarisation": "area"}
    change_config(Finished(run), lambda config: config.update(headline=headline))
    assert of_cases("export", cases) <= due(run, *SMALL, *TABLES)
    finish(run, "--touch", *SMALL, *TABLES)
    assert due(run, *SMALL, *TABLES) == set()
    assert edit_a_mask(run) == case
    assert due(run, *SMALL, *TABLES) == expected | of_cases("export", [case])
