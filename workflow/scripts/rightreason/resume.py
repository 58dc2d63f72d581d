"""What a killed training goes on from: its state after a whole epoch, kept beside the outputs.

Snakemake deletes a job's outputs before it runs the job again, so the state lies elsewhere, in a
folder named by all that fixes the result: a training on other data, with other settings or by other
code finds no state of its own, and removes what it finds.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import shutil
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import Checkpoint, EarlyStopping

from rightreason.samples import record_path

# A state is kept once training has gone on for so long that writing it takes at most this share
# of the time: large networks weigh gigabytes, and an epoch on a GPU can be a matter of seconds.
SHARE = 0.05
STATE = "state.ckpt"
logger = logging.getLogger(__name__)
State = dict[str, Any]


def identity(
    images: Mapping[str, Path],
    labels: Mapping[str, int],
    parts: Mapping[str, str],
    model: Mapping[str, Any],
    **facts: Any,
) -> str:
    """Digest all that fixes what a training gives.

    Parameters
    ----------
    images, labels, parts, model
        As for `train.train_fold`. Images, their records and initial weights count by their bytes,
        in the order in which they are read; their paths do not: a study can be moved.
    facts
        Whatever else the result depends on, in plain types.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    cases = [
        [case, parts[case], labels[case], _bytes_of(path), _bytes_of(record_path(path))]
        for case, path in images.items()
        if case in parts
    ]
    weights = model.get("weights")
    start = {**model, "weights": _bytes_of(Path(weights)) if weights else None}
    whole = json.dumps({**facts, "cases": cases, "model": start}, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def _bytes_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Store:
    """Where the state of one training lies.

    Parameters
    ----------
    root : path
        Folder of this job alone. What trainings of another identity left there is removed.
    identity : str
        Of this training (see `identity`).
    """

    def __init__(self, root: Path, identity: str) -> None:
        self._root = root
        self._identity = identity
        self._folder = root / identity
        for other in root.iterdir() if root.is_dir() else ():
            if other.name != identity and len(other.name) == len(identity):
                shutil.rmtree(other, ignore_errors=True)

    def write(self, state: State) -> None:
        """Replace the state whole or not at all: aside, flushed to disk, then renamed.

        Not by `whole.write_whole`: that would hold the gigabytes of a large network in memory
        once more, and a killed job would leave them behind under a name that nothing overwrites.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        aside = self._folder / f"{STATE}.part"
        with aside.open("wb") as file:
            torch.save({**state, "identity": self._identity}, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._folder / STATE)

    def read(self) -> State | None:
        """Return the state, on the CPU; None where there is none that can be trusted."""
        path = self._folder / STATE
        if not path.is_file():
            return None
        # Whatever is wrong with it, the training can start over.
        try:
            # torch writes the sums of what it stores, and does not compare them on reading.
            with zipfile.ZipFile(path) as file:
                damaged = file.testzip()
            if damaged:
                raise ValueError(f"{damaged} in it has changed")
            state: State = torch.load(path, map_location="cpu", weights_only=True)
            if state["identity"] != self._identity:
                raise ValueError("it belongs to another training")
        except Exception as error:
            reason = str(error).strip().split("\n")[0] or type(error).__name__
            logger.warning("%s cannot be used (%s): the training starts over.", path, reason)
            return None
        return state

    def forget(self) -> None:
        """Remove the state: the outputs are written."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._root.is_dir() and not any(self._root.iterdir()):
            self._root.rmdir()


class Keeper(Checkpoint):  # type: ignore[misc]
    """Holds the best weights, keeps the state on disk, and begins where a killed run was.

    Lightning's own way back repeats the hooks of the epoch's end, early stopping among them. Here
    an epoch is a function of its number and the state before it, so the number is all that the
    loop is told.

    Parameters
    ----------
    store : Store
        Where the state lies.
    stopping : EarlyStopping
        Its count of epochs without a gain belongs to the state.

    Attributes
    ----------
    weights : dict of str to tensor
        The network's state dict, on the CPU, after the epoch of the lowest validation loss (the
        first of equals); empty before the first epoch of a finite loss.
    best_epoch : int
        Number of that epoch, from 0.
    loss : float
        The validation loss after it.
    """

    def __init__(self, store: Store, stopping: EarlyStopping) -> None:
        super().__init__()
        self.weights: dict[str, torch.Tensor] = {}
        self.best_epoch = -1
        self.loss = math.inf
        self._store = store
        self._stopping = stopping
        self._cost_s = 0.0
        self._kept_at = time.monotonic()

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Take up the state that a run of the same training left."""
        state = self._store.read()
        if state:
            self._restore(trainer, module, state)
            logger.info("resumed after epoch %d", state["epoch"])
        self._kept_at = time.monotonic()

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Compare the epoch's validation loss; keep the state unless training ends here."""
        loss = float(trainer.callback_metrics["validation_loss"])
        if loss < self.loss:
            self.loss, self.best_epoch = loss, int(trainer.current_epoch)
            self.weights = _on_cpu(module.network.state_dict())
        # A loss that is not finite stops the training, too: no run may begin behind it.
        ends = trainer.should_stop or trainer.current_epoch + 1 >= trainer.max_epochs
        if not ends and self._pays():
            self._keep(trainer, module)

    def _pays(self) -> bool:
        return SHARE * (time.monotonic() - self._kept_at) >= self._cost_s

    def _keep(self, trainer: Any, module: Any) -> None:
        started = time.monotonic()
        epoch = int(trainer.current_epoch)
        state = {
            "epoch": epoch,
            "network": module.network.state_dict(),
            "optimizer": trainer.optimizers[0].state_dict(),
            "schedule": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
            "stopping": self._stopping.state_dict(),
            "history": module.history,
            "best_epoch": self.best_epoch,
            "loss": self.loss,
            # Not twice the same.
            "weights": None if self.best_epoch == epoch else self.weights,
        }
        try:
            self._store.write(state)
        except OSError as error:
            logger.warning(
                "The state after epoch %d could not be kept (%s). The training goes on; killed, "
                "it would resume further back.", epoch, error,
            )  # fmt: skip
        self._kept_at = time.monotonic()
        self._cost_s = self._kept_at - started

    def _restore(self, trainer: Any, module: Any, state: State) -> None:
        module.network.load_state_dict(state["network"])
        trainer.optimizers[0].load_state_dict(state["optimizer"])
        trainer.lr_scheduler_configs[0].scheduler.load_state_dict(state["schedule"])
        self._stopping.load_state_dict(state["stopping"])
        module.history = list(state["history"])
        self.best_epoch, self.loss = state["best_epoch"], state["loss"]
        self.weights = _on_cpu(state["weights"] or state["network"])
        progress = trainer.fit_loop.epoch_progress.current
        progress.processed = progress.completed = state["epoch"] + 1


def _on_cpu(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy a state dict, each tensor with its axes in order."""
    return {name: value.detach().to("cpu", copy=True).contiguous() for name, value in state.items()}
