"""The report's panels on the cohort: headline, performance, verdicts, overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rightreason import figures, sentences
from rightreason.methods_text import binarisation
from rightreason.report_blocks import Block, Details, Figures, Table, Text
from rightreason.report_data import Study
from rightreason.sentences import count, decimal, decimal_interval, percent, percent_interval
from rightreason.verdict import QUADRANTS


def at_a_glance(study: Study) -> Sequence[Block]:
    """The headline: a sentence per model, the numbers behind it, and what does not carry one."""
    aucs = [(model, study.auc(model, "training"), None) for model in study.models]
    ratios = [
        (model, study.measure(model, "irrelevant_ratio"),
         study.measure(model, "chance_irrelevant_ratio").value)
        for model in study.models
    ]  # fmt: skip
    auc_alt = "; ".join(f"{m}: AUC {decimal_interval(found)}" for m, found, _ in aucs)
    ratio_alt = "; ".join(
        f"{m}: {percent_interval(found)}, chance {percent(c)}" for m, found, c in ratios
    )
    plots = [
        (figures.dots(aucs, "AUC", (min(0.5, _least(study)), 1), figures.BLUE, False,
                      f"AUC at the training sites. {auc_alt}."),
         "How well each model classifies (training sites, out of fold)."),
        (figures.dots(ratios, "irrelevant ratio", (0, 1), figures.ORANGE, True,
                      f"Irrelevant ratio at the training sites. {ratio_alt}."),
         "How much of what it attends to is irrelevant; the black bar is chance."),
    ]  # fmt: skip
    said = [sentences.headline(study, m) + sentences.elsewhere(study, m) for m in study.models]
    return [
        Text(said, "lead"),
        Text(sentences.warnings(study), "warning"),
        Figures(plots),
        _headline_table(study),
        Text([_reading(study)], "small"),
    ]


def _headline_table(study: Study) -> Table:
    rows = []
    for model in study.models:
        for group in groups(study):
            ratio = study.measure(model, "irrelevant_ratio", group)
            chance = study.measure(model, "chance_irrelevant_ratio", group)
            rows.append([model, group, decimal_interval(study.auc(model, group)),
                         percent_interval(ratio), percent(chance.value), str(ratio.n)])  # fmt: skip
    columns = ["Model", "Sites", "AUC", "Irrelevant ratio", "Chance", "Cases"]
    caption = f"The headline: irrelevant ratios over the {sentences.audited(study)}."
    return Table(caption, columns, rows)


def groups(study: Study) -> list[str]:
    """Return `training` and, where there are external sites, `external`."""
    return ["training", "external"] if study.members("external") else ["training"]


def _least(study: Study) -> float:
    lows = [study.auc(model, "training").low for model in study.models]
    return float(np.floor(10 * np.nanmin([*lows, 1.0])) / 10)


def _reading(study: Study) -> str:
    """Explain the headline's words."""
    head, name = study.headline, study.headline["binarisation"]
    cut = binarisation(name, study.config["overlap"]["binarisations"][name])
    level = 100 * study.config["summary"]["confidence"]
    return (
        f"What a model attends to is its {head['method']} map after the binarisation {cut}. The "
        f"irrelevant ratio is the share of it that {sentences.outside(head['reference'])}. "
        f"Brackets hold {level:g}{sentences.NBSP}% confidence intervals. Cases are scored by "
        "networks that never saw their patient. Chance is the share of what the model saw that "
        "lies outside the reference."
    )


def roc_curves(study: Study) -> Sequence[Block]:
    """ROC curves of each model, training sites out of fold and external sites."""
    items = []
    for model in study.models:
        curves = []
        for group in ("training", "external"):
            members = study.members(group)
            labels = np.array([study.cases[c]["label"] == study.positive for c in members], bool)
            if labels.any() and not labels.all():
                scores = np.array([study.probabilities[model][case] for case in members])
                legend = f"{group}: {decimal_interval(study.auc(model, group))}"
                curves.append((group, legend, labels, scores))
        alt = f"ROC curves of {model}. " + "; ".join(f"AUC, {c[1]}" for c in curves) + "."
        items.append((figures.roc(curves, alt), model))
    level = 100 * study.config["summary"]["confidence"]
    text = (
        "Training sites out of fold, external sites by the mean of the folds’ networks; the AUC "
        f"with its {level:g}{sentences.NBSP}% interval in the legend."
    )
    return [Text([text]), Figures(items)]


def performance(study: Study) -> Sequence[Block]:
    """Table of classification by model and site."""
    rows = [
        [row["model"], row["site"], f"{row['n_cases']:.0f}", f"{row['n_positive']:.0f}",
         decimal_interval(study.auc(row["model"], row["site"])),
         *(percent(row[name]) for name in ("accuracy", "sensitivity", "specificity"))]
        for row in study.performance.to_dict("records")
    ]  # fmt: skip
    columns = ["Model", "Site", "Cases", f"Of them {study.positive}", "AUC", "Accuracy",
               "Sensitivity", "Specificity"]  # fmt: skip
    caption = (
        "Classification by site; training and external pool the sites. Accuracy, sensitivity and "
        "specificity at a probability of 0.5."
    )
    return [Table(caption, columns, rows)]


