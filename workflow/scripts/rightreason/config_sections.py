"""The sections of the config, one per stage, and what stands in them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from rightreason.algorithms import ALGORITHMS
from rightreason.errors import unknown
from rightreason.network_names import KNOWN, PLANAR, RESERVED_OPTIONS
from rightreason.tables import ID

Name = Annotated[str, StringConstraints(pattern=f"^{ID.pattern}$")]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]
PARTS = ("positive", "negative", "absolute")


class Section(BaseModel):
    """A part of the config; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Demo(Section):
    """The embedded synthetic cohort; used when no `cases` table is given."""

    training_cases: int = Field(24, ge=4, description="Cases of site A, half of them drowning.")
    external_cases: int = Field(8, ge=0, description="Cases of site B.")
    matrix: tuple[Count, Count, Count] = Field((128, 128, 32), description="Voxels: x, y, slices.")
    field_mm: float = Field(400, gt=0, description="In-plane field of view in mm.")
    slice_mm: float = Field(8, gt=0, description="Slice spacing in mm.")
    shortcut: Share = Field(
        1.0,
        description="How strongly the fold of wet body bag goes with drowning at site A, and with "
        "the other cases at site B: 0 not at all, 1 always.",
    )
    seed: int = Field(20240, description="The same seed writes the same bytes.")


class Convert(Section):
    """DICOM to NIfTI; what a policy corrects is named in `results/summary/cohort.tsv`."""

    gap: Literal["error", "interpolate"] = Field(
        "error", description="Missing slices: refuse, or interpolate linearly between neighbours."
    )
    uneven_spacing: Literal["error", "resample"] = Field(
        "error", description="Uneven steps: refuse, or interpolate at the smallest step there is."
    )
    tilt: Literal["correct", "error"] = Field(
        "correct", description="A tilted gantry: shift each slice in its plane, or refuse."
    )
    repeated_position: Literal["error", "first"] = Field(
        "error",
        description="Several slices at one position: refuse, or take the first by acquisition and "
        "instance number.",
    )
    timeout_s: float = Field(300, gt=0, description="Longest time dcm2niix may take for a case.")


class Annotate(Section):
    """Raters' files onto the CT grid."""

    outside: Literal["error", "clip"] = Field(
        "error", description="What to do with an annotation that is partly outside the image."
    )
    max_volume_change: Share = Field(
        0.05, description="Largest relative change of a mask's volume by resampling."
    )
    fractional_threshold: float = Field(
        0.5, gt=0, le=1, description="From which fraction on a fractional DICOM SEG marks a voxel."
    )


class Plane(Section):
    """Inputs made of slices."""

    size: Count = Field(description="Pixels along each side.")
    count: Count = Field(description="Number of slices.")


class Block(Section):
    """Three-dimensional inputs."""

    size: tuple[Count, Count, Count] = Field(description="Voxels: x, y, z.")


class Prepare(Section):
    """The models' inputs."""

    window: tuple[float, float] = Field((-1000, 400), description="HU shown as black and white.")
    crop: Literal["body", "none"] = Field(
        "body", description="Where to crop the cases that have no `region`."
    )
    margin_mm: float = Field(40, ge=0, description="Margin around the region or body.")
    slices: Plane = Plane(size=96, count=12)
    subset: Plane = Plane(size=96, count=8)
    volume: Block = Block(size=(64, 64, 32))

    @model_validator(mode="after")
    def _window_rises(self) -> Prepare:
        if self.window[0] >= self.window[1]:
            raise ValueError(f"window: black {self.window[0]} must be below white {self.window[1]}")
        return self


class Model(Section):
    """A network to train and audit."""

    input: Literal["slices", "subset", "volume"]
    network: str
    options: dict[str, Any] = Field({}, description="Constructor options of the network.")
    weights: str | None = Field(None, description="File of initial weights (state dict).")
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

    @model_validator(mode="after")
    def _network_fits(self) -> Model:
        if self.network not in KNOWN:
            raise ValueError(unknown("network", self.network, KNOWN))
        if self.network in PLANAR and self.input == "volume":
            raise ValueError(f"{self.network} is two-dimensional; it cannot take the input volume")
        reserved = sorted(set(self.options) & set(RESERVED_OPTIONS))
        if reserved:
            raise ValueError(f"options {', '.join(reserved)} follow from the study; leave them out")
        if self.channels == 3 and self.input != "slices":
            raise ValueError("channels: 3 repeats a grey slice and needs the input slices")
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
    precision: Literal["32", "bf16-mixed"] = "32"


