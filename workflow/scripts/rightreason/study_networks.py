"""The networks of a study: which are trained here, which judge a case, and what they depend on.

Standard library and pydantic only: it runs whenever the workflow is parsed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rightreason import own_code
from rightreason.config import Config
from rightreason.config_networks import GIVEN_THRESHOLD
from rightreason.layout import Layout
from rightreason.network_names import is_own

Committees = dict[int | None, list[list[str]]]
"""Of each fold the weights of the networks that judge its cases, by seed; None is no fold."""


def trained_here(config: Config) -> list[str]:
    """Name the models that this study trains; the others come with their weights."""
    return [name for name, model in config.models.items() if not model.trained_files]


def names(config: Config) -> list[str]:
    """Name the `seed{s}/fold{k}` of every network of a model that is trained here."""
    train = config.train
    return sorted(f"seed{s}/fold{k}" for s in range(train.seeds) for k in range(train.folds))


def seeds(config: Config, model: str) -> int:
    """Count the trainings whose networks judge a case apart from each other's."""
    return 1 if config.models[model].trained_files else config.train.seeds


def committees(config: Config, model: str) -> Committees:
    """Return which networks of a model judge the cases of a fold.

    A training case is judged by the networks that never saw its patient, a case of an external site
    (None) by those of all folds. Of networks that were trained elsewhere nobody knows what they
    saw: there are no folds then, and all of them judge every case.
    """
    given = config.models[model].trained_files
    if given:
        return {None: [given]}
    every, folds = range(config.train.seeds), range(config.train.folds)
    by_fold = {k: [[f"seed{s}/fold{k}"] for s in every] for k in folds}
    layout = Layout(config.shards)
    return {
        **{k: layout.weights(model, committee) for k, committee in by_fold.items()},
        None: layout.weights(model, [[f"seed{s}/fold{k}" for k in folds] for s in every]),
    }


def threshold(config: Config, model: str) -> float:
    """Return from which probability on a model that was trained elsewhere calls a case positive."""
    given = config.models[model].threshold
    return GIVEN_THRESHOLD if given is None else given


def image_bytes(config: Config, model: str) -> int:
    """Return how much memory the images of one case take in training, at most: a byte a voxel."""
    kind = config.models[model].input
    asked = config.section("prepare")[kind]
    voxels: int = (
        math.prod(asked["size"]) if kind == "volume" else asked["count"] * asked["size"] ** 2
    )
    return voxels


def settings(
    config: Config, model: str, digest_of: Callable[[Path], str], explained: bool = False
) -> dict[str, Any]:
    """Return what the results of a model's networks depend on, as plain types.

    Parameters
    ----------
    config : Config
        Of the study.
    model : str
        Its name.
    digest_of : callable
        Digests a file: weights and code from outside are known by content.
    explained : bool
        Whether the layer counts, which only maps depend on.
    """
    found: dict[str, Any] = dict(config.section("models")[model])
    # The table of thresholds says it.
    del found["threshold"]
    if not explained:
        del found["target_layer"]
    given = config.models[model]
    if given.weights:
        found["weights_digest"] = digest_of(Path(given.weights))
    if given.trained_files:
        found["trained_digests"] = [digest_of(Path(path)) for path in given.trained_files]
    if is_own(given.network):
        found["code"] = own_code.folder_of(given.network, config.code)
        found["code_digest"] = own_code.digest(given.network, config.code, digest_of)
    return found


def reported(config: Config, model: str, digest_of: Callable[[Path], str]) -> dict[str, Any]:
    """Return the same for the page, with the threshold that was given."""
    given = config.models[model].trained_files
    stated = threshold(config, model) if given else None
    return {**settings(config, model, digest_of, explained=True), "threshold": stated}


def problems(config: Config) -> list[str]:
    """Find files of weights, and modules of own networks, that are not there."""
    found = []
    for name, model in config.models.items():
        files = [("weights", model.weights)] if model.weights is not None else []
        files += [("trained", path) for path in model.trained_files]
        found += [
            f"models.{name}.{key}: there is no file {path}"
            for key, path in files
            if not Path(path).is_file()
        ]
        wrong = own_code.problem(model.network, config.code) if is_own(model.network) else None
        if wrong:
            found.append(f"models.{name}.network: {wrong}")
    if config.code is not None and not any(is_own(m.network) for m in config.models.values()):
        found.append("code: no model names a network of your own (network: module:Class)")
    return found
