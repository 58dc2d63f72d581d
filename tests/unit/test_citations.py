"""Which works a study cites, and their numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rightreason.algorithms import ALGORITHMS, INPUT_ALGORITHMS
from rightreason.citations import References, family_of, needed
from rightreason.config import read_config
from rightreason.network_names import KNOWN, PLANAR
from rightreason.report_blocks import Text
from rightreason.report_references import references
from rightreason.sentences import NBSP
from rightreason.works import WORKS

RULES = {"otsu": {"rule": "otsu"}, "half": {"rule": "half"},
         "top10": {"rule": "top", "percent": 10}, "area": {"rule": "area"}}  # fmt: skip


def config(
    networks: list[str], algorithms: list[str], rules: list[str], **report: Any
) -> dict[str, Any]:
    """Return a resolved config, checked as a user's is."""
    raw = {
        "classes": ["other", "drowning"],
        "positive": "drowning",
        "models": {
            f"m{n}": {"input": "slices", "network": name} for n, name in enumerate(networks)
        },
        "saliency": {"methods": {f"s{n}": {"algorithm": a} for n, a in enumerate(algorithms)}},
        "overlap": {"binarisations": {rule: RULES[rule] for rule in rules}},
        "headline": {"method": "s0", "binarisation": rules[0]},
        "report": report,
    }
    resolved: dict[str, Any] = read_config(raw).model_dump(mode="json")
    return resolved


def keys(*arguments: Any, **report: Any) -> list[str]:
    return list(needed(config(*arguments, **report)).keys)


@pytest.mark.parametrize("network", KNOWN)
def test_every_network_has_its_work_and_no_other(network: str) -> None:
    found = keys([network], ["gradcam"], ["half"])
    assert re.match(family_of(network), network)
    works = {"AlexNet", "VGG", "DenseNet", "EfficientNet", "ResNet", "SEResNet"} & set(found)
    assert works == {re.sub(r"[B\d]*\d$", "", network)}
    assert ("monai" in found) == (network not in PLANAR)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_has_its_work_and_no_other(algorithm: str) -> None:
    found = keys(["VGG16"], [algorithm], ["half"])
    assert set(ALGORITHMS) & set(found) == {algorithm}
    assert ("captum" in found) == (algorithm in INPUT_ALGORITHMS and algorithm != "occlusion")


@pytest.mark.parametrize("rule", RULES)
def test_otsu_is_cited_where_it_cuts(rule: str) -> None:
    assert ("otsu" in keys(["VGG16"], ["gradcam"], [rule])) == (rule == "otsu")


def test_highdicom_is_cited_where_it_writes() -> None:
    assert "highdicom" not in keys(["VGG16"], ["gradcam"], ["half"])
    assert keys(["VGG16"], ["gradcam"], ["half"], dicom=True)[-1] == "highdicom"


def test_numbers_are_dense_and_in_the_order_of_the_text() -> None:
    given = config(["ResNet18", "DenseNet121", "ResNet50"], ["hirescam", "gradcam"], ["otsu"])
    found = needed(given)
    assert len(set(found.keys)) == len(found.keys)
    assert found.keys[:7] == (
        "question", "nibabel", "dcm2niix", "ResNet", "DenseNet", "monai", "pytorch",
    )  # fmt: skip
    numbers = [int(line[1 : line.index("]")]) for line in found.listed()]
    assert numbers == list(range(1, len(found.keys) + 1))
    assert found.cite("question") == f"{NBSP}[1]"
    assert found.cite("DenseNet", "dcm2niix", "DenseNet") == f"{NBSP}[3, 5]"
    assert found.cite() == ""


def test_what_is_not_needed_cannot_be_cited() -> None:
    with pytest.raises(KeyError, match="highdicom: cited, and not among the works needed"):
        References(("question",)).cite("question", "highdicom")


def test_every_work_is_needed_by_some_study() -> None:
    everything = keys(list(KNOWN), list(ALGORITHMS), list(RULES), dicom=True)
    assert set(everything) == set(WORKS)


@pytest.mark.parametrize("key", WORKS)
def test_entries_are_whole(key: str) -> None:
    work = WORKS[key]
    assert work.authors
    assert not work.authors.endswith(".")
    assert not work.title.endswith(".")
    assert work.where.startswith("Software") if work.year is None else 1900 < work.year < 2030
    assert re.fullmatch(r"(10\.\d{4,5}/\S+)?", work.doi)


def test_the_panel_lists_them() -> None:
    class Study:
        config = config(["VGG16"], ["gradcam"], ["otsu"])

    [block] = references(Study())  # type: ignore[arg-type]
    assert isinstance(block, Text)
    assert block.look == "references"
    assert block.paragraphs[3].startswith("[4] Simonyan K, Zisserman A. Very deep")
    assert block.paragraphs[0].endswith("Medicine, 2024. doi:10.1007/s10278-024-00974-6")
