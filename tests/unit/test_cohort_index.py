"""What stands for the files of a cohort, and what is left of a cohort when cases fail."""

import csv
import logging
from pathlib import Path

import pytest
from rightreason import made
from rightreason.case_files import case_files
from rightreason.cohort_index import prepared_failures, prepared_images, write_maps, write_prepared
from rightreason.errors import InputError
from rightreason.failures import Failure, bury
from rightreason.layout import Layout
from rightreason.usable import usable_cohort, write_failed

KINDS = ("slices", "volume")
LOST = Failure("B", "convert", "Case B: its folder is empty.")
UNSCORED = Failure("C", "annotate", "Case C: the mask is on another grid.")
LAYOUT = Layout(shards=1)


@pytest.fixture
def cohort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cases A and C prepared, B failed; of C the annotation did."""
    monkeypatch.chdir(tmp_path)
    for case in "ABC":
        paths = [path(kind, case) for kind in KINDS
                 for path in (LAYOUT.prepared, LAYOUT.prepared_record)]  # fmt: skip
        paths.append(LAYOUT.conversion(case))
        if case == "B":
            bury(paths, LOST)
        else:
            write(paths, case)
        made.record(paths)
    write(LAYOUT.scores("A"), "A")
    bury(LAYOUT.scores("C"), UNSCORED)
    write([LAYOUT.annotations("A") / "votes.nii.gz"], "A")
    made.record([*LAYOUT.scores("A"), *LAYOUT.scores("C"), LAYOUT.annotations("A")])
    return tmp_path


def write(paths: list[Path], text: str) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["case"]: row for row in csv.DictReader(file, delimiter="\t")}


def test_an_index_changes_with_any_file_of_a_case_and_only_then(cohort: Path) -> None:
    write_prepared(["A", "C"], KINDS, LAYOUT, Path("first.tsv"))
    record = LAYOUT.prepared_record("volume", "C")
    write([record], "new")
    made.record([record, LAYOUT.prepared("volume", "C")])
    write_prepared(["A", "C"], KINDS, LAYOUT, Path("second.tsv"))
    first, second = rows_of(Path("first.tsv")), rows_of(Path("second.tsv"))
    assert first["A"] == second["A"]
    assert len(first["A"]["digest"]) == 64
    assert first["C"]["digest"] != second["C"]["digest"]


def test_images_of_failed_cases_are_left_out_and_named(
    cohort: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_prepared(["A", "B", "C"], KINDS, LAYOUT, Path("all.tsv"))
    assert prepared_failures(["all.tsv"]) == [LOST]
    with caplog.at_level(logging.WARNING):
        images = prepared_images(["all.tsv"], ["C", "B"], "volume", LAYOUT)
    assert images == {"C": Path("results/prepare/volume/C.nii.gz")}
    assert "case B, of which convert said: Case B: its folder is empty." in caplog.text


def test_an_image_that_was_edited_is_refused(cohort: Path) -> None:
    write_prepared(["A"], KINDS, LAYOUT, Path("all.tsv"))
    LAYOUT.prepared("volume", "A").write_text("edited by hand")
    with pytest.raises(InputError, match=r"prepare/volume/A\.nii\.gz"):
        prepared_images(["all.tsv"], ["A"], "volume", LAYOUT)
    with pytest.raises(InputError, match=r"prepare/volume/A\.nii\.gz"):
        write_prepared(["A"], KINDS, LAYOUT, Path("again.tsv"))


def test_maps_are_indexed_by_model_and_method(cohort: Path) -> None:
    folders = [LAYOUT.maps("m", method, "shard0") for method in ("x", "y")]
    for folder in folders:
        write([folder / "A.nii.gz"], folder.parent.name)
        write([folder / "maps.tsv"], "case\treason\nA\t\n")
        made.record([folder])
    write_maps(folders, Path("maps.tsv"))
    with Path("maps.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["model"], row["method"], row["case"]) for row in rows] == [
        ("m", "x", "A"), ("m", "y", "A"),
    ]  # fmt: skip
    assert rows[0]["digest"] != rows[1]["digest"]
    # The same map, for another reason.
    write([folders[0] / "maps.tsv"], "case\treason\nA\tblank\n")
    made.record([folders[0]])
    write_maps(folders, Path("again.tsv"))
    with Path("again.tsv").open(newline="") as file:
        again = list(csv.DictReader(file, delimiter="\t"))
    assert again[0]["digest"] != rows[0]["digest"]
    assert again[1] == rows[1]


def test_the_files_of_a_case_and_of_its_donors_that_did_not_fail(cohort: Path) -> None:
    for case in "AC":
        for seed in (None, 0, 1):
            write([LAYOUT.map("m", "x", case, seed)], case)
    made.record([LAYOUT.maps("m", "x", "shard0")])
    found = case_files("A", LAYOUT, {"m": "slices"}, ["x"], {"m": 2}, ["B", "C"])["m"]
    maps = Path("results/saliency/m/x/shard0")
    assert found.record == Path("results/prepare/slices/A.json")
    assert found.maps == {"x": maps / "A.nii.gz"}
    assert found.seeds == {"x": [maps / "A.seed0.nii.gz", maps / "A.seed1.nii.gz"]}
    others = case_files("A", LAYOUT, {"m": "slices"}, ["x"], {"n": 2})["m"]
    assert (others.seeds, others.maps) == ({}, found.maps)
    assert found.donors == [(Path("results/prepare/slices/C.json"), {"x": maps / "C.nii.gz"})]
    LAYOUT.map("m", "x", "C").write_text("edited by hand")
    with pytest.raises(InputError, match=r"shard0/C\.nii\.gz"):
        case_files("A", LAYOUT, {"m": "slices"}, ["x"], donors=["C"])


def test_what_is_left_of_a_cohort(cohort: Path) -> None:
    cases = {case: {"patient": case, "site": "S", "label": "x"} for case in "ABC"}
    found = usable_cohort(cases, {"A": ["r"], "B": ["r"], "C": ["r"]}, KINDS, LAYOUT)
    assert list(found.cases) == ["A", "C"]
    assert found.raters == {"A": ["r"]}
    assert found.failed == [(LOST, "all"), (UNSCORED, "overlap")]
    write_failed(found.failed, Path("failed.tsv"))
    assert rows_of(Path("failed.tsv"))["C"] == {
        "case": "C", "stage": "annotate", "left_out_of": "overlap", "reason": UNSCORED.reason,
    }  # fmt: skip
    LAYOUT.scores("A")[3].write_text("edited by hand")
    with pytest.raises(InputError, match=r"overlap/A\.places\.tsv"):
        usable_cohort(cases, {"A": ["r"]}, KINDS, LAYOUT)
