"""The report's methods, continued: the networks, where they come from and how they judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rightreason.citations import References, family_of
from rightreason.methods_software import tools
from rightreason.network_names import is_own
from rightreason.report_elsewhere import thresholds, trained_elsewhere, trained_here
from rightreason.sentences import join, paragraph
from rightreason.words import _, mark, plural

INPUTS = {
    "slices": mark("{name} ({network}{work}; sees single slices, averaged per case)"),
    "subset": mark("{name} ({network}{work}; sees a subset of slices as channels of one image)"),
    "volume": mark("{name} ({network}{work}; sees the whole volume)"),
}


def networks(config: Mapping[str, Any], works: References) -> str:
    """Describe the networks of all models, those trained here first."""
    models = [_model(name, model, works) for name, model in config["models"].items()]
    return paragraph(
        _("Models: {models}.").format(models=join(models)),
        tools(config, works),
        _in_folds(config, works) if trained_here(config) else "",
        _given(config) if trained_elsewhere(config) else "",
    )


def _model(name: str, model: Mapping[str, Any], works: References) -> str:
    network = model["network"]
    work = "" if is_own(network) else works.cite(family_of(network))
    return _(INPUTS[model["input"]]).format(name=name, network=network, work=work)


def _in_folds(config: Mapping[str, Any], works: References) -> str:
    seeds = config["train"]["seeds"]
    return paragraph(
        _(
            "Cross-validation by patient, stratified by label, with {folds} folds; each case is "
            "classified, and its saliency made, by networks that never saw its patient. Cases of "
            "external sites were in no training; their probability is the mean over the folds’ "
            "networks."
        ).format(folds=config["train"]["folds"]),
        "" if seeds == 1 else _("Each network was trained {n} times, and the mean taken.")
        .format(n=seeds),
        _(
            "A case is called {positive} from the threshold of its fold on: the probability that "
            "maximises Youden’s J{youden} (sensitivity + specificity − 1) on the patients of the "
            "training folds that were held out to stop the training, of equal ones the nearest to "
            "0.5, and 0.5 where these patients cannot choose; cases of external sites are called "
            "by the mean of the folds’ thresholds."
        ).format(positive=config["positive"], youden=works.cite("youden")),
    )  # fmt: skip


def _given(config: Mapping[str, Any]) -> str:
    """Say the same of networks that were trained elsewhere."""
    names = trained_elsewhere(config)
    counts = [
        plural("{name} ({n} network)", "{name} ({n} networks)", n).format(name=name, n=n)
        for name in names
        for n in [len(config["models"][name]["trained_digests"])]
    ]
    return paragraph(
        _(
            "Trained elsewhere, before this study, which does not know on which cases: {models}. "
            "Every case is classified, and its saliency made, by the mean over all networks of "
            "such a model."
        ).format(models=join(counts)),
        _("A case is called {positive} from a given probability on: {thresholds}.").format(
            positive=config["positive"], thresholds=thresholds(config)
        ),
    )
