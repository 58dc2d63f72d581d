"""What the page says of models that were trained elsewhere: alone, and beside one trained here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from rightreason import report_case_table
from rightreason.citations import needed
from rightreason.headline_text import elsewhere
from rightreason.methods_text import methods
from rightreason.performance import performance_table
from rightreason.report_elsewhere import judged, unknown_training
from rightreason.report_provenance import provenance
from rightreason.report_training import training_curves
from rightreason.sentences import NBSP

from tests.unit.report_fakes import coarse_pictures, fake_config, fake_study, page_of, study_of

GIVEN = {
    "network": "nets:Mine", "trained": ["a.pt", "b.pt"], "trained_digests": ["ab" * 32, "cd" * 32],
    "code_digest": "ef" * 32, "threshold": 0.35,
}  # fmt: skip


def config_with(*given: str) -> dict[str, Any]:
    config = fake_config()
    for model in given:
        config["models"][model] |= GIVEN
    return config


def methods_of(config: dict[str, Any]) -> str:
    study = SimpleNamespace(config=config, cohort=pd.DataFrame({"corrections": [""]}))
    return " ".join(methods(study)).replace(NBSP, " ")


def test_methods_of_a_mixed_study() -> None:
    text = methods_of(config_with("block"))
    for part in (
        "planar (DenseNet121 [", "block (nets:Mine; sees the whole volume)", "with 5 folds",
        "Trained elsewhere, before this study, which does not know on which cases: block (2 "
        "networks).", "A case is called drowning from a given probability on: 0.35.",
        "maximises Youden’s J", "trained with PyTorch Lightning",
    ):  # fmt: skip
        assert part in text


def test_methods_of_a_study_that_trained_nothing() -> None:
    config = config_with("planar", "block")
    text = methods_of(config)
    for part in ("Cross-validation", "Youden", "Lightning", "MONAI"):
        assert part not in text
    assert "Networks were built with PyTorch [" in text
    assert "planar (2 networks) and block (2 networks)" in text
    assert "on: 0.35 and 0.35." in text
    assert not {"lightning", "youden", "monai", "DenseNet"} & set(needed(config).keys)
    config["models"]["planar"]["network"] = "DenseNet121"
    assert "Networks were built with MONAI [" in methods_of(config)


def test_how_cases_were_judged() -> None:
    def said(*given: str) -> str:
        return judged(SimpleNamespace(config=config_with(*given)), "By its fold.")

    assert said() == "By its fold."
    assert said("block").startswith("By its fold. The networks of block were trained elsewhere: ")
    both = said("planar", "block")
    assert both.startswith("The networks of planar and block were trained elsewhere: ")
    assert both.endswith("the threshold that the config gives (0.35 and 0.35).")
    assert unknown_training(SimpleNamespace(config=config_with())) == []


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fake_study(tmp_path_factory.mktemp("study"), config=config_with("block"))


def test_the_page_warns_and_is_whole(fakes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    coarse_pictures(monkeypatch)
    page = page_of(fakes)
    assert "Trained elsewhere: block. Whether these networks were trained on cases of this" in page
    assert "Losses of planar by epoch" in page
    assert "Losses of block by epoch" not in page


def test_no_word_of_training_sites_about_a_network_from_elsewhere(fakes: Any) -> None:
    study = study_of(fakes)
    assert elsewhere(study, "planar").startswith("At sites it was never trained on: AUC ")
    assert elsewhere(study, "block").startswith("At the external sites: AUC ")


def test_cases_have_no_fold_of_a_network_from_elsewhere() -> None:
    row = {"case": "c1", "label": "drowning", "site": "A", "fold": "", "probability": 0.7,
           "threshold": 0.5, "predicted": "drowning"}  # fmt: skip
    cells = {
        (fold, given): report_case_table._called({**row, "fold": fold}, "m", given)[4].text
        for fold in ("", "2")
        for given in (False, True)
    }
    assert cells == {("", False): "external", ("", True): "–", ("2", False): "2", ("2", True): "2"}


def test_digests_of_what_came_from_outside(fakes: Any, tmp_path: Path) -> None:
    rows = {row[0]: row[1] for block in provenance(study_of(fakes)) for row in
            (block.rows if getattr(block, "columns", [])[1:] == ["Digest"] else [])}  # fmt: skip
    assert rows["Weights of model block, given, file 1"] == "ab" * 8
    assert rows["Weights of model block, given, file 2"] == "cd" * 8
    assert rows["Code of the network of model block"] == "ef" * 8
    assert "Weights of model block" not in rows
    assert rows["Weights of model planar"] == "–"


def test_no_curves_where_nothing_was_trained() -> None:
    (block,) = training_curves(SimpleNamespace(config=config_with("planar", "block")))
    assert block.paragraphs == ["No network was trained here: all models came with their weights."]


def test_no_row_of_performance_by_folds_that_say_nothing() -> None:
    cases = {f"c{i}": {"patient": f"p{i}", "site": "A", "label": "ab"[i % 2]} for i in range(8)}
    table = pd.DataFrame({
        "case": list(cases), "label": [about["label"] for about in cases.values()],
        "fold": "", "probability": [0.1, 0.9, 0.2, 0.8, 0.3, 0.7, 0.6, 0.4], "threshold": 0.5,
    })  # fmt: skip
    table["predicted"] = ["b" if p >= 0.5 else "a" for p in table["probability"]]
    folds = table.assign(fold=["0", "1"] * 4)
    seeds = pd.DataFrame({"case": list(cases), "seed": "0", "probability": table["probability"]})
    found = performance_table(
        {"given": table, "ours": folds}, {"given": seeds, "ours": seeds}, cases, [], "b", [],
        {"bootstrap": 100, "confidence": 0.95, "seed": 0},
    )  # fmt: skip
    by_fold = found[found["stratum"] == "fold"]
    assert list(zip(by_fold["model"], by_fold["group"], strict=True)) == [
        ("ours", "0"),
        ("ours", "1"),
    ]
    whole = found[(found["stratum"] == "") & (found["sites"] == "training")]
    # Of 16 pairs of either class, 15 are in order: 0.6 of an `a` lies above 0.4 of a `b`.
    assert whole["auc"].tolist() == [15 / 16, 15 / 16]