class Predict(Section):
    """Out-of-fold classification."""

    batch: Count = Field(64, description="Samples at once.")


class Method(Section):
    """A way to make a saliency map."""

    algorithm: str
    layer: str | None = Field(None, description="For CAMs; default: the model's target layer.")
    steps: Count = Field(32, description="Integrated gradients: steps from baseline to input.")
    baseline: Share = Field(
        0.0, description="Integrated gradients: grey value of the baseline, 0 black to 1 white."
    )

    @model_validator(mode="after")
    def _settings_fit(self) -> Method:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(unknown("algorithm", self.algorithm, ALGORITHMS))
        own = {"integrated_gradients": {"steps", "baseline"}}.get(self.algorithm, {"layer"})
        foreign = sorted(self.model_fields_set - own - {"algorithm"})
        if foreign:
            raise ValueError(f"{self.algorithm} has no setting {', '.join(foreign)}")
        return self


class Saliency(Section):
    """Saliency maps."""

    target: Literal["positive", "predicted", "label"] = Field(
        "positive", description="The class whose evidence the map shows."
    )
    batch: Count = Field(16, description="Samples at once.")
    methods: dict[Name, Method] = Field(
        {name: Method(algorithm=name) for name in ALGORITHMS}, min_length=1
    )


class Binarisation(Section):
    """A way to cut a map into attended and not."""

    rule: Literal["otsu", "half", "top", "area"]
    part: Literal["positive", "negative", "absolute"] = "positive"
    percent: float | None = Field(None, gt=0, le=100, description="Of the seen voxels, for `top`.")

    @model_validator(mode="after")
    def _percent_fits(self) -> Binarisation:
        if (self.rule == "top") != (self.percent is not None):
            raise ValueError("the rule top needs percent, and no other rule takes it")
        return self


class Overlap(Section):
    """Saliency against annotations."""

    binarisations: dict[Name, Binarisation] = Field(
        {
            "otsu": Binarisation(rule="otsu"),
            "half": Binarisation(rule="half"),
            "top10": Binarisation(rule="top", percent=10),
            "area": Binarisation(rule="area"),
        },
        min_length=1,
    )
    tolerance_mm: float = Field(
        10, ge=0, description="Pointing game: how far from the findings the maximum may lie."
    )
    distances: tuple[Name, ...] | None = Field(
        None,
        description="Binarisations whose surface distances are measured, the slowest of the "
        "measures; default: the headline's, `[]` for none.",
    )
    shifts: int = Field(
        200, ge=20, description="Random shifts that make a case's own chance distribution."
    )
    percentiles: tuple[Percent, Percent] = Field(
        (5, 95),
        description="Of that distribution: below the first the reason is relevant, above the "
        "second irrelevant, between them undecided.",
    )
    donors: int = Field(
        5,
        ge=0,
        description="Other patients' maps placed on each case, for the chance that knows where "
        "such maps usually lie.",
    )

    @model_validator(mode="after")
    def _names_are_free(self) -> Overlap:
        taken = sorted(set(self.binarisations) & set(PARTS))
        if taken:
            raise ValueError(
                f"binarisations: {', '.join(taken)} stands for the uncut part of a map; choose "
                "another name"
            )
        for name in self.distances or ():
            if name not in self.binarisations:
                raise ValueError(unknown("distances", name, self.binarisations))
        if self.percentiles[0] >= self.percentiles[1]:
            raise ValueError("percentiles: the first must be below the second")
        return self


class Summary(Section):
    """Statistics of the cohort."""

    bootstrap: int = Field(2000, ge=100, description="Resamples of patients.")
    permutations: int = Field(9999, ge=999, description="Random sign changes of a paired test.")
    confidence: float = Field(0.95, gt=0.5, lt=1)
    seed: int = 0
    strata: tuple[str, ...] = Field(
        (), description="Further columns of `cases.tsv` by whose values performance is tabled."
    )


class Headline(Section):
    """The one row of `results/summary/overlap.tsv` that stands for the study."""

    method: str = "gradcam"
    reference: str = Field("union", description="`union`: what no rater marked is irrelevant.")
    binarisation: str = "otsu"
    subset: Literal["all", "correct", "wrong"] = "correct"


class Report(Section):
    """The page."""

    title: str = "Does the classifier look where the experts look?"
    window: tuple[float, float] = Field((-1350, 150), description="HU window of the pictures.")
    allow_missing: bool = Field(False, description="Whether a panel that fails may be missing.")
