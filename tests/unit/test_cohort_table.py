"""`cohort.tsv` against a table written by hand, and what comes from outside in its cells."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
from rightreason.cohort import read_cohort
from rightreason.cohort_table import one_line, write_cohort
from rightreason.errors import InputError
from rightreason.inputs import InputRecord
from rightreason.rater_gaps import gaps, marks_of

from tests.unit.report_fakes import write_marks, write_record

CASES = {
    "c2": {"patient": "p2", "site": "A", "label": "drowning"},
    "c1": {"patient": "p1", "site": "B", "label": "other"},
    "NA": {"patient": "p3", "site": "A", "label": "drowning"},
}
RATERS = {"c2": ["r1", "zoe", "B-2"], "c1": ["r1"]}
GAP = "gap: 1 slice interpolated at 104.5 mm"
TILT = "tilt: 18.5 degrees corrected"

# Blanks are shown as _, spaces within a cell as ~.
EXPECTED = """\
case site label slices spacing_mm scanner kernel corrections seen_slices_subset seen_slices_volume \
raters slices_B-2 volume_mm3_B-2 slices_r1 volume_mm3_r1 slices_zoe volume_mm3_zoe
c2 A drowning 28 5 GE~MEDICAL~LightSpeed STANDARD gap:~1~slice~interpolated~at~104.5~mm;~tilt:~18.5\
~degrees~corrected 3 17 3 0 0 7 1234.5 9 0.5
c1 B other 300 0.625 Siemens~Force Br36d~3 _ 4 25 1 _ _ 2 20 _ _
NA A drowning 12 8 _ _ _ 4 25 _ _ _ _ _ _ _
"""


def write_inputs(folder, case, slices, box):
    """Write the records of the kinds subset (`slices` of the CT) and volume (all of `box`)."""
    for kind in ("subset", "volume"):
        record = InputRecord(
            kind=kind, shape=(8, 8, 4), affine=np.eye(4).tolist(), ct_shape=(30, 40, 50),
            ct_affine=np.eye(4).tolist(), box=box, ct_slice_axis=2,
            slices=[0, 1, 2, 3], ct_slices=[] if kind == "volume" else slices,
        )  # fmt: skip
        path = folder / "prepare" / kind / f"{case}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(record.to_json())


@pytest.fixture
def results(tmp_path):
    records = {
        "c2": {"shape": [512, 500, 28], "spacing_mm": [0.7, 0.7, 5.0], "manufacturer": "GE MEDICAL",
               "scanner": "LightSpeed", "kernel": "STANDARD", "corrections": [GAP, TILT]},
        "c1": {"shape": [300, 512, 512], "spacing_mm": [0.625, 0.7, 0.7], "slice_axis": 0,
               "manufacturer": "SIEMENS", "scanner": "Siemens Force", "kernel": "Br36d 3"},
        "NA": {"manufacturer": "", "scanner": "", "kernel": ""},
    }  # fmt: skip
    for case, record in records.items():
        write_record(tmp_path / f"convert/{case}.json", **record)
    # Four channels of three slices: one is repeated, and seen once.
    write_inputs(tmp_path, "c2", [4, 9, 9, 15], [[0, 30], [0, 40], [3, 20]])
    write_inputs(tmp_path, "c1", [10, 20, 30, 40], [[1, 5], [0, 40], [15, 40]])
    write_inputs(tmp_path, "NA", [10, 20, 30, 40], [[1, 5], [0, 40], [15, 40]])
    marks = write_marks(tmp_path / "annotate/c2/raters.tsv", {"B-2": 0, "r1": 7, "zoe": 9})
    text = marks.read_text().replace("\t70\t", "\t1234.5\t").replace("\t90\t", "\t0.5\t")
    marks.write_text(text)
    write_marks(tmp_path / "annotate/c1/raters.tsv", {"r1": 2})
    return tmp_path


def write(results, raters=RATERS, kinds=("subset", "volume")):
    out = results / "summary" / "cohort.tsv"
    write_cohort(CASES, raters, kinds, results, out)
    return out


def test_the_table_by_hand(results):
    lines = write(results).read_text().splitlines()
    wanted = [
        ["" if cell == "_" else cell.replace("~", " ") for cell in row.split(" ")]
        for row in EXPECTED.splitlines()
    ]
    assert [line.split("\t") for line in lines] == wanted


def test_a_study_without_annotations_has_no_columns_of_raters(results):
    table = pd.read_csv(write(results, raters={}, kinds=["volume"]), sep="\t")
    assert table.columns.tolist() == [
        "case", "site", "label", "slices", "spacing_mm", "scanner", "kernel", "corrections",
        "seen_slices_volume", "raters",
    ]  # fmt: skip
    assert table["raters"].isna().all()


def test_the_table_reads_back(results):
    table = read_cohort(write(results), CASES)
    assert table["case"].tolist() == ["c2", "c1", "NA"]
    assert table["corrections"].tolist() == [f"{GAP}; {TILT}", "", ""]
    assert table["spacing_mm"].tolist() == [5, 0.625, 8]
    assert table["raters"].isna().tolist() == [False, False, True]
    with pytest.raises(InputError, match="not about the cases of the study"):
        read_cohort(write(results), {"c1": CASES["c1"]})


HOSTILE = 'a\tb\nc\r\nd"e"\x00\x1b[31m\u2028f\u202eg\ud800 é 日本 <script>alert(1)</script>'


def test_text_from_outside_stays_one_cell(results):
    write_record(results / "convert/c1.json", manufacturer="", scanner=HOSTILE, kernel='"')
    text = write(results).read_text(encoding="utf-8")
    assert text.count("\n") == 4
    assert {line.count("\t") for line in text.splitlines()} == {16}
    shown = 'a b c d"e" [31m f g é 日本 <script>alert(1)</script>'
    row = read_cohort(results / "summary/cohort.tsv", CASES).set_index("case").loc["c1"]
    assert (row["scanner"], row["kernel"]) == (shown, '"')
    with (results / "summary/cohort.tsv").open(newline="", encoding="utf-8") as file:
        assert next(r for r in csv.DictReader(file, delimiter="\t") if r["case"] == "c1")[
            "scanner"
        ] == shown  # fmt: skip
    assert one_line(" \t\n") == ""


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("convert/c1.json", None, "convert/c1.json cannot be used (FileNotFoundError"),
        ("convert/c1.json", "{", "convert/c1.json cannot be used (JSONDecodeError"),
        ("convert/c1.json", '{"slice_axis": 2, "shape": [1, 2]}', "convert/c1.json cannot be used"),
        ("convert/c1.json", "[]", "convert/c1.json cannot be used"),
        ("prepare/volume/c1.json", "{}", "prepare/volume/c1.json cannot be used (KeyError"),
        ("annotate/c1/raters.tsv", None, "annotate/c1/raters.tsv cannot be used"),
        ("annotate/c1/raters.tsv", "rater\tslices\nr1\t2\n", "annotate/c1/raters.tsv cannot be"),
        ("annotate/c1/raters.tsv", "rater\tslices\tvolume_mm3\nr1\tx\t2\n", "invalid literal"),
        (
            "annotate/c1/raters.tsv",
            "rater\tslices\tvolume_mm3\nr9\t2\t2\n",
            "is about the raters r9, the annotation table about r1",
        ),
    ],
)
def test_a_record_that_is_none_is_named(results, name, text, words):
    path = results / name
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(InputError) as error:
        write(results)
    assert words in str(error.value)
    assert "and run again" in str(error.value)
    assert not (results / "summary/cohort.tsv").exists()


def test_marks_are_rows_of_those_who_looked(results):
    marks = marks_of(read_cohort(write(results), CASES))
    assert sorted(marks.itertuples(index=False, name=None)) == [
        ("c1", "r1", 2, 20), ("c2", "B-2", 0, 0), ("c2", "r1", 7, 1234.5), ("c2", "zoe", 9, 0.5),
    ]  # fmt: skip
    assert marks_of(pd.DataFrame({"case": ["c1"]})).empty


@pytest.mark.parametrize(
    ("slices", "found"),
    [
        ({"a": 1, "b": 10, "c": 10}, {"a": 10}),  # one slice of ten
        ({"a": 3, "b": 10, "c": 8}, {}),  # 3 is a third of 9, not less
        ({"a": 2, "b": 10, "c": 8}, {"a": 9}),
        ({"a": 0, "b": 10, "c": 10}, {"a": 10}),  # looked, found nothing
        ({"a": 0, "b": 2, "c": 3}, {}),  # the others' median is below 3
        ({"a": 0, "b": 3}, {"a": 3}),
        ({"a": 0, "b": 0, "c": 12}, {"a": 6, "b": 6}),  # who of them is right is not known
        ({"a": 1}, {}),
        ({"a": 0, "b": 0}, {}),
    ],
)
def test_gaps_by_the_rule(slices, found):
    rows = [("c1", rater, n, 1.0) for rater, n in slices.items()]
    rows += [("c2", "a", 100, 1.0), ("c2", "b", 90, 1.0)]  # other cases do not count
    table = gaps(pd.DataFrame(rows, columns=["case", "rater", "slices", "volume_mm3"]))
    assert dict(zip(table["rater"], table["others"], strict=True)) == found
    assert set(table["case"]) <= {"c1"}


def test_records_are_not_kept(results, monkeypatch):
    """A row at a time: when a record is read, the one before it is gone."""
    import weakref

    class Record(dict):
        pass

    alive: list[weakref.ref] = []

    def read(path):
        assert all(item() is None for item in alive)
        record = Record(json.loads(path.read_text()))
        alive.append(weakref.ref(record))
        return record

    monkeypatch.setattr("rightreason.cohort_table.read_record", read)
    write(results)
    assert len(alive) == 3