def scatter(study: Study) -> Sequence[Block]:
    """Probability against irrelevant ratio of every positive, annotated case."""
    corners = [
        QUADRANTS[right, why] for why in ("irrelevant", "relevant") for right in (False, True)
    ]
    external = set(study.members("external"))
    items = []
    for model in study.models:
        here = study.verdicts[
            (study.verdicts["model"] == model) & (study.verdicts["reason"] != "undefined")
        ]
        points = [
            figures.Point(row["probability"], row["irrelevant_ratio"], row["low"], row["high"],
                          row["reason"], row["case"] in external)
            for row in here.to_dict("records")
        ]  # fmt: skip
        counts = here["quadrant"].value_counts()
        said = [f"{counts[name]} {name}" for name in QUADRANTS.values() if name in counts]
        alt = (
            f"{model}: probability against irrelevant ratio of "
            f"{count(len(points), f'{study.positive} case')}. {'; '.join(said) or 'None'}."
        )
        items.append((figures.quadrants(points, corners, alt), model))
    text = (
        f"Every annotated {study.positive} case: to the right it is classified correctly, further "
        "up more of what the model attends to is irrelevant. A case is called relevant below and "
        "irrelevant above its own chance interval (grey bar) or without any overlap, and undecided "
        "within it, where its ratio cannot be told from chance. Hollow marks are cases of external "
        "sites."
    )
    return [Text([text]), Figures(items)]


def verdict_counts(study: Study) -> Sequence[Block]:
    """How many cases of each model lie in each quadrant, and which."""
    table, rows = study.verdicts, []
    for name in QUADRANTS.values():
        numbers = [
            int(((table["model"] == m) & table["case"].isin(study.members(g))
                 & (table["quadrant"] == name)).sum())
            for m in study.models for g in groups(study)
        ]  # fmt: skip
        if any(numbers) or "undefined" not in name:
            rows.append([name[0].upper() + name[1:], *map(str, numbers)])
    columns = ["Verdict", *(f"{m}, {g}" for m in study.models for g in groups(study))]
    caption = f"Annotated {study.positive} cases by verdict."
    return [Table(caption, columns, rows), Details("Every case and its verdict", [_every(study)])]


def _every(study: Study) -> Table:
    rows = [
        [row["case"], row["model"], study.cases[row["case"]]["site"], decimal(row["probability"]),
         percent(row["irrelevant_ratio"]), chance_range(row["low"], row["high"]), row["quadrant"]]
        for row in study.verdicts.to_dict("records")
    ]  # fmt: skip
    columns = ["Case", "Model", "Site", "Probability", "Irrelevant ratio", "Chance", "Verdict"]
    return Table("All cases, those right for the wrong reason first.", columns, rows)


def chance_range(low: float, high: float) -> str:
    """Format a case's chance interval: `40 to 62 %`."""
    if np.isnan(low):
        return sentences.UNDEFINED
    return f"{percent(low, unit=False)} to {percent(high)}"


def overlap_tables(study: Study) -> Sequence[Block]:
    """The headline under every reference, method and binarisation, and by other measures."""
    methods = list(study.config["saliency"]["methods"])
    head, blocks = study.headline, []
    choices = {
        "reference": study.references,
        "binarisation": list(study.config["overlap"]["binarisations"]),
    }
    for key, names in choices.items():
        rows = [
            [model, name, *(_cell(study, model, method, key, name) for method in methods)]
            for model in study.models for name in names
        ]  # fmt: skip
        fixed = "binarisation" if key == "reference" else "reference"
        caption = (
            f"Irrelevant ratio by {key} and method ({fixed} {head[fixed]}; "
            f"{sentences.audited(study)} of the training sites)."
        )
        blocks.append(Table(caption, ["Model", key.capitalize(), *methods], rows))
    return [*blocks, _measures(study)]


def _cell(study: Study, model: str, method: str, key: str, name: str) -> str:
    return percent_interval(
        study.measure(model, "irrelevant_ratio", **{"method": method, key: name})
    )


def _measures(study: Study) -> Table:
    rows = []
    for model in study.models:
        for group in groups(study):
            found = [study.measure(model, metric, group) for metric in sentences.MEASURES]
            rows.append([model, group, *(percent_interval(value) for value in found),
                         str(found[0].n)])  # fmt: skip
    columns = ["Model", "Sites", *(name.capitalize() if name.islower() else name
                                   for name in sentences.MEASURES.values()), "Cases"]  # fmt: skip
    head = study.headline
    caption = (
        f"Other measures of the same maps ({head['method']}, {head['reference']}, "
        f"{head['binarisation']}; {sentences.audited(study)}); the number of cases is that of "
        "the irrelevant ratio."
    )
    return Table(caption, columns, rows)
