"""Train one network on one fold: PyTorch Lightning, all data in memory, augmented on the device."""

from __future__ import annotations

import csv
import io
import json
import logging
import platform
import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, TQDMProgressBar
from pytorch_lightning.plugins.environments import LightningEnvironment

from rightreason import devices, machine, networks, training_formats
from rightreason.classifier import Classifier, Plan
from rightreason.errors import InputError
from rightreason.network_names import is_own
from rightreason.own_networks import complete
from rightreason.resume import Keeper, Store, identity
from rightreason.samples import in_channels, load_cases, to_input
from rightreason.whole import write_whole

PARTS = ("train", "validation")
logger = logging.getLogger(__name__)


def train_fold(
    images: Mapping[str, Path],
    labels: Mapping[str, int],
    parts: Mapping[str, str],
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    seed: int,
    out: Path,
    resume: Path,
    code: str,
) -> None:
    """Train a network and keep its best weights by validation loss.

    Seed, threads and settings fix the result: bit for bit on a CPU; on a GPU as far as torch has
    deterministic operations. A run that was killed is resumed after the last whole epoch that it
    kept, and gives the same.

    Parameters
    ----------
    images : mapping of case to path
        Prepared images, their records beside them; only those named in `parts` are read.
    labels : mapping of case to 0 or 1
        1 is the positive class.
    parts : mapping of case to `train` or `validation`
        Which of the fold's training patients choose the epoch. Test cases are not passed.
    model : mapping
        `input`, `network`, `weights`, `options`, `channels`, `epochs`, `batch`, `learning_rate`,
        and optionally `slices_per_case`.
    settings : mapping
        `patience` (epochs), `precision` (`32` or, on a GPU, `bf16-mixed`), `device`, `threads`,
        `weight_decay`, `augment`.
    seed : int
        Of this training.
    out : path
        Folder for `weights.ckpt` (the network's state dict), `metrics.csv` (one row per epoch) and
        `record.json`.
    resume : path
        Folder outside `out`, of this training alone, for what a killed run is resumed from; gone
        when the outputs are written.
    code : str
        Digest of the code: what other code left in `resume` is not used.

    Raises
    ------
    InputError
        When a part is empty or the training part has one class only, when images do not fit
        together or the network cannot be built, or when the loss is not finite.
    """
    _check(labels, parts)
    device = devices.select(settings)
    of_all = identity(
        images, labels, parts, model,
        seed=seed, code=code, versions=_versions(), device=_name(device, processor=True),
        settings={key: value for key, value in settings.items() if key != "device"},
    )  # fmt: skip
    store = Store(resume, of_all)
    settings = {**settings, "precision": training_formats.numbers(settings["precision"], device)}
    pl.seed_everything(seed, workers=True, verbose=False)
    classifier = _classifier(images, labels, parts, model, _plan(model, settings, seed))
    keeper = _fit(classifier, settings, device, store)
    record = _record(model, settings, seed, classifier, device, parts)
    best = {"best_epoch": keeper.best_epoch, "validation_loss": keeper.loss}
    _write(out, keeper.weights, classifier.history, record | best)
    store.forget()


def _check(labels: Mapping[str, int], parts: Mapping[str, str]) -> None:
    foreign = sorted(set(parts.values()) - set(PARTS))
    if foreign:
        raise ValueError(f"train_fold never sees other parts than {PARTS}, and got {foreign}.")
    for part in PARTS:
        if part not in parts.values():
            raise InputError(
                f"The {part} part of this fold has no case. Use fewer folds, more cases, or "
                "another `train.validation_fraction`."
            )
    if len({labels[case] for case, part in parts.items() if part == "train"}) < 2:
        raise InputError(
            "The training part of this fold has cases of one class only, and a classifier needs "
            "both. Use fewer folds or more cases."
        )


