"""The main job, end to end: a real mail program sends, a real browser opens and clicks, the real page shows it."""

from __future__ import annotations

import email
import email.policy
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.e2e.installation import Installation
from tests.e2e.landing import Landing
from tests.e2e.senders import SENDERS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# The headless browser names itself, and whoever reads it knows no person looks: people's browsers say this.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
BROWSER_SECONDS = 60
expect.set_options(timeout=BROWSER_SECONDS * 1000)
PASSWORD = "correct horse battery staple"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (make test installs it where it may)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield _launched(playwright)


def _launched(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


@pytest.fixture(scope="module")
def landing() -> Iterator[Landing]:
    server = Landing()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mailglass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("installation"))
    added = installation.command("user", "add", "ann", "--admin", "--password-stdin", stdin=PASSWORD + "\n")
    assert added.returncode == 0, added.stderr
    installation.start()
    yield installation
    assert installation.stop() == 0, installation.log


@pytest.fixture(scope="module")
def reader(browser: Browser) -> Iterator[Page]:
    """The recipient's browser."""
    with a_page(browser) as page:
        yield page


@pytest.fixture(scope="module")
def dashboard(browser: Browser, mailglass: Installation) -> Iterator[Page]:
    """The sender's browser, logged in."""
    with a_page(browser) as page:
        log_in(page, mailglass)
        yield page


@contextmanager
def a_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(user_agent=USER_AGENT, locale="en-GB")
    context.set_default_timeout(BROWSER_SECONDS * 1000)
    yield context.new_page()
    context.close()


def letter(landing: Landing, name: str) -> str:
    return (
        f"<html><body><p>Hello. <a href='{landing.url}/{name}/first?a=1&amp;b=%C3%A9'>The first</a> and\r\n"
        f'<a href="{landing.url}/{name}/second#part">the second</a> link.</p></body></html>'
    )


def html_of(raw: bytes) -> str:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    body = next(part for part in message.walk() if part.get_content_type() == "text/html")
    return str(body.get_content())


@pytest.mark.clients
@pytest.mark.parametrize("name", SENDERS)
def test_mail_from_any_program_is_tracked_from_sending_to_the_page(
    name: str, mailglass: Installation, landing: Landing, reader: Page, dashboard: Page, tmp_path: Path
) -> None:
    sender = SENDERS[name]
    if sender.missing:
        pytest.skip(sender.missing)
    subject = f"Sent with {name}"
    sender.send(mailglass.smtp, letter(landing, name), subject, tmp_path)

    delivered = mailglass.delivered(mailglass.deliveries()[0])
    assert subject.encode() in delivered
    assert b"X-Track" not in delivered

    open_and_click_everything(reader, delivered, tmp_path)
    assert [path for path in landing.asked if path.startswith(f"/{name}/")] == [
        f"/{name}/first?a=1&b=%C3%A9",
        f"/{name}/second",
    ]

    dashboard.goto(f"{mailglass.page}/messages")
    row = dashboard.locator("li[data-key]", has_text=subject)
    expect(row.get_by_role("button", name=re.compile("^Opened once"))).to_be_visible()
    expect(row.get_by_role("button", name=re.compile("^Links followed twice"))).to_be_visible()
    row.get_by_role("link", name=subject).click()
    for text in ("The first", "the second"):
        link = dashboard.locator("section[aria-labelledby=links] tr", has_text=text)
        expect(link.locator(".confirmed b")).to_have_text("1")
        clicks = dashboard.locator("section[aria-labelledby=hits] tbody tr", has_text=text)
        expect(clicks).to_have_count(1)
        expect(clicks).to_contain_text("Chrome")


def open_and_click_everything(reader: Page, delivered: bytes, folder: Path) -> None:
    """As a mail program would show it: from a file, pictures allowed, each link followed."""
    shown = folder / "delivered.html"
    shown.write_text(html_of(delivered))
    reader.goto(shown.as_uri())
    pixel = reader.locator("img[width='1'][height='1']")
    assert pixel.evaluate("image => image.naturalWidth") == 1
    for text in ("The first", "the second"):
        reader.get_by_role("link", name=text).click()
        reader.wait_for_url(re.compile("/(first|second)"))
        expect(reader.locator("p")).to_have_text("You have arrived.")
        reader.goto(shown.as_uri())


def log_in(page: Page, mailglass: Installation) -> None:
    page.goto(mailglass.page)
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile("/messages"))


def test_a_newcomer_goes_the_whole_way_with_what_run_prints(browser: Browser, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "fresh")
    printed = installation.start()
    try:
        welcome = next(line.split()[2] for line in printed if "first account" in line)
        assert any(line.strip().endswith("send-test --to you@example.com") for line in printed)
        sent = installation.command("send-test", "--to", "you@example.com")
        assert sent.returncode == 0, sent.stderr
        assert re.search(r"^250 .*\[mailglass \w{26}: opens, 2 of 2 links\]", sent.stdout)
        with a_page(browser) as page:
            page.goto(welcome)
            page.get_by_label("Name").fill("ann")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Make the account").click()
            page.goto(f"{installation.page}/messages")
            row = page.locator("li[data-key]", has_text="A test of mailglass")
            expect(row.get_by_role("button", name="Not opened")).to_be_visible()
            with page.context.expect_page() as opened:
                page.evaluate("window.open('/outbox')")
            outbox = opened.value
            outbox.get_by_role("link", name="A test of mailglass").click()
            expect(outbox.frame_locator("iframe").get_by_text("it was opened")).to_be_visible()
            # The list is not loaded again: what happened comes to it by itself, within seconds.
            expect(row.get_by_role("button", name=re.compile("^Opened once"))).to_be_visible()
    finally:
        assert installation.stop() == 0, installation.log
