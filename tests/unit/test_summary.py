from __future__ import annotations

import pandas as pd
import pytest
from rightreason.cohort import site_groups
from rightreason.errors import InputError
from rightreason.overlap import COLUMNS as OVERLAP_HEADER
from rightreason.summary import OVERLAP_COLUMNS, PERFORMANCE_COLUMNS, summarise
from sklearn.metrics import roc_auc_score

SETTINGS = {"bootstrap": 500, "confidence": 0.95, "seed": 1}

# case: patient, site, label, probability by model m
COHORT = {
    "c1": ("p1", "A", "drowning", 0.9),
    "c2": ("p2", "A", "drowning", 0.8),
    "c3": ("p3", "A", "drowning", 0.3),
    "c4": ("p4", "A", "other", 0.4),
    "c5": ("p5", "A", "other", 0.1),
    "c6": ("p6", "B", "drowning", 0.6),
    "c7": ("p7", "B", "drowning", 0.2),
}
CASES = {case: {"patient": p, "site": s, "label": lab} for case, (p, s, lab, _) in COHORT.items()}


def write_predictions(path, values):
    rows = ["case\tsite\tfold\tlabel\tprobability"]
    rows += [f"{c}\t{COHORT[c][1]}\t0\t{COHORT[c][2]}\t{v}" for c, v in values.items()]
    path.write_text("\n".join(rows) + "\n")
    return path


