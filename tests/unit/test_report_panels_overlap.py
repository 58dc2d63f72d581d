"""The report's plots on overlap and raters: what they say is what the tables hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rightreason.report_distributions import distributions
from rightreason.report_headline_figure import headline_figure
from rightreason.report_method_figures import method_against_method
from rightreason.report_rater_figures import agreement_matrix, marked
from rightreason.report_threshold_curves import threshold_curves
from rightreason.sentences import decimal, percent, percent_interval

from tests.unit.report_fakes import coarse_pictures, fake_config, fake_study, study_of
from tests.unit.test_report_panels import ONE_MODEL, pictures, texts

PANELS = (headline_figure, distributions, threshold_curves, method_against_method,
          agreement_matrix, marked)  # fmt: skip


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    coarse_pictures(monkeypatch)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return study_of(fake_study(tmp_path_factory.mktemp("fakes"), seed=6))


def test_distributions_say_the_quartiles_and_chance(study):
    found = pictures(distributions(study))
    assert list(found) == ["distributions_training", "distributions_external"]
    for model in study.models:
        row = study.row(model)
        said = (
            f"{model}, {row['n_cases']:.0f} cases: median {percent(row['median'])}, middle half "
            f"{percent(row['q25'], unit=False)} to {percent(row['q75'])}; shifted at random, mean "
            f"{percent(row['shifted'])}; other patients’ maps, mean {percent(row['shuffled'])}"
        )
        assert said in found["distributions_training"][0].alt
    beside = study.beside("planar")
    assert f"the model {percent(beside.fair)}, another rater {percent(beside.ceiling)}" in (
        found["distributions_training"][0].alt
    )


def test_the_dots_are_the_cases_of_the_headline(study):
    here = study.ratios.query("model == 'planar' and method == 'gradcam' and right == 'true'")
    training = here[here["case"].isin(study.members("training"))]["value"]
    assert len(training) == study.row("planar")["n_cases"]
    assert training.mean() == pytest.approx(study.row("planar")["mean"], abs=1e-5)


def test_many_cases_are_a_shape(study, monkeypatch):
    dots = pictures(distributions(study))["distributions_training"][0]
    monkeypatch.setattr("rightreason.report_distributions.MANY", 4)
    shapes = pictures(distributions(study))["distributions_training"][0]
    assert shapes.alt == dots.alt
    assert shapes.files["svg"] != dots.files["svg"]


def test_threshold_curves_say_the_bands(study):
    found = pictures(threshold_curves(study))
    assert set(found) == {f"curves_{m}_{g}" for m in study.models
                          for g in ("training", "external")}  # fmt: skip
    here = study.bands.query(
        "model == 'block' and sites == 'training' and method == 'gradcam' and fraction == 0.1"
    ).set_index("measure")["mean"]
    said = (
        f"at {percent(0.1)}: irrelevant ratio {percent(here['irrelevant_ratio'])}, coverage "
        f"{percent(here['coverage'])}, Dice {decimal(here['dice'])}"
    )
    assert said in found["curves_block_training"][0].alt


def test_curves_that_end_early_are_drawn_as_far_as_they_go(study):
    bands = study.bands.copy()
    far = bands["fraction"] > 0.3
    bands.loc[far, "n_cases"] -= 1
    bands.loc[bands["fraction"] > 0.6, ["mean", "low", "high", "chance"]] = np.nan
    bands.loc[bands["fraction"] > 0.6, "n_cases"] = 0
    short = replace(study, bands=bands)
    found = pictures(threshold_curves(short))
    assert found["curves_planar_training"][0].alt == (
        pictures(threshold_curves(study))["curves_planar_training"][0].alt
    )


def test_methods_say_their_means_and_count_the_cases(study):
    found = pictures(method_against_method(study))
    assert list(found) == ["methods_planar", "methods_block", "method_cases_planar",
                           "method_cases_block"]  # fmt: skip
    for method in ("gradcam", "ig"):
        ratio = percent_interval(study.measure("planar", method=method))
        assert f"{method} {ratio}, chance {percent(0.78)}" in found["methods_planar"][0].alt
    table = study.ratios.query("model == 'planar'").pivot(index="case", columns="method",
                                                          values="value")  # fmt: skip
    above = int((table["ig"] > table["gradcam"]).sum())
    said = f"ig: of {len(table)} cases {above} have a higher ratio than by gradcam"
    assert said in found["method_cases_planar"][0].alt


def test_a_single_method_has_nothing_beside_it(study):
    config = study.config | {"saliency": {"methods": {"gradcam": {}}}}
    alone = replace(study, config=config)
    assert texts(method_against_method(alone)) == "Only the method gradcam was run."


def test_the_matrix_says_every_pair(study):
    found = pictures(agreement_matrix(study))
    assert list(found) == ["agreement_training", "agreement_external"]
    pairs = study.agreement.query("scope == 'pair' and statistic == 'dice' and sites == 'training'")
    assert len(pairs) == 3
    for row in pairs.itertuples():
        said = f"{row.rater} and {row.against} {decimal(row.value)} ({row.n_cases:.0f} cases)"
        assert said in found["agreement_training"][0].alt


def test_marked_says_what_each_rater_marked(tmp_path):
    slices = {"c03": {"r1": 0}, "c05": {"r1": 9}}
    study = study_of(fake_study(tmp_path, n=12, external=0, config=ONE_MODEL, slices=slices))
    ((drawn, _),) = pictures(marked(study)).values()
    # Of five annotated cases one without a mark; 6, 6, 6 and 9 slices of 10 mm³.
    assert "r1 looked at 5 cases, marked 4: in the median 6 slices, 0.06 mL" in drawn.alt
    assert "r2 looked at 5 cases, marked 5: in the median 5 slices, 0.05 mL" in drawn.alt


def test_a_rater_who_marked_nothing(tmp_path):
    slices = {f"c{i:02d}": {"r1": 0} for i in range(12)}
    study = study_of(fake_study(tmp_path, n=12, external=0, config=ONE_MODEL, slices=slices))
    ((drawn, _),) = pictures(marked(study)).values()
    assert "r1 looked at 5 cases and marked nothing" in drawn.alt


def test_one_rater(tmp_path):
    study = study_of(fake_study(tmp_path, raters=("r1",), config=ONE_MODEL))
    assert "no two raters" in texts(agreement_matrix(study))
    assert list(pictures(marked(study))) == ["marked"]
    blocks = headline_figure(study)
    ((drawn, _),) = pictures(blocks).values()
    assert "another rater" not in drawn.alt
    assert "The other rater" not in texts(blocks)
    found = pictures(distributions(study))
    assert "another rater" not in found["distributions_training"][0].alt


@pytest.mark.parametrize("panel", PANELS)
def test_nobody_annotated(panel, tmp_path):
    study = study_of(fake_study(tmp_path, annotate=False, config=ONE_MODEL))
    blocks = panel(study)
    assert not pictures(blocks)
    assert texts(blocks)


@pytest.mark.parametrize("panel", PANELS)
def test_two_cases(panel, tmp_path):
    study = study_of(fake_study(tmp_path, n=2, external=0, config=ONE_MODEL))
    found = pictures(panel(study))
    assert found
    assert not any("nan" in drawn.alt for drawn, _ in found.values())


@pytest.mark.parametrize("panel", PANELS)
def test_nothing_attended(panel, tmp_path):
    fakes = fake_study(tmp_path, n=6, external=0, config=ONE_MODEL, ratio=float("nan"))
    blocks = panel(study_of(fakes))
    assert pictures(blocks) or texts(blocks)


def test_a_subset_that_no_case_is_in(tmp_path):
    config = fake_config(models=("planar",), subset="wrong")
    study = study_of(fake_study(tmp_path, n=6, external=0, config=config, probability=0.9))
    assert "none of the wrongly classified drowning cases" in texts(distributions(study))
    assert "No curve to show" in texts(threshold_curves(study))
