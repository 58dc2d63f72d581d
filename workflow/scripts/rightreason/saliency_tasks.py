"""What is explained of each case: which networks' prediction, and which class."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rightreason.committee import Committee
from rightreason.errors import InputError
from rightreason.probabilities import Fold

TARGETS = ("positive", "predicted", "label")


@dataclass(frozen=True)
class Task:
    """What a case's maps are made from, and what they explain.

    Attributes
    ----------
    image : path
        The prepared image.
    committee : committee
        The networks that judge the case.
    probability : float
        What they said of it.
    target : int
        The explained class.
    """

    image: Path
    committee: Committee
    probability: float
    target: int


def tasks_of(
    images: Mapping[str, Path],
    committees: Mapping[Fold, Committee],
    rows: Sequence[Mapping[str, Any]],
    predictions: Path,
    classes: Sequence[str],
    target: str,
) -> dict[str, Task]:
    """Return the task of every case that has an image, in the order of the rows.

    Parameters
    ----------
    images, committees, rows, predictions, classes, target
        As for `saliency.explain_cases`.

    Raises
    ------
    InputError
        When the table of predictions cannot be read, or lacks cases.
    """
    if target not in TARGETS:
        raise ValueError(f"target must be one of {TARGETS}, not {target!r}")
    rows = [row for row in rows if row["case"] in images]
    stated = _read(predictions)
    lacking = [row["case"] for row in rows if row["case"] not in stated]
    if lacking:
        raise InputError.of(
            f"{predictions} has no prediction for these cases. Remove it and run again, it is made "
            "anew:",
            lacking,
        )
    tasks = {}
    for row in rows:
        probability, predicted = stated[row["case"]]
        chosen = {"positive": classes[1], "predicted": predicted, "label": row["label"]}[target]
        tasks[row["case"]] = Task(
            images[row["case"]], committees[row["fold"]], probability, int(chosen == classes[1])
        )
    return tasks


def _read(path: Path) -> dict[str, tuple[float, str]]:
    """Return the probability and the predicted class of every case."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file, delimiter="\t")
            return {row["case"]: (float(row["probability"]), row["predicted"]) for row in rows}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a table of predictions: {error}. Remove it and run again: "
            "it is made anew."
        ) from error
