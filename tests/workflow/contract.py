"""The rerun contract (DESIGN §5), row by row: an edit, and the jobs that must run for it.

Each row is an edit of a finished run of the smallest study; it returns the jobs that become due.
`test_contract.py` runs them on this machine, `tests/slurm` through SLURM.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import yaml
from rightreason.algorithms import CAM_ALGORITHMS
from rightreason.layout import by_shard
from rightreason.study import Study, load_study
from rightreason.trusted import trust_cases

from tests.runs import Job

AFTER_OVERLAP = {("summary", ""), ("report", "")}


@dataclass(frozen=True)
class Finished:
    """A finished run, and the config it was of.

    Attributes
    ----------
    folder : path
        The checkout, with the tables in `study/`.
    config : str
        The config's path in it.
    """

    folder: Path
    config: str = "tests/small.yaml"

    @property
    def settings(self) -> dict:
        return yaml.safe_load((self.folder / self.config).read_text())

    @property
    def models(self) -> list[str]:
        return list(self.settings["models"])

    @property
    def methods(self) -> list[str]:
        return list(self.settings["saliency"]["methods"])

    @property
    def study(self) -> Study:
        tables = {name: str(self.folder / "study" / f"{name}.tsv")
                  for name in ("cases", "annotations")}  # fmt: skip
        return load_study({**self.settings, **tables})

    @property
    def no_cams(self) -> list[str]:
        """Return the methods that make their maps in a job of their own."""
        methods = self.settings["saliency"]["methods"]
        return [name for name in methods if methods[name]["algorithm"] not in CAM_ALGORITHMS]

    def shards(self, cases: list[str]) -> set[str]:
        """Return the shards that some cases are in."""
        return set(by_shard(cases, self.settings.get("shards", 1)))

    @property
    def all_shards(self) -> set[str]:
        return self.shards(cases_of(self.folder))

    @property
    def folds(self) -> range:
        return range(self.settings["train"]["folds"])


Edit = Callable[[Finished], set[Job]]


def annotated(folder: Path) -> list[str]:
    return sorted({row["case"] for row in rows_of(folder / "study" / "annotations.tsv")})


def cases_of(folder: Path) -> list[str]:
    return sorted(row["case"] for row in rows_of(folder / "study" / "cases.tsv"))


def of_cases(rule: str, cases: list[str]) -> set[Job]:
    return {(rule, f"case={case}") for case in cases}


def all_views(folder: Path) -> set[Job]:
    return of_cases("make_view", cases_of(folder))


def of_annotation(run: Finished, case: str) -> set[Job]:
    """What an edited annotation of a case makes due."""
    own = {(rule, f"case={case}") for rule in ("annotate", "overlap", "make_view")}
    looked_at = [model for model in run.models if case in trust_cases(run.study, model)]
    return own | of_models("trust_findings", looked_at) | AFTER_OVERLAP


def of_models(rule: str, models: list[str]) -> set[Job]:
    return {(rule, f"model={model}") for model in models}


def of_shards(rule: str, models: list[str], shards: set[str]) -> set[Job]:
    return {(rule, f"model={model}, shard={shard}") for model in models for shard in shards}


def gathered(rule: str, name: str, groups: set[str]) -> set[Job]:
    return {(rule, f"{name}={group}") for group in groups}


def trainings(run: Finished, models: list[str]) -> set[Job]:
    return {("train", f"model={m}, seed=0, fold={k}") for m in models for k in run.folds}


def maps_of(method: str, models: list[str], shards: set[str]) -> set[Job]:
    """What makes the maps of a method that is no CAM."""
    return {("saliency", f"model={m}, method={method}, shard={s}") for m in models for s in shards}


def all_maps(run: Finished, models: list[str], shards: set[str]) -> set[Job]:
    made = of_shards("saliency_cam", models, shards)
    for method in run.no_cams:
        made |= maps_of(method, models, shards)
    return made | gathered("gather_saliency", "shard", shards)


def trust_of(methods: list[str], models: list[str]) -> set[Job]:
    """What tests the maps of some methods."""
    return {("trust", f"model={model}, method={name}") for model in models for name in methods}


def all_tests(run: Finished, models: list[str]) -> set[Job]:
    return trust_of(run.methods, models) | of_models("trust_findings", models)


def predictions_of(models: list[str], shards: set[str]) -> set[Job]:
    return of_shards("predict", models, shards) | of_models("gather_predictions", models)


def all_scores(folder: Path) -> set[Job]:
    """What follows from new maps of all cases."""
    return of_cases("overlap", annotated(folder)) | all_views(folder) | AFTER_OVERLAP


def change_config(run: Finished, change: Callable[[dict], None]) -> None:
    config = run.settings
    change(config)
    (run.folder / run.config).write_text(yaml.safe_dump(config, sort_keys=False))


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


def another_acquisition(series: Path, to: Path) -> None:
    """Copy a series of DICOM, with another word in its headers: the same bytes would be refused."""
    shutil.copytree(series, to)
    path = sorted(to.glob("[!.]*"))[0]
    header = pydicom.dcmread(path)
    header.ImageComments = "again"
    header.save_as(path)


def nothing(_run: Finished) -> set[Job]:
    return set()


def touched(run: Finished) -> set[Job]:
    """Every source file, table and outside file."""
    for name in ("study", "workflow", "rules", "tests", "profiles", "config"):
        for path in (run.folder / name).rglob("*"):
            path.touch()
    (run.folder / "Snakefile").touch()
    return set()


def new_bytes_of_an_annotation(run: Finished) -> set[Job]:
    """Under the old time."""
    return of_annotation(run, edit_a_mask(run.folder))


def a_new_raters_row(run: Finished) -> set[Job]:
    table = run.folder / "study" / "annotations.tsv"
    rows = rows_of(table)
    new = {**rows[0], "rater": "fifth", "file": "", "roi": ""}
    write_rows(table, [*rows, new])
    return of_annotation(run, new["case"])


def an_overlap_setting(run: Finished) -> set[Job]:
    change_config(run, lambda config: config["overlap"].update(shifts=21))
    return of_cases("overlap", annotated(run.folder)) | AFTER_OVERLAP


def a_new_cam_method(run: Finished) -> set[Job]:
    def add(config: dict) -> None:
        config["saliency"]["methods"]["second"] = {"algorithm": "hirescam"}

    change_config(run, add)
    cam = of_shards("saliency_cam", run.models, run.all_shards)
    cam |= trust_of(["second"], run.models)
    return cam | gathered("gather_saliency", "shard", run.all_shards) | all_scores(run.folder)


def another_method(run: Finished) -> set[Job]:
    def add(config: dict) -> None:
        method = {"algorithm": "integrated_gradients", "steps": 3}
        config["saliency"]["methods"]["finer"] = method

    change_config(run, add)
    own = maps_of("finer", run.models, run.all_shards) | trust_of(["finer"], run.models)
    return own | gathered("gather_saliency", "shard", run.all_shards) | all_scores(run.folder)


def a_case_added_to_the_external_site(run: Finished) -> set[Job]:
    """Of other shards only those run whose cases get maps of this one placed on them: none."""
    table = run.folder / "study" / "cases.tsv"
    rows = rows_of(table)
    row = next(row for row in rows if row["site"] == "B")
    study = run.folder / "study"
    another_acquisition(study / row["image"], study / "dicom" / "B99")
    write_rows(table, [*rows, {**row, "case": "B99", "patient": "P999", "image": "dicom/B99"}])
    own = run.shards(["B99"])
    expected = of_cases("convert", ["B99"]) | of_cases("prepare", ["B99"])
    expected |= gathered("gather_prepared", "group", own)
    expected |= predictions_of(run.models, own) | all_maps(run, run.models, own)
    together = [case for case in cases_of(run.folder) if run.shards([case]) == own]
    return expected | of_cases("make_view", together) | scored_with(run, own) | AFTER_OVERLAP


def scored_with(run: Finished, shards: set[str]) -> set[Job]:
    """Return the overlap of each case that is in these shards, or gets maps of them as a chance."""
    study = run.study
    there = [
        case for case in annotated(run.folder) if run.shards([case, *study.donors(case)]) & shards
    ]
    return of_cases("overlap", there)


def the_code_of_overlap(run: Finished) -> set[Job]:
    path = run.folder / "workflow" / "scripts" / "rightreason" / "overlap.py"
    path.write_text(path.read_text() + "\n")
    return of_cases("overlap", annotated(run.folder)) | AFTER_OVERLAP


def a_new_model(run: Finished) -> set[Job]:
    def add(config: dict) -> None:
        config["models"]["another"] = next(iter(config["models"].values()))

    change_config(run, add)
    new, shards = ["another"], run.all_shards
    expected = trainings(run, new) | of_models("threshold", new) | predictions_of(new, shards)
    expected |= all_tests(run, new)
    return expected | all_maps(run, new, shards) | all_scores(run.folder)


def one_label(run: Finished) -> set[Job]:
    """Folds are stratified by label, so which case is tested where changes, too."""
    table = run.folder / "study" / "cases.tsv"
    rows = rows_of(table)
    row = next(row for row in rows if row["site"] == "A" and row["label"] == "other")
    row["label"] = "drowning"
    write_rows(table, rows)
    expected = gathered("gather_prepared", "group", {f"fold{k}" for k in run.folds})
    expected |= trainings(run, run.models) | of_models("threshold", run.models)
    expected |= all_tests(run, run.models)
    expected |= predictions_of(run.models, run.all_shards) | all_maps(
        run, run.models, run.all_shards
    )
    return expected | all_scores(run.folder)


def a_limit_of_trust(run: Finished) -> set[Job]:
    """Verdicts are made anew, and nothing that runs a network."""
    limits = {"limits": {"repeatability": 0.5}}
    change_config(run, lambda config: config["trust"].update(limits))
    return set(AFTER_OVERLAP)


ROWS: list[Edit] = [
    nothing,
    touched,
    new_bytes_of_an_annotation,
    a_new_raters_row,
    an_overlap_setting,
    a_limit_of_trust,
    a_new_cam_method,
    another_method,
    a_case_added_to_the_external_site,
    the_code_of_overlap,
]
ROWS_WITH_TRAINING: list[Edit] = [a_new_model, one_label]
