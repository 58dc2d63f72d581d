"""The study, checked before any job starts, and what several rules ask of it."""

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from rightreason import config_files, disk, origins, rights, study_networks
from rightreason.contents import ContentDigests
from rightreason.digest import code_digest
from rightreason.errors import InputError
from rightreason.layout import INPUT_KINDS
from rightreason.study import load_study

try:
    config_files.check(workflow.configfiles)
    # A job on a node reads the tables again, and need not look for every file of the cohort.
    study = load_study(config, checked=not workflow.is_main_process)
    if workflow.is_main_process:
        disk.check_room([rights.STATE])
        rights.check_state()
except InputError as error:
    raise WorkflowError(str(error))

# What else is made of the whole cohort, is made in functions of rules, not at once: each job on a
# node reads all rules, and needs but its own.
CASES = list(study.cases)
ANNOTATED = [case for case in CASES if case in study.annotations]
MODELS = list(study.config.models)
TRAINED_HERE = study_networks.trained_here(study.config)
USED_KINDS = sorted({model.input for model in study.config.models.values()})
CAM_METHODS = study.methods(cam=True)
OTHER_METHODS = study.methods(cam=False)
METHODS = [*CAM_METHODS, *OTHER_METHODS]
SHARDS = list(study.shards)
KINDS = {name: model.input for name, model in study.config.models.items()}
SEEDS = {name: study_networks.seeds(study.config, name) for name in MODELS}
# A job on the CPU must not wait for a GPU.
GPU = 0 if study.config.device == "cpu" else 1

if workflow.is_main_process:
    logger.info(study.describe())
digests = ContentDigests(Path(".snakemake/rightreason/digests"), logger.info)


wildcard_constraints:
    case=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    model=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    method=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    shard=r"shard\d+",
    group=r"(shard|fold)\d+",
    seed=r"\d+",
    fold=r"\d+",


def one_of(names):
    """A wildcard's constraint to some ids; to nothing where there are none."""
    return "|".join(sorted(names)) or "-"


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
    """A model's settings, files from outside known by content, its layer only to explain it."""
    return study_networks.settings(study.config, model, digests.of, explained)


def networks(model):
    """The weights of every network of a model."""
    if model not in TRAINED_HERE:
        return [ancient(path) for path in study.config.models[model].trained_files]
    return study.layout.weights(model, [study_networks.names(study.config)])[0]


def committees(wildcards):
    """The weights of the networks that judge the cases of each fold, by seed."""
    return study_networks.committees(study.config, wildcards.model)


def origin(**cases_of):
    """What jobs of these cases are done from, by rule, where one file stands for all they make."""
    if not workflow.is_main_process:  # Only what plans a run compares it.
        return ""
    cases_of |= {"demo": [""]} if study.is_demo else {}
    return origins.digest(rules, cases_of)
