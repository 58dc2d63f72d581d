"""The report's panels on single cases: the worst, the median and the best case of each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rightreason.case_pictures import draw
from rightreason.case_slice import CaseFiles, Slice, edge_letters, take_slice
from rightreason.images import load_grid
from rightreason.inputs import InputRecord
from rightreason.report_blocks import Block, CaseView, Text
from rightreason.report_data import Study
from rightreason.report_verdicts import chance_range
from rightreason.sentences import audited, count, decimal, number, percent


def choose(study: Study, model: str) -> dict[str, dict[str, Any]]:
    """Return the worst, median and best case by the headline's irrelevant ratio.

    Of an even number the lower median; a case is shown once, so that of two cases there is no
    median, and of one only the best.

    Returns
    -------
    dict of title to row of `Study.verdicts`
        From the headline's subset of the training sites.
    """
    table = study.verdicts
    here = table[
        (table["model"] == model)
        & table["case"].isin(study.members("training"))
        & table["value"].notna()
    ]
    if study.headline["subset"] != "all":
        here = here[here["right"] == (study.headline["subset"] == "correct")]
    ranked = here.sort_values(["value", "case"]).to_dict("records")
    places = {"Worst": len(ranked) - 1, "Median": (len(ranked) - 1) // 2, "Best": 0}
    chosen: dict[str, dict[str, Any]] = {}
    for title in ("Best", "Worst", "Median"):
        row = ranked[places[title]] if ranked else None
        if row is not None and row not in chosen.values():
            chosen[title] = row
    return {title: chosen[title] for title in places if title in chosen}


def cases_of(study: Study, model: str) -> Sequence[Block]:
    """The three pictures of the worst, the median and the best case of one model."""
    chosen = choose(study, model)
    if not chosen:
        return [Text([f"There are no annotated, {audited(study)} with a ratio to show."])]
    return [_case(study, model, title, row) for title, row in chosen.items()]


def _case(study: Study, model: str, title: str, row: Mapping[str, Any]) -> CaseView:
    config, head, case = study.config, study.headline, str(row["case"])
    files = CaseFiles(
        image=study.results / "convert" / f"{case}.nii.gz",
        saliency=study.results / "saliency" / model / head["method"] / f"{case}.nii.gz",
        votes=study.results / "annotate" / case / "votes.nii.gz",
        record=study.results / "prepare" / config["models"][model]["input"] / f"{case}.json",
    )
    cut = config["overlap"]["binarisations"][head["binarisation"]]
    found = take_slice(files, cut, float(row["important_voxels"]))
    letters = edge_letters(load_grid(files.image), InputRecord.read(files.record).ct_slice_axis)
    low, high = config["report"]["window"]
    text = (
        f"Probability of {study.positive} {decimal(row['probability'])} (threshold "
        f"{decimal(row['threshold'])}); irrelevant ratio "
        f"{percent(row['value'])} (chance "
        f"{chance_range(row['shifted_low'], row['shifted_high'])}): "
        f"{row['quadrant']}. {_power(row)}Slice {found.number} of {found.count}, {_why(found)}, "
        f"at {number(round(found.position_mm))} mm ({found.axis})."
    )
    captions = _captions(found, head["method"], (low, high))
    pictures = draw(found, (low, high), letters, f"case {case}, model {model}")
    return CaseView(f"{title} case: {case}", text, list(zip(pictures, captions, strict=True)))


def _power(row: Mapping[str, Any]) -> str:
    return f"{row['power']} " if row["power"] else ""


def _why(found: Slice) -> str:
    marked = "" if found.votes.any() else " (no rater marked anything on it)"
    if found.tied == 1:
        return f"the one with the most saliency{marked}"
    choice = "the first" if marked else "the one with the most marks"
    return f"of the {found.tied} with equal, most saliency {choice}{marked}"


def _captions(found: Slice, method: str, window: tuple[float, float]) -> list[str]:
    return [
        f"CT, {number(window[0])} to {number(window[1])} HU",
        f"Saliency ({method}); white line: marked by at least one rater; dashed: seen by the model",
        f"Votes of {count(found.raters, 'rater')}; orange line: what the model attends to",
    ]
