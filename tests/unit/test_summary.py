from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rightreason.agreement import AGREEMENT_COLUMNS
from rightreason.audited import Audited
from rightreason.bands_table import BANDS_COLUMNS
from rightreason.calibration_table import CALIBRATION_COLUMNS
from rightreason.cohort import read_predictions, site_groups
from rightreason.comparisons import COMPARISON_COLUMNS
from rightreason.curves_table import CURVES_COLUMNS
from rightreason.errors import InputError
from rightreason.overlap_table import OVERLAP_COLUMNS
from rightreason.performance import COLUMNS as PERFORMANCE_COLUMNS
from rightreason.places_table import PLACES_COLUMNS
from rightreason.ratios_table import RATIOS_COLUMNS
from rightreason.sensitivity_table import SENSITIVITY_COLUMNS
from rightreason.statistics import sum_by_patient
from rightreason.summary import read_tables, summarise
from rightreason.verdict import VERDICT_COLUMNS

from tests.unit.overlap_fakes import (
    HEADLINE,
    FakeCase,
    FakeStudy,
    annotated_of,
    cases_of,
    write_study,
    write_table,
)

SETTINGS = {
    "bootstrap": 500, "permutations": 999, "confidence": 0.95, "seed": 1, "strata": [],
}  # fmt: skip
HEADERS = {
    "performance": PERFORMANCE_COLUMNS,
    "overlap": OVERLAP_COLUMNS,
    "sensitivity": SENSITIVITY_COLUMNS,
    "places": PLACES_COLUMNS,
    "verdict": VERDICT_COLUMNS,
    "curves": CURVES_COLUMNS,
    "calibration": CALIBRATION_COLUMNS,
    "ratios": RATIOS_COLUMNS,
    "bands": BANDS_COLUMNS,
    "comparisons": COMPARISON_COLUMNS,
    "agreement": AGREEMENT_COLUMNS,
}
COHORT = {
    "c1": FakeCase("p1", ratio=0.2, probability=0.9),
    "c2": FakeCase("p2", ratio=0.6, probability=0.8),
    "c3": FakeCase("p3", ratio=0.9, probability=0.3),
    "c4": FakeCase("p4", ratio=0.5, probability=0.4, label="other"),
    "c5": FakeCase("p5", raters=(), probability=0.1, label="other"),
    "c6": FakeCase("p6", site="B", ratio=float("nan"), probability=0.6),
    "c7": FakeCase("p7", site="B", ratio=0.7, probability=0.2),
}
CASES = cases_of(COHORT)
STUDY = {
    "external_sites": ["B"],
    "positive": "drowning",
    "headline": HEADLINE,
    "methods": {"gradcam": {"algorithm": "gradcam", "layer": None}},
    "layers": {"m": None},
    "shards": 1,
    "trust": {"tests": [], "limits": {}},
}


def run(folder: Path, cohort=None, study=STUDY) -> dict[str, pd.DataFrame]:
    cohort = cohort or COHORT
    raters = {case: list(cohort[case].raters) for case in annotated_of(cohort)}
    for case, names in raters.items():
        rows = [{"rater": name, "staple_sensitivity": 0.9, "staple_specificity": 0.8}
                for name in names]  # fmt: skip
        write_table(folder / f"annotate/{case}/raters.tsv", list(rows[0]), rows)
    summarise(folder, cases_of(cohort), raters, ["m"], study, SETTINGS)
    return {name: pd.read_csv(folder / f"summary/{name}.tsv", sep="\t") for name in HEADERS}


def test_every_table_is_written_with_its_columns(tmp_path: Path):
    write_study(tmp_path, COHORT)
    tables = run(tmp_path)
    for name, columns in HEADERS.items():
        assert list(tables[name].columns) == columns
        assert len(tables[name])
    assert tables["performance"]["sites"].tolist() == ["A", "B", "training", "external", "training"]
    training = tables["performance"].iloc[2]
    assert training["auc"] == pytest.approx(5 / 6, abs=1e-5)
    assert training["accuracy"] == 0.8
    external = tables["performance"].iloc[3]
    assert external["sensitivity"] == 0.5
    assert external[["auc", "auc_low", "auc_high", "specificity"]].isna().all()
    assert tables["verdict"]["case"].tolist() == ["c2", "c1", "c3", "c7", "c6"]
    # The headline is one row of two tables, which say the same of it.
    headline = tables["sensitivity"].query("sites == 'training' and choice == 'headline'").iloc[0]
    row = (
        tables["overlap"]
        .query(
            "sites == 'training' and reference == 'union' and binarisation == 'otsu' and "
            "measure == 'irrelevant_ratio' and subset == 'all'"
        )
        .iloc[0]
    )
    for name in ("n_cases", "mean", "low", "high", "chance"):
        assert headline[name] == row[name]


