"""Train one network on one fold: PyTorch Lightning, all data in memory, augmented on the device."""

from __future__ import annotations

import csv
import io
import json
import logging
import platform
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, TQDMProgressBar
from pytorch_lightning.plugins.environments import LightningEnvironment

from rightreason import devices, networks
from rightreason.classifier import Classifier, Plan
from rightreason.errors import InputError
from rightreason.images import write_whole
from rightreason.samples import in_channels, load_cases, memory_format

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
) -> None:
    """Train a network and keep its best weights by validation loss.

    Seed, threads and settings fix the result: bit for bit on a CPU; on a GPU as far as torch has
    deterministic operations.

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
        `patience` (epochs), `precision` (`32` or `bf16-mixed`), `device`, `threads`,
        `weight_decay`, `augment`.
    seed : int
        Of this training.
    out : path
        Folder for `weights.ckpt` (the network's state dict), `metrics.csv` (one row per epoch) and
        `record.json`.

    Raises
    ------
    InputError
        When a part is empty or the training part has one class only, when images do not fit
        together or the network cannot be built, or when the loss is not finite.
    """
    _check(labels, parts)
    device = devices.select(settings)
    pl.seed_everything(seed, workers=True, verbose=False)
    samples = {p: load_cases({c: images[c] for c in images if parts.get(c) == p}) for p in PARTS}
    pixels = samples["train"].pixels
    channels = in_channels(pixels, model.get("channels"))
    network = networks.build(
        model["network"], pixels.ndim - 2, channels,
        options=model.get("options"), weights=model.get("weights"),
    ).to(memory_format=memory_format(pixels.ndim))  # type: ignore[call-overload]  # fmt: skip
    classes = {p: torch.tensor([labels[c] for c in s.cases]) for p, s in samples.items()}
    classifier = Classifier(network, samples, classes, channels, _plan(model, settings, seed))
    best = _fit(classifier, settings, device)
    record = _record(model, settings, seed, classifier, device, parts) | best["record"]
    _write(out, best["state"], classifier.history, record)


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


def _fit(
    classifier: Classifier, settings: Mapping[str, Any], device: torch.device
) -> dict[str, Any]:
    """Run Lightning; return the best epoch's weights and what to record of it."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning|torch")
        checkpoint = ModelCheckpoint(
            folder, "best-{epoch}", monitor="validation_loss", save_weights_only=True
        )
        stopping = EarlyStopping("validation_loss", patience=int(settings["patience"]))
        _trainer(classifier.plan, settings, device, [checkpoint, stopping]).fit(classifier)
        best = checkpoint.best_model_path
        if stopping.stopping_reason_message and "finite" in stopping.stopping_reason_message:
            best = ""
        if not best:
            raise InputError(
                "Training broke off: the validation loss is not finite. Lower the model's "
                "`learning_rate`, or set `train.precision` to 32."
            )
        state = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
    epoch = int(Path(best).stem.removeprefix("best-epoch="))
    return {
        "state": {k.removeprefix("network."): v.contiguous() for k, v in state.items()},
        "record": {"best_epoch": epoch, "validation_loss": float(checkpoint.best_model_score)},
    }


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
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "precision": settings["precision"],
        "threads": int(settings["threads"]),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "pytorch_lightning": pl.__version__,
        },
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
