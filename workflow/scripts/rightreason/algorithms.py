"""Names of the saliency algorithms, and their settings, for the config and the rules.

No heavy import.
"""

from __future__ import annotations

from collections.abc import Mapping

# One forward pass and one gradient to the target layer serve all of these.
CAM_ALGORITHMS = ("gradcam", "gradcam++", "hirescam", "layercam", "xgradcam", "eigencam")
# These need a target layer and no gradient, and a forward pass for each of its channels.
PERTURBED_CAMS = ("scorecam", "ablationcam")
LAYER_ALGORITHMS = (*CAM_ALGORITHMS, *PERTURBED_CAMS)
INPUT_ALGORITHMS = (
    "gradient",
    "input_x_gradient",
    "integrated_gradients",
    "smoothgrad",
    "gradient_shap",
    "occlusion",
    "guided_backprop",
)
ALGORITHMS = (*LAYER_ALGORITHMS, *INPUT_ALGORITHMS)

SETTINGS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(LAYER_ALGORITHMS, ("layer",)),
    **dict.fromkeys(INPUT_ALGORITHMS, ()),
    "scorecam": ("layer", "baseline"),
    "integrated_gradients": ("steps", "baseline"),
    "smoothgrad": ("samples", "noise"),
    "gradient_shap": ("baseline", "samples", "noise"),
    "occlusion": ("baseline", "window", "stride"),
}
"""The settings of each algorithm; a method has no others."""
