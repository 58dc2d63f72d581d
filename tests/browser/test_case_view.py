"""The view of one case: planes, window, overlays, read-out, pictures; by keys; when it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Playwright, expect
from rightreason.images import load

from tests.browser.pages import (
    ARGUMENTS,
    CHROMIUM,
    await_case,
    case_file,
    changed,
    number_in,
    open_case,
    pixels,
    position,
    settle,
    write_other,
)
from tests.unit.report_fakes import AFFINE, SHAPE, Fakes

CASE = "c05"


@pytest.fixture
def case(page: Page) -> Page:
    """The page with a case open."""
    open_case(page, CASE)
    return page


def test_slices_scroll(case: Page) -> None:
    said, planes = case.locator("#view-slice-said"), case.locator(".view-screen")
    before, ct = pixels(planes), pixels(case.locator("#view-ct"))
    first = number_in(said)
    case.locator("#view-slice").fill("2")
    assert number_in(said) == 2 != first
    assert changed(before, pixels(planes)) > 0.02
    assert changed(ct, pixels(case.locator("#view-ct"))) > 0.02
    case.locator("#view-canvas").hover(position={"x": 100, "y": 190})
    case.mouse.wheel(0, -200)
    settle(case)
    assert number_in(said) != 2


def test_window_presets_and_numbers(case: Page) -> None:
    planes, ct = case.locator(".view-screen"), case.locator("#view-ct")
    before, picture = pixels(planes), pixels(ct)
    case.get_by_label("Window").select_option("Soft tissue")
    assert [case.locator(f"#view-{end}").input_value() for end in ("low", "high")] == [
        "-160",
        "240",
    ]
    assert changed(before, pixels(planes)) > 0.1
    assert changed(picture, pixels(ct)) > 0.1
    expect(case.locator("#view-ct-caption")).to_contain_text("−160 to 240 HU")
    case.locator("#view-high").fill("900")
    case.locator("#view-high").press("Tab")
    expect(case.get_by_label("Window")).to_have_value("manual")
    expect(case.locator("#view-ct-caption")).to_contain_text("−160 to 900 HU")


def test_overlays_fade_and_change(case: Page) -> None:
    planes, saliency = case.locator(".view-screen"), case.locator("#view-saliency")
    full, picture = pixels(planes), pixels(saliency)
    case.locator("#view-saliency-opacity").fill("0")
    faded = pixels(planes)
    assert changed(full, faded) > 0.02
    case.locator("#view-saliency-opacity").fill("100")
    assert changed(full, pixels(planes)) < 0.001
    case.get_by_label("Colours").select_option("rainbow")
    rainbow = pixels(planes)
    assert changed(full, rainbow) > 0.02
    assert changed(picture, pixels(saliency)) > 0.02
    case.locator("#view-model").select_option("block")
    assert changed(rainbow, pixels(planes)) > 0.02
    expect(case.locator("#view-saliency-caption")).to_contain_text("Saliency of block (gradcam)")
    case.locator("#view-method").select_option("ig")
    expect(case.locator("#view-saliency-caption")).to_contain_text("Saliency of block (ig)")


def test_marks_of_all_and_of_one(case: Page) -> None:
    planes, votes = case.locator(".view-screen"), case.locator("#view-votes")
    every, picture = pixels(planes), pixels(votes)
    expect(case.locator("#view-votes-caption")).to_contain_text("Votes of 3 raters; orange line")
    case.get_by_label("Of whom").select_option("r3")
    expect(case.locator("#view-votes-caption")).to_contain_text("Marks of r3")
    assert changed(picture, pixels(votes)) > 0.005
    case.locator("#view-votes-opacity").fill("0")
    assert changed(every, pixels(planes)) > 0.002


def test_what_the_model_did_not_see_is_hatched(case: Page) -> None:
    # `planar` sees every second slice: number 2 is not among them.
    case.locator("#view-slice").fill("2")
    expect(case.locator("#view-at-saliency")).to_have_text("not seen by the model")
    expect(case.locator("#view-saliency-caption")).to_contain_text("saw nothing of this slice")
    hatched = pixels(case.locator(".view-screen"))
    case.get_by_label("Hatch what the model did not see").uncheck()
    assert changed(hatched, pixels(case.locator(".view-screen"))) > 0.05


def test_the_maximum_and_the_numbers_under_the_cross(case: Page, report: Path) -> None:
    data = case_file(report, CASE)
    ct = load(report.parents[1] / "convert" / f"{CASE}.nii.gz").data
    votes = load(report.parents[1] / "annotate" / CASE / "votes.nii.gz").data
    for model in ("planar", "block"):
        case.locator("#view-model").select_option(model)
        case.locator("#view-slice").fill("12")
        case.get_by_role("button", name="Go to the maximum").click()
        settle(case)
        there = next(m for m in data["maps"] if (m["model"], m["method"]) == (model, "gradcam"))
        assert np.allclose(position(case), there["peak_mm"], atol=0.11)
        # Maps may be averaged over some voxels of the CT: the maximum with its neighbours.
        shown = number_in(case.locator("#view-at-saliency"))
        assert 0.7 * there["largest"] < shown <= 1.01 * there["largest"]
        for slice_ in ("7", "5"):
            case.locator("#view-slice").fill(slice_)
            settle(case)
            x, y, z = (round(v) for v in (np.linalg.inv(AFFINE) @ [*position(case), 1])[:3])
            off = number_in(case.locator("#view-at-hu")) - ct[x, y, z]
            within = re.search(r"± (\d+)", case.locator("#view-at-hu").inner_text())
            assert within
            assert abs(off) <= int(within[1])
            assert number_in(case.locator("#view-at-votes")) == votes[x, y, z]
            assert number_in(case.locator("#view-at-slice")) == int(slice_) == z + 1


def test_the_pictures_show_the_slice_as_radiologists_are_used_to(case: Page) -> None:
    # The finding lies at the positive x of the toy chest's array, whose axis runs to the left.
    case.locator("#view-slice").fill("7")
    with_marks = pixels(case.locator("#view-votes"))
    without = pixels(case.locator("#view-ct"))
    rows, columns = np.nonzero(np.abs(with_marks - without).max(axis=-1) > 60)
    inside = rows < 0.7 * with_marks.shape[0]
    assert columns[inside].mean() > 0.55 * with_marks.shape[1]
    planes = [pixels(case.locator(".view-screen"))]
    for plane, letters in (("coronal", "Coronal"), ("sagittal", "Sagittal"), ("axial", "Axial")):
        case.locator("#view-plane").select_option(plane)
        settle(case)
        assert case.locator("#view-slice-said").inner_text().startswith(f"{letters} slice")
        expect(case.locator("#view-ct-caption")).to_contain_text(plane)
        planes.append(pixels(case.locator(".view-screen")))
        assert changed(planes[-2], planes[-1]) > 0.1
        # Slices are counted as those of the CT, of which the view is a part.
        axis = {"coronal": 1, "sagittal": 0, "axial": 2}[plane]
        voxel = np.linalg.inv(AFFINE) @ [*position(case), 1]
        assert number_in(case.locator("#view-at-slice")) == round(voxel[axis]) + 1
        counted = case.locator("#view-at-slice").inner_text().split(" / ")[1]
        assert int(counted) == SHAPE[axis]
    case.locator("#view-zoom").fill("3")
    assert changed(planes[-1], pixels(case.locator(".view-screen"))) > 0.1


def test_the_window_follows_the_right_button(case: Page) -> None:
    box = case.locator("#view-canvas").bounding_box()
    assert box
    case.mouse.move(box["x"] + 120, box["y"] + 200)
    case.mouse.down(button="right")
    case.mouse.move(box["x"] + 150, box["y"] + 200, steps=6)
    case.mouse.up(button="right")
    low, high = (float(case.locator(f"#view-{end}").input_value()) for end in ("low", "high"))
    # To the right: wider, within the numbers that the CT has.
    assert (low, high) != (-1350, 150)
    assert high - low > 500
    expect(case.get_by_label("Window")).to_have_value("manual")
    case.locator("#view-canvas").dblclick(position={"x": 120, "y": 200})
    assert float(case.locator("#view-low").input_value()) == low


def test_hovering_tells_without_moving(case: Page) -> None:
    there = position(case)
    case.locator("#view-canvas").hover(position={"x": 150, "y": 200})
    hovered = position(case)
    assert not np.allclose(hovered, there)
    case.mouse.move(5, 5)
    assert np.allclose(position(case), there)


def test_with_keys_only(page: Page) -> None:
    for _press in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#cases-table a')"):
            break
    link = page.evaluate("document.activeElement.textContent")
    while link != CASE:
        page.keyboard.press("Tab")
        link = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    await_case(page, CASE)
    while page.evaluate("document.activeElement.id") != "view-canvas":
        page.keyboard.press("Tab")
    said = page.locator("#view-slice-said")
    page.keyboard.press("End")
    settle(page)
    lowest = number_in(said)
    page.keyboard.press("ArrowUp")
    settle(page)
    assert number_in(said) == lowest + 1
    page.keyboard.press("PageUp")
    settle(page)
    assert number_in(said) == lowest + 6
    before = position(page)
    page.keyboard.press("ArrowLeft")
    settle(page)
    # To the left of the picture is the patient's right.
    assert position(page)[0] == pytest.approx(before[0] + 4)
    page.keyboard.press("Escape")
    expect(page.locator("#case-view")).to_be_hidden()
    assert page.evaluate("document.activeElement.textContent") == CASE
    assert "#case" not in page.url


def test_a_case_has_an_address_and_neighbours(visit: Callable[..., Page], report: Path) -> None:
    page = visit(report, f"#case={CASE}")
    await_case(page, CASE)
    facts = page.locator("#view-facts")
    expect(facts.locator("thead")).to_contain_text("planar")
    expect(facts.get_by_role("row", name="Label")).to_contain_text("drowning")
    page.get_by_role("button", name="Next case").click()
    expect(page.locator("#case-view-title")).to_have_text("Case c06")
    # Nobody annotated c06: its images are not in this study.
    expect(page.locator("#view-problem")).to_contain_text("images of case c06 could not be read")
    page.get_by_role("button", name="Next case").click()
    await_case(page, "c07")
    expect(page.locator("#view-problem")).to_be_hidden()
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#case-view")).to_be_hidden()


@pytest.mark.parametrize("content", ["rightreason.show({});", "", 'rightreason.show({"case":"c05",'
                                     '"ct":{"data":"AAAA"},"maps":[],"marks":null});'])  # fmt: skip
def test_a_damaged_file_is_said(
    visit: Callable[..., Page], tmp_path: Path, report: Path, content: str
) -> None:
    copy = tmp_path / "index.html"
    copy.write_bytes(report.read_bytes())
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / f"{CASE}.js").write_text(content)
    page = visit(copy, f"#case={CASE}")
    expect(page.locator("#view-problem")).to_contain_text(f"images of case {CASE} are damaged")
    expect(page.locator("#view-facts")).to_contain_text("drowning")


def test_cases_within_the_page_need_no_files(
    visit: Callable[..., Page], fakes: Fakes, tmp_path: Path
) -> None:
    page = visit(write_other(fakes, tmp_path / "inline.html", inline=True))
    open_case(page, CASE)
    assert pixels(page.locator("#view-ct")).std() > 20


def test_without_webgl_the_pictures_are_there(playwright: Playwright, report: Path) -> None:
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*ARGUMENTS, "--disable-3d-apis"]
    )
    page = browser.new_page()
    page.goto(f"{report.as_uri()}#case={CASE}")
    await_case(page, CASE)
    expect(page.locator("#view-problem")).to_contain_text("offers no WebGL2")
    before = pixels(page.locator("#view-saliency"))
    page.locator("#view-slice").fill("1")
    assert changed(before, pixels(page.locator("#view-saliency"))) > 0.02
    browser.close()
