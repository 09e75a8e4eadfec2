"""What an open page does by itself, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from ledger.records import HitKind
from pixel_server.dashboard.live import STREAMS
from tests.dashboard.browsing import log_in, opened, until_it_listens
from tests.dashboard.house import House
from tests.dashboard.letters import hit, letter

pytestmark = pytest.mark.browser


def test_a_hit_shows_on_an_open_page_by_itself(browser: Browser, home: House):
    record = letter(subject="Offer")
    home.register(record)
    with opened(browser, home) as page:
        lens = page.locator(f'[data-key="{record.id}"] .lens.open button')
        assert lens.get_attribute("aria-label") == "Not opened yet"
        until_it_listens(page, home)
        home.add_hits(hit(record.id))
        page.locator(f'[data-key="{record.id}"] .lens.open.filled').wait_for()
        assert "Opened once" in (lens.get_attribute("aria-label") or "")
        assert page.locator("[data-unread]").inner_text() == "1"
        assert page.title().startswith("(1) ")


def test_the_bell_that_rings_on_an_open_page_can_be_set_back_there(browser: Browser, home: House):
    record = letter(subject="Offer")
    home.register(record)
    with opened(browser, home) as page:
        page.goto(f"{home.url}/activity")
        assert page.locator("text=Mark all as seen").count() == 0
        until_it_listens(page, home)
        home.add_hits(hit(record.id))
        page.click("text=Mark all as seen")
        page.locator("[data-unread][hidden]").wait_for(state="attached")


def test_a_note_that_is_being_written_is_not_taken_away_by_news(browser: Browser, home: House):
    record = letter(subject="Offer")
    home.register(record)
    with opened(browser, home) as page:
        page.goto(f"{home.url}/messages/{record.id}")
        until_it_listens(page, home)
        page.fill("[name=note]", "half a sent")
        page.locator("h1").click()  # the field has the focus no longer
        home.add_hits(hit(record.id))
        page.locator("[data-unread]:not([hidden])").wait_for()
        assert page.input_value("[name=note]") == "half a sent"
        page.click("text=Save")
        page.wait_for_url("**?saved=saved")
        assert page.locator(".tile.open.filled").is_visible()


def test_a_new_message_appears_on_the_open_page(browser: Browser, home: House):
    home.register(letter(subject="The first"))
    with opened(browser, home) as page:
        until_it_listens(page, home)
        record = letter(subject="The second")
        home.register(record)
        page.locator(f'[data-key="{record.id}"]').wait_for()
        assert page.locator(".rows .what > a").first.inner_text() == "The second"


def test_who_reads_further_down_keeps_their_row_in_its_place(browser: Browser, home: House):
    records = [letter() for _ in range(40)]
    for record in records:
        home.register(record)
    with opened(browser, home) as page:
        until_it_listens(page, home)
        row = page.locator(f'[data-key="{records[10].id}"]')
        row.locator(".what > a").focus()
        row.evaluate("row => window.scrollBy(0, row.getBoundingClientRect().top - 60)")
        before = row.evaluate("row => row.getBoundingClientRect().top")
        newest = letter()
        home.register(newest)
        page.locator(f'[data-key="{newest.id}"]').wait_for()
        assert abs(row.evaluate("row => row.getBoundingClientRect().top") - before) <= 1
        assert page.evaluate("document.activeElement.getAttribute('href')") == f"/messages/{records[10].id}"


def test_a_text_that_is_marked_stays_marked_until_it_is_copied(browser: Browser, home: House):
    record = letter(subject="Offer")
    home.register(record)
    with opened(browser, home) as page:
        page.goto(f"{home.url}/messages/{record.id}")
        until_it_listens(page, home)
        page.evaluate("getSelection().selectAllChildren(document.querySelector('.copies td.address'))")
        home.add_hits(hit(record.id))
        page.locator("[data-unread]:not([hidden])").wait_for()
        assert "mia@example.net" in page.evaluate("getSelection().toString()")
        page.evaluate("getSelection().removeAllRanges()")
        page.locator(".tile.open.filled").wait_for()


def test_nine_tabs_are_open_at_once_and_all_hear_of_a_hit(browser: Browser, home: House):
    """A browser opens six connections to one address: if each tab listened for itself, the seventh would not load."""
    record = letter(subject="Offer")
    home.register(record)
    with opened(browser, home) as page:
        tabs = [page, *(page.context.new_page() for _ in range(8))]
        for tab in tabs[1:]:
            tab.goto(f"{home.url}/messages")
        until_it_listens(page, home)
        assert len(home.app[STREAMS]) == 1
        home.add_hits(hit(record.id))
        for tab in tabs:
            tab.locator(f'[data-key="{record.id}"] .lens.open.filled').wait_for()
        # The one that listens goes, and another takes over where it was.
        for tab in tabs[:7]:
            tab.close()
        home.add_hits(hit(record.id, HitKind.CLICK))
        tabs[-1].locator(f'[data-key="{record.id}"] .lens.click.filled').wait_for()


def test_a_page_whose_session_ended_says_so_and_goes_on_after_the_next_login(browser: Browser, home: House):
    record = letter(subject="Offer")
    home.register(record)
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page, other = context.new_page(), context.new_page()
    log_in(page, home)
    page.goto(f"{home.url}/messages/{record.id}")
    page.fill("[name=note]", "half a sent")
    until_it_listens(page, home)
    other.goto(f"{home.url}/messages")
    other.click("text=Log out")
    home.add_hits(hit(record.id))
    login = page.locator(".alarm a")
    login.wait_for()
    assert login.get_attribute("href") == f"/login?next=%2Fmessages%2F{record.id}"
    log_in(other, home)
    page.locator(".alarm").wait_for(state="detached")
    page.click("text=Save")
    page.wait_for_url("**?saved=saved")
    assert page.input_value("[name=note]") == "half a sent"
    context.close()


def test_news_that_never_pause_do_not_keep_the_page_from_showing_them(browser: Browser, home: House):
    record = letter(subject="Offer")
    home.register(record)
    with opened(browser, home) as page:
        until_it_listens(page, home)
        # As another tab would pass them on, faster than a page gathers them.
        page.evaluate("""() => {
            const channel = new BroadcastChannel("mailglass " + document.body.dataset.csrf);
            setInterval(() => channel.postMessage({ kind: "verdict" }), 50);
        }""")
        home.add_hits(hit(record.id))
        page.locator(f'[data-key="{record.id}"] .lens.open.filled').wait_for()
