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
from rightreason.sentences import audited, number, paragraph, percent, told_apart
from rightreason.told import told
from rightreason.words import _, plural


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
        nothing = _("There are no annotated, {cases} with a ratio to show.")
        return [Text([nothing.format(cases=audited(study))])]
    return [_case(study, model, title, row) for title, row in chosen.items()]


def _case(study: Study, model: str, title: str, row: Mapping[str, Any]) -> CaseView:
    config, head, layout = study.config, study.headline, study.layout
    case = str(row["case"])
    files = CaseFiles(
        image=layout.volume(case),
        saliency=layout.map(model, head["method"], case),
        votes=layout.annotations(case) / "votes.nii.gz",
        record=layout.prepared_record(config["models"][model]["input"], case),
    )
    study.check(vars(files).values())
    cut = config["overlap"]["binarisations"][head["binarisation"]]
    found = take_slice(files, cut, float(row["important_voxels"]))
    letters = edge_letters(load_grid(files.image), InputRecord.read(files.record).ct_slice_axis)
    low, high = config["report"]["window"]
    probability, threshold = told_apart(row["probability"], row["threshold"])
    text = paragraph(
        _(
            "Probability of {positive} {probability} (threshold {threshold}); irrelevant ratio "
            "{ratio} (chance {chance}): {verdict}."
        ).format(
            positive=study.positive, probability=probability, threshold=threshold,
            ratio=percent(row["value"]),
            chance=chance_range(row["shifted_low"], row["shifted_high"]),
            verdict=_(row["quadrant"]),
        ),
        told(row["power"]),
        _("Slice {number} of {count}, {why}, at {place} mm ({axis}).").format(
            number=found.number, count=found.count, why=_why(found),
            place=number(round(found.position_mm)), axis=_(found.axis),
        ),
    )  # fmt: skip
    captions = _captions(found, head["method"], (low, high))
    pictures = draw(found, (low, high), letters, case, model, config["report"]["colours"])
    headings = {
        "Worst": _("Worst case: {case}"),
        "Median": _("Median case: {case}"),
        "Best": _("Best case: {case}"),
    }
    heading = headings[title].format(case=case)
    return CaseView(heading, text, list(zip(pictures, captions, strict=True)))


def _why(found: Slice) -> str:
    marked = bool(found.votes.any())
    if found.tied == 1:
        return (
            _("the one with the most saliency")
            if marked
            else _("the one with the most saliency (no rater marked anything on it)")
        )
    message = (
        _("of the {n} with equal, most saliency the one with the most marks")
        if marked
        else _("of the {n} with equal, most saliency the first (no rater marked anything on it)")
    )
    return message.format(n=found.tied)


def _captions(found: Slice, method: str, window: tuple[float, float]) -> list[str]:
    return [
        _("CT, {low} to {high} HU").format(low=number(window[0]), high=number(window[1])),
        _(
            "Saliency ({method}); white line: marked by at least one rater; dashed: seen by the "
            "model"
        ).format(method=method),
        plural(
            "Votes of {n} rater; orange line: what the model attends to",
            "Votes of {n} raters; orange line: what the model attends to",
            found.raters,
        ).format(n=found.raters),
    ]
