"""The Set-up page of a running installation: how its parts are, and a test that shows its way back as it comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.installation import Installation
from tests.e2e.test_whole_loop import ARGUMENTS, CHROMIUM, PASSWORD, a_page, log_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (make test installs it where it may)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


@pytest.fixture
def mailglass(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "installation")
    added = installation.command("user", "add", "ann", "--admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert added.returncode == 0, added.stderr
    installation.start()
    yield installation
    assert installation.stop() == 0, installation.log


def test_the_test_button_sends_and_the_page_hears_of_the_look_by_itself(browser: Browser, mailglass: Installation):
    with a_page(browser) as page:
        log_in(page, mailglass)
        page.goto(f"{mailglass.page}/set-up")
        parts = page.locator("ul.parts > li")
        expect(parts).to_have_count(8)
        assert [one for one in parts.all_inner_texts() if "does not work" in one] == []
        page.get_by_role("button", name="Send a tracked message").click()
        page.wait_for_url(re.compile(r"/set-up\?test="))
        test = page.locator("#test")
        expect(test).to_contain_text("Not opened yet")
        expect(test).to_contain_text("filed in the outbox")
        page.evaluate("address => { window.open(address) }", page.locator("#test a").first.get_attribute("href"))
        expect(test).to_contain_text("Opened once")
        # A test is nobody's mail.
        page.goto(f"{mailglass.page}/statistics")
        expect(page.locator(".figure b")).to_have_text(["0", "0", "0", "0"])
