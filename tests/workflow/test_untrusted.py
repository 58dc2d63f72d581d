"""Input made to do harm, through the workflow: nothing is run, nothing is written elsewhere."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rightreason import made

from tests.bombs import GB, gzipped, nifti_header
from tests.runs import snakemake
from tests.workflow.conftest import SMALL, TABLES
from tests.workflow.test_bad_input import add_external_case, cases_of

IDS = (
    "a;touch ran", "$(touch ran)", "`touch ran`", "a|touch ran", "a b", "../ran", "a/../../ran",
    "/tmp/ran", "-rf", "{snakemake}", "a" * 101,
)  # fmt: skip


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def everything(folder: Path) -> set[str]:
    """List the files of a folder, but for Snakemake's own."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] != ".snakemake" and "__pycache__" not in path.parts
    }


def of_jobs(files: set[str]) -> set[str]:
    """Of a folder's files, those where jobs write by design."""
    return {name for name in files if name.startswith(("results/", "logs/"))}


def strays(folder: Path) -> list[Path]:
    """Find what the hostile ids, commands and payloads would make, whatever its ending."""
    places = (Path("/tmp"), folder.parent, folder, folder / "results", folder / "logs")
    return [path for place in places for path in [*place.glob("ran"), *place.glob("ran.*")]]


def refused(folder: Path, *arguments: str, new: frozenset[str] = frozenset()) -> str:
    """Run snakemake, which must fail without a traceback and write nothing beside its results.

    Of the results and logs only those in `new` may come to be; those of a job that fails may go.
    """
    before, outside = everything(folder), sorted(folder.parent.iterdir())
    result = snakemake(folder, *arguments)
    after = everything(folder)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert after - of_jobs(after) == before - of_jobs(before)
    assert after - before == new
    assert strays(folder) == []
    assert sorted(folder.parent.iterdir()) == outside
    return result.stdout


def test_ids_that_are_shell_or_paths(run: Path) -> None:
    row = next(row for row in cases_of(run) if row["site"] == "B")
    with (run / "study" / "cases.tsv").open("a", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        for hostile in IDS:
            table.writerow({**row, "case": hostile, "patient": hostile, "site": hostile}.values())
    with (run / "study" / "annotations.tsv").open(newline="") as file:
        columns = next(csv.reader(file, delimiter="\t"))
    with (run / "study" / "annotations.tsv").open("a", newline="") as file:
        table = csv.DictWriter(file, columns, delimiter="\t", lineterminator="\n")
        for hostile in IDS:
            table.writerow({"case": row["case"], "rater": hostile, "file": ""})
    output = refused(run, *SMALL, *TABLES)
    for column in ("case", "patient", "site", "rater"):
        for hostile in IDS:
            assert f"column {column}: {hostile!r} is no id" in output


def test_names_of_models_and_methods_are_ids(run: Path) -> None:
    hostile = "../../ran"
    small = yaml.safe_load((run / "tests" / "small.yaml").read_text())
    small["models"][hostile] = small["models"]["slices_small"]
    small["saliency"]["methods"][hostile] = {"algorithm": "gradcam"}
    (run / "hostile.yaml").write_text(yaml.safe_dump(small))
    output = refused(run, "--configfile", "hostile.yaml", *TABLES)
    assert f"models.{hostile}: {hostile!r} is no id" in output
    assert f"saliency.methods.{hostile}: {hostile!r} is no id" in output


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [ran]]",
        "!!python/object/apply:os.system ['touch ran']",
        "!!python/object/new:os.system ['touch ran']",
        "!!python/name:os.system",
        "!!python/module:antigravity",
    ],
)
def test_tags_of_yaml_are_not_run(run: Path, tag: str) -> None:
    (run / "hostile.yaml").write_text(f"headline: {tag}\n")
    result = snakemake(run, "--configfile", "hostile.yaml", "--dry-run")
    assert result.returncode != 0
    assert not (run / "ran").exists()


def test_aliases_of_yaml_are_not_expanded(run: Path) -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{k}: &l{k} [{', '.join([f'*l{k - 1}'] * 10)}]" for k in range(1, 13)]
    body = "\n".join(f"      {line}" for line in lines)
    (run / "hostile.yaml").write_text(f"models:\n  slices_small:\n    options:\n{body}\n")
    output = refused(run, "--configfile", "tests/small.yaml", "hostile.yaml", "--dry-run")
    assert "The config holds more than 100000 values" in output


