"""The report's panels on the cohort, against tables written by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from rightreason.errors import InputError
from rightreason.failures import Failure
from rightreason.report import write_report
from rightreason.sentences import NBSP
from rightreason.usable import ALL, OVERLAP, write_failed

from tests.unit.report_fakes import fake_config, fake_study, page_of, rows_under

ONE_MODEL = fake_config(models=("planar",))
COHORT_RECORDS = {
    "c01": {"corrections": ["gap: 1 slice interpolated at 104.5 mm",
                            "tilt: 18.5 degrees corrected"]},
    "c02": {"corrections": ["gap: 2 slices interpolated at 1 and 9 mm"], "left_out": [
        {"reason": "localizer", "files": [0, 1]}, {"reason": "secondary capture", "files": [7]}]},
    "c03": {"scanner": "Other", "kernel": "H60", "spacing_mm": [1, 1, 2.5], "shape": [9, 9, 40],
            "left_out": []},
    "c04": {"manufacturer": "", "scanner": "", "kernel": "", "left_out": []},
}  # fmt: skip


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    # Cases c03 to c15 are annotated where their number is odd; r1, r2, r3 mark 6, 5, 4 slices.
    slices = {"c05": {"r2": 1}, "c07": {"r2": 0}, "c09": {"r1": 0, "r2": 1, "r3": 2}}
    return fake_study(tmp_path_factory.mktemp("cohort"), records=COHORT_RECORDS, slices=slices)


@pytest.fixture(scope="module")
def cohort_page(cohort):
    return page_of(cohort)


def test_cases_by_site_label_and_scanner(cohort_page):
    # Twelve cases of A and four of B, every other one positive.
    assert rows_under(cohort_page, "Cases by site and label") == [
        ["A", "6", "6", "12 to 40", "2.5 to 8"],
        ["B (external)", "2", "2", "12", "8"],
    ]
    assert rows_under(cohort_page, "Cases by scanner") == [
        ["not stated", "1", "0", "A", "–", "8"],
        ["Maker Model 1", "7", "7", "A, B", "B30", "8"],
        ["Maker Other", "0", "1", "A", "H60", "2.5"],
    ]
    # Every other of twelve slices; the box of the volume holds all twelve.
    assert "entered the models, by kind of input: slices 6; volume 12." in cohort_page


def test_corrections_and_files_left_out(cohort_page):
    page = cohort_page.replace(NBSP, " ")
    assert page.count("2 of 16 cases were corrected: gap (2 cases), tilt (1 case).") == 2
    assert rows_under(page, "Corrections of the images") == [
        ["c01", "A", "drowning", "gap: 1 slice interpolated at 104.5 mm"],
        ["c01", "A", "drowning", "tilt: 18.5 degrees corrected"],
        ["c02", "A", "other", "gap: 2 slices interpolated at 1 and 9 mm"],
    ]
    # Two cases have none, c02 two localizers, the other thirteen one.
    assert (
        "16 files that lay with the images were left out: localizer (15 files, 14 cases), "
        "secondary capture (1 file, 1 case)." in page
    )
    rows = rows_under(page, "Files left out of each case")
    assert rows[:4] == [
        ["c00", "localizer", "1"], ["c01", "localizer", "1"], ["c02", "localizer", "2"],
        ["c02", "secondary capture", "1"],
    ]  # fmt: skip
    assert len(rows) == 15
    assert not {"c03", "c04"} & {row[0] for row in rows}


def test_nothing_corrected_nothing_left_out(tmp_path):
    records = {f"c{i:02d}": {"left_out": []} for i in range(16)}
    page = page_of(fake_study(tmp_path, config=ONE_MODEL, records=records)).replace(NBSP, " ")
    assert page.count("None of 16 cases was corrected.") == 2
    assert "Corrections of the images, by" not in page
    assert "No file was left out of any case." in page


def test_raters_and_the_gaps_in_their_records(cohort, cohort_page):
    page = cohort_page.replace(NBSP, " ")
    table = pd.read_csv(cohort.folder / "summary" / "cohort.tsv", sep="\t")
    assert table["slices_r1"].count() == 7
    # r1: six cases of 6 slices and 60 mm³; r2: 1, 1 and four of 5; r3: 2 and six of 4.
    assert rows_under(page, "Raters of the 7 annotated cases") == [
        ["r1", "7", "6", "6", "60"],
        ["r2", "7", "6", "5", "50"],
        ["r3", "7", "7", "4", "40"],
    ]
    # In c09 the medians of the others are 1.5, 1 and 0.5: too little to hold against anyone.
    assert rows_under(page, "Where a rater marked far fewer slices") == [
        ["r2", "c05", "1", "5"], ["r2", "c07", "0", "5"],
    ]  # fmt: skip
    assert "Rater r2 marked far fewer slices than the others in 2 cases of 7 (named" in page
    assert "2 gaps in the raters’ records (less than a third" in page
    whole = page_of(fake_study(cohort.folder.parent / "whole", config=ONE_MODEL))
    assert "far fewer slices" not in whole


def test_a_file_that_was_rewritten_is_not_a_corrected_image(tmp_path):
    records = {
        "c01": {"corrections": ["rewritten: files that dcm2niix does not read, uncompressed"]},
        "c02": {"corrections": ["rewritten: frames", "tilt: the header says 0; the slices 18.5"]},
    }
    page = page_of(fake_study(tmp_path, config=ONE_MODEL, records=records)).replace(NBSP, " ")
    said = (
        "1 of 16 cases was corrected: tilt (1 case). Files of 2 cases were rewritten for dcm2niix "
        "to read, their values unchanged."
    )
    assert page.count(said) == 2
    assert rows_under(page, "Corrections of the images")[2] == [
        "c02", "A", "other", "tilt: the header says 0, the slices 18.5",
    ]  # fmt: skip


def test_long_lists_are_folded_away(tmp_path):
    records = {f"c{i:02d}": {"corrections": ["gap: a", "tilt: b"]} for i in range(11)}
    page = page_of(fake_study(tmp_path, config=ONE_MODEL, records=records))
    assert len(rows_under(page, "Corrections of the images")) == 22
    assert "<summary>Every correction</summary>" in page


def test_a_record_that_does_not_say_what_was_left_out_is_an_error(tmp_path):
    fakes = fake_study(tmp_path, config=ONE_MODEL, records={"c04": {"left_out": None}})
    with pytest.raises(InputError, match=r"c04\.json does not say which files were left out"):
        write_report(**fakes.arguments)


def test_failed_cases_are_named_in_their_panel_and_above_all_else(tmp_path: Path) -> None:
    fakes = fake_study(tmp_path)
    reason = "Case z1: its folder holds no series."
    failed = [(Failure("z1", "convert", reason), ALL), (Failure("c00", "annotate", "x"), OVERLAP)]
    write_failed(failed, tmp_path / "summary" / "failed.tsv")
    fakes.arguments["cases"]["z1"] = {"patient": "z1", "site": "A", "label": "other"}
    page = page_of(fakes)
    assert rows_under(page, "Cases that failed") == [
        ["c00", "annotate", "overlap", "x"], ["z1", "convert", "everything", reason],
    ]  # fmt: skip
    said = f"2{NBSP}cases could not be used, and everything here is without them: c00, z1"
    assert page.index(said) < page.index('id="models"')


def test_without_a_failure_nothing_is_said_of_any(tmp_path: Path) -> None:
    page = page_of(fake_study(tmp_path))
    assert "Every case of the study could be used." in page
    assert "could not be used" not in page
