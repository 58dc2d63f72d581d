"""A training killed with SIGKILL, at whatever place, ends in the bytes of an undisturbed one."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from tests import killed_training
from tests.prepared import SHAPE, write_cohort
from tests.runs import ROOT, checkout, finish

FILES = ("weights.ckpt", "metrics.csv", "record.json")


class Trainings:
    """Trainings in a folder, each killed where it is told to be."""

    def __init__(self, folder: Path, kind: str = "slices", shape: tuple[int, ...] = SHAPE) -> None:
        self.folder = folder
        self.kind = kind
        self.resume = folder / "resume"
        write_cohort(folder / "images", kind, shape=shape)

    def run(self, *jobs: dict[str, object]) -> list[int]:
        """Run trainings one after another; return their exit codes."""
        plan = [
            {"images": str(self.folder / "images"), "resume": str(self.resume), "kind": self.kind,
             **job, "out": str(self.folder / str(job["out"]))}
            for job in jobs
        ]  # fmt: skip
        (self.folder / "plan.json").write_text(json.dumps(plan))
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'workflow/scripts'}:{ROOT}"}
        done = subprocess.run(
            [sys.executable, killed_training.__file__, str(self.folder)],
            env=environment, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        return [int(line) for line in done.stdout.splitlines()]

    def bytes_of(self, out: str) -> list[bytes]:
        return [(self.folder / out / name).read_bytes() for name in FILES]

    def log(self, out: str) -> str:
        return (self.folder / f"{out}.log").read_text()

    def epochs(self, out: str) -> list[list[int]]:
        """Epochs of which a batch was trained, by run."""
        lines = (self.folder / f"{out}.epochs").read_text().split("\n")
        return [[int(epoch) for epoch in line.split()] for line in lines]


# Where it dies; the epochs of which it trained a batch; the epoch that the next run resumes after.
KILLS = {
    "before a state": (["batch", 0, 1], [0], None),
    "before an epoch": (["batch", 1, 0], [0], 0),
    "mid-epoch": (["batch", 3, 2], [0, 1, 2, 3], 2),
    "in validation": (["validation", 2], [0, 1, 2], 1),
    "in the last epoch": (["batch", 4, 3], [0, 1, 2, 3, 4], 3),
    "while the first state is written": (["fsync", 1], [0], None),
    "while a state is written": (["fsync", 3], [0, 1, 2], 1),
    "when a state is written aside": (["replace", 3], [0, 1, 2], 1),
    "after the last epoch": (["write"], [0, 1, 2, 3, 4], 3),
    "when the outputs are written": (["forget"], [0, 1, 2, 3, 4], 3),
}


def test_wherever_it_is_killed_the_same_bytes_come_out(tmp_path):
    trainings = Trainings(tmp_path)
    jobs: list[dict[str, object]] = [{"out": "whole"}]
    for name, (kill, _, _) in KILLS.items():
        own = {"out": name, "resume": str(tmp_path / f"resume {name}")}
        jobs += [{**own, "kill": kill}, own]
    codes = trainings.run(*jobs)
    assert codes == [0] + [-signal.SIGKILL, 0] * len(KILLS)
    whole = trainings.bytes_of("whole")
    for name, (_, trained, after) in KILLS.items():
        rest = list(range(0 if after is None else after + 1, 5))
        assert trainings.epochs(name) == [trained, rest], name
        assert trainings.log(name) == ("" if after is None else f"resumed after epoch {after}\n")
        assert trainings.bytes_of(name) == whole, name
        assert not (tmp_path / f"resume {name}").exists(), name


# An epoch takes 20 s, writing a state 3: a twentieth of the time only after three epochs; but the
# first whole epoch of a run is kept at once. Where each run dies, and which epochs it trained.
SELDOM_KEPT = [
    (["batch", 2, 3], [0, 1, 2]),
    (["validation", 3], [1, 2, 3]),
    (["batch", 4, 0], [2, 3]),
    (None, [3, 4]),
]


def test_epochs_that_were_not_kept_are_trained_again(tmp_path):
    """With the share of the time that writing may take as it is; of the other tests it is all."""
    trainings = Trainings(tmp_path)
    clock = {"out": "killed", "clock": [20, 3]}
    codes = trainings.run(
        {"out": "whole", "resume": str(tmp_path / "another")},
        *({**clock, "kill": kill} for kill, _ in SELDOM_KEPT),
    )
    assert codes == [0, -9, -9, -9, 0]
    assert trainings.epochs("killed") == [trained for _, trained in SELDOM_KEPT]
    assert re.findall(r"resumed after epoch (\d)", trainings.log("killed")) == ["0", "1", "2"]
    assert trainings.bytes_of("killed") == trainings.bytes_of("whole")


KINDS = [
    # Dropout, a convolution whose axes lie in another order, half the slices of a case, bf16.
    ("slices", {"network": "AlexNet", "options": {"hidden": 8}, "slices_per_case": 2},
     {"precision": "bf16-mixed"}),
    # It stops early: in epoch 3, three after the best.
    ("subset", {"learning_rate": 1e-12, "epochs": 9}, {"patience": 3}),
    ("volume", {"network": "DenseNet121", "options": {
        "init_features": 4, "growth_rate": 4, "block_config": [2, 2], "dropout_prob": 0.4,
    }}, {"threads": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "model", "settings"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_killed_twice_each_kind_gives_the_same_bytes(tmp_path, kind, model, settings):
    how = {"kind": kind, "model": model, "settings": settings}
    shape = {"shape": (64, 64, 10)} if model.get("network") == "AlexNet" else {}
    trainings = Trainings(tmp_path, kind, **shape)
    kills = [["batch", 2, 0], ["validation", 3], ["write"]]
    codes = trainings.run(
        {"out": "whole", **how, "resume": str(tmp_path / "another")},
        *({"out": "killed", **how, "kill": kill} for kill in kills),
        {"out": "killed", **how},
    )
    assert codes == [0, -9, -9, -9, 0]
    [epochs] = trainings.epochs("whole")
    assert epochs == list(range(len(epochs)))
    assert trainings.epochs("killed") == [[0, 1], [2, 3], epochs[3:], epochs[-1:]]
    assert trainings.bytes_of("killed") == trainings.bytes_of("whole")
    if "patience" in settings:
        rows = list(csv.DictReader(io.StringIO(trainings.bytes_of("whole")[1].decode())))
        assert len(rows) < 9


def test_a_changed_label_never_resumes(tmp_path):
    trainings = Trainings(tmp_path)
    edited = {"labels": {"c05": 0}}
    kill = {"kill": ["batch", 3, 1]}
    codes = trainings.run(
        {"out": "first", **kill},
        {"out": "edited", **edited},
        {"out": "undisturbed", **edited, "resume": str(tmp_path / "another")},
        # Taken back: of the first run nothing is left.
        {"out": "first"},
        {"out": "whole", "resume": str(tmp_path / "another")},
    )
    assert codes == [-9, 0, 0, 0, 0]
    assert trainings.epochs("edited") == [[0, 1, 2, 3, 4]]
    assert trainings.epochs("first") == [[0, 1, 2, 3], [0, 1, 2, 3, 4]]
    assert trainings.log("edited") == ""
    assert trainings.bytes_of("edited") == trainings.bytes_of("undisturbed")
    assert trainings.bytes_of("first") == trainings.bytes_of("whole")
    assert trainings.bytes_of("edited")[0] != trainings.bytes_of("whole")[0]


class Payload:
    """What a pickle does when it is read: create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def truncate(state: Path, folder: Path) -> None:
    os.truncate(state, state.stat().st_size // 2)


def flip_a_bit(state: Path, folder: Path) -> None:
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)


