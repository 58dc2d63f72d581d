"""The Lightning module: a network, its samples on the device, and how it learns from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from rightreason.augment import augment
from rightreason.samples import Samples, to_input


@dataclass(frozen=True)
class Plan:
    """How a network is trained.

    Attributes
    ----------
    epochs, batch : int
        Passes over the cases; most samples in one step.
    learning_rate, weight_decay : float
        Peak of the one-cycle schedule (Smith and Topin 2019); decay of AdamW.
    slices_per_case : int or None
        Samples drawn per case and epoch, without repetition; None takes all.
    augment : bool
        Whether training samples are augmented.
    seed : int
        Together with the number of an epoch it fixes all that is random in that epoch.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    slices_per_case: int | None
    augment: bool
    seed: int


def even_batches(indices: torch.Tensor, batch: int) -> list[torch.Tensor]:
    """Cut into the fewest batches of at most `batch`, their sizes differing by one at most.

    No lone sample is left over, which batch norm could not take.
    """
    count = -(-len(indices) // batch)
    return list(torch.tensor_split(indices, count))


def draw_epoch(owner: torch.Tensor, per_case: int | None, seed: int, epoch: int) -> torch.Tensor:
    """Return the sample indices of one epoch, shuffled; a pure function of its arguments.

    Parameters
    ----------
    owner : (samples,) tensor of int64
        Case of each sample.
    per_case : int or None
        Most samples of one case; None takes all.
    seed, epoch : int
        What fixes the order.
    """
    generator = torch.Generator().manual_seed(epoch_seed(seed, epoch))
    order = torch.randperm(len(owner), generator=generator)
    if per_case is None:
        return order
    taken = torch.zeros(int(owner.max()) + 1, dtype=torch.int64)
    kept = []
    for index in order.tolist():
        if taken[owner[index]] < per_case:
            taken[owner[index]] += 1
            kept.append(index)
    return torch.tensor(kept)


def _loader(batches: list[torch.Tensor]) -> DataLoader[torch.Tensor]:
    return DataLoader(batches, batch_size=None, num_workers=0)  # type: ignore[arg-type]


def epoch_seed(seed: int, epoch: int) -> int:
    """Return a number that no other pair of seed (below 2**31) and epoch shares."""
    return (seed << 20) + epoch


class Classifier(pl.LightningModule):  # type: ignore[misc]
    """Learns to tell two classes from samples that lie on the device as bytes.

    The loss is cross-entropy with each class weighted by the inverse of its share of the training
    samples, so that both count alike; weights average 1 over the training samples.

    Parameters
    ----------
    network : nn.Module
        Gives two logits.
    parts : mapping
        `train` and `validation` to their samples.
    labels : mapping
        The same parts to the label of each case, in the samples' order of cases.
    channels : int
        Channels of the network's input.
    plan : Plan
        How to train.
    """

    def __init__(
        self,
        network: nn.Module,
        parts: Mapping[str, Samples],
        labels: Mapping[str, torch.Tensor],
        channels: int,
        plan: Plan,
    ) -> None:
        super().__init__()
        self.network = network
        self.plan = plan
        self.channels = channels
        self.owner = {part: samples.owner for part, samples in parts.items()}
        self.history: list[dict[str, float]] = []
        self._sums: dict[str, torch.Tensor] = {}
        for part, samples in parts.items():
            self.register_buffer(f"{part}_pixels", samples.pixels, persistent=False)
            classes = labels[part][samples.owner]
            self.register_buffer(f"{part}_classes", classes, persistent=False)
        counts = torch.bincount(self.get_buffer("train_classes"), minlength=2)
        self.register_buffer("class_weights", counts.sum() / (2 * counts), persistent=False)

    def train_dataloader(self) -> DataLoader[torch.Tensor]:
        """Return the batches of this epoch, as indices: the pixels are on the device already."""
        plan = self.plan
        drawn = draw_epoch(
            self.owner["train"], plan.slices_per_case, plan.seed, int(self.current_epoch)
        )
        return _loader(even_batches(drawn, plan.batch))

    def val_dataloader(self) -> DataLoader[torch.Tensor]:
        """Return all validation samples, in order."""
        count = len(self.owner["validation"])
        return _loader(even_batches(torch.arange(count), self.plan.batch))

    def on_train_epoch_start(self) -> None:
        """Fix augmentation and dropout by seed and epoch alone."""
        torch.manual_seed(epoch_seed(self.plan.seed, int(self.current_epoch)))
        self._sums = {}

    def training_step(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the weighted loss of one augmented batch."""
        return self._loss("train", indices, augmented=self.plan.augment)

    def validation_step(self, indices: torch.Tensor) -> None:
        """Log the weighted loss of one batch."""
        loss = self._loss("validation", indices, augmented=False)
        self.log("validation_loss", loss, on_epoch=True, batch_size=len(indices), prog_bar=True)

    def on_train_epoch_end(self) -> None:
        """Keep the epoch's row of `metrics.csv`."""
        row = {name: float(total[0] / total[1]) for name, total in self._sums.items()}
        rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        self.history.append({"epoch": int(self.current_epoch), **row, "learning_rate": rate})

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW under a one-cycle learning rate, stepped with every batch."""
        plan = self.plan
        # Fused: of VGG16's step in batches of 16, the plain one is a third on a CPU.
        optimizer = torch.optim.AdamW(
            self.network.parameters(), plan.learning_rate, weight_decay=plan.weight_decay,
            fused=True,
        )  # fmt: skip
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, plan.learning_rate, total_steps=plan.epochs * len(self.train_dataloader())
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _loss(self, part: str, indices: torch.Tensor, *, augmented: bool) -> torch.Tensor:
        x = to_input(self.get_buffer(f"{part}_pixels")[indices], self.channels)
        classes = self.get_buffer(f"{part}_classes")[indices]
        logits = self.network(augment(x) if augmented else x).float()
        losses = functional.cross_entropy(logits, classes, reduction="none")
        loss: torch.Tensor = (losses * self.get_buffer("class_weights")[classes]).mean()
        self._count(f"{part}_loss", loss.detach() * len(indices), len(indices))
        self._count(f"{part}_accuracy", (logits.argmax(1) == classes).sum(), len(indices))
        return loss

    def _count(self, name: str, amount: torch.Tensor, samples: int) -> None:
        total = amount.double()
        # Filled on the device: a copy from the host would wait for all that is queued there.
        step = torch.stack([total, total.new_full((), samples)])
        self._sums[name] = self._sums[name] + step if name in self._sums else step
