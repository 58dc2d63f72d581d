from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rightreason.case_tables import (
    COMPANIONS,
    in_order,
    read_pairs,
    read_patterns,
    read_places,
    read_raters,
    read_scores,
    read_seeds,
    read_staple,
)

from tests.unit import overlap_fakes as fakes
from tests.unit.overlap_fakes import HEADLINE, FakeCase, FakeStudy, write_study

STUDY = FakeStudy(("m2", "m1"), ("ig", "gradcam"), ("otsu", "area"), seeds=2)
COHORT = {
    "c2": FakeCase("p2", ratio=0.2, raters=("NA",)),
    "c1": FakeCase("p1", ratio={"m2": 0.4, "m1": float("nan")}, left_out={"r1": 0.7}),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_study(tmp_path, COHORT, STUDY) / "overlap"


def paths(folder: Path, suffix: str) -> list[Path]:
    return [folder / f"{case}{suffix}" for case in COHORT]


def test_the_fakes_have_the_columns_that_overlap_writes():
    from rightreason.overlap_rows import COLUMNS as WRITTEN
    from rightreason.overlap_rows import RATER_COLUMNS, SEED_COLUMNS
    from rightreason.pairs import COLUMNS as PAIR_COLUMNS
    from rightreason.seen_places import COLUMNS as PLACE_COLUMNS

    assert list(WRITTEN) == fakes.COLUMNS
    assert list(RATER_COLUMNS) == fakes.RATERS_COLUMNS
    assert list(SEED_COLUMNS) == fakes.SEEDS_COLUMNS
    assert list(PAIR_COLUMNS) == fakes.PAIRS_COLUMNS
    assert list(PLACE_COLUMNS) == fakes.PLACES_COLUMNS


def test_scores_are_the_tables_as_pandas_reads_them_one_by_one(folder: Path):
    scores, _ = read_scores(paths(folder, ".tsv"), HEADLINE)
    plain = pd.concat(
        [pd.read_csv(path, sep="\t", keep_default_na=False) for path in paths(folder, ".tsv")]
    ).reset_index(drop=True)
    for name in ("case", "model", "method", "reference", "binarisation", "measure", "undefined"):
        assert scores[name].tolist() == plain[name].tolist()
    for name in ("value", *COMPANIONS):
        expected = pd.to_numeric(plain[name], errors="coerce").to_numpy(dtype=float)
        np.testing.assert_allclose(scores[name], expected, rtol=1e-7)
    assert scores["value"].dtype == np.float64
    assert {scores[name].dtype for name in COMPANIONS} == {np.dtype(np.float32)}


def test_words_stand_in_the_order_of_the_tables_and_references_in_their_own(folder: Path):
    scores, _ = read_scores(paths(folder, ".tsv"), HEADLINE)
    assert scores["model"].cat.categories.tolist() == ["m2", "m1"]
    assert scores["method"].cat.categories.tolist() == ["ig", "gradcam"]
    assert scores["binarisation"].cat.categories.tolist() == ["otsu", "area", "positive"]
    # A rater called NA is a rater, and comes before the rules although r1 was read after them.
    assert scores["reference"].cat.categories.tolist() == [
        "NA", "r1", "r2", "majority", "union", "intersection", "staple", "votes",
    ]  # fmt: skip
    assert in_order(["votes", "union", "b", "a"]) == ["a", "b", "union", "votes"]


def test_the_headlines_rows_keep_limits_and_counts(folder: Path):
    _, judged = read_scores(paths(folder, ".tsv"), HEADLINE)
    assert judged[["case", "model"]].astype(str).to_numpy().tolist() == [
        ["c2", "m2"], ["c2", "m1"], ["c1", "m2"], ["c1", "m1"],
    ]  # fmt: skip
    assert judged["value"].tolist()[:3] == [0.2, 0.2, 0.4]
    assert judged["shifted_low"].tolist()[:3] == [0.6] * 3
    assert judged["attended_voxels"].tolist() == [10, 10, 10, 0]
    assert judged.dtypes["shifted_high"] == np.float64


def test_of_the_other_tables_only_what_is_needed(folder: Path):
    raters = read_raters(paths(folder, ".raters.tsv"), HEADLINE)
    found = raters[["case", "model", "left_out"]].astype(str).to_numpy().tolist()
    assert found == [
        ["c1", "m2", "r1"], ["c1", "m2", "r2"], ["c1", "m1", "r1"], ["c1", "m1", "r2"],
    ]  # fmt: skip
    assert raters["value"].tolist()[:2] == [0.7, 0.4]
    pairs = read_pairs(paths(folder, ".pairs.tsv"), HEADLINE)
    assert pairs[["case", "model", "against"]].astype(str).to_numpy().tolist() == [
        ["c2", "m2", "m1"], ["c1", "m2", "m1"],
    ]  # fmt: skip
    assert len(read_places(paths(folder, ".places.tsv"))) == 2 * 2 * 2 * (5 + 6)
    assert set(read_seeds(paths(folder, ".seeds.tsv"))["seed"]) == {"0", "1"}
    patterns = read_patterns(paths(folder, ".agreement.tsv"))
    assert patterns["marked_by"].tolist() == ["", "r1", "r1+r2"] * 2


def test_names_that_look_like_numbers_are_names(tmp_path: Path):
    cohort = {"007": FakeCase("01", raters=("1", "2.0"))}
    folder = write_study(tmp_path, cohort, FakeStudy(("0x1",))) / "overlap"
    scores, _ = read_scores([folder / "007.tsv"], HEADLINE)
    assert scores["case"].unique().tolist() == ["007"]
    assert scores["model"].unique().tolist() == ["0x1"]
    assert scores["reference"].cat.categories.tolist()[:2] == ["1", "2.0"]


def test_many_tables_are_joined_in_stretches(folder: Path, monkeypatch):
    whole, _ = read_scores(paths(folder, ".tsv") * 5, HEADLINE)
    monkeypatch.setattr("rightreason.case_tables.AT_ONCE", 3)
    pd.testing.assert_frame_equal(read_scores(paths(folder, ".tsv") * 5, HEADLINE)[0], whole)


def test_staple_of_each_rater(tmp_path: Path):
    for case, values in (("c1", (0.9, 0.8)), ("c2", ("", ""))):
        columns = ["rater", "slices", "staple_sensitivity", "staple_specificity"]
        row = dict(zip(columns, ("NA", 2, *values), strict=True))
        fakes.write_table(tmp_path / case / "raters.tsv", columns, [row])
    found = read_staple({case: tmp_path / case for case in ("c1", "c2")})
    assert found.columns.tolist() == ["case", "rater", "sensitivity", "specificity"]
    assert found.iloc[0].tolist() == ["c1", "NA", 0.9, 0.8]
    assert found.iloc[1, 2:].isna().all()
    assert read_staple({}).empty


def test_no_tables_are_empty_frames():
    scores, judged = read_scores([], HEADLINE)
    assert scores.empty
    assert judged.empty
    assert list(scores["reference"].cat.categories) == []


def test_a_row_costs_less_than_80_bytes(folder: Path):
    """What 15,000 cases of 3,000 rows would need: 3.6 GB."""
    scores, _ = read_scores(paths(folder, ".tsv") * 50, HEADLINE)
    assert scores.memory_usage(index=False).sum() / len(scores) < 80
