"""The sections of the config on networks: which there are, their training, their saliency maps."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from rightreason.algorithms import ALGORITHMS, SETTINGS
from rightreason.config_sections import Count, Name, Section, Share
from rightreason.errors import unknown
from rightreason.network_names import (
    KNOWN,
    OWN,
    PLANAR,
    RESERVED_OF_OWN,
    RESERVED_OPTIONS,
    is_own,
)

GIVEN_THRESHOLD = 0.5
"""Of a network that was trained elsewhere, where its model names none."""
OF_TRAINING = ("weights", "epochs", "batch", "learning_rate", "slices_per_case")
"""What of a model matters to its training only."""


class Model(Section):
    """A network to train and audit, or one that was trained elsewhere (`trained`)."""

    input: Literal["slices", "subset", "volume"]
    network: str = Field(
        description=f"{', '.join(KNOWN)}; or your own, as `module:Class` "
        "([docs/own_network.md](../docs/own_network.md))."
    )
    options: dict[str, Any] = Field({}, description="Constructor options of the network.")
    weights: str | None = Field(
        None, description="File of initial weights (state dict) for a training."
    )
    trained: str | tuple[str, ...] | None = Field(
        None,
        description="Files of weights that were trained elsewhere: the model is not trained here, "
        "and every case is judged by the mean over these networks.",
    )
    threshold: Share | None = Field(
        None,
        description="With `trained`: from which probability on a case is called positive; default "
        f"{GIVEN_THRESHOLD}.",
    )
    channels: Literal[1, 3] | None = Field(
        None, description="3 repeats a grey slice, for ImageNet weights; by default as the input."
    )
    target_layer: str | None = Field(None, description="For CAMs; default: the last convolution.")
    epochs: Count = 20
    batch: Count = 16
    learning_rate: float = Field(1e-3, gt=0)
    slices_per_case: Count | None = Field(
        None, description="Slices drawn of each case and epoch, of the input `slices`; default all."
    )

    @property
    def trained_files(self) -> list[str]:
        """The files of `trained`; none where the model is trained here."""
        return [self.trained] if isinstance(self.trained, str) else list(self.trained or ())

    @model_validator(mode="after")
    def _network_fits(self) -> Model:
        own = is_own(self.network)
        if own and not OWN.fullmatch(self.network):
            raise ValueError(
                f"{self.network!r} does not name a network of your own: expected module:Class, for "
                "example my_networks:Small or my_package.networks:Small"
            )
        if not own and self.network not in KNOWN:
            raise ValueError(unknown("network", self.network, KNOWN))
        if self.network in PLANAR and self.input == "volume":
            raise ValueError(f"{self.network} is two-dimensional; it cannot take the input volume")
        reserved = sorted(set(self.options) & set(RESERVED_OF_OWN if own else RESERVED_OPTIONS))
        if reserved:
            raise ValueError(f"options {', '.join(reserved)} follow from the study; leave them out")
        if self.channels == 3 and self.input != "slices":
            raise ValueError("channels: 3 repeats a grey slice and needs the input slices")
        return self

    @model_validator(mode="after")
    def _trained_once(self) -> Model:
        if self.trained is None:
            if self.threshold is not None:
                raise ValueError(
                    "threshold is for a network that was trained elsewhere (trained); of one that "
                    "is trained here it is chosen on validation patients"
                )
            return self
        files = self.trained_files
        if not files or len(set(files)) < len(files):
            raise ValueError("trained: name at least one file of weights, and each once")
        foreign = sorted(self.model_fields_set & set(OF_TRAINING))
        if foreign:
            raise ValueError(
                f"{', '.join(foreign)}: of no use beside trained, since such a network is not "
                "trained here; leave out"
            )
        return self


class Train(Section):
    """Cross-validation and training."""

    folds: int = Field(5, ge=2, description="Patient-level folds.")
    seeds: Count = Field(1, description="Trainings of each model and fold.")
    seed: int = Field(0, description="Seed of the folds and of the first training.")
    validation_fraction: float = Field(
        0.2, gt=0, lt=1, description="Share of the training patients for early stopping."
    )
    patience: Count = Field(10, description="Epochs without improvement before stopping.")
    weight_decay: float = Field(1e-4, ge=0)
    augment: bool = True
    precision: Literal["32", "bf16-mixed"] = Field(
        "32", description="`bf16-mixed` is for GPUs: a CPU trains in 32 bits all the same."
    )


class Predict(Section):
    """Out-of-fold classification."""

    batch: Count = Field(64, description="Samples at once.")


class Method(Section):
    """A way to make a saliency map; each algorithm has only some of these settings."""

    algorithm: str
    layer: str | None = Field(
        None, description="CAMs of all kinds: by default the model's target layer."
    )
    steps: Count = Field(
        32, description="Integrated gradients: steps from baseline to input, to begin with."
    )
    baseline: Share = Field(
        0.0,
        description="Integrated gradients, SHAP, occlusion, Score-CAM: the grey value that stands "
        "for nothing, 0 black to 1 white.",
    )
    samples: Count = Field(16, description="SmoothGrad, SHAP: noisy copies of each input.")
    noise: float = Field(
        0.1,
        gt=0,
        le=1,
        description="SmoothGrad, SHAP: standard deviation, as share of the grey range.",
    )
    window: Count = Field(
        16, description="Occlusion: edge of the occluded square or cube, in pixels of the input."
    )
    stride: Count = Field(8, description="Occlusion: step from one window to the next, in pixels.")

    @model_validator(mode="after")
    def _settings_fit(self) -> Method:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(unknown("algorithm", self.algorithm, ALGORITHMS))
        foreign = sorted(self.model_fields_set - {"algorithm", *SETTINGS[self.algorithm]})
        if foreign:
            raise ValueError(f"{self.algorithm} has no setting {', '.join(foreign)}")
        if self.stride > self.window:
            raise ValueError(
                f"stride {self.stride} is wider than window {self.window}: some pixels would never "
                "be occluded"
            )
        return self

    @model_serializer(mode="wrap")
    def _own_settings(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what other algorithms have: a result depends on no foreign default."""
        own = {"algorithm", *SETTINGS[self.algorithm]}
        return {key: value for key, value in handler(self).items() if key in own}


class Saliency(Section):
    """Saliency maps."""

    target: Literal["positive", "predicted", "label"] = Field(
        "positive", description="The class whose evidence the map shows."
    )
    batch: Count = Field(16, description="Samples at once.")
    methods: dict[Name, Method] = Field(
        {name: Method(algorithm=name) for name in ("gradcam", "hirescam", "integrated_gradients")},
        min_length=1,
    )
