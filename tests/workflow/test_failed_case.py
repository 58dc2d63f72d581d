"""A case that cannot be used: the study stops at it, or goes on without it and names it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from rightreason import made
from rightreason.failures import failure_of

from tests.runs import Job, due, finish, jobs_in, rules_of, snakemake
from tests.workflow.conftest import SMALL, TABLES
from tests.workflow.contract import (
    Finished,
    all_maps,
    all_scores,
    annotated,
    cases_of,
    edit_a_mask,
    gathered,
    of_annotation,
    of_cases,
    predictions_of,
    rows_of,
)

GO_ON = ("--config", "cases=study/cases.tsv", "annotations=study/annotations.tsv",
         "on_failed_case=report")  # fmt: skip


def spoil_ct(folder: Path, site: str) -> tuple[str, Callable[[], None]]:
    """Make the series of an annotated case of a site unreadable; return the case and the cure."""
    rows = rows_of(folder / "study" / "cases.tsv")
    there = annotated(folder)
    row = next(row for row in rows if row["site"] == site and row["case"] in there)
    series = folder / "study" / row["image"]
    aside = folder / "aside"
    series.rename(aside)
    series.mkdir()
    (series / "notes.txt").write_text("the series was not exported")

    def cure() -> None:
        shutil.rmtree(series)
        aside.rename(series)

    return row["case"], cure


def test_by_default_nothing_is_made_of_the_whole_cohort(run: Path) -> None:
    case, _ = spoil_ct(run, "B")
    shutil.rmtree(run / "results" / "summary")
    result = snakemake(run, *SMALL, *TABLES)
    assert result.returncode != 0
    assert f"rightreason: Case {case}: " in result.stdout
    assert not (run / "results" / "convert" / f"{case}.nii.gz").exists()
    assert not list((run / "results").glob("summary/*.tsv"))
    ran = jobs_in(result.stdout)
    assert ("convert", f"case={case}") in ran
    assert not rules_of(ran) & {"predict", "saliency_cam", "saliency", "summary", "report"}


def what_follows(folder: Path, case: str) -> set[Job]:
    """Return what an annotated external case makes due: its own, and all that its shard is in."""
    study, shard = Finished(folder), {"shard0"}
    own = of_cases("convert", [case]) | of_cases("prepare", [case]) | of_annotation(study, case)
    judged = predictions_of(study.models, shard) | all_maps(study, study.models, shard)
    return own | gathered("gather_prepared", "group", shard) | judged | all_scores(folder)


def executed(folder: Path) -> set[Job]:
    """Run to the end; return the jobs that it took."""
    return jobs_in(finish(folder, *SMALL, *GO_ON)) - {("all", "")}


def made_of(paths: list[Path]) -> list[str]:
    """Name the cases of files that are there as such, and not as the record of a failed case."""
    return sorted(path.name.split(".")[0] for path in paths if not failure_of(path))


def assert_made_of(folder: Path, cases: list[str]) -> None:
    """The predictions and maps of every model, the views and overlaps are of these cases alone."""
    results, study = folder / "results", Finished(folder)
    scored = [case for case in annotated(folder) if case in cases]
    # Without those beside a case's table, as `A01.agreement.tsv`.
    tables = [path for path in results.glob("overlap/*.tsv") if path.name.count(".") == 1]
    assert made_of(tables) == scored
    assert made_of(list(results.glob("report/cases/*.js"))) == cases
    for model in study.models:
        assert sorted(row["case"] for row in rows_of(results / f"predict/{model}.tsv")) == cases
        for method in study.methods:
            maps = results / "saliency" / model / method / "shard0"
            assert made_of(list(maps.glob("*.nii.gz"))) == cases
    cohort = rows_of(results / "summary" / "cohort.tsv")
    assert sorted(row["case"] for row in cohort) == cases


def assert_named(folder: Path, case: str) -> None:
    """Summary and report name the case that failed to convert, say why, and count the others."""
    results, others = folder / "results", len(cases_of(folder)) - 1
    [failed] = rows_of(results / "summary" / "failed.tsv")
    assert (failed["case"], failed["stage"], failed["left_out_of"]) == (case, "convert", "all")
    assert failed["reason"].startswith(f"Case {case}: ")
    page = (results / "report" / "index.html").read_text().replace("\u00a0", " ")
    assert f"<p>Cases: {others}. Sites: 2 " in page
    assert f"1 case could not be used, and everything here is without them: {case}" in page
    assert failed["reason"][:60].replace("'", "&#39;") in page


def assert_left_out(folder: Path, case: str) -> None:
    """All is made of the other cases, and nothing more is due."""
    assert_made_of(folder, [name for name in cases_of(folder) if name != case])
    assert_named(folder, case)
    assert made.verify(folder / "results")[1] == []
    assert due(folder, *SMALL, *GO_ON) == set()


def assert_taken_back(folder: Path, cure: Callable[[], None], expected: set[Job]) -> None:
    """Once it is repaired, it and what follows from it runs, and it is in every table."""
    cure()
    assert executed(folder) == expected
    assert rows_of(folder / "results" / "summary" / "failed.tsv") == []
    assert_made_of(folder, cases_of(folder))


def test_the_study_goes_on_without_a_case_and_takes_it_back(run: Path) -> None:
    """An external case, so that no network is trained anew; see the slow test for one that is."""
    case, cure = spoil_ct(run, "B")
    expected = what_follows(run, case)
    assert executed(run) == expected
    assert_left_out(run, case)
    assert_taken_back(run, cure, expected)


def test_a_case_whose_annotation_failed_is_classified_and_not_scored(run: Path) -> None:
    case = edit_a_mask(run)
    path = sorted((run / "study" / "annotations").glob(f"*/{case}.nii.gz"))[0]
    image = nib.load(path)
    moved = image.affine.copy()
    moved[:3, 3] += 5000
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), moved), path)
    finish(run, *SMALL, *GO_ON)
    results = run / "results"
    [failed] = rows_of(results / "summary" / "failed.tsv")
    assert (failed["case"], failed["stage"], failed["left_out_of"]) == (case, "annotate", "overlap")
    assert case in {row["case"] for row in rows_of(results / "predict/volume_small.tsv")}
    assert case not in {row["case"] for row in rows_of(results / "summary/ratios.tsv")}
    [row] = [row for row in rows_of(results / "summary/cohort.tsv") if row["case"] == case]
    assert row["raters"] == ""
    # Its CT and its maps can still be looked at.
    assert b"rightreason.show(" in (results / f"report/cases/{case}.js").read_bytes()[:40]


def test_a_study_that_stops_refuses_what_another_policy_left(run: Path) -> None:
    case, _ = spoil_ct(run, "B")
    finish(run, *SMALL, *GO_ON, "--until", "prepare")
    result = snakemake(run, *SMALL, *TABLES)
    assert result.returncode != 0
    assert "on_failed_case" in result.stdout
    assert case in result.stdout
