"""Pages to open in a browser, and what the tests of several parts read from them."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from rightreason.case_files import ModelFiles
from rightreason.images import load, save
from rightreason.make_view import make_view
from rightreason.report import write_report
from rightreason.report_blocks import Block, Section
from rightreason.report_case_table import case_table
from rightreason.report_data import Study, read_study
from rightreason.report_page import Made, render
from rightreason.words import speaking

from tests.unit.report_fakes import AFFINE, Fakes, fake_config, fake_study

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
AXE = Path(__file__).parents[2] / ".tools/node_modules/axe-core/axe.min.js"
LOCAL = ("file:", "data:", "blob:")
# A browser in software may take its time over the first picture.
SLOW = 60_000


class Watched:
    """A page without a network that remembers what went wrong in it."""

    def __init__(self, browser: Browser, width: int, **context: Any) -> None:
        self._context = browser.new_context(viewport={"width": width, "height": 900}, **context)
        self._context.set_offline(True)
        self.problems: list[str] = []
        self.page = self._context.new_page()
        self.page.set_default_timeout(SLOW)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", self._said)
        self.page.on("request", self._asked)
        self.page.on("dialog", self._asked_back)

    def _said(self, message: Any) -> None:
        # A file that is missing is what some tests ask for; the browser calls that an error.
        if message.type == "error" and "ERR_FILE_NOT_FOUND" not in message.text:
            self.problems.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(LOCAL):
            self.problems.append(f"request: {request.url}")

    def _asked_back(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def close(self) -> None:
        """Close the page."""
        self._context.close()


def write_fakes(folder: Path) -> Fakes:
    """Write a made-up study, its page, and the files of its annotated cases."""
    config = fake_config()
    fakes = fake_study(folder, seed=6, config=config)
    for made in sorted(folder.glob("annotate/*/votes.nii.gz")):
        votes = load(made).data
        for number in (1, 2, 3):
            save(made.with_name(f"r{number}.nii.gz"), votes >= number, AFFINE, np.uint8)
        write_view(folder, config, made.parent.name)
    write_report(**fakes.arguments)
    return fakes


def write_other(
    fakes: Fakes, path: Path, panels: Callable[[Study], Sequence[Block]] = case_table, **report: Any
) -> Path:
    """Write a page of one panel of the same study, with other settings of `report`."""
    config = fakes.arguments["config"]
    config = {**config, "report": {**config["report"], **report}}
    study = read_study(config, *(fakes.arguments[k] for k in ("cases", "results", "check")))
    with speaking(config["report"]["language"]):
        made = Made("Panel", "cases-1", panels(study))
        page = render(study, [(Section("cases", "Cases"), [made])])
    path.write_text(page, encoding="utf-8")
    return path


def write_view(results: Path, config: dict[str, Any], case: str) -> None:
    """Write a case's file as the workflow does."""
    head = config["headline"]
    files = {
        model: ModelFiles(
            results / "prepare" / about["input"] / f"{case}.json",
            {method: results / "saliency" / model / method / "shard0" / f"{case}.nii.gz"
             for method in config["saliency"]["methods"]}, {}, [],
        )
        for model, about in config["models"].items()
    }  # fmt: skip
    settings = {
        "binarisation": config["overlap"]["binarisations"][head["binarisation"]],
        "reference": head["reference"], "view_size": config["report"]["view_size"],
    }  # fmt: skip
    marks = results / "annotate" / case
    out = results / "report" / "cases" / f"{case}.js"
    out.parent.mkdir(parents=True, exist_ok=True)
    volume = results / "convert" / f"{case}.nii.gz"
    make_view(case, files, volume, marks if marks.exists() else None, settings, out)


def case_file(report: Path, case: str) -> dict[str, Any]:
    """Read what a case's file hands over."""
    text = (report.parent / "cases" / f"{case}.js").read_text().strip()
    found: dict[str, Any] = json.loads(text.removeprefix("rightreason.show(").removesuffix(");"))
    return found


def open_case(page: Page, case: str) -> None:
    """Open a case by its link in the table, and wait for its images."""
    page.locator("#cases-table tbody tr:visible").get_by_role(
        "link", name=case, exact=True
    ).first.click()
    await_case(page, case)


def await_case(page: Page, case: str) -> None:
    """Wait for the images of a case."""
    expect(page.locator("#view-state")).to_have_text(f"Case {case} is shown.", timeout=SLOW)
    settle(page)


def settle(page: Page) -> None:
    """Let the browser draw what is due."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def pixels(part: Locator) -> np.ndarray:
    """Return a picture's pixels, or what is seen of the planes, as (rows, columns, 3)."""
    settle(part.page)
    if part.evaluate("(part) => part instanceof HTMLCanvasElement"):
        address = part.evaluate("(canvas) => canvas.toDataURL()")
        content = base64.b64decode(address.partition(",")[2])
    else:
        content = part.screenshot()
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=int)


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """Return the share of pixels that differ visibly."""
    # A screenshot may begin half a pixel off.
    rows, columns = np.minimum(before.shape[:2], after.shape[:2])
    off = np.abs(before[:rows, :columns] - after[:rows, :columns])
    return float((off.max(axis=-1) > 8).mean())


def position(page: Page) -> list[float]:
    """Return the place of the cross in RAS mm."""
    text = page.locator("#view-at-position").inner_text()
    found = re.fullmatch(r"([RL]) ([\d.]+), ([AP]) ([\d.]+), ([SI]) ([\d.]+) mm", text)
    assert found, text
    return [float(found[2 * i + 2]) * (1 if found[2 * i + 1] in "RAS" else -1) for i in range(3)]


def number_in(part: Locator) -> float:
    """Return the first number of a text."""
    found = re.search(r"[−-]?\d+(\.\d+)?", part.inner_text())
    assert found
    return float(found[0].replace("−", "-"))
