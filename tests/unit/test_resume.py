"""What a killed training is resumed from: whose it is, when it is kept, and what is left of it."""

import logging
import math
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.callbacks import EarlyStopping
from rightreason import resume
from rightreason.resume import Keeper, Store, identity

from tests.prepared import SETTINGS, write_cohort
from tests.unit.test_train import train

MODEL = {"network": "ResNet10", "weights": None, "options": {"a": [1]}}


@pytest.fixture
def cohort(tmp_path):
    images, labels = write_cohort(tmp_path / "images", "slices", cases=4)
    return images, labels, dict.fromkeys(["c00", "c01", "c02"], "train")


def test_the_identity_is_of_contents_not_of_places(cohort, tmp_path):
    images, labels, parts = cohort
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"published")
    model = {**MODEL, "weights": str(weights)}
    one = identity(images, labels, parts, model, seed=1)
    assert len(one) == 64
    (tmp_path / "images").rename(tmp_path / "moved")
    weights = weights.rename(tmp_path / "moved.pth")
    moved = {case: tmp_path / "moved" / path.name for case, path in images.items()}
    model = dict(reversed({**model, "weights": str(weights)}.items()))
    assert identity(moved, labels, parts, model, seed=1) == one
    # A case that is not trained on does not count.
    moved["c03"].unlink()
    assert identity(moved, {**labels, "c03": 0}, parts, model, seed=1) == one


def test_the_identity_is_of_all_that_counts(cohort, tmp_path):
    images, labels, parts = cohort

    def now(images=images, labels=labels, parts=parts, model=MODEL, **facts):
        return identity(images, labels, parts, model, **{"seed": 1, "code": "x", **facts})

    (tmp_path / "weights.pth").write_bytes(b"published")
    found = [
        now(),
        now(labels={**labels, "c01": 0}),
        now(parts={**parts, "c02": "validation"}),
        now(parts={**parts, "c03": "train"}),
        now(images=dict(reversed(images.items()))),
        now(model={**MODEL, "options": {"a": [2]}}),
        now(model={**MODEL, "weights": tmp_path / "weights.pth"}),
        now(seed=2),
        now(code="y"),
        now(threads=2),
    ]
    (tmp_path / "weights.pth").write_bytes(b"Published")
    found.append(now(model={**MODEL, "weights": tmp_path / "weights.pth"}))
    record = images["c00"].with_name("c00.json")
    for path in (images["c01"], record):
        content = path.read_bytes()
        path.write_bytes(content + b"\n")
        found.append(now())
        path.write_bytes(content)
    assert now() == found[0]
    assert len(set(found)) == len(found) == 13


def test_a_state_is_written_whole_and_read_by_its_own_only(tmp_path):
    mine, other = "a" * 64, "b" * 64
    store = Store(tmp_path / "resume", mine)
    assert store.read() is None
    assert not (tmp_path / "resume").exists()
    (tmp_path / "resume" / mine).mkdir(parents=True)
    (tmp_path / "resume" / mine / "state.ckpt.part").write_bytes(b"half a state")
    assert store.read() is None
    store.write({"epoch": 1, "weights": {"w": torch.ones(3)}})
    assert [p.name for p in (tmp_path / "resume" / mine).iterdir()] == ["state.ckpt"]
    state = Store(tmp_path / "resume", mine).read()
    assert state["epoch"] == 1
    assert state["weights"]["w"].tolist() == [1, 1, 1]
    (tmp_path / "resume/kept").mkdir()
    assert Store(tmp_path / "resume", other).read() is None
    # What is no training's stays.
    assert [p.name for p in (tmp_path / "resume").iterdir()] == ["kept"]
    (tmp_path / "resume/kept").rmdir()
    store = Store(tmp_path / "resume", other)
    store.write({"epoch": 2})
    store.forget()
    assert not (tmp_path / "resume").exists()


def test_a_link_to_another_folder_is_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_bytes(b"kept")
    (tmp_path / "resume").mkdir()
    (tmp_path / "resume" / ("c" * 64)).symlink_to(tmp_path / "outside")
    Store(tmp_path / "resume", "a" * 64)
    assert (tmp_path / "outside/file").read_bytes() == b"kept"


class Clock:
    """A clock that stands still unless told."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


def test_writing_takes_a_twentieth_of_the_time_at_most(monkeypatch):
    clock, kept = Clock(), []
    monkeypatch.setattr(resume, "time", clock)

    class Slow:
        def read(self):
            return None

        def write(self, state):
            kept.append((state["epoch"], state["best_epoch"], state["weights"] is None))
            clock.now += 3

    network = torch.nn.Linear(2, 2)
    module = SimpleNamespace(network=network, history=[])
    optimizer = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    trainer = SimpleNamespace(
        optimizers=[optimizer],
        lr_scheduler_configs=[SimpleNamespace(scheduler=schedule)],
        should_stop=False,
        max_epochs=9,
    )
    keeper = Keeper(Slow(), EarlyStopping("validation_loss"))
    keeper.on_train_start(trainer, module)
    for epoch, loss in enumerate([0.9, 0.5, 0.7, 0.7, 0.7, 0.4, 0.6, 0.4, 0.3]):
        trainer.current_epoch = epoch
        trainer.callback_metrics = {"validation_loss": torch.tensor(loss)}
        clock.now += 20
        keeper.on_train_epoch_end(trainer, module)
    # The first at once; then after 60 s of training, for each takes 3; never after the last epoch.
    assert kept == [(0, 0, True), (3, 1, False), (6, 5, False)]
    assert (keeper.best_epoch, keeper.loss) == (8, pytest.approx(0.3))


def test_no_state_is_kept_where_training_ends():
    kept = []
    store = SimpleNamespace(write=kept.append, read=lambda: None)
    keeper = Keeper(store, EarlyStopping("validation_loss"))
    module = SimpleNamespace(network=torch.nn.Linear(2, 2), history=[])
    metrics = {"validation_loss": torch.tensor(math.nan)}
    trainer = SimpleNamespace(
        current_epoch=1, max_epochs=9, should_stop=True, callback_metrics=metrics
    )
    keeper.on_train_epoch_end(trainer, module)
    assert kept == []
    assert keeper.weights == {}


def test_a_training_whose_state_cannot_be_kept_goes_on(tmp_path, monkeypatch, caplog):
    whole = train(tmp_path / "images", tmp_path / "whole")

    def full(self, state):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    with caplog.at_level(logging.WARNING, logger="rightreason"):
        assert train(tmp_path / "images", tmp_path / "out") == whole
    assert "state after epoch 0 could not be kept ([Errno 28] No space left" in caplog.text
    assert "The training goes on" in caplog.text


def test_device_auto_and_cpu_are_one_training(tmp_path, monkeypatch):
    found = []
    monkeypatch.setattr("rightreason.train.Store", lambda root, name: found.append(name) or 1 / 0)
    for more in ({}, {"device": "auto"}, {"threads": 2}, {"precision": "bf16-mixed"}):
        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
        with pytest.raises(ZeroDivisionError):
            train(tmp_path / "images", tmp_path / "out", settings={**SETTINGS, **more})
    assert found[0] == found[1]
    assert len(set(found)) == 3
