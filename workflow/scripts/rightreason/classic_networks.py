"""AlexNet and VGG16, with the parameter names of the published ImageNet weights.

Small definitions of our own, because torchvision is no dependency. A file of its weights
(`alexnet-*.pth`, `vgg16-*.pth`) loads without renaming: `features.N.*`, `classifier.N.*`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class ClassicNetwork(nn.Module):
    """Convolutional features, pooled to a fixed size, then three fully connected layers.

    Takes (N, in_channels, Y, X) and returns logits of shape (N, out_channels).
    """

    def __init__(
        self, features: nn.Sequential, classifier: nn.Sequential, *, pool_size: int
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(pool_size)
        self.classifier = classifier
        self._initialise()

    def _initialise(self) -> None:
        """He et al. 2015: without batch norm, VGG16 does not learn from smaller first weights."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.normal_(self.classifier[-1].weight, std=0.01)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        out: torch.Tensor = self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
        return out


def alexnet(
    in_channels: int, out_channels: int, *, hidden: int = 4096, dropout: float = 0.5
) -> ClassicNetwork:
    """AlexNet in the one-column form of Krizhevsky 2014 (arXiv:1404.5997).

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input image, and classes.
    hidden : int
        Width of the two hidden fully connected layers.
    dropout : float
        Dropout before them.
    """
    features = nn.Sequential(
        nn.Conv2d(in_channels, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
    )
    classifier = nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(256 * 6 * 6, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, out_channels),
    )
    return ClassicNetwork(features, classifier, pool_size=6)


def vgg16(
    in_channels: int, out_channels: int, *, hidden: int = 4096, dropout: float = 0.5
) -> ClassicNetwork:
    """VGG16 without batch norm: configuration D of Simonyan and Zisserman 2015 (arXiv:1409.1556).

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input image, and classes.
    hidden : int
        Width of the two hidden fully connected layers.
    dropout : float
        Dropout after them.
    """
    stages: Sequence[Sequence[int]] = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)
    layers: list[nn.Module] = []
    channels = in_channels
    for stage in stages:
        for width in stage:
            layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    classifier = nn.Sequential(
        nn.Linear(512 * 7 * 7, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, out_channels),
    )
    return ClassicNetwork(nn.Sequential(*layers), classifier, pool_size=7)
