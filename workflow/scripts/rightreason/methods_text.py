"""The report's methods, written from the resolved config, and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rightreason.cohort import THRESHOLD
from rightreason.report_cohort import corrected
from rightreason.report_data import Study
from rightreason.sentences import NBSP, number

RULES = {
    "otsu": "above Otsu’s threshold",
    "half": "at least half of the maximum",
    "top": "the top {percent:g} % of the seen voxels",
    "area": "as many voxels as the reference marks",
}
REFUSED = {
    "gap": "with missing slices",
    "uneven_spacing": "with uneven spacing",
    "tilt": "with a tilted gantry",
    "repeated_position": "with several slices at one position",
}
CORRECTED = {
    "gap": "missing slices were interpolated linearly between their neighbours",
    "uneven_spacing": "unevenly spaced slices were interpolated at the smallest step there was",
    "tilt": "a tilted gantry was corrected by a shift of each slice in its plane",
    "repeated_position": "of several slices at one position the first by acquisition and instance "
    "number was taken",
}
OUTSIDE = {
    "error": "one that lay partly outside the image was refused",
    "clip": "what lay outside the image was dropped",
}
INPUTS = {
    "slices": "single slices, averaged per case",
    "subset": "a subset of slices as channels of one image",
    "volume": "the whole volume",
}


def binarisation(name: str, settings: Mapping[str, Any]) -> str:
    """Describe a binarisation: its name, its rule and the part of the map it keeps."""
    rule = RULES[settings["rule"]].format(percent=settings.get("percent") or 0)
    return f"{name} ({settings['part']} part, {rule})"


def methods(study: Study) -> list[str]:
    """Write the methods from the resolved config, a paragraph per step."""
    steps = (_annotations, _networks, _maps, _regions, _chance, _statistics)
    return [_images(study), *(step(study.config) for step in steps)]


def _images(study: Study) -> str:
    config = study.config
    low, high = (number(limit) for limit in config["prepare"]["window"])
    refused = [REFUSED[name] for name in REFUSED if config["convert"][name] == "error"]
    policies = [f"refused were series {join(refused)}"] if refused else []
    policies += [CORRECTED[name] for name in CORRECTED if config["convert"][name] != "error"]
    return (
        "Images were converted to NIfTI, DICOM series with dcm2niix (each volume held against the "
        "headers and against decoded pixels), and every image kept its place in patient space. By "
        f"policy, {'; '.join(policies)}. {corrected(study)} "
        f"Intensities from {low} to {high} HU were scaled to 8 bits, and "
        f"cases were cropped with a margin of {config['prepare']['margin_mm']:g} mm."
    )


def _annotations(config: Mapping[str, Any]) -> str:
    given = config["annotate"]
    return (
        "Annotations were brought onto the CT grid, masks by nearest neighbour, each placed by its "
        f"own geometry; {OUTSIDE[given['outside']]}, and one whose volume changed by more than "
        f"{100 * given['max_volume_change']:g}{NBSP}% was refused. A fractional segmentation marks "
        f"a voxel from {given['fractional_threshold']:g} on."
    )


def _networks(config: Mapping[str, Any]) -> str:
    return (
        f"Models: {join(_model(name, model) for name, model in config['models'].items())}. "
        "Cross-validation by patient, stratified by label, with "
        f"{config['train']['folds']} folds; each case is classified, and its saliency made, by "
        "networks that never saw its patient. Cases of external sites were in no training; their "
        "probability is the mean over the folds’ networks. A case is called "
        f"{config['positive']} from a probability of {THRESHOLD:g} on."
    )


def _maps(config: Mapping[str, Any]) -> str:
    saliency = config["saliency"]
    named = [f"{name} ({settings['algorithm']})" for name, settings in saliency["methods"].items()]
    target = {
        "positive": f"the class {config['positive']}",
        "predicted": "the predicted class",
        "label": "the class of the label",
    }[saliency["target"]]
    return (
        f"Saliency methods: {join(named)}, for {target}. Maps were stored raw and interpolated "
        "linearly onto the CT grid."
    )


def _regions(config: Mapping[str, Any]) -> str:
    cuts = [binarisation(name, cut) for name, cut in config["overlap"]["binarisations"].items()]
    return (
        f"The attended region is the map after a named binarisation: {join(cuts)}. The important "
        "region is what a rater marked, or the majority (more than half), union, intersection or "
        "consensus (STAPLE) of the raters. Everything is counted in the voxels that entered the "
        "model (the seen region). Irrelevant ratio: the share of the attended region outside the "
        "important one; its chance value is the share of the seen region that is not important. "
        "Coverage: the share of the important region that is attended."
    )


def _chance(config: Mapping[str, Any]) -> str:
    return (
        "The chance interval of a single case is the 5th to 95th percentile of its irrelevant "
        "ratio when the attended region is shifted at random, cyclically, within the seen region "
        f"({config['overlap']['shifts']} shifts). Below it the reason is called relevant, above it "
        "or without any overlap irrelevant, within it undecided."
    )


def _statistics(config: Mapping[str, Any]) -> str:
    summary = config["summary"]
    level = f"{100 * summary['confidence']:g}{NBSP}%"
    return (
        "AUC: area under the ROC curve of the out-of-fold probabilities, pooled over folds, with "
        f"DeLong’s variance, clustered by patient (Obuchowski), and a {level} interval on the "
        "logit scale; Newcombe’s score interval where that variance is zero or undefined. Means "
        f"of overlap: {level} bias-corrected and accelerated bootstrap over patients, "
        f"{summary['bootstrap']} draws (seed {summary['seed']})."
    )


def _model(name: str, settings: Mapping[str, Any]) -> str:
    return f"{name} ({settings['network']}; sees {INPUTS[settings['input']]})"


def join(parts: Iterable[str]) -> str:
    """Join with commas and, before the last part, `and`."""
    listed = list(parts)
    if len(listed) < 2:
        return "".join(listed)
    return ", ".join(listed[:-1]) + " and " + listed[-1]


LIMITS = [
    "A saliency map is not a cause. It shows where a network’s output is sensitive, by one "
    "method’s definition; other methods, layers and thresholds show other places, as the tables "
    "above let you see.",
    "Annotations mark what is visible to the raters. A model may use a true sign that nobody "
    "marked; and raters differ among themselves.",
    "Low overlap alone condemns no model, and high overlap acquits none. Small findings make high "
    "irrelevant ratios likely: read every ratio beside its chance value.",
    "A coarse map (a few cells per slice) cannot follow a fine finding; part of its irrelevant "
    "ratio is its blur.",
    "The numbers hold for these cases, scanners and raters. An interval covers the sampling of "
    "patients, not a different hospital, rater or training run.",
]
