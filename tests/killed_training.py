"""Trainings that kill themselves with SIGKILL at a named place, in a process that forks them.

Run as a program with a folder that holds `plan.json`: a list of trainings, each an object with
`out`, `resume`, `images` (folder), and optionally `kind`, `model`, `settings`, `labels`, `kill`,
`clock`. Each is a process of its own; the libraries, seconds to import, are imported once. What a
training logs goes to `{out}.log`; `{out}.epochs` gets one line a run, the epochs of which it
trained a batch. Prints one exit code a line; -9 is a death by SIGKILL.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# MONAI is imported when a network is built: here once, before the forks.
import monai.networks.nets  # noqa: F401
from rightreason import resume, train
from rightreason.classifier import Classifier

from tests.prepared import MODEL, SETTINGS

EPOCHS = 5


def die() -> None:
    """Die as by `kill -9`: nothing is caught, flushed or cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, act: Callable[..., None]) -> None:
    """Let `act` see the arguments of every call of a function, before it runs."""
    original = getattr(owner, name)

    @functools.wraps(original)  # Lightning asks which arguments a hook takes.
    def wrapped(*arguments: Any, **named: Any) -> Any:
        act(*arguments)
        return original(*arguments, **named)

    setattr(owner, name, wrapped)


def set_up(kill: list[Any] | None, epochs: Path) -> None:
    """Note the epochs that are trained, and die where `kill` says.

    `["batch", epoch, batch]` before that batch is trained; `["validation", epoch]` after the last
    batch; `["fsync", n]` when the n-th state is being written; `["replace", n]` when it is written
    aside; `["write"]` before the outputs are written; `["forget"]` after.
    """
    where, numbers = (kill[0], list(kill[1:])) if kill else ("", [])
    batches: Counter[int] = Counter()
    writes: list[Any] = []
    with epochs.open("a") as file:
        file.write("\n" if epochs.stat().st_size else "")

    def step(module: Any, _: Any) -> None:
        epoch = int(module.current_epoch)
        if where == "batch" and [epoch, batches[epoch]] == numbers:
            die()
        if not batches[epoch]:
            with epochs.open("a") as file:
                file.write(f"{epoch} ")
        batches[epoch] += 1

    def count(*_: Any) -> None:
        writes.append(1)
        if len(writes) == numbers[0]:
            die()

    before(Classifier, "training_step", step)
    if where == "validation":
        before(
            Classifier,
            "validation_step",
            lambda module, _: die() if module.current_epoch == numbers[0] else None,
        )
    if where == "fsync":
        before(resume.os, "fsync", count)
    if where == "replace":
        before(resume.Path, "replace", count)
    if where == "write":
        before(train, "_write", lambda *_: die())
    if where == "forget":
        before(resume.Store, "forget", lambda *_: die())


def set_clock(epoch_s: float, write_s: float) -> None:
    """Let an epoch and the writing of a state take as long as is told, on whatever machine."""
    clock = SimpleNamespace(now=0.0)
    resume.time = SimpleNamespace(monotonic=lambda: clock.now)

    def pass_by(seconds: float) -> None:
        clock.now += seconds

    before(resume.Keeper, "on_train_epoch_end", lambda *_: pass_by(epoch_s))
    before(resume.Store, "write", lambda *_: pass_by(write_s))


def run(job: dict[str, Any]) -> None:
    """Train as told."""
    out, folder = Path(job["out"]), Path(job["images"])
    logging.basicConfig(filename=f"{out}.log", level=logging.INFO, format="%(message)s", force=True)
    set_up(job.get("kill"), Path(f"{out}.epochs"))
    if "clock" in job:
        set_clock(*job["clock"])
    else:
        # However short an epoch is here, its state is kept.
        resume.SHARE = float("inf")
    images = {p.name.removesuffix(".nii.gz"): p for p in sorted(folder.glob("*.nii.gz"))}
    labels = {case: n % 2 for n, case in enumerate(images)} | job.get("labels", {})
    parts = {case: "validation" if n < 4 else "train" for n, case in enumerate(images)}
    kind = {"input": job.get("kind", "slices")}
    model = {**MODEL, "epochs": EPOCHS, **kind, **job.get("model", {})}
    settings = {**SETTINGS, **job.get("settings", {})}
    how = model, settings, job.get("seed", 3), out, Path(job["resume"]), job.get("code", "code")
    train.train_fold(images, labels, parts, *how)


def main(folder: Path) -> None:
    """Run the trainings of a plan, one after another, each in a process of its own."""
    for job in json.loads((folder / "plan.json").read_text()):
        child = os.fork()
        if child == 0:
            try:
                run(job)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
