"""The report's methods, written from the resolved config, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rightreason.citations import References, needed
from rightreason.japanese_font import credit
from rightreason.methods_networks import networks
from rightreason.methods_software import captum, question, software
from rightreason.methods_statistics import STATISTICS
from rightreason.report_cohort import corrected
from rightreason.report_data import Study
from rightreason.report_overlap import neighbours
from rightreason.report_trust import tested
from rightreason.sentences import in_percent, join, number, ordinal, paragraph, semicolons
from rightreason.words import _, mark, plural

PARTS = {
    "positive": mark("{name} (positive part, {rule})"),
    "negative": mark("{name} (negative part, {rule})"),
    "absolute": mark("{name} (absolute part, {rule})"),
}
RULES = {
    "otsu": mark("above Otsu’s threshold{otsu}"),
    "half": mark("at least half of the maximum"),
    "top": mark("the top {percent} of the seen voxels"),
    "area": mark("as many voxels as the reference marks"),
}
REFUSED = {
    "gap": mark("with missing slices"),
    "uneven_spacing": mark("with uneven spacing"),
    "tilt": mark("with a tilted gantry"),
    "repeated_position": mark("with several slices at one position"),
}
CORRECTED = {
    "gap": mark("missing slices were interpolated linearly between their neighbours"),
    "uneven_spacing": mark(
        "unevenly spaced slices were interpolated at the smallest step there was"
    ),
    "tilt": mark("a tilted gantry was corrected by a shift of each slice in its plane"),
    "repeated_position": mark(
        "of several slices at one position the first by acquisition and instance number was taken"
    ),
}
OUTSIDE = {
    "error": mark(
        "Annotations were brought onto the CT grid, masks by nearest neighbour, each placed by its "
        "own geometry; one that lay partly outside the image was refused, and one whose volume "
        "changed by more than {most} was refused. A fractional segmentation marks a voxel from "
        "{fraction} on."
    ),
    "clip": mark(
        "Annotations were brought onto the CT grid, masks by nearest neighbour, each placed by its "
        "own geometry; what lay outside the image was dropped, and one whose volume changed by "
        "more than {most} was refused. A fractional segmentation marks a voxel from {fraction} on."
    ),
}
TARGETS = {
    "positive": mark("Saliency methods: {methods}, for the class {positive}."),
    "predicted": mark("Saliency methods: {methods}, for the predicted class."),
    "label": mark("Saliency methods: {methods}, for the class of the label."),
}


def binarisation(name: str, settings: Mapping[str, Any], otsu: str = "") -> str:
    """Describe a binarisation: its name, its rule and part of the map; `otsu` is a citation."""
    top = in_percent(f"{settings.get('percent') or 0:g}")
    rule = _(RULES[settings["rule"]]).format(percent=top, otsu=otsu)
    return _(PARTS[settings["part"]]).format(name=name, rule=rule)


def methods(study: Study) -> list[str]:
    """Write the methods from the resolved config, a paragraph per step."""
    config, works = study.config, needed(study.config)
    steps = (_annotations, networks, _maps, _regions, _measures, _chance, *STATISTICS, software)
    said = [question(works), _images(study, works), *(step(config, works) for step in steps),
            credit()]  # fmt: skip
    return [text for text in said if text]


def _images(study: Study, works: References) -> str:
    config = study.config
    low, high = (number(limit) for limit in config["prepare"]["window"])
    return paragraph(
        _(
            "Images were converted to NIfTI{nibabel}, DICOM series with dcm2niix{dcm2niix} (each "
            "volume held against the headers and against decoded pixels), and every image kept its "
            "place in patient space."
        ).format(nibabel=works.cite("nibabel"), dcm2niix=works.cite("dcm2niix")),
        _("By policy, {policies}.").format(policies=semicolons(_policies(config["convert"]))),
        corrected(study),
        _(
            "Intensities from {low} to {high} HU were scaled to 8 bits, and cases were cropped "
            "with a margin of {margin} mm."
        ).format(low=low, high=high, margin=f"{config['prepare']['margin_mm']:g}"),
    )


def _policies(given: Mapping[str, str]) -> list[str]:
    refused = [_(REFUSED[name]) for name in REFUSED if given[name] == "error"]
    said = [_("refused were series {kinds}").format(kinds=join(refused))] if refused else []
    return said + [_(CORRECTED[name]) for name in CORRECTED if given[name] != "error"]


def _annotations(config: Mapping[str, Any], _works: References) -> str:
    given = config["annotate"]
    return _(OUTSIDE[given["outside"]]).format(
        most=in_percent(f"{100 * given['max_volume_change']:g}"),
        fraction=f"{given['fractional_threshold']:g}",
    )


def _maps(config: Mapping[str, Any], works: References) -> str:
    saliency = config["saliency"]
    named = [
        f"{name} ({settings['algorithm']}{works.cite(settings['algorithm'])})"
        for name, settings in saliency["methods"].items()
    ]
    return paragraph(
        _(TARGETS[saliency["target"]]).format(methods=join(named), positive=config["positive"]),
        captum(works),
        tested(config, works),
        _("Maps were stored raw and interpolated linearly onto the CT grid."),
    )


def _regions(config: Mapping[str, Any], works: References) -> str:
    otsu = works.cite("otsu") if "otsu" in works.keys else ""
    given = config["overlap"]["binarisations"]
    cuts = [binarisation(name, cut, otsu) for name, cut in given.items()]
    return _(
        "The attended region is the map after a named binarisation: {binarisations}. The important "
        "region is what a rater marked, or the majority (more than half), union, intersection or "
        "consensus (STAPLE{staple}) of the raters. Everything is counted in the voxels that "
        "entered the model (the seen region). Irrelevant ratio: the share of the attended region "
        "outside the important one; its chance value is the share of the seen region that is not "
        "important. Coverage: the share of the important region that is attended."
    ).format(binarisations=join(cuts), staple=works.cite("staple"))


def _measures(config: Mapping[str, Any], works: References) -> str:
    overlap = config["overlap"]
    chosen = overlap["distances"]
    chosen = [config["headline"]["binarisation"]] if chosen is None else list(chosen)
    surfaces = (
        _(
            "Surface distances (the mean over both surfaces and the 95 % Hausdorff distance) were "
            "measured for {binarisations}."
        )
        if chosen
        else _(
            "Surface distances (the mean over both surfaces and the 95 % Hausdorff distance) were "
            "measured for no binarisation."
        )
    )
    return paragraph(
        _(
            "The pointing game{pointing} counts a maximum that lies at most {tolerance} mm from "
            "the important region. Average precision and AUROC take the map for a classifier of "
            "voxels; rank correlation and weighted Jaccard hold it against the votes, within the "
            "union of the marks and everywhere."
        ).format(tolerance=f"{overlap['tolerance_mm']:g}", pointing=works.cite("pointing")),
        surfaces.format(binarisations=join(chosen)),
        neighbours(config),
        _("What a measure cannot say of an empty region is left blank and counted, never 0 or 1."),
    )


def _chance(config: Mapping[str, Any], _works: References) -> str:
    overlap = config["overlap"]
    low, high = (ordinal(limit) for limit in overlap["percentiles"])
    return paragraph(
        _(
            "Chance has three levels: a map that is the same everywhere, in closed form; the "
            "case’s own map shifted at random, cyclically, within the seen region ({shifts} "
            "shifts); and {donors}."
        ).format(shifts=overlap["shifts"], donors=_donors(overlap["donors"])),
        _(
            "The chance interval of a single case is the {low} to {high} percentile of its "
            "irrelevant ratio over the shifts. Below it the reason is called relevant, above it or "
            "without any overlap irrelevant, within it undecided. A gain is (score − chance) / "
            "(perfect − chance), perfect being the score of the reference itself. The human "
            "ceiling is leave-one-out: each rater’s mask is scored against the references of the "
            "other raters as a model’s map is, and averaged over the raters; the model’s value "
            "beside it is held against the same references, those of all raters but one, averaged "
            "over who is left out."
        ).format(low=low, high=high),
    )


def _donors(number_of: int) -> str:
    if not number_of:
        return _("no map of another patient (this level was switched off)")
    return plural(
        "the maps of {n} other patient of the training sites with the same label, or as many as "
        "there are, placed crop box to crop box",
        "the maps of {n} other patients of the training sites with the same label, or as many as "
        "there are, placed crop box to crop box",
        number_of,
    ).format(n=number_of)