def test_without_annotations_the_tables_are_their_headers(tmp_path: Path):
    cohort = {case: FakeCase(fake.patient, fake.site, fake.label, raters=())
              for case, fake in COHORT.items()}  # fmt: skip
    write_study(tmp_path, cohort)
    run(tmp_path, cohort, STUDY | {"external_sites": []})
    for name, columns in HEADERS.items():
        lines = (tmp_path / f"summary/{name}.tsv").read_text().splitlines()
        assert lines[0] == "\t".join(columns)
        assert len(lines) == {"performance": 5, "calibration": 2}.get(name, 1)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path):
    write_study(tmp_path, COHORT)
    written = []
    for _ in range(2):
        run(tmp_path)
        written.append([(tmp_path / f"summary/{name}.tsv").read_bytes() for name in HEADERS])
    assert written[0] == written[1]


def test_a_rater_called_na_is_a_rater(tmp_path: Path):
    marked = {"": 80, "NA": 20}
    cohort = {
        "c1": FakeCase("p1", raters=("NA",), patterns=marked),
        "c2": FakeCase("p2", raters=("NA", "r2"), patterns=marked),
    }
    write_study(tmp_path, cohort)
    run(tmp_path, cohort, STUDY | {"external_sites": []})
    rows = pd.read_csv(tmp_path / "summary/overlap.tsv", sep="\t", keep_default_na=False)
    assert list(rows["reference"].unique())[:3] == ["NA", "r2", "majority"]


def test_all_that_is_wrong_with_predictions_is_said_at_once(tmp_path: Path):
    cohort = {case: fake for case, fake in COHORT.items() if case != "c5"}
    cohort["c1"] = FakeCase("p1", probability=1.5)
    cohort["c2"] = FakeCase("p2", label="other")
    write_study(tmp_path, cohort | {"c9": FakeCase("p9")})
    with pytest.raises(InputError) as error:
        read_predictions(tmp_path / "predict/m.tsv", CASES)
    for sentence in ("c5 has no row", "c9 is not in the study", "c1 has the probability 1.5",
                     "c2 has the label other"):  # fmt: skip
        assert sentence in str(error.value)


def test_a_table_of_another_case_is_refused(tmp_path: Path):
    write_study(tmp_path, COHORT)
    there = tmp_path / "overlap"
    (there / "c1.tsv").write_bytes((there / "c4.tsv").read_bytes())
    with pytest.raises(InputError, match="c4"):
        run(tmp_path)


def test_frames_are_joined_with_who_and_where_and_whether_right(tmp_path: Path):
    study = FakeStudy(("m", "n"))
    cohort = COHORT | {"c2": FakeCase("p2", probability={"m": 0.8, "n": 0.1})}
    write_study(tmp_path, cohort, study)
    tables = read_tables(tmp_path, CASES, annotated_of(cohort), ["m", "n"], STUDY)
    for frame in (tables.scores, tables.pairs, tables.raters, tables.places, tables.judged):
        plain = frame.astype(dict.fromkeys(("case", "model", "patient", "site", "label"), str))
        assert len(plain)
        for row in plain.drop_duplicates(["case", "model"]).itertuples():
            assert (row.patient, row.site) == (CASES[row.case]["patient"], CASES[row.case]["site"])
            assert row.label == "drowning"
            assert row.right == (cohort[row.case].probability_of(row.model) >= 0.5)
    assert "right" not in tables.patterns
    assert set(tables.patterns["site"]) == {"A", "B"}


def test_groups_without_an_audited_case_are_left_out():
    cases = {"c1": {"patient": "p1", "site": "A", "label": "drowning"},
             "c2": {"patient": "p2", "site": "B", "label": "other"}}  # fmt: skip
    table = pd.DataFrame({"case": ["c1", "c2"], "label": ["drowning", "other"],
                          "predicted": ["other", "other"]})  # fmt: skip
    audited = Audited.of(cases, ["c1", "c2"], ["B"], "drowning", {"m": table})
    assert audited.cases == ["c1"]
    assert list(audited.groups) == ["A", "training"]
    assert audited.right["m"].tolist() == [False]


def test_site_groups_pool_training_and_external():
    groups = site_groups(CASES, ["B"])
    assert groups["training"] == groups["A"] == ["c1", "c2", "c3", "c4", "c5"]
    assert groups["external"] == groups["B"] == ["c6", "c7"]
    assert "external" not in site_groups(CASES, [])


def test_sums_by_patient():
    values = np.array([[1.0, 2], [3, 4], [5, 6], [7, 8]])
    found = sum_by_patient(values, np.array([1, 0, 1, 2]))
    assert found.tolist() == [[3, 4], [6, 8], [7, 8]]
