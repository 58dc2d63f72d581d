"""Names of the networks that `networks.build` knows; free of torch, so that a config can be checked
in a fraction of a second.
"""

from __future__ import annotations

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
"""Every network that `models.<name>.network` may name."""

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
