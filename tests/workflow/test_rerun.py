"""What further edits make due, and what they leave alone, beside the contract's own rows.

Each edit is made on a copy of a finished run; the jobs that are due are read from a dry run and
compared exactly, both ways. `test_contract.py` makes the rows of DESIGN §5 for real.
"""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.runs import Job, due, finish, rules_of
from tests.workflow.conftest import SMALL, TABLES
from tests.workflow.contract import (
    AFTER_OVERLAP,
    Finished,
    all_maps,
    all_scores,
    all_views,
    annotated,
    cases_of,
    change_config,
    edit_a_mask,
    of_annotation,
    of_cases,
    predictions_of,
    rows_of,
    trust_of,
    write_rows,
)

MODELS = ["slices_small", "subset_small", "volume_small"]
SHARDS = {"shard0"}


def jobs(folder: Path) -> set[Job]:
    return due(folder, *SMALL, *TABLES)


def test_a_first_raters_row_of_a_case_that_nobody_had_annotated(run: Path) -> None:
    table = run / "study" / "annotations.tsv"
    rows = rows_of(table)
    cases = {row["case"] for row in rows_of(run / "study" / "cases.tsv")}
    case = sorted(cases - {row["case"] for row in rows})[0]
    write_rows(table, [*rows, {**rows[0], "case": case, "file": "", "roi": ""}])
    assert jobs(run) == of_annotation(Finished(run), case)


def test_a_binarisation_that_is_not_the_headlines(run: Path) -> None:
    def add(config: dict) -> None:
        top3 = {"rule": "top", "percent": 3}
        config["overlap"]["binarisations"] = {"otsu": {"rule": "otsu"}, "top3": top3}

    change_config(Finished(run), add)
    assert jobs(run) == of_cases("overlap", annotated(run)) | AFTER_OVERLAP


def test_the_headlines_binarisation_is_in_every_view(run: Path) -> None:
    change_config(
        Finished(run), lambda config: config.setdefault("headline", {}).update(binarisation="half")
    )
    assert jobs(run) - of_cases("overlap", annotated(run)) == all_views(run) | AFTER_OVERLAP


def test_the_size_of_views(run: Path) -> None:
    change_config(Finished(run), lambda config: config.update(report={"view_size": [64, 64, 16]}))
    assert jobs(run) == all_views(run) | {("report", "")}


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("overlap.py", {"overlap", "summary", "report"}),
        ("cohort_table.py", {"summary", "report"}),
        ("report.py", {"report"}),
        (
            "saliency.py",
            {
                "saliency",
                "saliency_cam",
                "gather_saliency",
                "overlap",
                "make_view",
                "summary",
                "report",
            },
        ),
        ("make_view.py", {"make_view", "report"}),
        ("trust.py", {"trust", "summary", "report"}),
        ("trust_table.py", {"summary", "report"}),
        ("templates/style.css", {"report"}),
        ("study.py", set()),
        ("config.py", set()),
    ],
)
def test_code(run: Path, module: str, rules: set[str]) -> None:
    path = run / "workflow" / "scripts" / "rightreason" / module
    path.write_text(path.read_text() + "\n")
    assert rules_of(jobs(run)) == rules


def test_new_bytes_of_a_dicom_file(run: Path) -> None:
    case = rows_of(run / "study" / "cases.tsv")[0]["case"]
    path = sorted((run / "study" / "dicom" / case).glob("[!.]*"))[0]
    path.write_bytes(path.read_bytes() + b"\0\0")
    found = jobs(run)
    of_this_case = of_cases("convert", [case]) | of_cases("prepare", [case])
    if case in annotated(run):
        of_this_case |= of_cases("annotate", [case])
    assert {job for job in found if job[0] in ("convert", "annotate", "prepare")} == of_this_case