def test_weights_with_a_payload(run: Path) -> None:
    """Initial weights from elsewhere, and a result that was put in the place of another."""
    torch.save({"conv1.weight": Payload(run / "ran")}, run / "study" / "evil.ckpt")
    small = yaml.safe_load((run / "tests" / "small.yaml").read_text())
    small["models"]["slices_small"]["weights"] = "study/evil.ckpt"
    (run / "hostile.yaml").write_text(yaml.safe_dump(small))
    trained = "results/train/slices_small/seed0/fold0/weights.ckpt"
    output = refused(run, trained, "--configfile", "hostile.yaml", *TABLES)
    assert "study/evil.ckpt cannot be read as a file of weights" in output

    trained = "results/train/volume_small/seed0/fold0/weights.ckpt"
    shutil.copyfile(run / "study" / "evil.ckpt", run / trained)
    predicted = "results/predict/volume_small.tsv"
    assert f"{trained} is truncated: " in refused(run, predicted, *SMALL, *TABLES)

    # Whoever can write the one can write the other: the loader does not rely on the record.
    made.record([run / trained], run / "results")
    output = refused(run, predicted, *SMALL, *TABLES)
    assert f"{trained} cannot be read as a file of weights" in output
    assert "is truncated" not in output


def test_images_that_are_bombs_links_or_payloads(run: Path) -> None:
    """Paths may lead out of the study, where archives are; nothing is written there."""
    archive = run.parent / "archive"
    good = run / "study" / next(row for row in cases_of(run) if row["site"] == "B")["image"]
    shutil.copytree(good, archive / "fine")
    (archive / "fine" / "secret").symlink_to("/etc/passwd")
    (archive / "bomb.nii.gz").write_bytes(gzipped(nifti_header() + bytes(4), 8 * GB))
    torch.save(Payload(run / "ran"), archive / "payload.nii")
    (run / "study" / "link").symlink_to(archive / "fine")
    for case, image in (
        ("bomb", "../../archive/bomb.nii.gz"),
        ("payload", str(archive / "payload.nii")),
        ("linked", "link"),
        ("device", "/dev/zero"),
    ):
        add_external_case(run, case, image)
    before = sorted(archive.rglob("*"))
    named = ("bomb", "payload", "linked", "device")
    targets = [f"results/convert/{case}.nii.gz" for case in named]
    new = {f"logs/convert/{case}.log" for case in named} | {
        f"{place}/convert/linked.{ending}"
        for place, ending in (("results", "nii.gz"), ("results", "json"),
                              ("results/.made", "tsv"), ("logs", "benchmark.tsv"))
    }  # fmt: skip
    output = refused(run, "--keep-going", *targets, *SMALL, *TABLES, new=frozenset(new))
    assert "Case bomb" in output
    assert "unpacks to more" in output
    assert "Case payload" in output
    # Which of the two, follows from how long the path in the payload is.
    refusal = r"payload\.nii (cannot be read as a NIfTI image|claims header extensions)"
    assert re.search(refusal, output)
    assert "Case device" in output
    converted = {path.name for path in (run / "results" / "convert").iterdir()}
    assert "linked.nii.gz" in converted
    assert not converted & {"bomb.nii.gz", "payload.nii.gz", "device.nii.gz"}
    assert sorted(archive.rglob("*")) == before
    assert "root:" not in (run / "results" / "convert" / "linked.json").read_text()


def test_a_result_that_is_a_link_is_replaced_not_followed(run: Path) -> None:
    case = cases_of(run)[0]["case"]
    mine = run.parent / "mine.txt"
    mine.write_text("mine")
    volume = run / "results" / "convert" / f"{case}.nii.gz"
    volume.unlink()
    volume.symlink_to(mine)
    (run / "results" / "convert" / f"{case}.json").unlink()
    result = snakemake(run, f"results/convert/{case}.json", *SMALL, *TABLES)
    assert result.returncode == 0, result.stdout
    assert mine.read_text() == "mine"
    assert not volume.is_symlink()
    assert volume.read_bytes()[:2] == b"\x1f\x8b"
