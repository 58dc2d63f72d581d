from pathlib import Path

import pytest
from rightreason.errors import InputError
from rightreason.table_rows import read_rows
from rightreason.tables import parse_annotations, parse_cases

CLASSES = ("other", "drowning")


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join("\t".join(row.split("|")) for row in rows) + "\n", encoding="utf-8")
    return path


def read_cases(path: Path) -> tuple[list, list[str]]:
    rows = read_rows(path, ("case", "image", "label"), None)
    return parse_cases(rows, path.parent, path.name, CLASSES, check_files=True)


def test_defaults_and_further_columns(tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    table = write(tmp_path / "cases.tsv", "case|image|label|age", "a1|ct|other|63")
    cases, problems = read_cases(table)
    assert problems == []
    assert cases[0].patient == "a1"
    assert cases[0].site == "main"
    assert cases[0].region is None
    assert cases[0].image == tmp_path / "ct"
    assert cases[0].extra == {"age": "63"}


def test_a_byte_order_mark_and_empty_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    table = tmp_path / "cases.tsv"
    table.write_bytes(b"\xef\xbb\xbfcase\timage\tlabel\r\na1\tct\tother\r\n\t\t\r\n")
    cases, problems = read_cases(table)
    assert [case.case for case in cases] == ["a1"]
    assert problems == []


def test_every_problem_is_told_at_once_with_row_and_column(tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    table = write(
        tmp_path / "cases.tsv",
        "case|image|label|site",
        "a1|ct|other|A",
        "a1|ct2|drowning|A",
        "../x|ct3|other|A",
        "a4|gone|other|A",
        "a5|ct4|drowned|A",
        "a6||other|A",
        "a7|ct5|other|training",
        "a8|ct|other|A",
        "a9|ct6|other|",
    )
    for name in ("ct2", "ct3", "ct4", "ct5", "ct6"):
        (tmp_path / name).mkdir()
    cases, problems = read_cases(table)
    assert [case.case for case in cases] == ["a1"]
    expected = [
        ("row 3, column case", "stands in row 2 already"),
        ("row 4, column case", "'../x' is no id"),
        ("row 5, column image", f"there is no {tmp_path / 'gone'}"),
        ("row 6, column label", "label: 'drowned' is unknown; there are other, drowning"),
        ("row 7, column image", "it is empty"),
        ("row 8, column site", "'training' is reserved"),
        ("row 9, column image", "is the image of case a1 already"),
        ("row 10, column site", "it is empty; fill it in every row"),
    ]
    assert len(problems) == len(expected)
    for problem, (where, what) in zip(problems, expected, strict=True):
        assert where in problem
        assert what in problem


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("case,image,label", "not separated by tabs"),
        ("case\timage", "the column 'label' is missing"),
        ("case\timage\tlabel\tcase", "the column 'case' stands twice"),
        ("case\timage\tlabel\tpatient_id", "'patient_id' looks like 'patient'"),
        ("case\timage\tlabel\tSite", "'Site' looks like 'site'"),
        ("case\timage\tlabel\t", "a column has no name"),
        ("case image label", "not separated by tabs"),
    ],
)
def test_wrong_columns(tmp_path: Path, header: str, sentence: str) -> None:
    table = write(tmp_path / "cases.tsv")
    table.write_text(header + "\n")
    with pytest.raises(InputError, match=sentence):
        read_rows(table, ("case", "image", "label"), None)


def test_a_missing_table_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "none.tsv", (), None)


