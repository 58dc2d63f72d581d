"""The sections of the config on what is said of the maps: overlap, summary, headline, report."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from rightreason.config_sections import Count, Name, Percent, Section, rising
from rightreason.errors import unknown

PARTS = ("positive", "negative", "absolute")


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

    title: str | None = Field(None, description="Of the page; by default the question it asks.")
    language: Literal["en", "ja"] = Field("en", description="English or Japanese.")
    window: tuple[float, float] = Field((-1350, 150), description="HU window of the pictures.")
    colours: Literal["inferno", "rainbow"] = Field(
        "inferno",
        description="Colours of saliency: readable with any colour vision, or the rainbow that "
        "many papers use.",
    )
    view_size: tuple[Count, Count, Count] = Field(
        (256, 256, 64),
        description="Largest size of a case in the viewer, in voxels: a larger CT is averaged down "
        "by whole factors.",
    )
    inline: bool = Field(
        False,
        description="Whether the cases' volumes stand in the page itself, so that it is a single "
        "file, instead of in files beside it.",
    )
    dicom: bool = Field(
        False,
        description="Whether to write attended regions as DICOM SEG and saliency as Parametric Map "
        "for a PACS; these name the patient as the source series does.",
    )
    allow_missing: bool = Field(False, description="Whether a panel that fails may be missing.")

    @field_validator("window")
    @classmethod
    def _window_rises(cls, window: tuple[float, float]) -> tuple[float, float]:
        return rising(window)
