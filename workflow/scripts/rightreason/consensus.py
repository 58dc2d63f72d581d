"""Names of the references that are made from all raters' votes."""

from __future__ import annotations

CONSENSUS = ("majority", "union", "intersection", "staple")
