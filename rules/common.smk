"""The study, checked before any job starts, and what several rules ask of it."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from rightreason.digest import ContentDigests, code_digest
from rightreason.errors import InputError
from rightreason.inputs import INPUT_KINDS
from rightreason.study import load_study

try:
    study = load_study(config)
except InputError as error:
    raise WorkflowError(str(error))

CASES = list(study.cases)
ANNOTATED = [case for case in CASES if case in study.annotations]
MODELS = list(study.config.models)
USED_KINDS = sorted({model.input for model in study.config.models.values()})
CAM_METHODS = study.methods(cam=True)
OTHER_METHODS = study.methods(cam=False)
METHODS = [*CAM_METHODS, *OTHER_METHODS]
# The seeds that have a map of their own beside the mean: none where there is one seed.
EACH_SEED = [s for s in range(study.config.train.seeds) if study.config.train.seeds > 1]
# A job on the CPU must not wait for a GPU.
GPU = 0 if study.config.device == "cpu" else 1

if workflow.is_main_process:
    logger.info(study.describe())
digests = ContentDigests(Path(".snakemake/rightreason.digests"))


wildcard_constraints:
    case=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    model=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    method=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    seed=r"\d+",
    fold=r"\d+",


def outside(paths):
    """Mark files from outside: known by their content, so their mtimes must not count."""
    return paths if study.is_demo else [ancient(path) for path in paths]


def identity(path):
    """What a file from outside is, by content; the workflow's own outputs are tracked as such."""
    return "demo" if study.is_demo else digests.of(path)


def settings_of(stage, **more):
    """One plain, sorted dict of what a stage's results depend on beside its inputs."""
    return dict(sorted({**study.config.section(stage), **more}.items()))


def model_of(model, explained=False):
    """A model's settings, its initial weights known by content, its layer only to explain it."""
    settings = dict(study.config.section("models")[model])
    if not explained:
        del settings["target_layer"]
    if settings["weights"]:
        settings["weights_digest"] = digests.of(Path(settings["weights"]))
    return settings


def prepared(model, cases, suffix):
    """The prepared images (or, by suffix, their records) that a model gets of some cases."""
    kind = study.config.models[model].input
    return [f"results/prepare/{kind}/{case}.{suffix}" for case in cases]


def networks(model):
    """The weights of every network of a model."""
    return weights(model, [study.networks])[0]


def weights(model, committee):
    """The weights of a committee, by seed."""
    folder = f"results/train/{model}"
    return [[f"{folder}/{name}/weights.ckpt" for name in seed] for seed in committee]


def committees(model):
    """The weights of the networks that judge each case, by seed."""
    return {case: weights(model, study.committee(case)) for case in CASES}
