from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rightreason.overlap_table import COUNTED, OVERLAP_COLUMNS, overlap_table
from rightreason.summary import read_tables
from scipy.stats import bootstrap

from tests.unit.overlap_fakes import (
    HEADLINE,
    FakeCase,
    FakeStudy,
    annotated_of,
    cases_of,
    expanded_level,
    write_study,
)

SETTINGS = {"bootstrap": 1000, "confidence": 0.95, "seed": 3, "strata": []}
NAN = float("nan")
KEY = ["sites", "model", "method", "reference", "binarisation", "measure", "subset"]


def tables_of(folder: Path, cohort, study=None, **headline):
    study = study or FakeStudy()
    write_study(folder, cohort, study)
    about = {"external_sites": ["B"], "positive": "drowning", "headline": HEADLINE | headline}
    return read_tables(folder, cases_of(cohort), annotated_of(cohort), study.models, about)


def table_of(folder: Path, cohort, study=None) -> pd.DataFrame:
    tables = tables_of(folder, cohort, study)
    return overlap_table(tables.scores, tables.seeds, tables.audited, SETTINGS)


def row(table: pd.DataFrame, sites="training", measure="irrelevant_ratio", subset="all", **other):
    keys = {"sites": sites, "model": "m", "method": "gradcam", "reference": "union",
            "binarisation": "otsu", "measure": measure, "subset": subset} | other  # fmt: skip
    found = table[(table[KEY] == [keys[name] for name in KEY]).all(axis=1)]
    assert len(found) == 1
    return found.iloc[0]


COHORT = {
    "c1": FakeCase("p1", ratio=0.2),
    "c2": FakeCase("p2", ratio=0.6),
    "c3": FakeCase("p2", ratio=0.9, probability=0.3),
    "c4": FakeCase("p4", ratio=0.5, label="other", probability=0.1),
    "c5": FakeCase("p5", ratio=NAN),
    "c6": FakeCase("p6", ratio=0.3, important=0),
    "c7": FakeCase("p7", site="B", ratio=0.7, probability=0.6, threshold=0.7),
    "c8": FakeCase("p8", raters=()),
}


def test_by_hand(tmp_path: Path):
    table = table_of(tmp_path, COHORT)
    assert list(table.columns) == OVERLAP_COLUMNS
    found = row(table)
    # c4 is not positive, c8 not annotated, c5 attends to nothing; nothing is marked in c6, of which
    # all attention is irrelevant.
    assert (found["n_cases"], found["n_patients"], found["n_undefined"]) == (4, 3, 1)
    assert found["undefined"] == "nothing attended (1)"
    ratios = [0.2, 0.6, 0.9, 1.0]
    assert found["mean"] == pytest.approx(0.675)
    assert found["median"] == pytest.approx(0.75)
    assert (found["q25"], found["q75"]) == (pytest.approx(0.5), pytest.approx(0.925))
    assert found["sd"] == pytest.approx(np.std(ratios, ddof=1))
    assert found["low"] < 0.675 < found["high"]
    assert np.isnan(found["seed_sd"])
    assert found["perfect"] == 0
    assert found["chance"] == pytest.approx((0.8 * 3 + 1.0) / 4)
    assert found["shifted"] == pytest.approx(0.85 + 0.01)
    gains = [1 - ratio / chance for ratio, chance in zip(ratios, [0.8] * 3 + [1.0], strict=True)]
    assert found["gain"] == pytest.approx(np.mean(gains))
    assert np.isnan(found["region_chance"])


def test_reasons_are_counted_by_name(tmp_path: Path):
    found = row(table_of(tmp_path, COHORT), measure="coverage")
    # (1 - 0.2) 10 / 20, and so on; c5 covers nothing, and in c6 there is nothing to cover.
    assert found["mean"] == pytest.approx((0.4 + 0.2 + 0.05 + 0) / 4)
    assert (found["n_undefined"], found["undefined"]) == (1, "nothing marked (1)")
    both = {"c1": FakeCase("p1", ratio=NAN, important=0), "c2": FakeCase("p2", important=0)}
    found = row(table_of(tmp_path / "more", both | {"c3": FakeCase("p3", ratio=NAN, important=0)}),
                measure="coverage")  # fmt: skip
    assert (found["n_cases"], found["n_patients"], found["n_undefined"]) == (0, 0, 3)
    assert found["undefined"] == "nothing attended (2); nothing marked (1)"
    assert found[["mean", "median", "sd", "q25", "q75", "low", "high", "chance"]].isna().all()


def test_subsets_by_what_predict_called(tmp_path: Path):
    table = table_of(tmp_path, COHORT)
    assert row(table, subset="correct")["mean"] == pytest.approx((0.2 + 0.6 + 1.0) / 3)
    wrong = row(table, subset="wrong")
    assert (wrong["n_cases"], wrong["mean"]) == (1, pytest.approx(0.9))
    assert wrong[["low", "high", "sd"]].isna().all()
    # 0.6 is below the threshold 0.7 that was chosen for it.
    assert row(table, sites="external", subset="wrong")["n_cases"] == 1
    assert row(table, sites="external", subset="correct")["n_cases"] == 0


