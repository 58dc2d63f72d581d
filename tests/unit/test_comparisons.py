from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rightreason.associations import goes_with, predicts_error
from rightreason.auc import auc_interval
from rightreason.comparisons import COMPARISON_COLUMNS, FAMILIES, comparisons_table
from rightreason.effect_size import hedges_dz
from rightreason.statistics import bootstrap_means
from scipy.stats import mannwhitneyu, spearmanr, ttest_1samp
from statsmodels.stats.multitest import multipletests

SETTINGS = {"bootstrap": 300, "permutations": 999, "confidence": 0.95, "seed": 0}
HEADLINE = {
    "method": "gradcam", "reference": "union", "binarisation": "otsu", "subset": "correct",
}  # fmt: skip
KEY = {"method": "gradcam", "reference": "union", "binarisation": "otsu"}
MEASURE = {**KEY, "measure": "irrelevant_ratio"}
OTHERS = [{**MEASURE, "method": "hirescam"}, {**MEASURE, "measure": "dice"}]


class Study:
    """A simulated cohort: `models` with ratios that differ by `apart`, at sites A and B."""

    def __init__(self, n=30, models=("m", "k"), external=0, seed=0, each=1, apart=0.2):
        rng = np.random.default_rng(seed)
        names = [f"c{i:03d}" for i in range(n)]
        self.cases = {
            case: {
                "patient": f"p{i // each}", "label": "drowning",
                "site": "B" if i < external else "A",
            }
            for i, case in enumerate(names)
        }  # fmt: skip
        rows, pairs = [], []
        own = rng.uniform(0.1, 0.5, n)
        values = {model: own + apart * k + rng.normal(0, 0.02, n) for k, model in enumerate(models)}
        for i, case in enumerate(names):
            for k, model in enumerate(models):
                row = {
                    "case": case, "model": model, **MEASURE, "value": values[model][i],
                    "chance": 0.9, "shifted": 0.8 + 0.01 * i, "shuffled": 0.7,
                    "fair": 0.6, "ceiling": 0.5 - 0.01 * k,
                    "important_voxels": 100 + i, "voxel_mm3": 2.0,
                }  # fmt: skip
                rows += [row, *({**row, "value": 9.0, **other} for other in OTHERS)]
                for against in models[k + 1 :]:
                    pair = {
                        "case": case, "model": model, "against": against, **MEASURE,
                        "value": values[model][i], "against_value": values[against][i],
                    }  # fmt: skip
                    pairs += [pair, *({**pair, "value": 9.0, **other} for other in OTHERS)]
        self.overlap = pd.DataFrame(rows)
        columns = ["case", "model", "against", *MEASURE, "value", "against_value"]
        self.pairs = pd.DataFrame(pairs, columns=columns)
        self.predictions = {
            model: pd.DataFrame(
                {
                    "case": names, "label": "drowning", "probability": rng.random(n),
                    "predicted": np.where(rng.random(n) < 0.6, "drowning", "other"),
                }
            )
            for model in models
        }  # fmt: skip
        self.values = values

    def table(self, external_sites=(), headline=HEADLINE, settings=SETTINGS):
        return comparisons_table(
            self.overlap, self.pairs, self.predictions, self.cases, external_sites, headline,
            settings,
        )  # fmt: skip


