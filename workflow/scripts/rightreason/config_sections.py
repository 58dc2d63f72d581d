"""What sections of the config are made of, and those of the stages before networks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from rightreason.tables import ID

Name = Annotated[str, StringConstraints(pattern=f"^{ID.pattern}$")]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]


def rising(window: tuple[float, float]) -> tuple[float, float]:
    """Refuse a window whose black is not below its white."""
    if window[0] >= window[1]:
        raise ValueError(f"black {window[0]:g} must be below white {window[1]:g}")
    return window


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

    @field_validator("window")
    @classmethod
    def _window_rises(cls, window: tuple[float, float]) -> tuple[float, float]:
        return rising(window)
