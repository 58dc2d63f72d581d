"""The report's panel on what has no ratio or no verdict, and why."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from rightreason.cohort import read_table
from rightreason.report_blocks import Block, Table, Text
from rightreason.report_data import Study
from rightreason.sentences import commas, percent, pool
from rightreason.told import told
from rightreason.words import _


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
                rows.append([model, pool(group), *map(str, numbers)])
    columns = [_("Model"), _("Sites"), _("Cases ({positive})").format(positive=study.positive),
               _("Not annotated"), _("Nothing attended"), _("Nothing marked"),
               _("With a verdict")]  # fmt: skip
    caption = _(
        "From the positive cases to those with a verdict. A case where the model attends to "
        "nothing has no irrelevant ratio; one where the reference marks nothing within what the "
        "model saw has a ratio of {whole} and counts in the means, but gets no verdict."
    ).format(whole=percent(1))
    return [Table(caption, columns, rows), *_empty_maps(study)]


def _empty_maps(study: Study) -> Sequence[Block]:
    rows = []
    for model in study.models:
        for method in study.config["saliency"]["methods"]:
            paths = study.layout.map_tables(model, method, study.cases)
            study.check(paths)
            table = pd.concat([read_table(path, ["case", "reason"], []) for path in paths])
            for why, cases in table[table["reason"] != ""].groupby("reason")["case"]:
                rows.append([model, method, told(str(why)), str(len(cases)), commas(sorted(cases))])
    if not rows:
        return [Text([_("No saliency map came out empty.")])]
    caption = _("Saliency maps that came out empty, of cases of both classes.")
    columns = [_("Model"), _("Method"), _("Reason"), _("Cases"), _("Which")]
    return [Table(caption, columns, rows)]
