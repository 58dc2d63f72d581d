"""The report's panel on what has no ratio or no verdict, and why."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rightreason.cohort import read_table
from rightreason.errors import InputError
from rightreason.report_blocks import Block, Table, Text
from rightreason.report_data import Study
from rightreason.sentences import NBSP


def left_out(study: Study) -> Sequence[Block]:
    """What has no ratio, and why; the maps that came out empty, with the reason of each."""
    rows = []
    for model in study.models:
        for group in ("training", "external"):
            cases = [c for c in study.members(group)
                         if study.cases[c]["label"] == study.positive]  # fmt: skip
            here = study.verdicts[
                (study.verdicts["model"] == model) & study.verdicts["case"].isin(cases)
            ]
            unmarked = here["important_voxels"] == 0
            empty = here["attended_voxels"] == 0
            numbers = [len(cases), len(cases) - len(here), int(empty.sum()),
                       int(unmarked.sum()), int((here["reason"] != "undefined").sum())]  # fmt: skip
            if cases:
                rows.append([model, group, *map(str, numbers)])
    positives = f"{study.positive.capitalize()} cases"
    columns = ["Model", "Sites", positives, "Not annotated", "Nothing attended", "Nothing marked"]
    columns.append("With a verdict")
    caption = (
        "From the positive cases to those with a verdict. A case where the model attends to "
        "nothing has no irrelevant ratio; one where the reference marks nothing within what the "
        f"model saw has a ratio of 100{NBSP}% and counts in the means, but gets no verdict."
    )
    return [Table(caption, columns, rows), *_empty_maps(study)]


def _empty_maps(study: Study) -> Sequence[Block]:
    rows = []
    for model in study.models:
        for method in study.config["saliency"]["methods"]:
            path = study.results / "saliency" / model / f"{method}.tsv"
            if not path.is_file():
                raise InputError(f"{path} is not there: which maps came out empty is unknown.")
            table: pd.DataFrame = read_table(path, ["case", "reason"], [])
            for why, cases in table[table["reason"] != ""].groupby("reason")["case"]:
                rows.append([model, method, str(why), str(len(cases)), ", ".join(sorted(cases))])
    if not rows:
        return [Text(["No saliency map came out empty."])]
    caption = "Saliency maps that came out empty, of cases of both classes."
    return [Table(caption, ["Model", "Method", "Reason", "Cases", "Which"], rows)]
