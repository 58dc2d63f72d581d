"""A training case of forty that cannot be used: the study stops at it, or is made of the others."""

import json
from collections import Counter
from pathlib import Path

import pytest
from rightreason.failures import failure_of

from benchmarks.made_up_study import TINY
from tests.runs import Job, checkout, due, finish, jobs_in, snakemake
from tests.workflow.conftest import SMALL, TABLES
from tests.workflow.contract import (
    Finished,
    all_maps,
    all_scores,
    annotated,
    cases_of,
    change_config,
    gathered,
    of_cases,
    of_models,
    predictions_of,
    rows_of,
    write_rows,
)
from tests.workflow.test_failed_case import (
    GO_ON,
    assert_left_out,
    assert_taken_back,
    executed,
    spoil_ct,
)

pytestmark = pytest.mark.slow

MODEL = "volume_small"
NETWORKS = ("weights.ckpt", "metrics.csv")
SCORED = 8
"""Cases that keep their annotations: one costs as much as three others."""


def forty_cases(config: dict) -> None:
    """As small as they come, and of one model."""
    config["demo"] = {"training_cases": 30, "external_cases": 10, **TINY}
    config["train"] = {"folds": 3}
    config["models"] = {MODEL: config["models"][MODEL]}
    config["saliency"]["methods"] = {"gradcam": {"algorithm": "gradcam"}}


@pytest.fixture
def study(tmp_path: Path) -> Finished:
    """A study of forty cases on tables from outside, of which nothing is made yet."""
    study = Finished(checkout(tmp_path / "checkout"))
    change_config(study, forty_cases)
    finish(study.folder, "results/demo/cases.tsv", *SMALL)
    (study.folder / "results" / "demo").rename(study.folder / "study")
    kept = annotated(study.folder)[::3][:SCORED]
    table = study.folder / "study" / "annotations.tsv"
    write_rows(table, [row for row in rows_of(table) if row["case"] in kept])
    return study


def what_goes_without(study: Finished, case: str, its_fold: int) -> set[Job]:
    """What is made of single cases, and the one network that would never have seen this one."""
    others = [name for name in cases_of(study.folder) if name != case]
    jobs = of_cases("convert", others) | of_cases("prepare", others)
    jobs |= of_cases("annotate", [name for name in annotated(study.folder) if name != case])
    jobs |= gathered("gather_prepared", "group", {f"fold{k}" for k in study.folds if k != its_fold})
    return jobs | {("train", f"model={MODEL}, seed=0, fold={its_fold}")}


def what_follows(study: Finished, case: str, its_fold: int) -> set[Job]:
    """The case's own jobs, the networks of the folds that it is not tested in, and all they judge.

    The network that tests it never saw it, and is left alone.
    """
    jobs: set[Job] = {(rule, f"case={case}") for rule in ("convert", "annotate", "prepare")}
    jobs |= gathered("gather_prepared", "group", {f"fold{its_fold}", "shard0"})
    others = [fold for fold in study.folds if fold != its_fold]
    jobs |= {("train", f"model={MODEL}, seed=0, fold={fold}") for fold in others}
    jobs |= of_models("threshold", [MODEL]) | predictions_of([MODEL], {"shard0"})
    jobs |= of_models("trust_findings", [MODEL]) | {("trust", f"model={MODEL}, method=gradcam")}
    return jobs | all_maps(study, [MODEL], {"shard0"}) | all_scores(study.folder)


def networks(study: Finished) -> dict[str, bytes]:
    """Read what each training left, but for its record, which names times and machines."""
    folder = study.folder / "results" / "train" / MODEL / "seed0"
    return {
        f"fold{fold}/{name}": (folder / f"fold{fold}" / name).read_bytes()
        for fold in study.folds for name in NETWORKS
    }  # fmt: skip


def assert_trained_on_all_but(study: Finished, left_out: set[str]) -> None:
    """Each network was trained and validated on the cases of its fold, without these."""
    folder = study.folder / "results" / "train" / MODEL / "seed0"
    for fold in study.folds:
        parts = study.study.parts(fold)
        record = json.loads((folder / f"fold{fold}" / "record.json").read_text())
        assert record["cases"] == Counter(parts[case] for case in set(parts) - left_out)


def assert_stops(study: Finished, case: str, expected: set[Job]) -> None:
    """By default its job fails with a sentence, and nothing of the whole cohort is made."""
    stopped = snakemake(study.folder, *SMALL, *TABLES)
    assert stopped.returncode != 0
    assert f"rightreason: Case {case}: " in stopped.stdout
    assert jobs_in(stopped.stdout) == expected | of_cases("convert", [case])
    assert not (study.folder / "results" / "convert" / f"{case}.nii.gz").exists()


def test_thirty_nine_of_forty_and_then_all(study: Finished) -> None:
    folder = study.folder
    case, cure = spoil_ct(folder, "A")
    planned, its_fold = due(folder, *SMALL, *TABLES), study.study.folds[case]
    goes_without = what_goes_without(study, case, its_fold)
    assert_stops(study, case, goes_without)

    # What was made before it stopped is not made again.
    assert executed(folder) == planned - goes_without == what_follows(study, case, its_fold)
    assert failure_of(folder / "results" / "convert" / f"{case}.nii.gz")
    assert len(cases_of(folder)) == 40
    assert_left_out(folder, case)
    assert_trained_on_all_but(study, {case})

    assert_taken_back(folder, cure, what_follows(study, case, its_fold))
    assert_trained_on_all_but(study, set())
    # Bit for bit as if nothing had happened: the same as when all are trained on all at once.
    came_back = networks(study)
    finish(folder, *SMALL, *GO_ON, "--forcerun", "train", "--until", "train")
    assert networks(study) == came_back