def put_anothers(state: Path, folder: Path) -> None:
    [other] = (folder / "another").glob("*/state.ckpt")
    state.write_bytes(other.read_bytes())


def put_a_payload(state: Path, folder: Path) -> None:
    torch.save({"identity": state.parent.name, "epoch": Payload(folder / "executed")}, state)


DAMAGES = {
    truncate: "File is not a zip file",
    flip_a_bit: "in it has changed",
    put_anothers: "it belongs to another training",
    put_a_payload: "Weights only load failed",
}


def test_a_state_that_cannot_be_trusted_is_not_used(tmp_path):
    trainings = Trainings(tmp_path)
    kill = {"kill": ["batch", 3, 1]}
    where = [{"out": d.__name__, "resume": str(tmp_path / d.__name__)} for d in DAMAGES]
    another = {"out": "another", "resume": str(tmp_path / "another"), "seed": 4}
    codes = trainings.run({"out": "whole"}, *({**job, **kill} for job in [*where, another]))
    assert codes == [0] + [-9] * 5
    for damage in DAMAGES:
        [state] = (tmp_path / damage.__name__).glob("*/state.ckpt")
        damage(state, tmp_path)
    assert trainings.run(*where) == [0] * 4
    for damage, reason in DAMAGES.items():
        name = damage.__name__
        log = trainings.log(name)
        assert log.count("\n") == 1, log
        assert "state.ckpt cannot be used" in log
        assert reason in log
        assert "the training starts over" in log
        assert trainings.epochs(name)[1] == [0, 1, 2, 3, 4]
        assert trainings.bytes_of(name) == trainings.bytes_of("whole"), name
    assert not (tmp_path / "executed").exists()


WEIGHTS = "results/train/slices_small/seed0/fold0/weights.ckpt"
ARGUMENTS = (WEIGHTS, "--configfile", "tests/small.yaml", "long.yaml")
LONG = {
    "models": {"slices_small": {"epochs": 60}},
    "train": {"patience": 60},
}


def trainings_of(snakemake: int) -> list[int]:
    """Find the processes below a Snakemake that run the training's script."""
    parents, scripts = {}, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
            if b"train.py" in (folder / "cmdline").read_bytes():
                scripts.append(int(folder.name))
        except OSError:  # It has just ended.
            continue

    def below(process: int) -> bool:
        return process == snakemake or (process in parents and below(parents[process]))

    return [script for script in scripts if below(script)]


@pytest.mark.slow
def test_the_next_run_of_snakemake_resumes(tmp_path):
    if not Path("/proc/self/stat").exists():
        pytest.skip("the training's process is found through /proc, which is not here")
    folder = checkout(tmp_path / "study")
    (folder / "long.yaml").write_text(yaml.safe_dump(LONG))
    kept = folder / ".snakemake/rightreason/train/slices_small/seed0/fold0"
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", *ARGUMENTS], cwd=folder,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while run.poll() is None and not list(kept.glob("*/state.ckpt")):
            time.sleep(0.05)
        [training] = trainings_of(run.pid)
        os.kill(training, signal.SIGKILL)
        assert run.wait() == 1
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    out = (folder / WEIGHTS).parent
    assert not any((out / name).exists() for name in FILES)
    finish(folder, *ARGUMENTS)
    log = folder / "logs/train/slices_small/seed0/fold0.log"
    assert "resumed after epoch" in log.read_text()
    assert not kept.exists()
    resumed = [(out / name).read_bytes() for name in FILES]
    assert resumed[1].count(b"\n") == 61
    finish(folder, *ARGUMENTS, "--forcerun", "train")
    assert "resumed" not in log.read_text()
    assert [(out / name).read_bytes() for name in FILES] == resumed
