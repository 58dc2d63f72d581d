"""Bad input in a job: that case fails with a sentence, the others finish, nothing is lost."""

import csv
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
from rightreason import made

from tests.runs import snakemake
from tests.workflow.conftest import SMALL, TABLES
from tests.workflow.contract import another_acquisition


def cases_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "study" / "cases.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def add_external_case(folder: Path, case: str, image: str) -> None:
    like = next(row for row in cases_of(folder) if row["site"] == "B")
    row = {**like, "case": case, "image": image, "patient": f"P-{case}", "region": ""}
    with (folder / "study" / "cases.tsv").open("a", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerow(row.values())


def finished_files(folder: Path) -> dict[str, int]:
    names = ("train", "convert", "prepare", "overlap")
    return {
        str(path): path.stat().st_mtime_ns
        for name in names
        for path in (folder / "results" / name).rglob("*")
        if path.is_file() and path.suffix != ".snakemake_timestamp"
    }


def test_unusable_images_stop_their_own_case_only(run: Path) -> None:
    study = run / "study"
    (study / "empty").mkdir()
    (study / "papers").mkdir()
    (study / "papers" / "letter.txt").write_text("not an image")
    good = next(row for row in cases_of(run) if row["site"] == "B")["image"]
    shutil.copytree(study / good, study / "truncated")
    victim = sorted(p for p in (study / "truncated").iterdir() if not p.name.startswith("."))[3]
    victim.write_bytes(victim.read_bytes()[:600])
    another_acquisition(study / good, study / "fine")
    for case in ("empty", "papers", "truncated", "fine"):
        add_external_case(run, case, case)
    before = finished_files(run)
    result = snakemake(run, *SMALL, *TABLES)
    assert result.returncode != 0
    expected = {
        "empty": "holds no files",
        "papers": "papers",
        "truncated": victim.name,
    }
    for case, words in expected.items():
        log = (run / "logs" / "convert" / f"{case}.log").read_text()
        assert f"Case {case}" in log
        assert words in log
        assert "Traceback" not in log
        assert not (run / "results" / "convert" / f"{case}.nii.gz").exists()
    assert (run / "results" / "convert" / "fine.nii.gz").exists()
    assert (run / "results" / "prepare" / "volume" / "fine.nii.gz").exists()
    assert before.items() <= finished_files(run).items()
    assert (run / "results" / "report" / "index.html").exists()


def test_a_mask_that_cannot_be_placed_stops_its_own_case_only(run: Path) -> None:
    path = sorted((run / "study" / "annotations").glob("*/*.nii.gz"))[0]
    image = nib.load(path)
    elsewhere = image.affine.copy()
    elsewhere[:3, 3] += 5000
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), elsewhere), path)
    case = path.name.removesuffix(".nii.gz")
    before = {k: v for k, v in finished_files(run).items() if f"/{case}" not in k}
    result = snakemake(run, *SMALL, *TABLES)
    assert result.returncode != 0
    log = (run / "logs" / "annotate" / f"{case}.log").read_text()
    assert f"Case {case}" in log
    assert "outside the image" in log
    assert "Traceback" not in log
    assert before.items() <= finished_files(run).items()


def test_nan_saliency_stops_its_own_case_only(run: Path) -> None:
    case = sorted(path.name for path in (run / "results" / "annotate").iterdir())[0]
    path = run / "results" / "saliency" / "volume_small" / "gradcam" / "shard0" / f"{case}.nii.gz"
    image = nib.load(path)
    data = np.asarray(image.dataobj).copy()
    data[2, 2, 2] = np.nan
    nib.save(nib.Nifti1Image(data, image.affine), path)
    # As the stage itself would have left it.
    made.record([path.parent], run / "results")
    result = snakemake(run, *SMALL, *TABLES, "--forcerun", "overlap")
    assert result.returncode != 0
    log = (run / "logs" / "overlap" / f"{case}.log").read_text()
    assert "holds NaN or infinite values" in log
    assert str(path.relative_to(run)) in log
    # The others are scored, those on which this case's map is placed as a donor's among them.
    tables = [p.name for p in (run / "results" / "overlap").glob("*.tsv") if "." not in p.stem]
    annotated = {path.name for path in (run / "results" / "annotate").iterdir()}
    assert set(tables) == {f"{other}.tsv" for other in annotated - {case}}


def test_one_image_under_two_names_is_refused(run: Path) -> None:
    study = run / "study"
    good = next(row for row in cases_of(run) if row["site"] == "B")
    shutil.copytree(study / good["image"], study / "copy")
    add_external_case(run, "copy", "copy")
    before = finished_files(run)
    result = snakemake(run, *SMALL, *TABLES)
    assert result.returncode != 0
    assert "Cases are one image under two names, byte for byte:" in result.stdout
    assert f"{good['case']} and copy: " in result.stdout
    assert finished_files(run) == before
    assert not (run / "results" / "convert" / "copy.nii.gz").exists()