def test_new_bytes_of_a_region(run: Path) -> None:
    """Guides the crop, and splits the irrelevant part by place."""
    row = next(row for row in rows_of(run / "study" / "cases.tsv") if row["site"] == "B")
    path = run / "study" / row["region"]
    image = nib.load(path)
    data = np.asarray(image.dataobj).copy()
    data[tuple(np.argwhere(data)[0])] = 0
    nib.save(nib.Nifti1Image(data, image.affine, image.header), path)
    expected = (
        of_cases("prepare", [row["case"]])
        | {("gather_prepared", "group=shard0")}
        | predictions_of(MODELS, SHARDS)
    )
    assert jobs(run) == expected | all_maps(Finished(run), MODELS, SHARDS) | all_scores(run)


def test_another_device_or_number_of_cores_makes_nothing_due(run: Path) -> None:
    change_config(Finished(run), lambda config: config.update(device="auto"))
    assert due(run, *SMALL, *TABLES, "--cores", "1") == set()


def test_another_limit_of_memory_makes_nothing_due(run: Path) -> None:
    """That of `train` follows from the number of cases."""
    assert due(run, *SMALL, "--set-resources", "train:mem_mb=20000", *TABLES) == set()


def test_a_second_seed_trains_only_itself(run: Path) -> None:
    change_config(Finished(run), lambda config: config["train"].update(seeds=2))
    found = jobs(run)
    assert {job for job in found if job[0] == "train"} == {
        ("train", f"model={m}, seed=1, fold={k}") for m in MODELS for k in range(2)
    }


def test_a_stratum_is_the_summarys_business(run: Path) -> None:
    change_config(Finished(run), lambda config: config["summary"].update(strata=["sex"]))
    assert jobs(run) == AFTER_OVERLAP


def test_a_value_of_a_stratum(run: Path) -> None:
    change_config(Finished(run), lambda config: config["summary"].update(strata=["sex"]))
    finish(run, "--touch", *SMALL, *TABLES)
    assert jobs(run) == set()
    table = run / "study" / "cases.tsv"
    rows = rows_of(table)
    rows[0]["sex"] = "unknown"
    write_rows(table, rows)
    assert jobs(run) == AFTER_OVERLAP


def test_every_network_and_threshold_of_a_fold_is_of_other_patients(finished: Path) -> None:
    patient = {row["case"]: row["patient"] for row in rows_of(finished / "study" / "cases.tsv")}
    for model in MODELS:
        folder = finished / "results" / "predict"
        predictions = rows_of(folder / f"{model}.tsv")
        inner = rows_of(folder / model / "validation.tsv")
        for fold in ("0", "1"):
            tested = {patient[row["case"]] for row in predictions if row["fold"] == fold}
            chosen_on = {patient[row["case"]] for row in inner if row["fold"] == fold}
            assert chosen_on
            assert not tested & chosen_on
        outside = {row["case"] for row in predictions if not row["fold"]}
        assert not outside & {row["case"] for row in inner}


def test_another_target_layer_trains_nothing(run: Path) -> None:
    change_config(
        Finished(run), lambda config: config["models"]["slices_small"].update(target_layer="layer3")
    )
    assert jobs(run) == {
        *all_maps(Finished(run), ["slices_small"], SHARDS),
        *trust_of(Finished(run).methods, ["slices_small"]),
        *all_scores(run),
    }


@pytest.mark.slow
def test_an_edited_annotation_really_reruns_and_then_nothing_is_due(run: Path) -> None:
    case = edit_a_mask(run)
    table = run / "results" / "overlap" / f"{case}.tsv"
    cohort = run / "results" / "summary" / "cohort.tsv"
    before, marked = table.read_text(), cohort.read_text()
    views = {p.stem: p.read_bytes() for p in (run / "results" / "report" / "cases").iterdir()}
    maps = sorted((run / "results" / "saliency").rglob("*.nii.gz"))
    times = [path.stat().st_mtime_ns for path in maps]
    finish(run, *SMALL, *TABLES)
    assert table.read_text() != before
    assert cohort.read_text() != marked
    assert sorted(views) == cases_of(run)
    for path in (run / "results" / "report" / "cases").iterdir():
        assert (path.read_bytes() != views[path.stem]) == (path.stem == case)
    assert [path.stat().st_mtime_ns for path in maps] == times
    assert jobs(run) == set()
