"""The section of the config on the tests of the maps themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rightreason.config_sections import Count, Section, Share

Test = Literal[
    "batch", "completeness", "randomisation", "faithfulness", "findings", "repeatability", "empty"
]
TESTS: tuple[Test, ...] = (
    "batch", "completeness", "randomisation", "faithfulness", "findings", "repeatability", "empty",
)  # fmt: skip
Correlation = Annotated[float, Field(ge=-1, le=1)]


class TrustLimits(Section):
    """From where on a test of the maps fails."""

    batch: float = Field(
        1e-4, ge=0, description="Most difference between a map made alone and in a batch, of its "
        "range."
    )  # fmt: skip
    completeness: float = Field(
        0.05, ge=0, description="Most that attributions miss of the outputs' difference."
    )
    randomisation: Correlation = Field(
        0.4, description="Most rank correlation with the map of a network half drawn anew, or more."
    )
    faithfulness: float = Field(
        0.0, description="Least gain over the same map elsewhere, in units of probability."
    )
    findings: float = Field(
        0.0, description="Least gain over the order in which the findings come first."
    )
    repeatability: Correlation = Field(
        0.7, description="Least rank correlation under noise, shifts and over trainings."
    )
    empty: Share = Field(0.1, description="Most maps of the class that are empty or flat.")


class Trust(Section):
    """Tests of the maps themselves, on the study's own networks."""

    tests: tuple[Test, ...] = Field(TESTS, description="Which are made; `[]` for none.")
    cases: Count = Field(
        8, description="Cases of the positive class that are looked at; which follows from their "
        "ids alone."
    )  # fmt: skip
    samples: Count = Field(
        4, description="Most slices of a case, of the input `slices`: those with most of the class."
    )
    stages: int = Field(
        5, ge=3, le=8, description="Randomisation: steps from the trained network to the untrained."
    )
    steps: int = Field(8, ge=2, description="Deletion and insertion: parts of the curves.")
    orders: Count = Field(2, description="Deletion and insertion: random places of the map.")
    noise: float = Field(
        0.01, gt=0, description="Repeatability: standard deviation of the noise, of the range from "
        "black to white."
    )  # fmt: skip
    shift: Count = Field(2, description="Repeatability: voxels of the input along each side.")
    seed: int = 0
    limits: TrustLimits = TrustLimits()
