"""Tables put together: every case once, in the cohort's order, cells as they were."""

import csv
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rightreason.errors import InputError
from rightreason.gather import gather_tables


def write(path, text):
    path.write_text(text)
    return path


def test_rows_stand_in_the_order_of_the_cohort_as_they_were(tmp_path):
    first = write(
        tmp_path / "a", 'case\tlabel\tp\nc2\t"the ""second"""\t0.10\nc0\tcaf\u00e9\t1e-9\n'
    )
    second = write(tmp_path / "b", "case\tlabel\tp\nc1\t\t0.5\n")
    gather_tables([first, second], ["c0", "c1", "c2"], tmp_path / "out" / "m.tsv")
    assert (tmp_path / "out" / "m.tsv").read_text() == (
        'case\tlabel\tp\nc0\tcaf\u00e9\t1e-9\nc1\t\t0.5\nc2\t"the ""second"""\t0.10\n'
    )


def test_rows_of_one_case_stay_together_in_their_order(tmp_path):
    first = write(tmp_path / "a", "case\tseed\nc2\t0\nc2\t1\nc0\t0\nc0\t1\n")
    second = write(tmp_path / "b", "case\tseed\nc1\t0\nc1\t1\n")
    gather_tables([first, second], ["c0", "c1", "c2"], tmp_path / "m", each=2)
    assert (tmp_path / "m").read_text() == (
        "case\tseed\nc0\t0\nc0\t1\nc1\t0\nc1\t1\nc2\t0\nc2\t1\n"
    )


def test_a_part_and_a_cohort_may_be_empty(tmp_path):
    empty = write(tmp_path / "a", "case\tp\n")
    gather_tables([empty, write(tmp_path / "b", "case\tp\nc\t1\n")], ["c"], tmp_path / "m")
    assert (tmp_path / "m").read_text() == "case\tp\nc\t1\n"
    gather_tables([empty], [], tmp_path / "n")
    assert (tmp_path / "n").read_text() == "case\tp\n"


@settings(max_examples=25)
@given(
    order=st.permutations([f"c{n}" for n in range(9)]),
    shard=st.lists(st.integers(0, 3), min_size=9, max_size=9),
    text=st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\r")), min_size=9, max_size=9
    ),
)
def test_any_division_gives_the_same_table(tmp_path_factory, order, shard, text):
    folder = tmp_path_factory.mktemp("gather")
    whole = [[case, cell] for case, cell in zip(sorted(order), text, strict=True)]

    def table(path, rows):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([["case", "x"], *rows])
        return path

    rows = dict(whole)
    parts = [
        table(folder / str(n), [[c, rows[c]] for c, s in zip(order, shard, strict=True) if s == n])
        for n in range(4)
    ]
    gather_tables(parts, sorted(order), folder / "out")
    assert (folder / "out").read_bytes() == table(folder / "whole", whole).read_bytes()


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        ("case\tp\n", "c1: 0 rows instead of 1"),
        ("case\tp\nc1\t1\nc1\t1\n", "c1: 2 rows instead of 1"),
        ("case\tp\nc1\t1\nc0\t1\n", "c0: 2 rows instead of 1"),
        ("case\tp\nc1\t1\nold\t1\n", "old: 1 rows, and no such case is due"),
    ],
)
def test_a_case_that_is_not_there_once_is_named(tmp_path, second, problem):
    parts = [write(tmp_path / "a", "case\tp\nc0\t1\n"), write(tmp_path / "b", second)]
    message = rf"m would not have every case once(.|\n)*- {re.escape(problem)}$"
    with pytest.raises(InputError, match=message):
        gather_tables(parts, ["c0", "c1"], tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_of_many_cases_the_first_are_named(tmp_path):
    part = write(tmp_path / "a", "case\tp\n")
    with pytest.raises(InputError, match=r"- c009: .*\n  - and 990 more cases$"):
        gather_tables([part], [f"c{n:03d}" for n in range(1000)], tmp_path / "m")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case\tq\nc1\t1\n", r"differ in their columns; \S+a has case, p\.(.|\n)*b: case, q$"),
        ("case\tp\nc1\n", r"b is no whole table: a row with 1 cells.*made anew"),
        ("name\tp\nc1\t1\n", r"b is no whole table: no column `case`.*made anew"),
        ("", r"b cannot be read as a table.*made anew"),
        (b"case\tp\n\xff\t1\n", r"b cannot be read as a table.*made anew"),
        (b"case\tp\nc1\t\0\n", None),
        (None, r"b cannot be read as a table.*made anew"),
    ],
)
def test_a_part_that_is_no_table_of_its_kind_is_refused(tmp_path, text, message):
    first, second = write(tmp_path / "a", "case\tp\nc0\t1\n"), tmp_path / "b"
    if text is not None:
        second.write_bytes(text if isinstance(text, bytes) else text.encode())
    if message is None:
        gather_tables([first, second], ["c0", "c1"], tmp_path / "m")
        assert (tmp_path / "m").read_bytes() == b"case\tp\nc0\t1\nc1\t\0\n"
        return
    with pytest.raises(InputError, match=message):
        gather_tables([first, second], ["c0", "c1"], tmp_path / "m")
    assert not (tmp_path / "m").exists()