def _plan(model: Mapping[str, Any], settings: Mapping[str, Any], seed: int) -> Plan:
    return Plan(
        epochs=int(model["epochs"]),
        batch=int(model["batch"]),
        learning_rate=float(model["learning_rate"]),
        weight_decay=float(settings["weight_decay"]),
        slices_per_case=model.get("slices_per_case"),
        augment=bool(settings["augment"]),
        seed=seed,
    )


def _classifier(
    images: Mapping[str, Path],
    labels: Mapping[str, int],
    parts: Mapping[str, str],
    model: Mapping[str, Any],
    plan: Plan,
) -> Classifier:
    """Read the samples and build the network, from torch's global random state."""
    samples = {p: load_cases({c: images[c] for c in images if parts.get(c) == p}) for p in PARTS}
    pixels = samples["train"].pixels
    channels = in_channels(pixels, model.get("channels"))
    network = networks.build(
        model["network"], pixels.ndim - 2, channels,
        options=model.get("options"), weights=model.get("weights"), code=model.get("code"),
    )  # fmt: skip
    if is_own(model["network"]):
        complete(network, to_input(pixels[:1], channels), model["network"])
    else:
        training_formats.arrange(network, pixels.ndim)
    classes = {p: torch.tensor([labels[c] for c in s.cases]) for p, s in samples.items()}
    return Classifier(network, samples, classes, channels, plan)


def _fit(
    classifier: Classifier, settings: Mapping[str, Any], device: torch.device, store: Store
) -> Keeper:
    """Run Lightning; return who holds the best epoch's weights."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    stopping = EarlyStopping("validation_loss", patience=int(settings["patience"]))
    keeper = Keeper(store, stopping)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric|torch")
        _trainer(classifier.plan, settings, device, [stopping, keeper]).fit(classifier)
    reason = stopping.stopping_reason_message
    if not keeper.weights or (reason and "finite" in reason):
        raise InputError(
            "Training broke off: the validation loss is not finite. Lower the model's "
            "`learning_rate`, or set `train.precision` to 32."
        )
    return keeper


def _trainer(
    plan: Plan, settings: Mapping[str, Any], device: torch.device, callbacks: list[Callback]
) -> Any:
    """Set Lightning up: one device, no logger, a progress bar only for someone who watches."""
    watched = sys.stderr.isatty()
    return pl.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        plugins=[LightningEnvironment()],
        precision=settings["precision"],
        deterministic=True if device.type == "cpu" else "warn",
        max_epochs=plan.epochs,
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        callbacks=[*callbacks, TQDMProgressBar()] if watched else callbacks,
        enable_progress_bar=watched,
        enable_model_summary=False,
        logger=False,
    )


def _record(
    model: Mapping[str, Any],
    settings: Mapping[str, Any],
    seed: int,
    classifier: Classifier,
    device: torch.device,
    parts: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "network": model["network"],
        "input": model["input"],
        "options": dict(model.get("options") or {}),
        "in_channels": classifier.channels,
        "seed": seed,
        "epochs": len(classifier.history),
        "cases": {part: list(parts.values()).count(part) for part in PARTS},
        "samples": {part: len(classifier.owner[part]) for part in PARTS},
        "class_weights": classifier.get_buffer("class_weights").tolist(),
        "device": _name(device),
        "precision": settings["precision"],
        "threads": int(settings["threads"]),
        "hardware": {"processor": machine.processor(), "cores": machine.cores()},
        "versions": _versions(),
    }


def _name(device: torch.device, *, processor: bool = False) -> str:
    """Name the GPU; or the CPU, by its make where that is asked for."""
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    return machine.processor() if processor else "cpu"


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pytorch_lightning": pl.__version__,
        "monai": version("monai"),
    }


def _write(
    out: Path,
    state: dict[str, torch.Tensor],
    history: list[dict[str, float]],
    record: dict[str, Any],
) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    weights = io.BytesIO()
    torch.save(state, weights)
    write_whole(out / "metrics.csv", table.getvalue().encode())
    write_whole(out / "record.json", (json.dumps(record, sort_keys=True, indent=1) + "\n").encode())
    write_whole(out / "weights.ckpt", weights.getvalue())
