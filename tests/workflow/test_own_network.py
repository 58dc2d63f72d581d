"""A study that trains nothing: a user's own network and one of ours, both trained elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from rightreason.networks import build
from rightreason.samples import load_case
from safetensors.torch import load_file, save_file

from tests.own_networks import apart, logits, write_module
from tests.runs import checkout, due, finish, rules_of, snakemake
from tests.workflow.contract import (
    Finished,
    all_scores,
    all_views,
    change_config,
    maps_of,
    of_models,
    of_shards,
    predictions_of,
    rows_of,
    trainings,
)
from tests.workflow.test_untrusted import Payload, refused

CONFIG = "own.yaml"
OWN = ("--configfile", CONFIG)
TABLES = ("--config", "cases=study/cases.tsv", "annotations=study/annotations.tsv")
RESNET = {"block_inplanes": [4, 4, 8, 8]}


def settings() -> dict[str, Any]:
    """The smallest study, of two models in one shard."""
    small = yaml.safe_load(Path("tests/slurm/study.yaml").read_text())
    given = ["weights/first.safetensors", "weights/second.pt"]
    return {
        **small, "shards": 1, "device": "cpu", "code": "networks",
        "models": {
            "own": {"input": "slices", "network": "small_net:Small", "options": {"width": 4},
                    "trained": given, "threshold": 0.4},
            "known": {"input": "subset", "network": "ResNet10", "options": RESNET,
                      "trained": "weights/known.pt"},
        },
    }  # fmt: skip


def weights(folder: Path) -> None:
    torch.manual_seed(1)
    folder.mkdir()
    save_file(apart(1).state_dict(), folder / "first.safetensors")
    state = {f"model.{name}": value for name, value in apart(1).state_dict().items()}
    torch.save({"state_dict": state, "epoch": 9}, folder / "second.pt")
    torch.save(build("ResNet10", 2, 4, options=RESNET).state_dict(), folder / "known.pt")


@pytest.fixture(scope="module")
def finished_own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("own") / "checkout")
    finish(folder, "results/demo/cases.tsv", "--configfile", "tests/slurm/study.yaml")
    (folder / "results" / "demo").rename(folder / "study")
    write_module(folder / "networks", "small_net")
    weights(folder / "weights")
    (folder / CONFIG).write_text(yaml.safe_dump(settings()))
    planned = rules_of(due(folder, *OWN, *TABLES))
    assert not {"train", "threshold"} & planned
    assert {"given_threshold", "predict", "saliency_cam", "saliency", "report"} <= planned
    finish(folder, *OWN, *TABLES)
    return folder


@pytest.fixture
def run_own(finished_own: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_own, tmp_path / "checkout", symlinks=True))


def test_probabilities_are_those_of_the_networks_run_by_hand(finished_own: Path) -> None:
    first, second = apart(1), apart(1)
    first.load_state_dict(load_file(finished_own / "weights" / "first.safetensors"))
    state = torch.load(finished_own / "weights" / "second.pt")["state_dict"]
    second.load_state_dict({name.removeprefix("model."): v for name, v in state.items()})
    table = rows_of(finished_own / "results" / "predict" / "own.tsv")
    assert len(table) == 8
    for row in table:
        image = finished_own / "results" / "prepare" / "slices" / f"{row['case']}.nii.gz"
        x = load_case(image).pixels.float() / 127.5 - 1
        expected = torch.stack([torch.sigmoid(logits(net, x)).mean() for net in (first, second)])
        assert float(row["probability"]) == pytest.approx(float(expected.mean()), abs=1e-6)
        assert (row["fold"], row["threshold"]) == ("", "0.4")
        assert row["predicted"] == ("drowning" if float(expected.mean()) >= 0.4 else "other")
    known = rows_of(finished_own / "results" / "predict" / "known.tsv")
    assert {(row["fold"], row["threshold"]) for row in known} == {("", "0.5")}


def test_the_study_is_whole_without_a_training(finished_own: Path) -> None:
    results = finished_own / "results"
    assert not (results / "train").exists()
    maps = rows_of(results / "saliency" / "own" / "gradcam" / "shard0" / "maps.tsv")
    assert {row["layer"] for row in maps} == {"features.2"}
    page = (results / "report" / "index.html").read_text()
    assert "Trained elsewhere: known and own. Whether these networks were trained on cases" in page
    assert "No network was trained here" in page
    assert sorted(path.name for path in (finished_own / "networks").iterdir()) == [
        "small_net.py",
        "small_net_parts.py",
    ]


def test_touched_code_and_weights_make_nothing_due(run_own: Path) -> None:
    for name in ("networks", "weights", "study", "workflow"):
        for path in (run_own / name).rglob("*"):
            path.touch()
    assert due(run_own, *OWN, *TABLES) == set()


def test_edited_code_makes_its_own_model_due(run_own: Path) -> None:
    """New bytes of the same number, under the old time, in a module that the named one needs."""
    path = run_own / "networks" / "small_net_parts.py"
    state = path.stat()
    path.write_text(path.read_text().replace("maps.mean", "maps.amax"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    shards = {"shard0"}
    maps = of_shards("saliency_cam", ["own"], shards)
    maps |= maps_of("integrated_gradients", ["own"], shards) | {("gather_saliency", "shard=shard0")}
    tests = {("trust", f"model=own, method={m}") for m in ("gradcam", "integrated_gradients")}
    tests.add(("trust_findings", "model=own"))
    expected = predictions_of(["own"], shards) | maps | tests | all_scores(run_own)
    assert due(run_own, *OWN, *TABLES) == expected
    before = (run_own / "results" / "predict" / "own.tsv").read_text()
    finish(run_own, "results/predict/own.tsv", *OWN, *TABLES)
    assert (run_own / "results" / "predict" / "own.tsv").read_text() != before


def test_other_weights_make_their_own_model_due(run_own: Path) -> None:
    torch.manual_seed(5)
    state = build("ResNet10", 2, 4, options=RESNET).state_dict()
    torch.save(state, run_own / "weights" / "known.pt")
    found = due(run_own, *OWN, *TABLES)
    assert {job for job in found if "own" in job[1] and "known" not in job[1]} == set()
    assert predictions_of(["known"], {"shard0"}) <= found
    assert all_views(run_own) <= found


def test_a_model_that_is_trained_here_trains_only_itself(run_own: Path) -> None:
    run = Finished(run_own, CONFIG)

    def add(config: dict) -> None:
        ours = {"input": "subset", "network": "ResNet10", "options": RESNET, "epochs": 1}
        config["models"]["ours"] = ours

    change_config(run, add)
    found = due(run_own, *OWN, *TABLES)
    assert {job for job in found if job[0] == "train"} == trainings(run, ["ours"])
    assert {job for job in found if job[0] == "threshold"} == of_models("threshold", ["ours"])
    assert not [job for job in found if "model=own" in job[1] or "model=known" in job[1]]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("from torch.nn import Flatten as Small", "cannot be built as Small(width=4)"),
        ("Other = 1", "has no class Small"),
    ],
)
def test_what_a_run_says_of_a_network_that_is_none(run_own: Path, source: str, said: str) -> None:
    (run_own / "networks" / "small_net.py").write_text(source + "\n")
    result = snakemake(run_own, "results/predict/own.tsv", *OWN, *TABLES)
    assert result.returncode != 0
    assert said in result.stdout
    assert "Traceback" not in result.stdout


def test_weights_with_a_payload_are_refused_and_it_is_not_run(run_own: Path) -> None:
    torch.save({"head.bias": Payload(run_own / "ran")}, run_own / "weights" / "second.pt")
    output = refused(run_own, "results/predict/own.tsv", *OWN, *TABLES)
    assert "weights/second.pt cannot be read as a file of weights" in output
    assert not (run_own / "ran").exists()
