"""Which networks judge what, and what their results depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rightreason import study_networks
from rightreason.errors import InputError
from rightreason.study import Study, load_study

from tests.own_networks import write_module

OURS = {"input": "slices", "network": "ResNet10"}
SIX = {"training_cases": 6, "external_cases": 2}


def of(path: Path) -> str:
    return path.read_text()


def given(folder: Path, *names: str, **more: Any) -> dict[str, Any]:
    """A model that was trained elsewhere, with its files."""
    for name in names:
        (folder / name).write_text(f"weights {name}")
    return {**OURS, "trained": [str(folder / name) for name in names], **more}


def study(models: dict[str, Any], **config: Any) -> Study:
    few = {"external_sites": ["B"], "demo": SIX, "train": {"folds": 2}}
    return load_study({"models": models, **few, **config})


def refuse(models: dict[str, Any], **config: Any) -> str:
    with pytest.raises(InputError) as caught:
        study(models, **config)
    return str(caught.value)


def test_all_networks_from_elsewhere_judge_every_case_and_no_fold_has_a_say(tmp_path: Path) -> None:
    mixed = study(
        {"theirs": given(tmp_path, "a.pt", "b.pt"), "ours": OURS}, train={"folds": 3, "seeds": 2}
    )
    config, files = mixed.config, [str(tmp_path / "a.pt"), str(tmp_path / "b.pt")]
    assert study_networks.trained_here(config) == ["ours"]
    assert study_networks.committees(config, "theirs") == {None: [files]}
    assert set(study_networks.committees(config, "ours")) == {0, 1, 2, None}
    assert [study_networks.seeds(config, m) for m in ("theirs", "ours")] == [1, 2]
    theirs, ours = mixed.members("shard0", "theirs"), mixed.members("shard0", "ours")
    assert list(theirs) == list(ours) == list(mixed.cases)
    assert {about["fold"] for about in theirs.values()} == {None}
    assert {about["fold"] for about in ours.values()} == {0, 1, 2, None}
    assert [about["label"] for about in theirs.values()] == [a["label"] for a in ours.values()]


def test_one_file_may_stand_without_a_list(tmp_path: Path) -> None:
    model = {**given(tmp_path, "a.pt"), "trained": str(tmp_path / "a.pt")}
    config = study({"m": model}).config
    assert study_networks.committees(config, "m") == {None: [[str(tmp_path / "a.pt")]]}


@pytest.mark.parametrize(("named", "found"), [({}, 0.5), ({"threshold": 0.3}, 0.3)])
def test_the_threshold_that_the_config_gives(
    tmp_path: Path, named: dict[str, float], found: float
) -> None:
    config = study({"m": given(tmp_path, "a.pt", **named)}).config
    assert study_networks.threshold(config, "m") == found
    assert "threshold" not in study_networks.settings(config, "m", of)


def test_what_a_cases_images_take_in_memory(tmp_path: Path) -> None:
    """The images are bytes, so that voxels are counted."""
    models = {kind: {**OURS, "input": kind} for kind in ("slices", "subset", "volume")}
    sizes = {"slices": {"size": 224, "count": 28}, "subset": {"size": 100, "count": 7},
             "volume": {"size": [128, 120, 64]}}  # fmt: skip
    config = study(models, prepare=sizes).config
    taken = [study_networks.image_bytes(config, model) for model in models]
    assert taken == [1404928, 70000, 983040]


def test_a_study_that_trains_nothing_needs_no_folds(tmp_path: Path) -> None:
    """Six cases in ten folds are too few to train with."""
    assert "fewer than the 10 folds" in refuse({"m": OURS}, train={"folds": 10})
    assert study({"m": given(tmp_path, "a.pt")}, train={"folds": 10}).cases
    said = refuse({"m": given(tmp_path, "a.pt")}, external_sites=["A", "B"])
    assert "nothing is left that the headline could be of" in said


def test_results_depend_on_weights_and_code_by_content(tmp_path: Path) -> None:
    source = write_module(tmp_path / "code", "small_net")
    own = given(tmp_path, "a.pt", network="small_net:Small")
    models = {"own": own, "installed": {**own, "network": "torch.nn:Flatten"}, "ours": OURS}
    config = study(models, code=str(tmp_path / "code")).config

    def settings(model: str) -> dict[str, Any]:
        return study_networks.settings(config, model, lambda path: str(len(path.read_bytes())))

    first = {model: settings(model) for model in models}
    assert first["own"]["trained_digests"] == ["12"]
    assert first["own"]["code"] == str(tmp_path / "code")
    assert first["installed"]["code"] is None
    assert not {"code", "code_digest", "trained_digests"} & set(first["ours"])
    source.write_text(source.read_text() + "\n")
    changed = {model for model in models if settings(model) != first[model]}
    assert changed == {"own"}
    assert "target_layer" not in first["own"]
    assert "target_layer" in study_networks.settings(config, "own", of, explained=True)


@pytest.mark.parametrize(
    ("model", "config", "said"),
    [
        ({"trained": ["none.pt"]}, {}, "models.m.trained: there is no file none.pt"),
        ({"weights": "none.pt"}, {}, "models.m.weights: there is no file none.pt"),
        ({"network": "no_net:Net"}, {}, "models.m.network: the module no_net is not installed"),
        ({"network": "no_net:Net"}, {"code": "tests"}, "neither in the folder tests (code) nor"),
        ({"network": "tests.own:Net"}, {"code": "."}, "no module tests.own in the folder ."),
        ({"network": "no net:Net"}, {}, "'no net:Net' does not name a network of your own"),
        ({"network": "net:"}, {}, "expected module:Class"),
        ({"network": "net:Net", "options": {"in_channels": 1}}, {}, "in_channels follow from"),
        ({}, {"code": "tests"}, "code: no model names a network of your own"),
        ({"threshold": 0.4}, {}, "threshold is for a network that was trained elsewhere"),
        ({"trained": []}, {}, "trained: name at least one file"),
        ({"trained": ["a.pt", "a.pt"]}, {}, "trained: name at least one file of weights, and each"),
        ({"trained": "a.pt", "epochs": 3, "weights": "b.pt"}, {}, "epochs, weights: of no use"),
    ],
)
def test_what_is_said_before_any_job(
    model: dict[str, Any], config: dict[str, Any], said: str
) -> None:
    assert said in refuse({"m": {**OURS, **model}}, **config)


def test_an_own_network_may_name_its_outputs(tmp_path: Path) -> None:
    write_module(tmp_path, "small_net")
    model = {"input": "volume", "network": "small_net:Small", "options": {"out_channels": 1}}
    assert study({"m": model}, code=str(tmp_path)).config.models["m"].trained_files == []
