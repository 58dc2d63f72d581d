"""The report's methods, continued: the question, and the software the study was made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rightreason.citations import References
from rightreason.sentences import paragraph
from rightreason.words import _


def question(works: References) -> str:
    """Say where the question comes from, and that the answers' ways are the study's own."""
    return _(
        "The question whether a classifier looks where experts look was put to post-mortem CT of "
        "drowning by Zeng et al.{question}; the choices below are this study’s own."
    ).format(question=works.cite("question"))


def tools(config: Mapping[str, Any], works: References) -> str:
    """Say what networks were built and, where the study trained any, trained with."""
    if "lightning" not in works.keys:
        built = (
            _("Networks were built with MONAI{monai} and PyTorch{pytorch}.")
            if "monai" in works.keys
            else _("Networks were built with PyTorch{pytorch}.")
        )
        monai = works.cite("monai") if "monai" in works.keys else ""
        return built.format(monai=monai, pytorch=works.cite("pytorch"))
    names = {"pytorch": works.cite("pytorch"), "lightning": works.cite("lightning")}
    if "monai" not in works.keys:
        return _(
            "Networks were built with PyTorch{pytorch} and trained with PyTorch "
            "Lightning{lightning}."
        ).format(**names)
    return _(
        "Networks were built with MONAI{monai} and PyTorch{pytorch} and trained with PyTorch "
        "Lightning{lightning}."
    ).format(**names, monai=works.cite("monai"))


def captum(works: References) -> str:
    """Name the library of the methods that need a gradient of the input, where there are any."""
    if "captum" not in works.keys:
        return ""
    said = _("Gradients with respect to the input were computed with Captum{captum}.")
    return said.format(captum=works.cite("captum"))


def software(config: Mapping[str, Any], works: References) -> str:
    """Say what ran the study and what shows it."""
    run = _(
        "The stages were run by Snakemake{snakemake} as the pipeline rightreason; cases are shown "
        "in NiiVue{niivue}."
    ).format(snakemake=works.cite("snakemake"), niivue=works.cite("niivue"))
    if not config["report"]["dicom"]:
        return run
    written = _("Attended regions and saliency were written to DICOM with highdicom{highdicom}.")
    return paragraph(run, written.format(highdicom=works.cite("highdicom")))