def test_annotations(tmp_path: Path) -> None:
    write(tmp_path / "m.nii.gz", "x")
    table = write(
        tmp_path / "annotations.tsv",
        "case|rater|file|roi",
        "a1|r1|m.nii.gz|GTV",
        "a1|r2||",
        "b9|r1|m.nii.gz|",
        "a1|Votes|m.nii.gz|",
        "a1|r2|m.nii.gz|",
        "a1||m.nii.gz|",
    )
    rows = read_rows(table, ("case", "rater", "file"), ("case", "rater", "file", "roi", "finding"))
    good, problems = parse_annotations(rows, tmp_path, table.name, ["a1"], check_files=True)
    assert [(a.rater, a.file, a.roi) for a in good] == [
        ("r1", tmp_path / "m.nii.gz", "GTV"),
        ("r2", None, None),
    ]
    assert len(problems) == 4
    assert "row 4, column case: 'b9' is not in the table of cases" in problems[0]
    assert "row 5, column rater: 'Votes' is reserved" in problems[1]
    assert "row 6: rater r2 marks something" in problems[2]
    assert "row 7, column rater: it is empty" in problems[3]


def test_an_unknown_column_of_annotations_is_an_error(tmp_path: Path) -> None:
    table = write(tmp_path / "annotations.tsv", "case|rater|file|maks")
    with pytest.raises(InputError, match="the column 'maks' is unknown"):
        read_rows(table, ("case", "rater", "file"), ("case", "rater", "file", "roi", "finding"))


def test_a_quotation_mark_is_a_character_like_any_other(tmp_path: Path) -> None:
    table = tmp_path / "annotations.tsv"
    table.write_text(
        'case\trater\tfile\tfinding\na1\tr1\t\t"drowning, left\na2\tr1\t\t5 "ml\na3\tr1\t\t\n'
    )
    rows = read_rows(table, ("case", "rater", "file"), ("case", "rater", "file", "finding"))
    assert [row["case"] for row in rows] == ["a1", "a2", "a3"]
    assert rows[0]["finding"] == '"drowning, left'


def test_a_row_that_leaves_cells_out_is_an_error(tmp_path: Path) -> None:
    table = write(tmp_path / "cases.tsv", "case|image|label|site", "a1|ct|other", "a2|ct|other|B")
    with pytest.raises(InputError, match="row 2 has 3 cells, the header 4"):
        read_rows(table, ("case", "image", "label"), None)


def test_raters_that_differ_in_letter_case_only(tmp_path: Path) -> None:
    table = write(tmp_path / "annotations.tsv", "case|rater|file", "a1|Kato|", "a2|kato|")
    rows = read_rows(table, ("case", "rater", "file"), None)
    _, problems = parse_annotations(rows, tmp_path, table.name, ["a1", "a2"], check_files=True)
    assert len(problems) == 1
    assert "row 3, column rater: 'kato' and 'Kato' differ in letter case only" in problems[0]


@pytest.mark.parametrize(("name", "words"), [("a{x}.nii", "holds braces"), ("d", "is a folder")])
def test_files_that_cannot_be_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "a{x}.nii").touch()
    table = write(tmp_path / "annotations.tsv", "case|rater|file", f"a1|r|{name}")
    rows = read_rows(table, ("case", "rater", "file"), None)
    _, problems = parse_annotations(rows, tmp_path, table.name, ["a1"], check_files=True)
    assert len(problems) == 1
    assert words in problems[0]


def test_a_scan_named_through_a_link_is_the_same_scan(tmp_path: Path) -> None:
    (tmp_path / "ct").mkdir()
    (tmp_path / "ct" / "a").mkdir()
    (tmp_path / "link").symlink_to("ct")
    (tmp_path / "b").symlink_to("ct/a")
    table = write(
        tmp_path / "cases.tsv",
        "case|image|label", "a1|ct/a|other", "a2|link/a|other", "a3|b|other", "a4|ct/../ct/a|other",
    )  # fmt: skip
    cases, problems = read_cases(table)
    assert [case.case for case in cases] == ["a1"]
    assert [problem.partition(" already")[0] for problem in problems] == [
        f"cases.tsv, row {n}, column image: '{name}' is the image of case a1"
        for n, name in ((3, "link/a"), (4, "b"), (5, "ct/../ct/a"))
    ]
