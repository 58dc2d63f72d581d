"""What the report says of models whose networks were trained elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rightreason.report_data import Study
from rightreason.sentences import join, paragraph
from rightreason.words import _, plural


def trained_elsewhere(config: Mapping[str, Any]) -> list[str]:
    """Name the models that came with their weights."""
    return [name for name, model in config["models"].items() if model.get("trained")]


def trained_here(config: Mapping[str, Any]) -> list[str]:
    """Name the models that the study trained."""
    return [name for name, model in config["models"].items() if not model.get("trained")]


def judged(study: Study, in_folds: str) -> str:
    """Say how cases were judged: `in_folds` of models trained here, beside it of the others."""
    others = trained_elsewhere(study.config)
    if not others:
        return in_folds
    said = plural(
        "The networks of {models} were trained elsewhere: all of them judge every case together, "
        "and it is called by the threshold that the config gives ({thresholds}).",
        "The networks of {models} were trained elsewhere: all those of a model judge every case "
        "together, and it is called by the threshold that the config gives ({thresholds}).",
        len(others),
    ).format(models=join(others), thresholds=thresholds(study.config))
    return paragraph(in_folds if trained_here(study.config) else "", said)


def thresholds(config: Mapping[str, Any]) -> str:
    """List the thresholds of the models that were trained elsewhere, in their order."""
    given = [f"{config['models'][name]['threshold']:g}" for name in trained_elsewhere(config)]
    return join(given)


def unknown_training(study: Study) -> list[str]:
    """Warn that nobody here knows what such networks were trained on."""
    others = trained_elsewhere(study.config)
    if not others:
        return []
    message = _(
        "Trained elsewhere: {models}. Whether these networks were trained on cases of this study "
        "cannot be known here. If they were, how well they classify is overstated, and where they "
        "look may be learnt by heart. “Training sites” are then only the sites that the config "
        "does not name as external."
    )
    return [message.format(models=join(others))]
