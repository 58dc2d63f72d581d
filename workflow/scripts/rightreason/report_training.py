"""The report's training curves: the losses of every network, epoch by epoch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rightreason.errors import InputError
from rightreason.figures import BLUE, INK, ORANGE, Picture, picture, style
from rightreason.plot_parts import plain_log
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Study
from rightreason.report_elsewhere import trained_here
from rightreason.sentences import number, semicolons
from rightreason.words import _

ACROSS = 3
"""Folds side by side."""
LOSSES = {"train_loss": (BLUE, "-"), "validation_loss": (ORANGE, "--")}


@dataclass(frozen=True)
class Training:
    """How one network was trained: the losses by epoch (from 1), and the epoch whose it is."""

    model: str
    seed: int
    fold: int
    losses: pd.DataFrame
    best: int

    def loss(self, name: str) -> float:
        """Return a loss at the best epoch; NaN where it is not recorded."""
        return float(self.losses[name].get(self.best, float("nan")))


def training_curves(study: Study) -> Sequence[Block]:
    """Training and validation loss of every fold and seed, with the epoch that was kept."""
    trainings = {model: read_trainings(study, model) for model in trained_here(study.config)}
    if not trainings:
        return [Text([_("No network was trained here: all models came with their weights.")])]
    text = _(
        "The loss on the cases a network was fitted to (blue) and on those held back to choose the "
        "epoch (orange, dashed); a thin line is one training, and the mark is the epoch whose "
        "weights were kept, that of the lowest validation loss. Where the dashed line turns "
        "upwards while the blue one still falls, the network begins to learn its cases by heart "
        "(over-fitting); where the two lie far apart at the mark, it has already done so. No case "
        "of the fold itself is in either."
    )
    items = [(_draw(model, found), model) for model, found in trainings.items()]
    return [Text([text]), Figures(items),
            Details(_("The epochs that were kept"), [_table(trainings)])]  # fmt: skip


def read_trainings(study: Study, model: str) -> list[Training]:
    """Read what `train` left of a model's networks, fold by fold and seed by seed."""
    settings = study.config["train"]
    return [
        _read(study.results / "train" / model / f"seed{seed}" / f"fold{fold}", model, seed, fold)
        for fold in range(settings["folds"]) for seed in range(settings["seeds"])
    ]  # fmt: skip


def _read(folder: Path, model: str, seed: int, fold: int) -> Training:
    path = folder / "record.json"
    try:
        best = int(json.loads(path.read_text())["best_epoch"]) + 1
        table = pd.read_csv(folder / "metrics.csv", usecols=["epoch", *LOSSES])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} does not say how the network was trained; remove it and run again."
        ) from error
    return Training(model, seed, fold, table.set_index(table["epoch"].astype(int) + 1), best)


def _draw(model: str, trainings: Sequence[Training]) -> Picture:
    folds = sorted({one.fold for one in trainings})
    across, down = min(ACROSS, len(folds)), -(-len(folds) // ACROSS)
    with style():
        size = (0.7 + 1.2 * across, 0.9 + 1.45 * down)
        figure = Figure(figsize=size, layout="constrained")
        drawn = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, fold in zip(drawn, folds, strict=False):
            _fold(axes, [one for one in trainings if one.fold == fold])
            axes.set_title(_("fold {number}").format(number=fold), fontsize=9)
        for axes in drawn[len(folds) :]:
            axes.set_visible(False)
        _scale(drawn[0], trainings)
        for axes in drawn[max(0, len(folds) - across) : len(folds)]:
            axes.set_xlabel(_("epoch"))
            axes.tick_params(labelbottom=True)
        for axes in drawn[::across]:
            axes.set_ylabel(_("loss"))
        for name, words in (("train_loss", _("fitted to")), ("validation_loss", _("held back"))):
            colour, dash = LOSSES[name]
            drawn[0].plot([], [], dash, color=colour, label=words)
        drawn[0].plot([], [], "D", color=INK, ms=4.5, label=_("kept"))
        figure.legend(loc="outside lower center", ncols=3, fontsize=8)
        return picture(figure, f"training_{model}", _alt(model, trainings))


def _fold(axes: Any, trainings: Sequence[Training]) -> None:
    for one in trainings:
        for name, (colour, dash) in LOSSES.items():
            axes.plot(one.losses.index, one.losses[name], dash, color=colour, zorder=2,
                      lw=1.4 if len(trainings) == 1 else 0.8)  # fmt: skip
        axes.plot(one.best, one.loss("validation_loss"), "D", color=INK, ms=4.5, zorder=3)


def _scale(axes: Any, trainings: Sequence[Training]) -> None:
    """Take a logarithmic axis, in plain numbers, where no loss is 0: losses span decades."""
    values = np.concatenate([one.losses[[*LOSSES]].to_numpy().ravel() for one in trainings])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0:
        axes.set_yscale("log")
        plain_log(axes.yaxis, values.min(), values.max())
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3, integer=True))


def _alt(model: str, trainings: Sequence[Training]) -> str:
    said = [
        _(
            "fold {fold}, seed {seed}: kept epoch {best} of {n}, training loss {fitted}, "
            "validation loss {held}"
        ).format(
            fold=one.fold, seed=one.seed, best=one.best, n=len(one.losses),
            fitted=_loss(one.loss("train_loss")), held=_loss(one.loss("validation_loss")),
        )
        for one in trainings
    ]  # fmt: skip
    return _("Losses of {model} by epoch. {values}.").format(model=model, values=semicolons(said))


def _loss(value: float) -> str:
    return number(float(f"{value:.3g}"))


def _table(trainings: dict[str, list[Training]]) -> Table:
    rows = [
        [model, str(one.fold), str(one.seed), str(len(one.losses)), str(one.best),
         _loss(one.loss("train_loss")), _loss(one.loss("validation_loss"))]
        for model, found in trainings.items() for one in found
    ]  # fmt: skip
    columns = [_("Model"), _("Fold"), _("Seed"), _("Epochs"), _("Kept epoch"),
               _("Training loss"), _("Validation loss")]  # fmt: skip
    return Table(_("Every training; both losses are those of the epoch that was kept."), columns,
                 rows)  # fmt: skip
