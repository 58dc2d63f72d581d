"""The page as a whole: its top, narrow screens, readers of every kind, hostile words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect
from rightreason.report_blocks import CaseTable, Cell

from tests.browser.pages import AXE, SLOW, await_case, case_file, open_case, write_other
from tests.unit.report_fakes import Fakes

EVIL = '"><img src=x onerror=alert(1)>'
WORSE = "<script>alert(1)</script>'\"{n}&amp;"


def test_the_top_says_what_the_tables_hold(page: Page, report: Path) -> None:
    table = pd.read_csv(report.parents[1] / "summary/performance.tsv", sep="\t")
    sentences = page.locator("#glance .lead li").all_inner_texts()
    assert len(sentences) == 2
    for model, said in zip(("planar", "block"), sentences, strict=True):
        rows = table[(table["model"] == model) & (table["sites"] == "training")]
        auc = rows[rows["stratum"].isna()].iloc[0]
        wanted = f"AUC {auc.auc:.2f} [{auc.auc_low:.2f}, {auc.auc_high:.2f}]"
        assert wanted in said.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_is_wider_than_the_screen(
    visit: Callable[..., Page], report: Path, width: int
) -> None:
    page = visit(report, width=width)
    sizes = "(part) => [part.scrollWidth, part.clientWidth]"
    wide, room = page.locator("html").evaluate(sizes)
    assert wide <= room
    open_case(page, "c05")
    for part in ("html", "#case-view"):
        wide, room = page.locator(part).evaluate(sizes)
        assert wide <= room


@pytest.mark.parametrize("view", [False, True])
def test_no_serious_hurdles(visit: Callable[..., Page], report: Path, view: bool) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not there: make browser-tools.")
    page = visit(report, bypass_csp=True)
    if view:
        open_case(page, "c05")
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run().then((result) => result.violations)")
    bad = [
        (rule["id"], rule["help"], [node["html"][:200] for node in rule["nodes"]][:5])
        for rule in found if rule["impact"] in ("serious", "critical")
    ]  # fmt: skip
    assert bad == []


def test_headings_and_landmarks(page: Page) -> None:
    levels = page.locator("h1, h2, h3, h4").evaluate_all(
        "all => all.filter((one) => !one.closest('dialog')).map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert np.diff(levels).max() <= 1
    for part in ("header", "nav", "main", "footer"):
        expect(page.locator(part)).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_page_runs_no_script_but_its_own(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    # Not by `visit`: what the browser says of scripts that it blocks is wanted here.
    evil = "<script>window.ran = 1</script><img src='data:,' onerror='window.ran = 2'>"
    path = tmp_path / "evil.html"
    path.write_text(report.read_text().replace("</header>", f"{evil}</header>"))
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    expect(page.locator("#cases-count")).to_contain_text("rows shown")
    assert page.evaluate("window.ran === undefined")
    assert len([text for text in said if "Content Security Policy" in text]) == 2
    page.close()


def test_hostile_words_are_shown_and_not_run(
    visit: Callable[..., Page], fakes: Fakes, report: Path, tmp_path: Path
) -> None:
    cells = [Cell(EVIL), Cell(WORSE), Cell(WORSE)]
    table = CaseTable(WORSE, ["Case", WORSE, EVIL], [cells], {1: WORSE}, WORSE)
    path = write_other(fakes, tmp_path / "hostile.html", lambda _study: [table], title=WORSE)
    data = case_file(report, "c05") | {"case": EVIL}
    data["maps"] = [data["maps"][0] | {"model": WORSE, "method": EVIL}]
    data["marks"]["raters"] = [EVIL, WORSE, "r3"]
    (tmp_path / "cases").mkdir()
    text = json.dumps(data).replace("<", "\\u003c")
    (tmp_path / "cases" / f"{EVIL}.js").write_text(f"rightreason.show({text});")
    page = visit(path)
    expect(page).to_have_title(WORSE)
    expect(page.locator("#cases-table tbody th")).to_have_text(EVIL)
    page.get_by_role("link", name=EVIL).click()
    await_case(page, EVIL)
    expect(page.locator("#view-saliency-caption")).to_contain_text(f"Saliency of {WORSE} ({EVIL})")
    assert page.locator("#view-marks option").all_inner_texts()[1:] == [EVIL, WORSE, "r3"]
    page.locator("#view-marks").select_option(WORSE)
    expect(page.locator("#view-votes-caption")).to_contain_text(WORSE)
    assert page.locator("img[src=x]").count() == 0


def test_a_printed_page_is_a_document(page: Page) -> None:
    page.emulate_media(media="print")
    expect(page.locator("#cases-search")).to_be_hidden()
    expect(page.locator("#cases-count")).to_have_text("16 of 32 rows shown")
    expect(page.locator("#cases-count")).to_be_visible()
    expect(page.locator("nav")).to_be_hidden()
    assert page.locator("#cases-table").is_visible()
    page.emulate_media(media="screen")
    open_case(page, "c05")
    page.emulate_media(media="print")
    expect(page.locator("#view-canvas")).to_be_hidden()
    expect(page.locator("#view-saliency")).to_be_visible()
    expect(page.locator("#glance")).to_be_hidden()


def test_the_rainbow_and_the_window_of_the_config(
    visit: Callable[..., Page], fakes: Fakes, report: Path
) -> None:
    beside = report.with_name("rainbow.html")
    page = visit(write_other(fakes, beside, colours="rainbow", window=[-160, 240]))
    open_case(page, "c05")
    expect(page.locator("#view-colours")).to_have_value("rainbow")
    expect(page.locator("#view-window")).to_have_value("-160,240")
    expect(page.locator("#view-ct-caption")).to_contain_text("−160 to 240 HU")


def test_a_japanese_page(visit: Callable[..., Page], fakes: Fakes, report: Path) -> None:
    page = visit(write_other(fakes, report.with_name("ja.html"), language="ja"))
    assert page.locator("html").get_attribute("lang") == "ja"
    expect(page.locator("h1")).to_have_text("A made-up study")
    page.locator("#cases-search").fill("c05")
    expect(page.locator("#cases-count")).to_have_text("全32行中1行を表示")
    page.get_by_role("link", name="c05", exact=True).first.click()
    expect(page.locator("#view-state")).to_have_text("症例c05を表示している。", timeout=SLOW)
    expect(page.locator("#view-votes-caption")).to_contain_text("3名の評価者の得票")
    loaded = page.evaluate(
        "document.fonts.ready.then(() => document.fonts.check('16px Report', '症例'))"
    )
    assert loaded
    # Neither the view nor the table of facts is wider than its screen.
    assert page.locator("#case-view").evaluate("(view) => view.scrollWidth <= view.clientWidth")
