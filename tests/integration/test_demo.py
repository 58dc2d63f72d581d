"""The embedded study as a newcomer runs it, from DICOM to the report."""

import csv
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright
from rightreason.images import load
from sklearn.metrics import roc_auc_score

from tests.browser.pages import ARGUMENTS, CHROMIUM, Watched, number_in, open_case, position
from tests.page_numbers import assert_page_says_the_tables
from tests.runs import checkout, finish

pytestmark = pytest.mark.slow

MODELS = ("slices_densenet", "subset_densenet", "volume_densenet")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = checkout(tmp_path_factory.mktemp("demo") / "checkout")
    finish(folder)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.parametrize("model", MODELS)
def test_each_model_tells_the_classes_apart_out_of_fold(demo: Path, model: str) -> None:
    rows = [row for row in rows_of(demo / "results/predict" / f"{model}.tsv") if row["fold"]]
    assert len(rows) == 24
    assert {row["site"] for row in rows} == {"A"}
    auc = roc_auc_score(
        [row["label"] == "drowning" for row in rows], [float(row["probability"]) for row in rows]
    )
    assert auc >= 0.9
    stated = next(
        row for row in rows_of(demo / "results/summary/performance.tsv")
        if (row["model"], row["sites"], row["stratum"]) == (model, "training", "")
    )  # fmt: skip
    assert float(stated["auc"]) == pytest.approx(auc, abs=1e-4)


def test_the_page_says_what_the_tables_say(demo: Path) -> None:
    methods = ["gradcam", "hirescam", "integrated_gradients"]
    held = assert_page_says_the_tables(demo / "results", methods)
    # 12 and 21 rows of classification, 6 of the headline, 12 options, 96 cases.
    assert held == 7 * (12 + 21) + 6 * 6 + 3 * 3 * (8 + 4) + 8 * 96


def test_the_page_stands_alone(demo: Path) -> None:
    page = (demo / "results/report/index.html").read_text()
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page)
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "url(http" not in page


def test_the_headline_is_recomputed_from_the_cases(demo: Path) -> None:
    called = {
        row["case"]: row["predicted"]
        for row in rows_of(demo / "results/predict/slices_densenet.tsv")
        if row["label"] == "drowning"
    }
    wanted = {"model": "slices_densenet", "method": "gradcam", "reference": "union",
              "binarisation": "otsu", "measure": "irrelevant_ratio"}  # fmt: skip
    values = [
        float(row["value"])
        for path in (demo / "results/overlap").glob("A??.tsv")
        for row in rows_of(path)
        if called.get(row["case"]) == "drowning" and wanted.items() <= row.items() and row["value"]
    ]
    row = next(
        row for row in rows_of(demo / "results/summary/overlap.tsv")
        if {**wanted, "sites": "training", "subset": "correct"}.items() <= row.items()
    )  # fmt: skip
    assert int(row["n_cases"]) == len(values)
    assert float(row["mean"]) == pytest.approx(np.mean(values), abs=1e-5)


def test_the_votes_lie_on_the_findings(demo: Path) -> None:
    rows = [row for row in rows_of(demo / "results/demo/annotations.tsv") if row["file"]]
    for case in sorted({row["case"] for row in rows}):
        votes = load(demo / "results/annotate" / case / "votes.nii.gz")
        truth = load(demo / "results/demo/truth/finding" / f"{case}.nii.gz")
        assert votes.grid.difference(truth.grid) is None
        marked = votes.data >= 2
        dice = 2 * np.count_nonzero(marked & (truth.data > 0)) / (
            np.count_nonzero(marked) + np.count_nonzero(truth.data)
        )  # fmt: skip
        assert dice > 0.6, case


def test_a_second_run_has_nothing_to_do(demo: Path) -> None:
    assert "Nothing to be done" in finish(demo)


def test_the_cases_open_in_a_browser(demo: Path) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"There is no {CHROMIUM}: apt-get install chromium.")
    page_path = demo / "results/report/index.html"
    assert page_path.stat().st_size < 5_000_000
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        watched = Watched(browser, 1280)
        watched.page.goto(page_path.as_uri())
        # Audited, not annotated, of the other class, and of an external site.
        for case in ("A01", "A15", "A03", "B01"):
            watched.page.get_by_label("Search a case").fill(case)
            open_case(watched.page, case)
            ct = load(demo / "results/convert" / f"{case}.nii.gz")
            inverse = np.linalg.inv(ct.grid.affine)
            x, y, z = (round(v) for v in (inverse @ [*position(watched.page), 1])[:3])
            said = watched.page.locator("#view-at-hu").inner_text().replace("−", "-")
            hu, within = map(int, re.findall(r"-?\d+", said))
            assert abs(hu - ct.data[x, y, z]) <= within
            assert number_in(watched.page.locator("#view-at-slice")) == z + 1
            watched.page.keyboard.press("Escape")
        watched.close()
        browser.close()
    assert watched.problems == []


def test_snakemakes_own_report_holds_the_figures_with_captions(demo: Path) -> None:
    finish(demo, "--report", "report.zip")
    with zipfile.ZipFile(demo / "report.zip") as packed:
        names = {Path(name).name for name in packed.namelist()}
        said = packed.read("report/report.html").decode()
    drawn = {path.name for path in (demo / "results/report/figures").glob("*.svg")}
    assert {"headline.svg", "roc_volume_densenet.svg", "index.html"} <= drawn | {"index.html"}
    assert drawn | {"index.html"} <= names
    assert "Area under the ROC curve against irrelevant ratio of every model" in said
