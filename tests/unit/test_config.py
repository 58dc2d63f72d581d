from pathlib import Path
from typing import Any

import pytest
import yaml
from rightreason.algorithms import ALGORITHMS, SETTINGS
from rightreason.config import read_config
from rightreason.config_docs import reference, schema
from rightreason.errors import InputError

ROOT = Path(__file__).parents[2]
MODELS = {"m": {"input": "slices", "network": "ResNet10"}}


def refuse(**raw: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_config({"models": MODELS, **raw})
    return str(caught.value)


def test_the_committed_documents_are_the_models() -> None:
    assert (ROOT / "config" / "schema.json").read_text() == schema(), "run `make schema`"
    assert (ROOT / "config" / "README.md").read_text() == reference(), "run `make schema`"


@pytest.mark.parametrize("path", sorted(ROOT.glob("config/**/config.yaml")), ids=str)
def test_every_config_of_ours_is_valid(path: Path) -> None:
    config = read_config(yaml.safe_load(path.read_text()))
    assert {model.input for model in config.models.values()} == {"slices", "subset", "volume"}


def test_unknown_keys_are_told_with_a_guess() -> None:
    message = refuse(modles=1, train={"fold": 3})
    assert "'modles' is unknown" in message
    assert "Did you mean models?" in message
    assert "'train.fold' is unknown" in message
    assert "Did you mean train.folds?" in message


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"models": {}}, "models"),
        ({"models": {"m": {"input": "slice", "network": "ResNet10"}}}, "'slices'"),
        ({"models": {"m": {"input": "slices", "network": "ResNet11"}}}, "Did you mean ResNet1"),
        ({"models": {"m": {"input": "volume", "network": "VGG16"}}}, "two-dimensional"),
        ({"models": {"a/b": {"input": "slices", "network": "VGG16"}}}, "'a/b' is no id"),
        ({"saliency": {"methods": {"x": {"algorithm": "gradcm"}}}}, "Did you mean gradcam?"),
        (
            {"saliency": {"methods": {"gradcam": {"algorithm": "gradcam", "steps": 3}}}},
            "gradcam has no setting steps",
        ),
        (
            {"saliency": {"methods": {"x": {"algorithm": "smoothgrad", "baseline": 1}}}},
            "smoothgrad has no setting baseline",
        ),
        (
            {"saliency": {"methods": {"x": {"algorithm": "occlusion", "stride": 17}}}},
            "stride 17 is wider than window 16",
        ),
        ({"saliency": {"methods": {"x": {"algorithm": "smoothgrad", "noise": 0}}}}, "noise"),
        ({"headline": {"method": "gradcm"}}, "headline.method: 'gradcm' is unknown"),
        ({"headline": {"binarisation": "otzu"}}, "Did you mean otsu?"),
        ({"positive": "x"}, "positive: 'x' is unknown"),
        ({"classes": ["a", "a"], "positive": "a"}, "the two labels are the same"),
        ({"overlap": {"binarisations": {"otsu": {"rule": "top"}}}}, "the rule top needs percent"),
        ({"train": {"folds": 1}}, "train.folds: input should be greater than or equal to 2"),
        ({"external_sites": "B"}, "external_sites: a list was expected, for example [B]"),
        ({"classes": [True, "b"]}, "YAML read True; put it in quotes"),
        ({"annotations": "x.tsv"}, "annotations is given without cases"),
        ({"prepare": {"window": [400, -1000]}}, "must be below"),
        ({"prepare": {"window": [float("-inf"), 400]}}, "finite number"),
    ],
)
def test_bad_values_are_sentences(raw: dict[str, Any], sentence: str) -> None:
    assert sentence in refuse(**raw)


def test_all_problems_come_at_once() -> None:
    message = refuse(train={"folds": 1}, predict={"batch": 0}, nonsense=1)
    assert message.count("\n  - ") == 3


def test_a_section_is_plain_and_sorted() -> None:
    section = read_config({"models": MODELS}).section("overlap")
    assert section["binarisations"]["top10"] == {"part": "positive", "percent": 10, "rule": "top"}
    assert list(section) == sorted(section)
    assert isinstance(read_config({"models": MODELS}).section("prepare")["window"], list)


def method(**settings: Any) -> dict[str, Any]:
    methods = {"x": settings}
    raw = {"models": MODELS, "saliency": {"methods": methods}, "headline": {"method": "x"}}
    found: dict[str, Any] = read_config(raw).section("saliency")["methods"]["x"]
    return found


def test_a_method_holds_its_own_settings_and_no_others() -> None:
    assert method(algorithm="gradient") == {"algorithm": "gradient"}
    assert method(algorithm="gradcam++", layer="a.b") == {"algorithm": "gradcam++", "layer": "a.b"}
    assert method(algorithm="scorecam") == {
        "algorithm": "scorecam", "baseline": 0.0, "layer": None,
    }  # fmt: skip
    assert method(algorithm="gradient_shap", samples=4) == {
        "algorithm": "gradient_shap", "baseline": 0.0, "noise": 0.1, "samples": 4,
    }  # fmt: skip
    assert method(algorithm="occlusion", window=4, stride=4) == {
        "algorithm": "occlusion", "baseline": 0.0, "stride": 4, "window": 4,
    }  # fmt: skip


def test_the_methods_by_default_are_three() -> None:
    methods = read_config({"models": MODELS}).saliency.methods
    assert list(methods) == ["gradcam", "hirescam", "integrated_gradients"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_has_settings_that_the_config_knows(algorithm: str) -> None:
    assert set(method(algorithm=algorithm)) == {"algorithm", *SETTINGS[algorithm]}
