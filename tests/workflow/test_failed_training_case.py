"""A training case that cannot be used: its networks are trained without it, and with it again."""

import json

import pytest
from rightreason.study import load_study

from tests.runs import Job, checkout, due, finish, jobs_in
from tests.workflow.conftest import SMALL, TABLES
from tests.workflow.contract import (
    Finished,
    all_maps,
    all_scores,
    change_config,
    gathered,
    of_models,
    predictions_of,
    rows_of,
)
from tests.workflow.test_failed_case import GO_ON, spoil_ct

pytestmark = pytest.mark.slow

MODEL = "volume_small"
NETWORKS = ("weights.ckpt", "metrics.csv")


def enough_to_train_without_one(config: dict) -> None:
    """Four patients of each fold and two of each class there; one model, so that it stays small."""
    config["demo"].update(training_cases=12, external_cases=2)
    config["train"] = {"folds": 3}
    config["models"] = {MODEL: config["models"][MODEL]}
    config["saliency"]["methods"] = {"gradcam": {"algorithm": "gradcam"}}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished study of twelve training cases, on tables from outside."""
    study = Finished(checkout(tmp_path_factory.mktemp("training") / "checkout"))
    change_config(study, enough_to_train_without_one)
    finish(study.folder, "results/demo/cases.tsv", *SMALL)
    (study.folder / "results" / "demo").rename(study.folder / "study")
    finish(study.folder, *SMALL, *TABLES)
    return study


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


def trained_on(study: Finished, fold: int) -> dict[str, int]:
    """Read how many cases a network was trained and validated on."""
    record = study.folder / "results" / "train" / MODEL / "seed0" / f"fold{fold}" / "record.json"
    return json.loads(record.read_text())["cases"]


def test_it_is_in_no_network_and_comes_back_bit_for_bit(study: Finished) -> None:
    folder, results = study.folder, study.folder / "results"
    undisturbed = networks(study)
    predicted = (results / "predict" / f"{MODEL}.tsv").read_bytes()
    full = {fold: trained_on(study, fold) for fold in study.folds}
    assert [sum(cases.values()) for cases in full.values()] == [8, 8, 8]

    case, cure = spoil_ct(folder, "A")
    raw = {**study.settings, "cases": str(folder / "study" / "cases.tsv"),
           "annotations": str(folder / "study" / "annotations.tsv")}  # fmt: skip
    whole = load_study(raw)
    its_fold = whole.folds[case]
    expected = what_follows(study, case, its_fold)
    assert due(folder, *SMALL, *GO_ON) == expected
    assert jobs_in(finish(folder, *SMALL, *GO_ON)) - {("all", "")} == expected
    for fold in study.folds:
        without = dict(full[fold])
        if fold != its_fold:
            without[whole.parts(fold)[case]] -= 1
        assert trained_on(study, fold) == without
    [failed] = rows_of(results / "summary" / "failed.tsv")
    assert (failed["case"], failed["stage"], failed["left_out_of"]) == (case, "convert", "all")
    judged = [row["case"] for row in rows_of(results / "predict" / f"{MODEL}.tsv")]
    assert len(judged) == 13
    assert case not in judged
    assert due(folder, *SMALL, *GO_ON) == set()

    cure()
    assert due(folder, *SMALL, *GO_ON) == expected
    assert jobs_in(finish(folder, *SMALL, *GO_ON)) - {("all", "")} == expected
    assert rows_of(results / "summary" / "failed.tsv") == []
    assert networks(study) == undisturbed
    assert (results / "predict" / f"{MODEL}.tsv").read_bytes() == predicted
