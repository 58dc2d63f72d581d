"""Probabilities: the right networks for each case, their mean, loaded once."""

import csv
import math

import numpy as np
import pytest
import torch
from rightreason.committee import panels
from rightreason.errors import InputError
from rightreason.networks import build
from rightreason.predict import predict_model
from torch import nn

from tests.prepared import SLICES, write_cohort

torch.set_num_threads(1)

MODEL = {
    "input": "slices",
    "network": "ResNet10",
    "options": {"block_inplanes": [4, 4, 8, 8], "no_max_pool": True},
    "channels": None,
}
SETTINGS = {"device": "cpu", "threads": 1, "batch": 3}


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


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_probability_is_the_mean_over_networks_of_the_mean_over_slices(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=3)
    networks = [save_network(tmp_path / f"{seed}.ckpt", seed) for seed in (0, 1)]
    paths = [tmp_path / "0.ckpt", tmp_path / "1.ckpt"]
    committees = {"c00": paths[:1], "c01": paths[1:], "c02": paths}
    rows = rows_of(labels)
    rows[2] |= {"site": "B", "fold": ""}
    predict_model(images, committees, rows, MODEL, SETTINGS, tmp_path / "out.tsv")
    table = read(tmp_path / "out.tsv")
    assert list(table[0]) == ["case", "site", "fold", "label", "probability"]
    assert [row["case"] for row in table] == ["c00", "c01", "c02"]
    assert (table[2]["site"], table[2]["fold"], table[1]["label"]) == ("B", "", "drowning")
    for row, members in zip(table, [networks[:1], networks[1:], networks], strict=True):
        image = _pixels(images[row["case"]])
        by_slice = [
            [network(slice_[None, None])[0].softmax(0)[1].item() for slice_ in image]
            for network in members
        ]
        assert float(row["probability"]) == pytest.approx(np.mean(by_slice), abs=1e-6)


def _pixels(path):
    import nibabel as nib

    data = nib.load(path).get_fdata()[:, :, SLICES]
    return torch.from_numpy(data.transpose(2, 1, 0) / 127.5 - 1).float()


def test_a_case_gets_the_same_whoever_else_is_there(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=4)
    save_network(tmp_path / "w.ckpt", 0)
    committees = {case: [tmp_path / "w.ckpt"] for case in images}
    rows = rows_of(labels)
    predict_model(images, committees, rows, MODEL, SETTINGS, tmp_path / "all.tsv")
    predict_model(images, committees, rows[2:3], MODEL, SETTINGS, tmp_path / "one.tsv")
    assert read(tmp_path / "one.tsv") == read(tmp_path / "all.tsv")[2:3]


def test_each_network_is_loaded_once_and_dropped_when_done():
    folds = {f"c{n}": [f"fold{n % 3}"] for n in range(6)}
    committees = {**folds, "x1": ["fold0", "fold1", "fold2"], "x2": ["fold0", "fold1", "fold2"]}
    loads: list[str] = []

    def load(path):
        loads.append(path)
        module = nn.Module()
        module.path = path
        return module

    judged = {}
    for panel in panels(committees, load):
        for case in panel.cases:
            judged[case] = [network.path for network in panel.networks]
    assert sorted(loads) == ["fold0", "fold1", "fold2"]
    assert judged == committees


def test_weights_of_another_input_are_refused(tmp_path):
    images, labels = write_cohort(tmp_path, "subset", cases=1)
    save_network(tmp_path / "w.ckpt", 0, channels=1)
    model = {**MODEL, "input": "subset"}
    with pytest.raises(InputError, match=r"conv1.weight: shape \(4, 1, 7, 7\)"):
        predict_model(
            images, {"c00": [tmp_path / "w.ckpt"]}, rows_of(labels), model, SETTINGS,
            tmp_path / "out.tsv",
        )  # fmt: skip
    assert not (tmp_path / "out.tsv").exists()


def test_probabilities_that_are_not_finite_name_their_cases(tmp_path):
    images, labels = write_cohort(tmp_path, "slices", cases=2)
    network = save_network(tmp_path / "good.ckpt", 0)
    network.fc.bias.data[:] = math.nan
    torch.save(network.state_dict(), tmp_path / "bad.ckpt")
    committees = {"c00": [tmp_path / "good.ckpt"], "c01": [tmp_path / "bad.ckpt"]}
    with pytest.raises(InputError, match=r"no finite probability(.|\n)*- c01$"):
        predict_model(images, committees, rows_of(labels), MODEL, SETTINGS, tmp_path / "o.tsv")
    assert not (tmp_path / "o.tsv").exists()
