from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rightreason.audited import Audited
from rightreason.cohort import read_predictions
from rightreason.curves_table import CURVES_COLUMNS, curves_table
from rightreason.errors import InputError

from tests.unit.overlap_fakes import FakeCase, FakeStudy, annotated_of, cases_of, write_study

REFERENCES = ["r1", "r2", "union"]
STUDY = FakeStudy(("m", "n"))


def read(folder: Path, cohort, references=None) -> pd.DataFrame:
    cases = cases_of(cohort)
    predictions = {m: read_predictions(folder / f"predict/{m}.tsv", cases) for m in STUDY.models}
    audited = Audited.of(cases, annotated_of(cohort), ["B"], "drowning", predictions)
    paths = {case: folder / f"overlap/{case}.curves.npz" for case in audited.cases}
    everyone = ["r1", "r2", "majority", "union", "intersection", "staple"]
    table = curves_table(paths, references or everyone, audited)
    assert list(table.columns) == CURVES_COLUMNS
    return table


def at(table: pd.DataFrame, fraction=0.1, **other) -> pd.Series:
    keys = {"sites": "training", "model": "m", "method": "gradcam", "part": "positive",
            "reference": "union", "subset": "all"} | other  # fmt: skip
    chosen = (table[list(keys)] == list(keys.values())).all(axis=1)
    found = table[chosen & np.isclose(table["fraction"], fraction)]
    assert len(found) == 1
    return found.iloc[0]


COHORT = {
    "c1": FakeCase("p1", ratio={"m": 0.2, "n": 0.9}),
    "c2": FakeCase("p2", ratio=0.6, probability={"m": 0.9, "n": 0.1}, raters=("r2", "r3")),
    "c3": FakeCase("p3", ratio=float("nan")),
    "c4": FakeCase("p4", ratio=1.0, important=0),
    "c5": FakeCase("p5", ratio=0.3, site="B"),
}
EVERYONE = ["r1", "r2", "r3", "majority", "union", "intersection", "staple"]


def test_means_by_hand(tmp_path: Path):
    table = read(write_study(tmp_path, COHORT, STUDY), COHORT, EVERYONE)
    found = at(table)
    # Of 100 seen voxels 10 are attended, of which 8, 4 and 0 are in A: 20, 20 and 0 voxels.
    assert (found["n_cases"], found["n_coverage"]) == (3, 2)
    assert found["irrelevant_ratio"] == pytest.approx((0.2 + 0.6 + 1) / 3)
    assert found["coverage"] == pytest.approx((8 / 20 + 4 / 20) / 2)
    assert found["dice"] == pytest.approx((16 / 30 + 8 / 30 + 0) / 3)
    assert at(table, sites="external")["irrelevant_ratio"] == pytest.approx(0.3)
    assert at(table, model="n", subset="correct")["irrelevant_ratio"] == pytest.approx(0.95)
    wrong = at(table, model="n", subset="wrong")
    assert (wrong["n_cases"], wrong["irrelevant_ratio"]) == (1, pytest.approx(0.6))
    assert at(table, reference="r3")["n_cases"] == 1


def test_a_curve_of_no_case_has_no_rows(tmp_path: Path):
    table = read(write_study(tmp_path, COHORT, STUDY), COHORT, EVERYONE)
    assert not ((table["model"] == "m") & (table["subset"] == "wrong")).any()
    # Every curve that there is has all its fractions.
    sizes = table.groupby(["sites", "model", "reference", "subset"]).size()
    assert set(sizes) == {100}


def test_files_of_other_maps_are_named(tmp_path: Path):
    write_study(tmp_path, COHORT, STUDY)
    one = {"c2": COHORT["c2"]}
    write_study(tmp_path / "other", one, FakeStudy(("m",)))
    path = tmp_path / "overlap" / "c2.curves.npz"
    path.write_bytes((tmp_path / "other" / "overlap" / "c2.curves.npz").read_bytes())
    with pytest.raises(InputError, match=r"c2\.curves\.npz is about other maps"):
        read(tmp_path, COHORT, EVERYONE)


def test_nobody_is_audited(tmp_path: Path):
    cohort = {"c1": FakeCase("p1", raters=())}
    assert read(write_study(tmp_path, cohort, STUDY), cohort).empty
