"""Training: what is random is fixed, what is learnt is kept, what leaks is refused."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from rightreason import machine
from rightreason.augment import augment
from rightreason.classifier import draw_epoch, epoch_seed, even_batches
from rightreason.digest import SCRIPTS
from rightreason.errors import InputError
from rightreason.samples import in_channels, load_cases, to_input
from rightreason.train import train_fold

from tests.prepared import MODEL, SETTINGS, SHAPE, write_case, write_cohort

FILES = ("weights.ckpt", "metrics.csv", "record.json")


def places(folder):
    """Name the outputs' folder, one for what a killed run leaves, and the code."""
    return folder / "out", folder / "resume", "code"


def train(folder, out, kind="slices", model=None, settings=None, seed=3):
    images, labels = write_cohort(folder, kind)
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    model, settings = {**MODEL, "input": kind, **(model or {})}, {**SETTINGS, **(settings or {})}
    train_fold(images, labels, parts, model, settings, seed, out, out / "resume", "code")
    return [(out / name).read_bytes() for name in FILES]


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before(tmp_path):
    first = train(tmp_path / "images", tmp_path / "a")
    torch.rand(7)
    torch.set_num_threads(2)
    assert train(tmp_path / "images", tmp_path / "b") == first
    assert torch.get_num_threads() == 1
    assert train(tmp_path / "images", tmp_path / "c", seed=4)[0] != first[0]


KINDS = [
    ("slices", "AlexNet", {"hidden": 8}, 3),
    ("subset", "DenseNet121", {"init_features": 4, "growth_rate": 4, "block_config": [2, 2]}, 4),
    ("volume", "ResNet10", MODEL["options"], 1),
]


@pytest.mark.parametrize(("kind", "network", "options", "channels"), KINDS)
def test_each_kind_of_input_trains(tmp_path, kind, network, options, channels):
    rng = np.random.default_rng(0)
    shape = (64, 64, 10) if network == "AlexNet" else SHAPE
    images = {
        f"c{n:02d}": write_case(tmp_path, f"c{n:02d}", kind, rng.integers(0, 255, shape))
        for n in range(12)
    }
    labels = {case: n % 2 for n, case in enumerate(images)}
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    model = {**MODEL, "input": kind, "network": network, "options": options, "epochs": 1}
    model |= {"channels": 3, "slices_per_case": 2} if kind == "slices" else {}
    train_fold(images, labels, parts, model, SETTINGS, 0, *places(tmp_path))
    record = json.loads((tmp_path / "out/record.json").read_text())
    assert record["in_channels"] == channels
    assert record["cases"] == {"train": 8, "validation": 4}
    assert record["samples"]["train"] == (32 if kind == "slices" else 8)
    state = torch.load(tmp_path / "out/weights.ckpt", weights_only=True)
    assert next(value for value in state.values() if value.ndim > 3).shape[1] == channels


def test_it_learns_and_keeps_the_best_epoch(tmp_path):
    train(tmp_path / "images", tmp_path / "out", model={"epochs": 12})
    rows = list(csv.DictReader((tmp_path / "out/metrics.csv").open()))
    record = json.loads((tmp_path / "out/record.json").read_text())
    losses = [float(row["validation_loss"]) for row in rows]
    assert [int(row["epoch"]) for row in rows] == list(range(12))
    assert record["best_epoch"] == int(np.argmin(losses))
    assert record["validation_loss"] == pytest.approx(min(losses), abs=1e-5)
    assert float(rows[record["best_epoch"]]["validation_accuracy"]) > 0.8
    assert record["class_weights"] == [1.0, 1.0]
    assert record["hardware"] == {"processor": machine.processor(), "cores": machine.cores()}
    assert list(record["versions"]) == ["monai", "python", "pytorch_lightning", "torch"]


def test_it_stops_when_nothing_gets_better(tmp_path):
    train(
        tmp_path / "images",
        tmp_path / "out",
        model={"epochs": 9, "learning_rate": 1e-12},
        settings={"patience": 2},
    )
    record = json.loads((tmp_path / "out/record.json").read_text())
    assert record["epochs"] < 9
    assert record["epochs"] - 1 - record["best_epoch"] == 2