def write_overlap(path, case, ratio, reference="union"):
    _, _, label, probability = COHORT[case]
    correct = (probability >= 0.5) == (label == "drowning")
    row = dict.fromkeys(OVERLAP_HEADER, "") | {
        "case": case, "model": "m", "method": "gradcam", "reference": reference,
        "binarisation": "otsu", "label": label, "probability": probability,
        "correct": str(correct).lower(), "seen_voxels": 100, "important_voxels": 20,
        "attended_voxels": 10, "overlap_voxels": 2.5, "voxel_mm3": 1.0,
        "irrelevant_ratio": ratio, "chance_irrelevant_ratio": 0.8, "hit": 1,
    }  # fmt: skip
    lines = ["\t".join(OVERLAP_HEADER), "\t".join(str(row[name]) for name in OVERLAP_HEADER)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def summary(tmp_path):
    ratios = {"c1": 0.2, "c2": 0.6, "c3": 0.9, "c4": 0.5, "c6": "", "c7": 0.7}
    tables = [write_overlap(tmp_path / f"{case}.tsv", case, r) for case, r in ratios.items()]
    predictions = write_predictions(tmp_path / "m.tsv", {c: v[3] for c, v in COHORT.items()})
    performance, overlap = tmp_path / "performance.tsv", tmp_path / "overlap.tsv"
    summarise(tables, {"m": predictions}, CASES, ["B"], "drowning", SETTINGS, performance, overlap)
    return pd.read_csv(performance, sep="\t"), pd.read_csv(overlap, sep="\t")


def test_performance_by_hand(summary):
    table, _ = summary
    assert list(table.columns) == PERFORMANCE_COLUMNS
    assert table["site"].tolist() == ["A", "B", "training", "external"]
    a = table.iloc[0]
    assert (a["n_cases"], a["n_positive"]) == (5, 3)
    # Of six pairs, one is the wrong way round: 0.3 against 0.4.
    assert a["auc"] == pytest.approx(5 / 6, abs=1e-5)
    assert a["auc"] == pytest.approx(
        roc_auc_score([1, 1, 1, 0, 0], [0.9, 0.8, 0.3, 0.4, 0.1]), abs=1e-5
    )
    assert a["auc_low"] < a["auc"] < a["auc_high"]
    assert a["accuracy"] == 0.8
    assert a["sensitivity"] == pytest.approx(2 / 3, abs=1e-5)
    assert a["specificity"] == 1
    assert table.drop(columns="site").iloc[2].equals(table.drop(columns="site").iloc[0])


def test_undefined_performance_is_blank(summary):
    table, _ = summary
    external = table.set_index("site").loc["external"]
    assert external["sensitivity"] == 0.5
    assert external[["auc", "auc_low", "auc_high", "specificity"]].isna().all()


def test_overlap_by_hand(summary):
    _, table = summary
    assert list(table.columns) == OVERLAP_COLUMNS
    assert len(table) == 4 * 3 * 7  # sites, subsets, metrics
    rows = table.set_index(["site", "subset", "metric"])
    everyone = rows.loc["training", "all", "irrelevant_ratio"]
    assert everyone["n_cases"] == 3  # c4 is not positive
    assert everyone["mean"] == pytest.approx((0.2 + 0.6 + 0.9) / 3, abs=1e-5)
    assert everyone["median"] == 0.6
    assert everyone["low"] < everyone["mean"] < everyone["high"]
    assert rows.loc["training", "correct", "irrelevant_ratio"]["mean"] == pytest.approx(0.4)
    wrong = rows.loc["training", "wrong", "irrelevant_ratio"]
    assert (wrong["n_cases"], wrong["mean"]) == (1, 0.9)
    assert wrong[["low", "high"]].isna().all()
    assert rows.loc["training", "all", "chance_irrelevant_ratio"]["mean"] == 0.8


def test_undefined_overlap_is_blank_and_not_counted(summary):
    _, table = summary
    rows = table.set_index(["site", "subset", "metric"])
    external = rows.loc["external", "all", "irrelevant_ratio"]
    assert (external["n_cases"], external["mean"]) == (1, 0.7)
    # The chance of the case without a ratio is left out too: the two stand side by side.
    assert rows.loc["external", "all", "chance_irrelevant_ratio"]["n_cases"] == 1
    nobody = rows.loc["external", "correct", "irrelevant_ratio"]
    assert nobody["n_cases"] == 0
    assert nobody[["mean", "median", "low", "high"]].isna().all()
    assert rows.loc["training", "all", "dice"]["n_cases"] == 0


def test_without_annotations_the_overlap_table_is_its_header(tmp_path):
    predictions = write_predictions(tmp_path / "m.tsv", {c: v[3] for c, v in COHORT.items()})
    paths = tmp_path / "performance.tsv", tmp_path / "overlap.tsv"
    summarise([], {"m": predictions}, CASES, [], "drowning", SETTINGS, *paths)
    assert paths[1].read_text() == "\t".join(OVERLAP_COLUMNS) + "\n"
    assert pd.read_csv(paths[0], sep="\t")["site"].tolist() == ["A", "B", "training"]


def test_a_rater_called_na_is_a_rater(tmp_path):
    tables = [write_overlap(tmp_path / f"{c}.tsv", c, 0.5, "NA") for c in ("c1", "c2")]
    predictions = write_predictions(tmp_path / "m.tsv", {c: v[3] for c, v in COHORT.items()})
    paths = tmp_path / "performance.tsv", tmp_path / "overlap.tsv"
    summarise(tables, {"m": predictions}, CASES, [], "drowning", SETTINGS, *paths)
    rows = pd.read_csv(paths[1], sep="\t", keep_default_na=False)
    assert set(rows["reference"]) == {"NA"}


def test_the_same_input_gives_the_same_bytes(tmp_path):
    predictions = write_predictions(tmp_path / "m.tsv", {c: v[3] for c, v in COHORT.items()})
    tables = [write_overlap(tmp_path / f"{c}.tsv", c, r) for c, r in [("c1", 0.1), ("c2", 0.7)]]
    written = []
    for k in range(2):
        out = tmp_path / f"{k}.tsv"
        summarise(tables, {"m": predictions}, CASES, [], "drowning", SETTINGS,
                  tmp_path / "performance.tsv", out)  # fmt: skip
        written.append(out.read_bytes())
    assert written[0] == written[1]


def test_all_that_is_wrong_with_predictions_is_said_at_once(tmp_path):
    values = {c: v[3] for c, v in COHORT.items() if c != "c5"} | {"c1": 1.5}
    predictions = write_predictions(tmp_path / "m.tsv", values)
    with predictions.open("a") as file:
        file.write("c9\tA\t0\tother\t0.5\n")
    with pytest.raises(InputError) as error:
        summarise([], {"m": predictions}, CASES, [], "drowning", SETTINGS,
                  tmp_path / "a", tmp_path / "b")  # fmt: skip
    for sentence in ("c5 has no row", "c9 is not in the study", "c1 has the probability 1.5"):
        assert sentence in str(error.value)


def test_site_groups_pool_training_and_external():
    groups = site_groups(CASES, ["B"])
    assert groups["training"] == groups["A"] == ["c1", "c2", "c3", "c4", "c5"]
    assert groups["external"] == groups["B"] == ["c6", "c7"]
    assert "external" not in site_groups(CASES, [])