def only(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_rows_columns_and_families():
    table = Study(external=10).table(["B"])
    assert list(table.columns) == COMPARISON_COLUMNS
    assert table["family"].drop_duplicates().tolist() == list(FAMILIES)
    sizes = table.groupby(["family", "sites", "subset"]).size()
    assert sizes.loc[FAMILIES[0]].tolist() == [1, 1, 1, 1]
    assert sizes.loc[FAMILIES[1]].tolist() == [6, 6, 6, 6]
    assert sizes.loc[FAMILIES[2]].tolist() == [2, 2, 2, 2]
    assert sizes.loc[FAMILIES[3]].to_dict() == {("external", "all"): 6, ("training", "all"): 6}
    assert (table[list(MEASURE)] == list(MEASURE.values())).all(axis=None)
    assert set(Study().table()["sites"]) == {"training"}
    everything = Study().table(headline={**HEADLINE, "subset": "all"})
    assert set(everything["subset"]) == {"all"}


def test_a_difference_its_interval_p_and_effect_size():
    study = Study(each=3)
    row = only(study.table(), family=FAMILIES[0], subset="all")
    assert (row["model"], row["against"], row["statistic"]) == ("m", "k", "mean difference")
    differences = study.values["m"] - study.values["k"]
    patients = np.repeat(np.arange(10), 3)
    assert (row["n_cases"], row["n_patients"]) == (30, 10)
    assert row["estimate"] == pytest.approx(differences.mean())
    expected = bootstrap_means(differences[:, None], patients, 300, 0.95, 0)
    assert (row["low"], row["high"]) == pytest.approx((expected.low[0], expected.high[0]))
    assert row["p"] == 2 / 1000  # none of 999 flips, and the observed one; both sides
    assert row["effect_size"] == pytest.approx(hedges_dz(differences, patients))


def test_p_is_close_to_students_where_differences_are_normal():
    study = Study(n=40, apart=0.006, seed=4)
    differences = study.values["m"] - study.values["k"]
    settings = {**SETTINGS, "permutations": 9999}
    row = only(study.table(settings=settings), family=FAMILIES[0], subset="all")
    assert row["p"] == pytest.approx(ttest_1samp(differences, 0).pvalue, abs=0.015)


def test_chance_and_raters_by_hand():
    study = Study(n=4, models=("m",))
    study.overlap.loc[study.overlap["measure"] == "irrelevant_ratio", "value"] = np.repeat(
        [0.5, 0.6, 0.7, np.nan], 2
    )
    table = study.table()
    rows = table[(table["family"] == FAMILIES[1]) & (table["subset"] == "all")]
    assert rows["against"].tolist() == ["shifted", "shuffled", "chance"]
    # 0.5 - 0.80, 0.6 - 0.81, 0.7 - 0.82; the case without a value is left out.
    assert rows["estimate"].tolist() == pytest.approx([-0.21, -0.1, -0.3])
    assert rows["n_cases"].tolist() == [3, 3, 3]
    # All three differences are below 0: +++ and --- of eight; 0 + -0.1 + -0.2: all but two.
    assert rows["p"].iloc[0] == 0.25
    assert (rows["note"] == "With 3 patients no p below 0.25 is possible.").all()
    raters = only(table, family=FAMILIES[2], subset="all")
    assert (raters["against"], raters["n_cases"]) == ("raters", 4)
    assert raters["estimate"] == pytest.approx(0.1)


def test_the_subset_of_a_pair_is_right_for_both():
    study = Study()
    right = {
        model: (table["predicted"] == "drowning").to_numpy()
        for model, table in study.predictions.items()
    }
    for subset, both in (
        ("correct", right["m"] & right["k"]), ("wrong", ~right["m"] & ~right["k"]),
    ):  # fmt: skip
        table = study.table(headline={**HEADLINE, "subset": subset})
        row = only(table, family=FAMILIES[0], subset=subset)
        assert row["n_cases"] == both.sum()
        expected = (study.values["m"] - study.values["k"])[both].mean()
        assert row["estimate"] == pytest.approx(expected)
        mine = only(table, family=FAMILIES[2], subset=subset, model="k")
        assert mine["n_cases"] == (right["k"] if subset == "correct" else ~right["k"]).sum()


def test_holm_within_each_family():
    table = Study(models=("m", "k", "l"), external=10, apart=0.004).table(["B"])
    for _, rows in table.groupby(["family", "sites", "subset"]):
        expected = multipletests(rows["p"].to_numpy(), method="holm")[1]
        assert rows["p_holm"].tolist() == pytest.approx(expected.tolist())
    assert (table["p_holm"] > table["p"]).any()


def test_an_undefined_p_is_not_in_the_family():
    study = Study(models=("m",))
    study.overlap["shuffled"] = np.nan  # no donors
    rows = study.table()
    rows = rows[(rows["family"] == FAMILIES[1]) & (rows["subset"] == "all")].set_index("against")
    missing = rows.loc["shuffled"]
    assert missing["note"] == "No case has both values."
    assert (missing["n_cases"], missing["n_patients"]) == (0, 0)
    undefined = ["estimate", "low", "high", "p", "p_holm", "effect_size"]
    assert missing[undefined].isna().all()
    assert rows.loc["chance", "p_holm"] == pytest.approx(2 * rows.loc["chance", "p"])


def test_equal_models_and_one_patient():
    row = only(Study(models=("m", "k"), apart=0).table(), family=FAMILIES[0], subset="all")
    assert row["p"] > 0.01
    equal = Study()
    equal.pairs["against_value"] = equal.pairs["value"]
    row = only(equal.table(), family=FAMILIES[0], subset="all")
    assert (row["estimate"], row["low"], row["high"], row["p"]) == (0, 0, 0, 1)
    assert np.isnan(row["effect_size"])
    lone = only(Study(n=3, each=3).table(), family=FAMILIES[0], subset="all")
    assert lone["note"] == "From one patient: no interval, no p."
    assert np.isfinite(lone["estimate"])
    assert lone[["low", "high", "p", "p_holm", "effect_size"]].isna().all()


def test_without_an_annotated_case_there_are_no_rows():
    study = Study()
    study.overlap, study.pairs = study.overlap[:0], study.pairs[:0]
    table = study.table()
    assert list(table.columns) == COMPARISON_COLUMNS
    assert table.empty
    assert Study(models=("m",), external=0).table(["B"])["sites"].unique().tolist() == ["training"]


def test_one_model_has_nobody_to_be_compared_with():
    assert FAMILIES[0] not in set(Study(models=("m",)).table()["family"])


def test_what_overlap_goes_with():
    study = Study(n=60, models=("m",), seed=2)
    table = study.table()
    rows = table[table["family"] == FAMILIES[3]].set_index("against")
    assert rows.index.tolist() == ["error", "confidence", "volume"]
    predicted, ratio = study.predictions["m"], study.values["m"]
    wrong = (predicted["predicted"] != "drowning").to_numpy()
    expected = auc_interval(wrong, ratio, np.arange(60), 0.95)
    error = rows.loc["error"]
    assert error["statistic"] == "AUC"
    assert tuple(error[["estimate", "low", "high"]]) == pytest.approx(expected)
    assert error["effect_size"] == pytest.approx(2 * expected[0] - 1)
    exact = mannwhitneyu(ratio[wrong], ratio[~wrong]).pvalue
    assert error["p"] == pytest.approx(exact, abs=0.05)
    for name, other in (("confidence", predicted["probability"]), ("volume", np.arange(60))):
        theirs = spearmanr(ratio, other)
        row = rows.loc[name]
        assert row["statistic"] == "Spearman"
        assert row["estimate"] == pytest.approx(theirs.statistic)
        assert row["p"] == pytest.approx(theirs.pvalue, abs=0.05)
        assert row["low"] < row["estimate"] < row["high"]
    assert (rows["note"] == "").all()


def test_too_few_to_say_is_said_and_estimated():
    patients = np.arange(19)
    ratio, wrong = np.linspace(0, 1, 19), np.arange(19) >= 10
    found = predicts_error(ratio, wrong, patients, SETTINGS)
    assert found["estimate"] == 1
    assert found["p"] <= 3 / 1000  # two of 92,378 arrangements are as extreme
    assert found["note"] == (
        "Too few to say: 9 wrong and 10 right cases, where 10 of each are asked for."
    )
    assert (
        predicts_error(np.r_[ratio, 2], np.r_[wrong, True], np.arange(20), SETTINGS)["note"] == ""
    )
    found = goes_with(ratio, ratio**2, patients, SETTINGS)
    assert found["estimate"] == pytest.approx(1)
    assert found["note"] == "Too few to say: 19 patients, where 20 are asked for."
    assert goes_with(np.r_[ratio, 2], np.r_[ratio, 3], np.arange(20), SETTINGS)["note"] == ""
    one = predicts_error(ratio, np.zeros(19, dtype=bool), patients, SETTINGS)
    assert one["note"] == "Undefined: 0 wrong and 19 right cases."
    assert np.isnan([one["estimate"], one["p"], one["effect_size"]]).all()


def test_equal_ratios_tell_nothing():
    patients, wrong = np.arange(24), np.arange(24) % 2 == 0
    found = predicts_error(np.ones(24), wrong, patients, SETTINGS)
    assert (found["estimate"], found["p"]) == (0.5, 1)
    found = goes_with(np.ones(24), np.arange(24.0), patients, SETTINGS)
    assert np.isnan([found["estimate"], found["low"], found["p"]]).all()
    assert found["note"] == "Undefined: 24 patients, and the values of a column are all the same."


def test_a_cohort_of_three_models_has_every_p():
    study = Study(n=153, models=("alexnet", "vgg", "inception"), external=40)
    settings = {**SETTINGS, "bootstrap": 2000, "permutations": 9999}
    table = study.table(["B"], settings=settings)
    assert table["p"].notna().all()