def test_the_rarer_class_weighs_more(tmp_path):
    images, labels = write_cohort(tmp_path, "subset", cases=8)
    labels = {case: int(case in ("c01", "c07")) for case in images}
    parts = {case: "validation" if case in ("c06", "c07") else "train" for case in images}
    model = {**MODEL, "input": "subset", "epochs": 1}
    train_fold(images, labels, parts, model, SETTINGS, 0, *places(tmp_path))
    record = json.loads((tmp_path / "out/record.json").read_text())
    # Five of the one, one of the other: 6 / (2 * 5) and 6 / (2 * 1).
    assert record["class_weights"] == pytest.approx([0.6, 3.0])


def test_files_of_other_parts_are_never_opened(tmp_path):
    images, labels = write_cohort(tmp_path / "images", "subset")
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    parts.pop("c11")
    images["c11"].write_bytes(b"no image")
    model = {**MODEL, "input": "subset", "epochs": 1}
    train_fold(images, labels, parts, model, SETTINGS, 0, *places(tmp_path))
    with pytest.raises(ValueError, match="never sees other parts"):
        train_fold(images, labels, {**parts, "c11": "test"}, model, SETTINGS, 0, *places(tmp_path))


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"c00": "train", "c01": "train"}, "validation part of this fold has no case"),
        ({"c00": "train", "c01": "validation"}, "cases of one class only"),
    ],
)
def test_folds_that_cannot_be_trained(tmp_path, parts, sentence):
    images, labels = write_cohort(tmp_path, "subset", cases=2)
    with pytest.raises(InputError, match=sentence):
        train_fold(images, labels, parts, MODEL, SETTINGS, 0, *places(tmp_path))


def test_a_loss_that_is_not_finite_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="validation loss is not finite"):
        train(tmp_path / "images", tmp_path / "out", model={"learning_rate": 1e30})
    assert not (tmp_path / "out").exists()


