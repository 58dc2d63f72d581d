"""The table of cases: sort, filter, search, on any screen, of any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect
from rightreason.report_blocks import CaseTable, Cell
from rightreason.report_data import Study

from tests.browser.pages import write_other
from tests.unit.report_fakes import Fakes

HEADS = ["Case", "Model", "Label", "Site", "Fold", "Probability of drowning", "Threshold",
         "Called", "Verdict", "Irrelevant ratio", "Chance", "Coverage", "Saliency mass inside",
         "Raters"]  # fmt: skip


def shown(page: Page, head: str) -> list[str]:
    column = HEADS.index(head) + 1
    return page.locator(f"#cases-table tbody tr:visible > :nth-child({column})").all_inner_texts()


def sort(page: Page, head: str) -> None:
    page.locator("#cases-table thead").get_by_role("button", name=head, exact=True).click()


def test_the_table_says_what_the_tables_hold(page: Page, report: Path) -> None:
    verdicts = pd.read_csv(report.parents[1] / "summary/verdict.tsv", sep="\t")
    here = verdicts[verdicts["model"] == "planar"].set_index("case")
    rows = dict(zip(shown(page, "Case"), shown(page, "Irrelevant ratio"), strict=True))
    assert len(rows) == 16
    for case, text in rows.items():
        wanted = f"{100 * here.loc[case, 'value']:.0f}" if case in here.index else ""
        assert text.replace("\N{NO-BREAK SPACE}%", "") == wanted
    reasons = dict(zip(shown(page, "Case"), shown(page, "Verdict"), strict=True))
    assert reasons["c00"] == "not audited: not drowning"
    assert reasons["c01"] == "not audited: not annotated"
    assert reasons["c03"] == here.loc["c03", "quadrant"]


def test_numbers_are_sorted_as_numbers_and_what_is_undefined_stands_last(page: Page) -> None:
    for head, direction in (("Irrelevant ratio", 1), ("Probability of drowning", 1)):
        for turn in (direction, -direction):
            sort(page, head)
            texts = shown(page, head)
            values = [float(text.rstrip("%\N{NO-BREAK SPACE}")) for text in texts if text]
            assert values == sorted(values, reverse=turn < 0)
            assert texts[: len(values)] == [text for text in texts if text]
    sorted_head = page.locator("#cases-table th[aria-sort]")
    expect(sorted_head).to_have_count(1)
    expect(sorted_head).to_have_attribute("aria-sort", "descending")
    sort(page, "Case")
    assert shown(page, "Case") == sorted(shown(page, "Case"))


def test_filter_and_search(page: Page) -> None:
    assert set(shown(page, "Model")) == {"planar"}
    expect(page.locator("#cases-count")).to_have_text("16 of 32 rows shown")
    page.locator("#cases-filter-1").select_option("")
    assert set(shown(page, "Model")) == {"planar", "block"}
    page.locator("#cases-filter-3").select_option("B")
    assert shown(page, "Site") == ["B"] * 8
    page.locator("#cases-filter-2").select_option("drowning")
    expect(page.locator("#cases-count")).to_have_text("4 of 32 rows shown")
    page.get_by_label("Search a case").fill("C15")
    assert shown(page, "Case") == ["c15", "c15"]
    page.get_by_label("Search a case").fill("nobody")
    expect(page.locator("#cases-count")).to_have_text("0 of 32 rows shown")
    expect(page.locator("#cases-count")).to_have_attribute("aria-live", "polite")


def test_without_scripts_every_row_can_be_read(visit: Callable[..., Page], report: Path) -> None:
    page = visit(report, java_script_enabled=False)
    assert page.locator("#cases-table tbody tr").count() == 32
    assert page.locator("#cases-table tbody tr:visible").count() == 32
    expect(page.locator("#cases-tools")).to_be_hidden()


def large(_study: Study) -> list[CaseTable]:
    """The table of 313 cases and 3 models."""
    rows = [
        [Cell(f"case{n:03d}"), Cell(f"model_{m}"), Cell("drowning"), Cell("Tohoku"), Cell("3", 3),
         *(Cell(f"0.{(n * 7919 + i) % 1000:03d}", (n * 7919 + i) % 1000 / 1000) for i in (1, 2)),
         Cell("right"), Cell("right for the wrong reason"),
         *(Cell(f"{(n * 31 + i) % 100} %", (n * 31 + i) % 100 / 100) for i in range(4)),
         Cell("4", 4)]
        for m in range(3) for n in range(313)
    ]  # fmt: skip
    return [CaseTable("All", HEADS, rows, {1: "All models", 2: "All labels"}, "model_0")]


def test_a_table_of_a_real_study_is_small(
    visit: Callable[..., Page], fakes: Fakes, tmp_path: Path
) -> None:
    path = write_other(fakes, tmp_path / "large.html", large)
    empty = write_other(fakes, tmp_path / "empty.html", lambda _study: [])
    weight = path.stat().st_size - empty.stat().st_size
    assert weight < 1_000_000
    page = visit(path)
    expect(page.locator("#cases-count")).to_have_text("313 of 939 rows shown")
