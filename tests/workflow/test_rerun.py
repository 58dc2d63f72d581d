"""The rerun contract (DESIGN §5): what an edit makes due, and what it leaves alone.

Each edit is made on a copy of a finished run; the jobs that are due are read from a dry run and
compared exactly, both ways.
"""

import csv
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from tests.runs import Job, checkout, due, finish, rules_of
from tests.workflow.conftest import SMALL, TABLES

MODELS = ("slices_small", "subset_small", "volume_small")
AFTER_OVERLAP = {("summary", ""), ("report", "")}


def jobs(folder: Path) -> set[Job]:
    return due(folder, *SMALL, *TABLES)


def annotated(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "results" / "annotate").iterdir())


def of_cases(rule: str, cases: list[str]) -> set[Job]:
    return {(rule, f"case={case}") for case in cases}


def of_models(rule: str) -> set[Job]:
    return {(rule, f"model={model}") for model in MODELS}


def trainings(models: tuple[str, ...] = MODELS) -> set[Job]:
    return {("train", f"model={m}, seed=0, fold={k}") for m in models for k in range(2)}


def all_saliency() -> set[Job]:
    other = {("saliency", f"model={m}, method=integrated_gradients") for m in MODELS}
    return of_models("saliency_cam") | other


def change_config(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "tests" / "small.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def edit_a_mask(folder: Path) -> str:
    """Change one rater's NIfTI of one case, keeping size class and modification time."""
    path = sorted((folder / "study" / "annotations").glob("*/*.nii.gz"))[0]
    before = path.stat()
    image = nib.load(path)
    data = np.asarray(image.dataobj).copy()
    data[tuple(np.argwhere(data)[0])] = 0
    nib.save(nib.Nifti1Image(data, image.affine, image.header), path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return path.name.removesuffix(".nii.gz")


def test_nothing_edited_nothing_due(finished: Path) -> None:
    assert jobs(finished) == set()


def test_touching_everything_makes_nothing_due(run: Path) -> None:
    for path in [*run.glob("*"), *(run / "study").rglob("*"), *(run / "workflow").rglob("*"),
                 *(run / "rules").rglob("*"), *(run / "tests").rglob("*")]:  # fmt: skip
        if path.name != "results":
            path.touch()
    assert jobs(run) == set()


def test_a_fresh_clone_over_finished_results_makes_nothing_due(run: Path, tmp_path: Path) -> None:
    clone = checkout(tmp_path / "clone")
    for name in ("results", ".snakemake", "study"):
        shutil.rmtree(clone / name, ignore_errors=True)
        shutil.copytree(run / name, clone / name, symlinks=True)
    assert jobs(clone) == set()


def test_new_bytes_of_an_annotation_under_the_old_time(run: Path) -> None:
    case = edit_a_mask(run)
    expected = of_cases("annotate", [case]) | of_cases("overlap", [case]) | AFTER_OVERLAP
    assert jobs(run) == expected


def test_a_new_raters_row(run: Path) -> None:
    table = run / "study" / "annotations.tsv"
    rows = rows_of(table)
    new = {**rows[0], "rater": "fifth", "file": "", "roi": ""}
    write_rows(table, [*rows, new])
    case = [new["case"]]
    assert jobs(run) == of_cases("annotate", case) | of_cases("overlap", case) | AFTER_OVERLAP


def test_a_first_raters_row_of_a_case_that_nobody_had_annotated(run: Path) -> None:
    table = run / "study" / "annotations.tsv"
    rows = rows_of(table)
    cases = {row["case"] for row in rows_of(run / "study" / "cases.tsv")}
    case = sorted(cases - {row["case"] for row in rows})[0]
    write_rows(table, [*rows, {**rows[0], "case": case, "file": "", "roi": ""}])
    assert jobs(run) == of_cases("annotate", [case]) | of_cases("overlap", [case]) | AFTER_OVERLAP


def test_an_overlap_setting(run: Path) -> None:
    change_config(run, lambda config: config["overlap"].update(shifts=21))
    assert jobs(run) == of_cases("overlap", annotated(run)) | AFTER_OVERLAP


def test_a_new_cam_method(run: Path) -> None:
    def add(config: dict) -> None:
        config["saliency"]["methods"]["second"] = {"algorithm": "hirescam"}

    change_config(run, add)
    expected = of_models("saliency_cam") | of_cases("overlap", annotated(run)) | AFTER_OVERLAP
    assert jobs(run) == expected


def test_another_method(run: Path) -> None:
    def add(config: dict) -> None:
        method = {"algorithm": "integrated_gradients", "steps": 3}
        config["saliency"]["methods"]["finer"] = method

    change_config(run, add)
    new = {("saliency", f"model={model}, method=finer") for model in MODELS}
    assert jobs(run) == new | of_cases("overlap", annotated(run)) | AFTER_OVERLAP


def test_a_new_model(run: Path) -> None:
    def add(config: dict) -> None:
        config["models"]["fourth"] = config["models"]["volume_small"]

    change_config(run, add)
    expected = trainings(("fourth",)) | {
        ("predict", "model=fourth"),
        ("saliency_cam", "model=fourth"),
        ("saliency", "model=fourth, method=integrated_gradients"),
    }
    assert jobs(run) == expected | of_cases("overlap", annotated(run)) | AFTER_OVERLAP


def test_one_label(run: Path) -> None:
    table = run / "study" / "cases.tsv"
    rows = rows_of(table)
    row = next(row for row in rows if row["site"] == "A" and row["label"] == "other")
    row["label"] = "drowning"
    write_rows(table, rows)
    # Two folds still have two patients of each class.
    assert rules_of(jobs(run)) == {
        "train", "predict", "saliency_cam", "saliency", "overlap", "summary", "report"
    }  # fmt: skip


def test_a_case_added_to_the_external_site(run: Path) -> None:
    table = run / "study" / "cases.tsv"
    rows = rows_of(table)
    row = next(row for row in rows if row["site"] == "B")
    shutil.copytree(run / "study" / row["image"], run / "study" / "dicom" / "B99")
    write_rows(table, [*rows, {**row, "case": "B99", "patient": "P999", "image": "dicom/B99"}])
    expected = of_cases("convert", ["B99"]) | of_cases("prepare", ["B99"])
    expected |= of_models("predict") | all_saliency()
    assert jobs(run) == expected | of_cases("overlap", annotated(run)) | AFTER_OVERLAP


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("overlap.py", {"overlap", "summary", "report"}),
        ("cohort_table.py", {"summary", "report"}),
        ("report.py", {"report"}),
        ("saliency.py", {"saliency", "saliency_cam", "overlap", "summary", "report"}),
        ("study.py", set()),
        ("config.py", set()),
    ],
)
def test_code(run: Path, module: str, rules: set[str]) -> None:
    path = run / "workflow" / "scripts" / "rightreason" / module
    path.write_text(path.read_text() + "\n# edited\n")
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
    expected = of_cases("prepare", [row["case"]]) | of_models("predict") | all_saliency()
    assert jobs(run) == expected | of_cases("overlap", annotated(run)) | AFTER_OVERLAP


