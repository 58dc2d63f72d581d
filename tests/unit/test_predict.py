"""Probabilities: the right networks for each case, their mean, loaded once."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from rightreason.committee import load_network, panels
from rightreason.errors import InputError
from rightreason.networks import build
from rightreason.predict import predict_model
from sklearn.metrics import roc_curve
from torch import nn

from tests.prepared import SHAPE, SLICES, write_case, write_cohort

torch.set_num_threads(1)

MODEL = {
    "input": "slices",
    "network": "ResNet10",
    "options": {"block_inplanes": [4, 4, 8, 8], "no_max_pool": True},
    "channels": None,
}
SETTINGS = {"device": "cpu", "threads": 1, "batch": 3}
CLASSES = ["other", "drowning"]


def save_network(path, seed, channels=1, dims=2):
    torch.manual_seed(seed)
    network = build("ResNet10", dims, channels, 2, MODEL["options"])
    torch.save(network.state_dict(), path)
    return network.eval()


def rows_of(labels):
    return [
        {"case": case, "site": "A", "fold": n % 2, "label": "drowning" if label else "other"}
        for n, (case, label) in enumerate(labels.items())
    ]


def predict(folder, images, committees, rows, validation, model=MODEL, name="m"):
    """Run the stage; return its three tables."""
    out = {
        "table": folder / f"{name}.tsv",
        "validation": folder / f"{name}.validation.tsv",
        "seeds": folder / f"{name}.seeds.tsv",
    }
    predict_model(images, committees, rows, validation, CLASSES, model, SETTINGS, out)
    return [read(path) for path in out.values()]


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_probability_is_the_mean_over_networks_of_the_mean_over_slices(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=3)
    networks = [save_network(tmp_path / f"{seed}.ckpt", seed) for seed in (0, 1)]
    paths = [tmp_path / "0.ckpt", tmp_path / "1.ckpt"]
    committees = {"c00": [paths[:1]], "c01": [paths[1:]], "c02": [paths]}
    validation = {
        0: {"cases": ["c01"], "networks": [paths[:1]]},
        1: {"cases": ["c00"], "networks": [paths[1:]]},
    }
    rows = rows_of(labels)
    rows[2] |= {"site": "B", "fold": None}
    table, inner, _ = predict(tmp_path, images, committees, rows, validation)
    assert list(table[0]) == [
        "case", "site", "fold", "label", "probability", "threshold", "predicted"
    ]  # fmt: skip
    assert [row["case"] for row in table] == ["c00", "c01", "c02"]
    assert (table[2]["site"], table[2]["fold"], table[1]["label"]) == ("B", "", "drowning")

    def expected(case, members):
        image = _pixels(images[case])
        return np.mean([
            [network(slice_[None, None])[0].softmax(0)[1].item() for slice_ in image]
            for network in members
        ])  # fmt: skip

    for row, members in zip(table, [networks[:1], networks[1:], networks], strict=True):
        value = expected(row["case"], members)
        assert float(row["probability"]) == pytest.approx(value, abs=1e-6)
    assert [(row["fold"], row["case"], row["label"]) for row in inner] == [
        ("0", "c01", "drowning"), ("1", "c00", "other")
    ]  # fmt: skip
    for row, members in zip(inner, [networks[:1], networks[1:]], strict=True):
        value = expected(row["case"], members)
        assert float(row["probability"]) == pytest.approx(value, abs=1e-6)


def _pixels(path):
    import nibabel as nib

    data = nib.load(path).get_fdata()[:, :, SLICES]
    return torch.from_numpy(data.transpose(2, 1, 0) / 127.5 - 1).float()


def test_each_seed_has_its_own_probability_and_the_mean_is_theirs(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=3)
    paths = [tmp_path / f"{n}.ckpt" for n in range(4)]
    for n, path in enumerate(paths):
        save_network(path, n)
    # Seeds 0 and 1, folds 0 and 1; c02 is external.
    committees = {
        "c00": [paths[0:1], paths[2:3]],
        "c01": [paths[1:2], paths[3:4]],
        "c02": [paths[0:2], paths[2:4]],
    }
    validation = {0: {"cases": ["c01"], "networks": committees["c00"]},
                  1: {"cases": ["c00"], "networks": committees["c01"]}}  # fmt: skip
    rows = rows_of(labels)
    rows[2]["fold"] = None
    table, inner, seeds = predict(tmp_path, images, committees, rows, validation)
    assert [(row["case"], row["seed"]) for row in seeds] == [
        (case, seed) for case in images for seed in "01"
    ]
    alone = {(row["case"], row["seed"]): float(row["probability"]) for row in seeds}
    for row in table:
        of_seeds = [alone[row["case"], "0"], alone[row["case"], "1"]]
        assert float(row["probability"]) == pytest.approx(np.mean(of_seeds), abs=1e-7)
        assert of_seeds[0] != of_seeds[1]
    of_inner = []
    for seed in (0, 1):
        only = {case: [committee[seed]] for case, committee in committees.items()}
        part = {k: {**v, "networks": [v["networks"][seed]]} for k, v in validation.items()}
        one, one_inner, _ = predict(tmp_path, images, only, rows, part, name=f"s{seed}")
        for row in one:
            assert float(row["probability"]) == pytest.approx(alone[row["case"], str(seed)])
        of_inner.append([float(row["probability"]) for row in one_inner])
    both = [float(row["probability"]) for row in inner]
    assert both == pytest.approx(np.mean(of_inner, axis=0), abs=1e-7)


def fold_study(folder, cases=8):
    """Two folds of noise and blocks; each fold's inner validation part is half of the other."""
    images, labels = write_cohort(folder, "slices", cases=cases + 2)
    for fold in (0, 1):
        save_network(folder / f"{fold}.ckpt", fold)
    rows = rows_of(labels)
    for n, row in enumerate(rows):
        row["fold"] = n // 2 % 2 if n < cases else None
    networks = {fold: [[folder / f"{fold}.ckpt"]] for fold in (0, 1)}
    both = [[folder / "0.ckpt", folder / "1.ckpt"]]
    committees = {r["case"]: networks.get(r["fold"], both) for r in rows}
    validation = {
        fold: {
            "cases": [r["case"] for r in rows if r["fold"] == 1 - fold][: cases // 2],
            "networks": networks[fold],
        }
        for fold in (0, 1)
    }
    return images, committees, rows, validation


def test_a_case_is_called_by_the_threshold_of_its_fold(tmp_path):
    images, committees, rows, validation = fold_study(tmp_path)
    table, inner, _ = predict(tmp_path, images, committees, rows, validation)
    thresholds = {}
    for fold in ("0", "1"):
        here = [row for row in inner if row["fold"] == fold]
        labels = np.array([row["label"] == "drowning" for row in here])
        values = np.array([float(row["probability"]) for row in here])
        fpr, tpr, _ = roc_curve(labels, values, drop_intermediate=False)
        (threshold,) = {float(row["threshold"]) for row in table if row["fold"] == fold}
        called = values >= threshold
        youden = called[labels].mean() - called[~labels].mean()
        assert youden == pytest.approx((tpr - fpr).max())
        thresholds[fold] = threshold
    assert thresholds["0"] != thresholds["1"]
    for row in table:
        expected = thresholds.get(row["fold"], np.mean(list(thresholds.values())))
        assert float(row["threshold"]) == pytest.approx(expected, abs=1e-8)
        called = float(row["probability"]) >= float(row["threshold"])
        assert row["predicted"] == CLASSES[called]
    assert {row["predicted"] for row in table} == set(CLASSES)


@pytest.mark.parametrize("fold", [0, 1, None])
@pytest.mark.parametrize("change", ["image", "label"])
def test_a_test_case_has_no_say_in_its_folds_threshold(tmp_path, fold, change):
    images, committees, rows, validation = fold_study(tmp_path)
    before, _, _ = predict(tmp_path, images, committees, rows, validation)
    for row in rows:
        if row["fold"] == fold and change == "image":
            noise = np.random.default_rng(9).integers(0, 256, SHAPE).astype(float)
            write_case(tmp_path, row["case"], "slices", noise)
        elif row["fold"] == fold:
            row["label"] = CLASSES[row["label"] == "other"]
    after, _, _ = predict(tmp_path, images, committees, rows, validation)

    def of(table, column):
        own = "" if fold is None else str(fold)
        return [row[column] for row in table if row["fold"] == own]

    changed = "probability" if change == "image" else "label"
    assert of(before, changed) != of(after, changed)
    if fold is not None:
        assert of(before, "threshold") == of(after, "threshold")
    else:
        assert [row["threshold"] for row in before] == [row["threshold"] for row in after]


def test_a_case_gets_the_same_whoever_else_is_there(tmp_path):
    images, committees, rows, validation = fold_study(tmp_path)
    everyone, _, _ = predict(tmp_path, images, committees, rows, validation)
    fewer, _, _ = predict(tmp_path, images, committees, rows[:-1], validation)
    assert fewer == everyone[:-1]


def test_each_network_is_loaded_once_and_dropped_when_done():
    folds = {f"c{n}": [[f"fold{n % 3}"]] for n in range(6)}
    outside = [["fold0", "fold1", "fold2"]]
    committees = {**folds, "x1": outside, "x2": outside}
    loads: list[str] = []

    def load(path):
        loads.append(path)
        module = nn.Module()
        module.path = path
        return module

    judged = {}
    for panel in panels(committees, load):
        for case in panel.cases:
            judged[case] = [[network.path for network in seed] for seed in panel.by_seed]
    assert sorted(loads) == ["fold0", "fold1", "fold2"]
    assert judged == committees


def test_validating_loads_no_network_again(tmp_path, monkeypatch):
    images, committees, rows, validation = fold_study(tmp_path)
    loads = []

    def load(path, *how):
        loads.append(Path(path).name)
        return load_network(path, *how)

    monkeypatch.setitem(predict_model.__globals__, "load_network", load)
    predict(tmp_path, images, committees, rows, validation)
    assert sorted(loads) == ["0.ckpt", "1.ckpt"]


def test_weights_of_another_input_are_refused(tmp_path):
    images, labels = write_cohort(tmp_path, "subset", cases=1)
    save_network(tmp_path / "w.ckpt", 0, channels=1)
    committee = [[tmp_path / "w.ckpt"]]
    validation = {0: {"cases": ["c00"], "networks": committee}}
    with pytest.raises(InputError, match=r"conv1.weight: shape \(4, 1, 7, 7\)"):
        predict(
            tmp_path, images, {"c00": committee}, rows_of(labels), validation,
            {**MODEL, "input": "subset"},
        )  # fmt: skip
    assert not list(tmp_path.glob("*.tsv"))


def test_probabilities_that_are_not_finite_name_their_cases(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=3)
    network = save_network(tmp_path / "good.ckpt", 0)
    network.fc.bias.data[:] = math.nan
    torch.save(network.state_dict(), tmp_path / "bad.ckpt")
    good, bad = [[tmp_path / "good.ckpt"]], [[tmp_path / "bad.ckpt"]]
    committees = {"c00": good, "c01": bad, "c02": good}
    validation = {0: {"cases": ["c01"], "networks": good}, 1: {"cases": ["c00"], "networks": bad}}
    with pytest.raises(InputError, match=r"no finite probability(.|\n)*- c00\n  - c01$"):
        predict(tmp_path, images, committees, rows_of(labels), validation)
    assert not list(tmp_path.glob("*.tsv"))
