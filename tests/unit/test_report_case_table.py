from __future__ import annotations

import numpy as np
import pytest
from rightreason.report_case_table import _called, case_table
from rightreason.report_data import read_study
from rightreason.sentences import NBSP

from tests.unit.report_fakes import fake_config, fake_study

NAN = float("nan")


def table_of(fakes):
    study = read_study(**{k: v for k, v in fakes.arguments.items() if k != "out"})
    (table,) = case_table(study)
    return table


def row_of(table, case, model="planar"):
    found = [row for row in table.rows if (row[0].text, row[1].text) == (case, model)]
    assert len(found) == 1
    return dict(zip(table.columns, found[0], strict=True))


def test_a_row_per_case_and_model_with_what_the_tables_hold(tmp_path):
    table = table_of(fake_study(tmp_path, ratios={"c05": 0.413, "c07": NAN}))
    assert len(table.rows) == 2 * 16
    assert table.first == "planar"
    row = row_of(table, "c05")
    assert row["Irrelevant ratio"].text == f"41{NBSP}%"
    assert row["Irrelevant ratio"].order == pytest.approx(0.413)
    assert row["Label"].text == "drowning"
    assert row["Raters"].text == "3"
    assert row["Classified"].text in ("right", "wrong")
    # Of the fakes: 22 of 100 voxels are marked and 10 attended, of which 58.7 % lie within.
    assert row["Coverage"].order == pytest.approx(0.587 * 10 / 22, abs=0.03)
    undefined = row_of(table, "c07")
    assert undefined["Verdict"].text.endswith("reason undefined")
    assert undefined["Irrelevant ratio"].text == "–"
    assert np.isnan(undefined["Irrelevant ratio"].order)


def test_a_case_that_was_not_audited_says_why(tmp_path):
    table = table_of(fake_study(tmp_path, config=fake_config(("planar",))))
    assert row_of(table, "c00")["Verdict"].text == "not audited: not drowning"
    assert row_of(table, "c01")["Verdict"].text == "not audited: not annotated"
    assert row_of(table, "c00")["Irrelevant ratio"].text == ""
    assert row_of(table, "c00")["Raters"].text == "0"


def test_a_case_of_an_external_site_has_no_fold():
    row = {"case": "c1", "label": "drowning", "site": "B", "fold": "", "probability": 0.7,
           "threshold": 0.5, "predicted": "drowning"}  # fmt: skip
    assert [(cell.text, cell.order) for cell in _called(row, "m", False)][4] == ("external", None)


def test_without_any_annotation_every_case_still_has_a_row(tmp_path):
    fakes = fake_study(tmp_path, n=6, external=0, config=fake_config(("planar",)), annotate=False)
    table = table_of(fakes)
    assert len(table.rows) == 6
    assert {row_of(table, f"c{i:02d}")["Irrelevant ratio"].text for i in range(6)} == {""}