def test_a_gpu_that_is_not_there(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(InputError, match="finds no usable GPU"):
        train(tmp_path / "images", tmp_path / "out", settings={"device": "cuda"})


def test_images_of_another_shape_are_named(tmp_path):
    images, _ = write_cohort(tmp_path, "subset", cases=3)
    write_case(tmp_path, "c02", "subset", np.zeros((24, 22, 10)))
    with pytest.raises(InputError, match=r"c00 has \(4, 20, 24\)(.|\n)*c02: \(4, 22, 24\)"):
        load_cases(images)


def test_samples_lie_with_their_case_and_keep_their_axes(tmp_path):
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 251
    images = {
        "a": write_case(tmp_path, "a", "slices", values),
        "b": write_case(tmp_path, "b", "slices", values[:, :, ::-1], slices=[0, 2]),
    }
    samples = load_cases(images)
    assert samples.pixels.shape == (6, 1, 20, 24)
    assert samples.owner.tolist() == [0, 0, 0, 0, 1, 1]
    assert samples.pixels[2, 0, 5, 7] == values[7, 5, 6]
    assert samples.pixels[5, 0, 5, 7] == values[7, 5, 7]


READ_AGAIN_AND_AGAIN = """
import re, sys
from pathlib import Path
from rightreason.samples import load_cases

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])

image = Path(sys.argv[1])
load_cases({"warm": image})
before = peak()
whole = load_cases({f"c{k}": image for k in range(int(sys.argv[2]))}).pixels
print((peak() - before) / whole.numel(), whole.numel())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells its peak of memory")
def test_images_are_in_memory_once(tmp_path):
    """Of a large cohort there is no room for them twice, not even while they are read."""
    image = write_case(tmp_path, "a", "slices", np.ones((224, 224, 28)), slices=list(range(28)))
    told = subprocess.run(
        [sys.executable, "-c", READ_AGAIN_AND_AGAIN, str(image), "100"],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)}, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert int(told[1]) == 100 * 28 * 224 * 224
    assert 0.9 < float(told[0]) < 1.3


def test_bytes_become_minus_one_to_one():
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3)
    x = to_input(pixels, 3)
    assert x.shape == (1, 3, 1, 3)
    torch.testing.assert_close(x[0, 2, 0], torch.tensor([-1.0, -0.6, 1.0]))
    assert pixels.tolist() == [[[[0, 51, 255]]]]


def test_only_one_channel_can_be_repeated():
    assert in_channels(torch.zeros(1, 1, 2, 2), 3) == 3
    assert in_channels(torch.zeros(1, 8, 2, 2), None) == 8
    with pytest.raises(InputError, match="asks for 3 channels and its input has 8"):
        in_channels(torch.zeros(1, 8, 2, 2), 3)


def test_an_epoch_takes_each_sample_once_and_each_case_alike():
    owner = torch.tensor([0, 0, 0, 1, 2, 2])
    assert sorted(draw_epoch(owner, None, 1, 0).tolist()) == list(range(6))
    some = draw_epoch(owner, 2, 1, 0)
    assert torch.bincount(owner[some]).tolist() == [2, 1, 2]
    assert len(set(some.tolist())) == 5
    epochs = [draw_epoch(torch.arange(50), None, 1, epoch).tolist() for epoch in (0, 1, 0)]
    assert epochs[0] == epochs[2] != epochs[1]
    assert epoch_seed(1, 0) != epoch_seed(0, 1)


def test_batches_are_even_and_leave_no_lone_sample():
    assert [len(b) for b in even_batches(torch.arange(17), 8)] == [6, 6, 5]
    assert [len(b) for b in even_batches(torch.arange(3), 8)] == [3]


@pytest.mark.parametrize("size", [(20, 24), (6, 20, 24)])
def test_augmentation_moves_a_little_and_flips_half(size):
    torch.manual_seed(0)
    x = torch.zeros(64, 2, *size)
    x[..., 4:7] = 1  # a bar on the left of the picture
    moved = augment(x)
    assert moved.shape == x.shape
    assert not torch.equal(moved[0], moved[1])
    columns = moved.mean(dim=tuple(range(1, moved.ndim - 1)))
    on_the_right = (columns.argmax(dim=1) > 12).float().mean()
    assert 0.3 < on_the_right < 0.7
    centres = columns.argmax(dim=1)
    centres = torch.minimum(centres, 23 - centres)
    assert ((centres - 5).abs() <= 4).all()


def test_augmentation_turns_without_shear():
    torch.manual_seed(1)
    y, x = torch.meshgrid(torch.arange(40) - 19.5, torch.arange(80) - 39.5, indexing="ij")
    disc = (x**2 + y**2 < 100).float().expand(16, 1, -1, -1)
    for picture in augment(disc)[:, 0]:
        inside = (picture - picture.min() > 0.5 * (picture.max() - picture.min())).nonzero().float()
        spread = torch.linalg.eigvalsh(inside.T.cov())
        assert spread[1] / spread[0] < 1.1


FULL_SIZE = [
    ("slices", "AlexNet", 3, (224, 224, 2)),
    ("slices", "VGG16", 3, (224, 224, 2)),
    ("subset", "VGG16", None, (224, 224, 28)),
    ("volume", "DenseNet121", None, (96, 96, 96)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "network", "channels", "shape"), FULL_SIZE)
def test_full_size_networks_take_one_step(tmp_path, kind, network, channels, shape):
    rng = np.random.default_rng(0)
    images = {
        f"c{n}": write_case(
            tmp_path, f"c{n}", kind, rng.integers(0, 255, shape), slices=list(range(shape[2]))
        )
        for n in range(3)
    }
    model = {
        "input": kind, "network": network, "channels": channels, "epochs": 1, "batch": 2,
        "learning_rate": 1e-4, "slices_per_case": 1, "options": {}, "weights": None,
    }  # fmt: skip
    labels = {"c0": 0, "c1": 1, "c2": 1}
    parts = {"c0": "train", "c1": "train", "c2": "validation"}
    settings = {**SETTINGS, "precision": "bf16-mixed"}
    train_fold(images, labels, parts, model, settings, 0, *places(tmp_path))
    rows = list(csv.DictReader((tmp_path / "out/metrics.csv").open()))
    assert len(rows) == 1
    assert np.isfinite(float(rows[0]["train_loss"]))
