"""The report's methods, written from the resolved config, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rightreason.methods_statistics import STATISTICS
from rightreason.report_cohort import corrected
from rightreason.report_data import Study
from rightreason.report_overlap import neighbours
from rightreason.sentences import NBSP, join, number, ordinal

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
    steps = (_annotations, _networks, _maps, _regions, _measures, _chance, *STATISTICS)
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
        "probability is the mean over the folds’ networks. "
        f"{_seeds(config)}A case is called {config['positive']} from the threshold of its fold on: "
        "the probability that maximises Youden’s J (sensitivity + specificity − 1) on the patients "
        "of the training folds that were held out to stop the training, of equal ones the nearest "
        f"to 0.5, and 0.5 where these patients cannot choose; cases of external sites are called "
        "by the mean of the folds’ thresholds."
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


def _measures(config: Mapping[str, Any]) -> str:
    overlap = config["overlap"]
    chosen = overlap["distances"]
    chosen = [config["headline"]["binarisation"]] if chosen is None else list(chosen)
    distances = f"for {join(chosen)}" if chosen else "for no binarisation"
    apart = neighbours(config)
    return (
        f"The pointing game counts a maximum that lies at most {overlap['tolerance_mm']:g} mm from "
        "the important region. Average precision and AUROC take the map for a classifier of "
        "voxels; rank correlation and weighted Jaccard hold it against the votes, within the union "
        "of the marks and everywhere. Surface distances (the mean over both surfaces and the 95 % "
        f"Hausdorff distance) were measured {distances}.{' ' + apart if apart else ''} What a "
        "measure cannot say of an empty region is left blank and counted, never 0 or 1."
    )


def _chance(config: Mapping[str, Any]) -> str:
    overlap = config["overlap"]
    low, high = (ordinal(limit) for limit in overlap["percentiles"])
    return (
        "Chance has three levels: a map that is the same everywhere, in closed form; the case’s "
        f"own map shifted at random, cyclically, within the seen region ({overlap['shifts']} "
        f"shifts); and {_donors(overlap['donors'])}. The chance interval of a single case "
        f"is the {low} to {high} percentile of its irrelevant ratio over the shifts. Below it the "
        "reason is called relevant, above it or without any overlap irrelevant, within it "
        "undecided. A gain is (score − chance) / (perfect − chance), perfect being the score of "
        "the reference itself. The human ceiling is leave-one-out: each rater’s mask is scored "
        "against the references of the other raters as a model’s map is, and averaged over the "
        "raters; the model’s value beside it is held against the same references, those of all "
        "raters but one, averaged over who is left out."
    )


def _donors(number_of: int) -> str:
    if not number_of:
        return "no map of another patient (this level was switched off)"
    return (
        f"the maps of {number_of} other patient{'s' if number_of > 1 else ''} of the training "
        "sites with the same label, or as many as there are, placed crop box to crop box"
    )


def _seeds(config: Mapping[str, Any]) -> str:
    seeds = config["train"]["seeds"]
    return "" if seeds == 1 else f"Each network was trained {seeds} times, and the mean taken. "


def _model(name: str, settings: Mapping[str, Any]) -> str:
    return f"{name} ({settings['network']}; sees {INPUTS[settings['input']]})"


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
