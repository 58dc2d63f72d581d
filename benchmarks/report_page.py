"""The page of a study as large as the original: its size, and how soon its top is seen.

313 cases, 153 of them positive and annotated but one, and three models, made up by the tests' own
fakes (tables through the real `summary`; images of a toy chest, as small as they are). The pictures
of cases are the page's part that does not grow with the cohort: a study with real CT has about as
many bytes of them as the demo, whose page is measured beside it where it was made.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.pages import ARGUMENTS, CHROMIUM
from tests.unit import report_fakes

ROOT = Path(__file__).resolve().parent.parent
CASES, EXTERNAL, REPETITIONS = 313, 0, 5
AIM_MB, AIM_S = 5.0, 2.0
PAINTED = """() => new Promise(done => {
  const seen = performance.getEntriesByName("first-contentful-paint")[0];
  if (seen) done(seen.startTime);
  else new PerformanceObserver(list => done(list.getEntries()[0].startTime))
    .observe({type: "paint", buffered: true});
})"""

SORTED = """() => [...document.querySelectorAll("#cases-table thead button")].map(head => {
  const start = performance.now();
  head.click();
  const sorted = performance.now();
  void document.getElementById("cases-table").offsetHeight;
  return [sorted - start, performance.now() - start];
})"""


def large(folder: Path) -> Path:
    """Write the page of the made-up study."""
    report_fakes.MODELS["spread"] = "volume"
    config = report_fakes.fake_config(models=("planar", "block", "spread"))
    fakes = report_fakes.fake_study(folder, n=CASES, external=EXTERNAL, config=config)
    started = time.process_time()
    report_fakes.write_report(**fakes.arguments)
    sys.stdout.write(f"writing the page: {time.process_time() - started:.1f} s of CPU\n")
    return Path(fakes.arguments["out"])


def painted(page: Path) -> float:
    """Return the median of the seconds until the page's top is painted, from a cold start."""
    found = []
    with sync_playwright() as playwright:
        for _ in range(REPETITIONS):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.resolve().as_uri(), wait_until="commit")
            found.append(float(tab.evaluate(PAINTED)) / 1000)
            browser.close()
    return statistics.median(found)


def sorted_within(page: Path) -> tuple[float, float]:
    """Return the median ms of a sort of the table of cases: its script, and with the layout."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(page.resolve().as_uri())
        times = tab.evaluate(SORTED)
        browser.close()
    script, layout = (statistics.median(column) for column in zip(*times, strict=True))
    return script, layout


def main() -> None:
    """Print a row per page."""
    with tempfile.TemporaryDirectory() as folder:
        pages = {f"{CASES} cases, 3 models": large(Path(folder))}
        demo = ROOT / "results" / "report" / "index.html"
        if demo.is_file():
            pages["the demo"] = demo
        sys.stdout.write(f"| page | MB (aim {AIM_MB:g}) | first paint, s (aim {AIM_S:g}) | sort: "
                         "script, ms | with layout |\n|---|---|---|---|---|\n")  # fmt: skip
        for name, page in pages.items():
            size = page.stat().st_size / 1e6
            script, layout = sorted_within(page)
            sys.stdout.write(f"| {name} | {size:.2f} | {painted(page):.2f} | {script:.0f} | "
                             f"{layout:.0f} |\n")  # fmt: skip


if __name__ == "__main__":
    main()