def test_intervals_are_scipys_bca_over_patients(tmp_path: Path):
    rng = np.random.default_rng(5)
    ratios = np.round(rng.random(14), 3)
    cohort = {f"c{i:02d}": FakeCase(f"p{i:02d}", ratio=float(r)) for i, r in enumerate(ratios)}
    found = row(table_of(tmp_path, cohort))
    theirs = bootstrap(
        (ratios,), np.mean, n_resamples=1000, method="BCa", axis=-1, vectorized=True,
        confidence_level=expanded_level(14),
        random_state=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert (found["low"], found["high"]) == (
        pytest.approx(theirs.low, abs=1e-9), pytest.approx(theirs.high, abs=1e-9),
    )  # fmt: skip
    # Each patient twice is no more than each patient once.
    twice = cohort | {
        f"d{i:02d}": FakeCase(f"p{i:02d}", ratio=float(r)) for i, r in enumerate(ratios)
    }
    doubled = row(table_of(tmp_path / "twice", twice))
    assert (doubled["n_cases"], doubled["n_patients"]) == (28, 14)
    assert doubled["low"] == pytest.approx(found["low"])


def test_every_row_is_pandas_groupby(tmp_path: Path):
    rng = np.random.default_rng(1)
    study = FakeStudy(("m", "n"), ("gradcam", "ig"), ("otsu", "half"))

    def ratio(*_):
        return NAN if rng.random() < 0.2 else round(float(rng.random()), 3)

    cohort = {
        f"c{i}": FakeCase(
            f"p{i // 2}", ratio=ratio, raters=("r1",) if i % 3 else ("r2", "r3"),
            probability=float(rng.random()), site="AC"[i > 5],
        )
        for i in range(10)
    }  # fmt: skip
    tables = tables_of(tmp_path, cohort, study)
    table = overlap_table(tables.scores, tables.seeds, tables.audited, SETTINGS)
    plain = tables.scores.astype(dict.fromkeys((*KEY[1:-1], "site"), str))
    for sites, here in [*plain.groupby("site"), ("training", plain)]:
        for subset, chosen in (("all", here), ("correct", here[here["right"]]),
                               ("wrong", here[~here["right"]])):  # fmt: skip
            ours = table[(table["sites"] == sites) & (table["subset"] == subset)]
            ours = ours[ours["n_cases"] > 0].set_index(KEY[1:-1]).sort_index()
            defined = chosen.dropna(subset="value")
            groups = defined.groupby(KEY[1:-1])
            assert ours["n_cases"].to_dict() == groups.size().to_dict()
            assert ours["n_patients"].to_dict() == groups["patient"].nunique().to_dict()
            for name, column in COUNTED.items():
                assert ours[column].to_dict() == groups[name].count().to_dict()
            for name, theirs in (
                ("mean", groups["value"].mean()), ("median", groups["value"].median()),
                ("sd", groups["value"].std()), ("q25", groups["value"].quantile(0.25)),
                ("shuffled_gain", groups["shuffled_gain"].mean()),
            ):  # fmt: skip
                np.testing.assert_allclose(ours[name], theirs.sort_index(), rtol=1e-6)
            both = chosen.dropna(subset=["fair", "ceiling"]).groupby(KEY[1:-1])
            counted = ours["n_fair"][ours["n_fair"] > 0]
            assert counted.to_dict() == both.size().to_dict()
            np.testing.assert_allclose(
                ours.loc[counted.index, "fair"], both["fair"].mean().sort_index(), rtol=1e-6
            )


def test_fair_and_ceiling_stand_on_the_cases_that_have_both(tmp_path: Path):
    cohort = {
        "c1": FakeCase("p1", ratio=0.2),
        "c2": FakeCase("p2", ratio=0.6),
        "c3": FakeCase("p3", ratio=0.8, raters=("r1",)),  # one rater: nobody to leave out
    }
    found = row(table_of(tmp_path, cohort))
    assert (found["n_cases"], found["n_fair"]) == (3, 2)
    assert found["fair"] == pytest.approx((0.25 + 0.65) / 2)
    assert found["ceiling"] == pytest.approx(0.25)


def test_the_spread_over_seeds_is_that_of_their_means(tmp_path: Path):
    cohort = {
        "c1": FakeCase("p1", ratio=0.2, seed_step=0.1),
        "c2": FakeCase("p2", ratio=0.4, seed_step=0.0),
        "c3": FakeCase("p3", ratio=NAN),
    }
    table = table_of(tmp_path, cohort, FakeStudy(seeds=3))
    # Means of the three trainings over c1 and c2: 0.3, 0.35, 0.4.
    assert row(table)["seed_sd"] == pytest.approx(0.05, rel=1e-5)
    assert np.isnan(row(table, measure="pointing_game", binarisation="positive")["seed_sd"])
    assert row(table, subset="wrong")["n_cases"] == 0


def test_a_model_without_seeds_of_its_own_has_no_spread_and_disturbs_none(tmp_path: Path):
    """As one that was trained elsewhere, beside one that was trained here three times."""
    cohort = {
        "c1": FakeCase("p1", ratio=0.2, seed_step=0.1),
        "c2": FakeCase("p2", ratio=0.4, seed_step=0.0),
    }
    tables = tables_of(tmp_path, cohort, FakeStudy(("m", "given"), seeds=3))
    seeds = tables.seeds[tables.seeds["model"] != "given"]
    table = overlap_table(tables.scores, seeds, tables.audited, SETTINGS)
    assert row(table)["seed_sd"] == pytest.approx(0.05, rel=1e-5)
    found = row(table, model="given")
    assert np.isnan(found["seed_sd"])
    assert found["mean"] == pytest.approx(0.3)


def test_a_rater_who_did_not_look_is_no_undefined_value(tmp_path: Path):
    cohort = {"c1": FakeCase("p1", ratio=0.2), "c2": FakeCase("p2", raters=("r2",))}
    found = row(table_of(tmp_path, cohort), reference="r1")
    assert (found["n_cases"], found["n_undefined"]) == (1, 0)


def test_nobody_is_audited(tmp_path: Path):
    table = table_of(tmp_path, {"c1": FakeCase("p1", raters=())})
    assert table.empty
    assert list(table.columns) == OVERLAP_COLUMNS
