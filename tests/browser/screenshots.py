"""Pictures of a report's sections and of its case view: `make screenshots`.

Usage: python -m tests.browser.screenshots results/report/index.html docs/report
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from scipy.spatial import cKDTree

from tests.browser.pages import ARGUMENTS, CHROMIUM, SLOW, settle

WIDTH = 1280
HEIGHT = 1400
"""Of a picture, at most: a section may go on for pages."""
CASE_HEIGHT = 1130
LARGEST = 200_000
"""Bytes of a picture."""


def main(report: Path, folder: Path) -> None:
    """Write a picture of each section and of the view of the first audited case."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=1)
        page.goto(report.resolve().as_uri())
        for number, key in enumerate(_sections(page), start=1):
            box = page.locator(f"#{key}").bounding_box()
            if box:
                top = 0.0 if number == 1 else box["y"]
                height = min(box["y"] + box["height"] - top, HEIGHT)
                shot = page.screenshot(
                    full_page=True, clip={"x": 0, "y": top, "width": WIDTH, "height": height}
                )
                _save(shot, folder / f"{number}_{key}.png")
        _save(_case(page), folder / "case.png")
        browser.close()


def _sections(page: Page) -> list[str]:
    keys: list[str] = page.locator("main > section").evaluate_all("all => all.map((s) => s.id)")
    return keys


def _case(page: Page) -> bytes:
    """Open the first case that has a verdict, at the maximum of its saliency."""
    page.set_viewport_size({"width": WIDTH, "height": CASE_HEIGHT})
    audited = page.locator("#cases-table tbody tr:visible", has_not_text="not audited").first
    audited.get_by_role("link").click()
    expect(page.locator("#view-state")).to_contain_text("is shown", timeout=SLOW)
    settle(page)
    return page.screenshot()


def _save(shot: bytes, path: Path) -> None:
    """Write a picture with as many colours as there is room for."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    for colours in (192, 96, 48, 24):
        _reduced(image, colours).save(path, optimize=True)
        if path.stat().st_size < LARGEST:
            break
    sys.stdout.write(f"{path}: {path.stat().st_size // 1000} kB, {colours} colours\n")


def _reduced(image: Image.Image, colours: int) -> Image.Image:
    """Return a picture in 64 greys, for CT and text, and the most of its own colours."""
    pixels = np.asarray(image)
    tinted = pixels[np.ptp(pixels, axis=-1) > 6]
    palette = np.linspace(0, 255, 64).astype(np.uint8)[:, np.newaxis].repeat(3, axis=1)
    if len(tinted):
        line = Image.fromarray(tinted[np.newaxis])
        found = line.quantize(colours, Image.Quantize.MAXCOVERAGE).getpalette() or []
        own = np.array(found[: 3 * colours], dtype=np.uint8).reshape(-1, 3)
        palette = np.concatenate([palette, own])
    # Pillow's own search for the nearest colour is coarse: white would not stay white.
    _distance, nearest = cKDTree(palette).query(pixels.reshape(-1, 3))
    reduced = Image.fromarray(nearest.astype(np.uint8).reshape(pixels.shape[:2]), "P")
    reduced.putpalette(palette.ravel().tolist())
    return reduced


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
