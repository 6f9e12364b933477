"""One running product and one Chromium for all browser tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.system import System, running

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("product") / "state") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium per file: while it is open, Playwright's own loop runs, and no asynchronous test could."""
    path = os.environ.get("IOC_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "no Chromium: `make test` installs Debian's package; or set IOC_TEST_CHROMIUM"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield started
        started.close()


@pytest.fixture
def pages(browser: Browser) -> Iterator[Pages]:
    opened = Pages(browser)
    yield opened
    opened.close()


class Pages:
    """Browser windows, each with its own cookies; console errors of a page are kept for the test to look at."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts = []
        self.errors: list[str] = []

    def open(self, url: str, width: int = 1920, height: int = 1080) -> Page:
        context = self.browser.new_context(viewport={"width": width, "height": height}, locale="vi-VN")
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if "Content Security Policy" in m.text else None)
        page.goto(url)
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where pictures go for a person to look at."""
    folder = Path(os.environ.get("IOC_TEST_SHOTS", ".ioc/shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in at the console and wait for its queue."""
    page.get_by_test_id("signin-user").fill(name)
    page.get_by_test_id("signin-password").fill(password)
    page.get_by_test_id("signin-submit").click()
    expect(page.get_by_test_id("queue-row").first).to_be_visible()
