"""A real browser, logged in, and what it looks like."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pixel_server.dashboard.live import STREAMS
from tests.dashboard.house import PASSWORD, House

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Look:
    language: str
    script: bool
    scheme: str
    width: int

    def __str__(self) -> str:
        return f"{self.language}-{'js' if self.script else 'plain'}-{self.scheme}-{self.width}"


LOOKS = (
    Look("en-GB", True, "light", 1280),
    Look("ja", True, "dark", 360),
    Look("en-GB", False, "dark", 1280),
    Look("ja", False, "light", 360),
)


@contextmanager
def opened(browser: Browser, house: House, look: Look = LOOKS[0], name: str = "hanna") -> Iterator[Page]:
    """A logged-in page; anything said on its console, or loaded from elsewhere, fails the test."""
    context: BrowserContext = browser.new_context(
        viewport={"width": look.width, "height": 860}, color_scheme=look.scheme, locale=look.language,
        java_script_enabled=look.script, has_touch=look.width < 600,
    )  # fmt: skip
    context.set_default_timeout(60_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("request", lambda request: None if request.url.startswith(house.url) else complaints.append(request.url))
    page.goto(house.url + "/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_url("**/messages")
    yield page
    context.close()
    assert complaints == []


def log_in(page: Page, house: House) -> None:
    page.goto(house.url + "/login")
    page.fill("[name=name]", "hanna")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    page.wait_for_url("**/messages")


def until_it_listens(page: Page, house: House) -> None:
    _eventually(lambda: bool(house.app[STREAMS]), page)


def _eventually(true: Callable[[], bool], page: Page) -> None:
    for _ in range(600):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come true within 30 seconds")


@contextmanager
def a_browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        except Exception as fault:  # playwright's own kinds of "there is no browser here"
            pytest.skip(f"no Chromium can be started: {str(fault).splitlines()[0]}")
        yield started
        started.close()
