"""Debian's Chromium, without a network, and a finished study's page to open in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.browser.pages import ARGUMENTS, CHROMIUM, Watched, write_fakes
from tests.unit.report_fakes import Fakes


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if not CHROMIUM.exists():
        pytest.skip(f"There is no {CHROMIUM}: apt-get install chromium.")
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield running
    running.close()


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Fakes:
    """A made-up study, its page and the files of its cases."""
    return write_fakes(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="session")
def report(fakes: Fakes) -> Path:
    """The page of the made-up study."""
    return Path(fakes.arguments["out"])


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; at the end nothing may have failed, and nothing been asked of a network."""
    opened: list[Watched] = []

    def go(path: Path, address: str = "", width: int = 1280, **context: Any) -> Page:
        watched = Watched(browser, width, **context)
        opened.append(watched)
        watched.page.goto(f"{path.as_uri()}{address}")
        return watched.page

    yield go
    for watched in opened:
        watched.close()
    assert [problem for watched in opened for problem in watched.problems] == []


@pytest.fixture
def page(visit: Callable[..., Page], report: Path) -> Page:
    """The made-up study's page."""
    return visit(report)