def test_another_device_or_number_of_cores_makes_nothing_due(run: Path) -> None:
    change_config(run, lambda config: config.update(device="auto"))
    assert due(run, *SMALL, *TABLES, "--cores", "1") == set()


def test_a_second_seed_trains_only_itself(run: Path) -> None:
    change_config(run, lambda config: config["train"].update(seeds=2))
    found = jobs(run)
    assert {job for job in found if job[0] == "train"} == {
        ("train", f"model={m}, seed=1, fold={k}") for m in MODELS for k in range(2)
    }


def test_a_stratum_is_the_summarys_business(run: Path) -> None:
    change_config(run, lambda config: config["summary"].update(strata=["sex"]))
    assert jobs(run) == AFTER_OVERLAP


def test_a_value_of_a_stratum(run: Path) -> None:
    change_config(run, lambda config: config["summary"].update(strata=["sex"]))
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
        inner = rows_of(folder / f"{model}.validation.tsv")
        for fold in ("0", "1"):
            tested = {patient[row["case"]] for row in predictions if row["fold"] == fold}
            chosen_on = {patient[row["case"]] for row in inner if row["fold"] == fold}
            assert chosen_on
            assert not tested & chosen_on
        outside = {row["case"] for row in predictions if not row["fold"]}
        assert not outside & {row["case"] for row in inner}


def test_another_target_layer_trains_nothing(run: Path) -> None:
    change_config(
        run, lambda config: config["models"]["slices_small"].update(target_layer="layer3")
    )
    assert jobs(run) == {
        ("saliency_cam", "model=slices_small"),
        ("saliency", "model=slices_small, method=integrated_gradients"),
        *of_cases("overlap", annotated(run)),
        *AFTER_OVERLAP,
    }


@pytest.mark.slow
def test_an_edited_annotation_really_reruns_and_then_nothing_is_due(run: Path) -> None:
    case = edit_a_mask(run)
    table = run / "results" / "overlap" / f"{case}.tsv"
    cohort = run / "results" / "summary" / "cohort.tsv"
    before, marked = table.read_text(), cohort.read_text()
    maps = sorted((run / "results" / "saliency").rglob("*.nii.gz"))
    times = [path.stat().st_mtime_ns for path in maps]
    finish(run, *SMALL, *TABLES)
    assert table.read_text() != before
    assert cohort.read_text() != marked
    assert [path.stat().st_mtime_ns for path in maps] == times
    assert jobs(run) == set()
