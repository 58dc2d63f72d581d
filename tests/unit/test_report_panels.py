"""The report's plots on classification: what they say is what the tables hold."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rightreason import figures
from rightreason.errors import InputError
from rightreason.plot_parts import spread, swarm
from rightreason.report_blocks import Details, Figures, Table, Text
from rightreason.report_calibration_figure import calibration_plots
from rightreason.report_confusion import confusion, counts
from rightreason.report_headline_figure import headline_figure
from rightreason.report_training import read_trainings, training_curves
from rightreason.sentences import decimal_interval, percent, percent_interval

from tests.unit.report_fakes import coarse_pictures, fake_config, fake_study, study_of

ONE_MODEL = fake_config(models=("planar",))


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    coarse_pictures(monkeypatch)


def pictures(blocks):
    """Return the pictures of blocks by name, with their captions."""
    found = {}
    for block in blocks:
        if isinstance(block, Figures):
            found |= {drawn.name: (drawn, caption) for drawn, caption in block.items}
        elif isinstance(block, Details):
            found |= pictures(block.blocks)
    return found


def texts(blocks):
    return " ".join(" ".join(block.paragraphs) for block in blocks if isinstance(block, Text))


@pytest.fixture(scope="module")
def fakes(tmp_path_factory):
    return fake_study(tmp_path_factory.mktemp("fakes"), seed=6)


@pytest.fixture(scope="module")
def study(fakes):
    return study_of(fakes)


def test_the_picture_says_what_the_tables_hold(study):
    ((drawn, caption),) = pictures(headline_figure(study)).values()
    assert drawn.name == "headline"
    assert set(drawn.files) == {"svg", "png"}
    for model in study.models:
        for group in ("training", "external"):
            said = (
                f"{model}, {group} sites: AUC {decimal_interval(study.auc(model, group))}, "
                f"irrelevant ratio {percent_interval(study.measure(model, sites=group))}"
            )
            assert said in drawn.alt
    # Of the fakes: 78 of 100 voxels are unmarked; a rater has 25 % against the others.
    assert f"chance: {percent(0.78)}" in drawn.alt
    assert f"another rater: {percent(0.25)}" in drawn.alt
    assert "Not in the picture" not in caption


def test_the_picture_names_who_is_not_in_it(study):
    table = study.performance.copy()
    table.loc[table["sites"] == "external", "auc"] = np.nan
    blind = replace(study, performance=table)
    blocks = headline_figure(blind)
    ((drawn, caption),) = pictures(blocks).values()
    assert "planar (external sites), block (external sites)" in caption
    assert "planar, external sites: AUC –" in drawn.alt


def test_labels_keep_their_distance_and_their_order():
    assert spread([0.5, 0.5, 0.1], 0.1, 1.0) == [0.5, 0.6, 0.1]
    crowded = spread([0.99, 0.98, 0.97, 0.96], 0.1, 1.0)
    assert crowded == [1.0, 0.9, 0.8, 0.7]


def test_dots_of_like_values_stand_apart():
    offsets = swarm([0.5, 0.5, 0.5, 0.9], 0.3, 0, 1)
    assert offsets.tolist() == pytest.approx([0, 0.12, -0.12, 0])
    many = swarm([0.5] * 100, 0.3, 0, 1)
    assert np.abs(many).max() == pytest.approx(0.3)
    assert len(set(many)) == 100


def test_calibration_plots_say_the_bins(study):
    blocks = calibration_plots(study)
    found = pictures(blocks)
    assert list(found) == ["calibration_planar", "calibration_block"]
    table = study.calibration.query("model == 'planar' and sites == 'training'")
    assert table["n_cases"].tolist() == [6, 6]
    for row in table.itertuples():
        said = f"training sites, 6 cases: predicted {percent(row.predicted)}, observed "
        assert said + percent(row.observed) in found["calibration_planar"][0].alt
    assert "as few as 4 cases" in texts(blocks)
    (details,) = [block for block in blocks if isinstance(block, Details)]
    assert len(details.blocks[0].rows) == len(study.calibration)


def test_confusion_counts_the_predictions(study, fakes):
    found = pictures(confusion(study))
    for model in study.models:
        table = pd.read_csv(fakes.folder / f"predict/{model}.tsv", sep="\t")
        training = table[table["site"] == "A"]
        by_hand = pd.crosstab(training["label"], training["predicted"])
        matrix = counts(study, model, "training")
        for i, label in enumerate(("other", "drowning")):
            for j, called in enumerate(("other", "drowning")):
                assert matrix[i, j] == by_hand.loc[label, called]
            said = f"training sites, 6 {label}: {matrix[i, 0]} called other, {matrix[i, 1]} called"
            assert said in found[f"confusion_{model}"][0].alt
        assert counts(study, model, "external").sum() == 4


def test_confusion_of_one_class(tmp_path):
    fakes = fake_study(tmp_path, n=1, external=0, config=ONE_MODEL)
    study = study_of(fakes)
    ((drawn, _),) = pictures(confusion(study)).values()
    assert "0 drowning: 0 called other, 0 called drowning" in drawn.alt
    assert "NaN" not in drawn.alt
    ((drawn, _),) = pictures(calibration_plots(study)).values()
    assert "training sites, 1 case: predicted" in drawn.alt
    assert "no picture" in texts(headline_figure(study))


def test_training_curves_say_the_epoch_that_was_kept(study):
    blocks = training_curves(study)
    found = pictures(blocks)
    assert list(found) == ["training_planar", "training_block"]
    # Of the fakes: the third of four epochs.
    said = "fold 1, seed 0: kept epoch 3 of 4, training loss 0.2, validation loss 1.3"
    assert said in found["training_planar"][0].alt
    assert len(re.findall("kept epoch 3 of 4", found["training_planar"][0].alt)) == 5
    (details,) = [block for block in blocks if isinstance(block, Details)]
    table = details.blocks[0]
    assert isinstance(table, Table)
    assert table.rows[1] == ["planar", "1", "0", "4", "3", "0.2", "1.3"]


def test_odd_trainings(tmp_path):
    study = study_of(fake_study(tmp_path, config=ONE_MODEL))
    folder = tmp_path / "train/planar/seed0"
    # A loss of 0 has no logarithm.
    (folder / "fold0/metrics.csv").write_text(
        "epoch,train_loss,validation_loss\n0,0,0\n1,,\n2,0,0\n"
    )
    ((drawn, _),) = pictures(training_curves(study)).values()
    assert "fold 0, seed 0: kept epoch 3 of 3, training loss 0, validation loss 0" in drawn.alt
    (folder / "fold2/record.json").write_text(json.dumps({"epochs": 4}))
    with pytest.raises(InputError, match=r"seed0/fold2 does not say how"):
        read_trainings(study, "planar")


def test_a_plots_file_is_lean_and_the_same_picture():
    with figures.style():
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, 1, 2], [0, 1 / 3, -2 / 3])
        drawn = figures.picture(figure, "plain", "")
        whole = io.BytesIO()
        figure.savefig(whole, format="svg", dpi=96, facecolor="white", metadata={"Date": None})
    lean = drawn.files["svg"]
    assert len(lean) < 0.9 * len(whole.getvalue())
    tree, of_whole = (ElementTree.fromstring(svg) for svg in (lean, whole.getvalue()))
    assert [e.tag for e in tree.iter()] == [e.tag for e in of_whole.iter()]
    places = [
        [float(n) for e in t.iter() for n in re.findall(r"-?\d+(?:\.\d+)?", e.get("d", ""))]
        for t in (tree, of_whole)
    ]
    assert places[0] == pytest.approx(places[1], abs=0.0051)
    assert len(places[0]) > 20
