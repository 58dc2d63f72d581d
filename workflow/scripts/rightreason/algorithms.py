"""Names of the saliency algorithms, for the config and the rules (no heavy import)."""

from __future__ import annotations

# One forward pass and one gradient to the target layer serve all of these.
CAM_ALGORITHMS = ("gradcam", "hirescam")
OTHER_ALGORITHMS = ("integrated_gradients",)
ALGORITHMS = (*CAM_ALGORITHMS, *OTHER_ALGORITHMS)
