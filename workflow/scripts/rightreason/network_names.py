"""Names of networks: those that `networks.build` knows, and how a user's own one is named.

Free of torch, so that a config can be checked in a fraction of a second.
"""

from __future__ import annotations

import re

PLANAR = ("AlexNet", "VGG16")
"""Networks that exist in 2D only (inputs `slices` and `subset`)."""

KNOWN = (
    *PLANAR,
    "DenseNet121",
    "DenseNet169",
    "EfficientNetB0",
    "EfficientNetB1",
    "ResNet10",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "SEResNet50",
)
"""Every network of this project that `models.<name>.network` may name."""

OWN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
"""A user's own: `module:Class`."""

RESERVED_OPTIONS = (
    "spatial_dims",
    "in_channels",
    "out_channels",
    "n_input_channels",
    "num_classes",
    "pretrained",
    "progress",
    "model_name",
)
"""Constructor options that follow from the study, or would download weights."""

RESERVED_OF_OWN = ("spatial_dims", "in_channels")
"""Of a user's own network; one that gives a single logit may want another `out_channels`."""


def is_own(network: str) -> bool:
    """Say whether a network is a user's own."""
    return ":" in network
