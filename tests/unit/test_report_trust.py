"""What the report says of maps that fail their own tests, and what it shows in grey."""

import re
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest
from rightreason import figures
from rightreason.figures import BLUE, GREY
from rightreason.report_glance import at_a_glance
from rightreason.report_headline_figure import headline_figure
from rightreason.report_method_figures import method_against_method
from rightreason.report_overlap import choices
from rightreason.report_stands import strips
from rightreason.report_trust import insensitive, trust, untrusted
from rightreason.report_warnings import warnings
from rightreason.trust_table import TRUST_COLUMNS
from rightreason.trust_words import SENTENCES

from tests.unit.report_fakes import fake_study, study_of

ROWS = [
    ("planar", "gradcam", "batch", "difference", 2e-7, 2e-7, 2e-7, 1e-4, "pass"),
    ("planar", "gradcam", "faithfulness", "gain_blur", 0.12, 0.03, 0.2, 0.0, "pass"),
    ("planar", "gradcam", "repeatability", "shift", 0.31, 0.2, 0.4, 0.7, "fail"),
    ("planar", "ig", "completeness", "gap", 0.2, 0.2, 0.2, 0.05, "fail"),
    ("planar", "ig", "randomisation", "rank_correlation", 0.62, 0.5, 0.7, 0.4, "fail"),
    ("block", "ig", "randomisation", "rank_correlation", 0.35, 0.2, 0.5, 0.4, "undecided"),
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    found = study_of(fake_study(tmp_path_factory.mktemp("trust")))
    rows = [(*row, 8, SENTENCES[row[2], row[3]][int(row[8] == "fail")]) for row in ROWS]
    return replace(found, trust=pd.DataFrame(rows, columns=TRUST_COLUMNS))


def test_methods_that_fail_are_named_on_the_first_screen(study):
    failed, blind = untrusted(study)
    assert "gradcam (repeatability); ig (completeness, randomisation)." in failed
    assert blind.startswith("Insensitive: ig.")
    assert "headline" not in blind
    assert failed in warnings(study)
    assert untrusted(replace(study, trust=study.trust[study.trust["verdict"] != "fail"])) == []


def test_the_headlines_own_method_is_named_as_such(study):
    rows = study.trust.assign(method="gradcam")
    _, blind = untrusted(replace(study, trust=rows))
    assert blind.endswith("The headline’s method is one of them.")


def test_only_a_map_that_surely_survives_is_insensitive(study):
    assert insensitive(study) == {("planar", "ig")}


def test_its_overlap_is_in_grey_and_no_other(study):
    by_reference, by_binarisation = choices(study)
    assert by_reference.columns[2:] == ["gradcam", "ig"]
    for table in (by_reference, by_binarisation):
        rows = [i for i, row in enumerate(table.rows) if row[0] == "planar"]
        assert table.faint == {(i, 3) for i in rows}
        assert all(table.rows[i][3].endswith("†") == (i in rows) for i in range(len(table.rows)))
        assert not any("†" in row[2] for row in table.rows)
        assert table.caption.endswith("In grey (†): the map survives an untrained network.")
    assert "In grey (†)" in strips(study)[0].paragraphs[0]


def test_so_is_the_headline_of_such_a_method(study):
    table = next(block for block in at_a_glance(study) if block.kind == "table")
    assert not table.faint
    own = replace(study, trust=study.trust.assign(method="gradcam"))
    table = next(block for block in at_a_glance(own) if block.kind == "table")
    assert {table.rows[i][0] for i, _ in table.faint} == {"planar"}
    assert {table.columns[j] for _, j in table.faint} == {"Irrelevant ratio"}


def inks(block):
    """Count the strokes and fills of each colour in the first picture of a block."""
    drawn = block.items[0][0].files["svg"].decode()
    return Counter(re.findall(r"(?:stroke|fill): (#[0-9a-f]{6})", drawn))


def test_its_plots_are_in_grey_and_marked(study, monkeypatch):
    text, means, _, by_case = method_against_method(study)
    assert text.paragraphs[0].endswith("In grey (†): the map survives an untrained network.")
    rows = []
    monkeypatch.setattr(figures, "dots", lambda found, *rest: rows.extend(found))
    method_against_method(study)
    assert [(row.name, row.faint) for row in rows][:2] == [("gradcam", False), ("ig†", True)]
    # The other model's map of the same method tells what it learnt.
    assert ("ig", False) in {(row.name, row.faint) for row in rows}
    trusted = method_against_method(replace(study, trust=study.trust.iloc[:0]))[3]
    # In the legend the training sites are blue as ever.
    assert inks(trusted)[BLUE] > inks(by_case)[BLUE]
    assert GREY in inks(means)


def test_the_headlines_picture_is_in_grey_where_its_map_is(study):
    (block,) = headline_figure(study)
    assert BLUE in inks(block)
    assert "†" not in block.items[0][1]
    (own,) = headline_figure(replace(study, trust=study.trust.assign(method="gradcam")))
    assert BLUE not in inks(own)
    assert own.items[0][1].endswith("In grey (†): the map survives an untrained network.")


def test_the_table_has_a_row_for_each_test_and_a_column_for_each_method(study):
    _, planar, block, failures = trust(study)
    assert planar.columns == ["Test", "Limit", "gradcam", "ig"]
    cells = {row[0]: [cell.replace("\u00a0", " ") for cell in row[1:]] for row in planar.rows}
    assert cells["Alone and in a batch, largest difference"] == ["0.0001", "2e−07 pass", "–"]
    assert cells["Completeness, largest gap"] == ["0.05", "–", "20 % fail"]
    assert cells["Blurred in the map’s order, gain"] == ["0", "+0.12 [+0.03, +0.20] pass", "–"]
    assert cells["Shifted, rank correlation"] == ["0.7", "0.31 [0.20, 0.40] fail", "–"]
    assert block.columns == ["Test", "Limit", "ig"]
    assert len(failures.paragraphs) == 3
    assert failures.paragraphs[0].startswith("planar, gradcam: The map does not follow")


def test_a_study_without_tests_says_so(study):
    [text] = trust(replace(study, trust=study.trust[:0]))
    assert text.paragraphs == ["The maps themselves were not tested."]
