"""Every page in a real browser: both languages, with and without JavaScript, light and dark, phone and desktop."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ledger.outbox import Outbox
from ledger.records import HitKind
from tests.dashboard.axe import axe_source
from tests.dashboard.browsing import LOOKS, Look, opened
from tests.dashboard.house import NOW, PASSWORD, House
from tests.dashboard.letters import hit, letter

pytestmark = pytest.mark.browser

PAGES = ("/messages", "MESSAGE", "/activity?all=1", "/statistics", "/people", "/outbox", "/set-up", "/settings")


# What scrolls sideways, beside lines of code, which have to keep their shape.
SIDEWAYS = """[...document.querySelectorAll("main *")].filter(e => !e.matches("pre, code")
    && /auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth).map(e => e.outerHTML)"""


# Form fields that stand over the inner edge of the panel round them.
OUT_OF_PANEL = """[...document.querySelectorAll("main .panel :is(input, select, textarea, button)")].filter(e => {
    const panel = e.closest(".panel"), padding = parseFloat(getComputedStyle(panel).paddingRight);
    return e.getBoundingClientRect().right > panel.getBoundingClientRect().right - padding + 1;
}).map(e => e.outerHTML)"""


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_every_page_can_be_walked(browser: Browser, filled_house: House, look: Look):
    with opened(browser, filled_house, look) as page:
        first = page.get_attribute(".rows li:has(.open.filled) .what > a", "href")
        for path in PAGES:
            page.goto(filled_house.url + (first or "" if path == "MESSAGE" else path))
            assert page.get_attribute("html", "lang") == look.language[:2]
            assert page.locator("main h1").first.is_visible()
            wide = page.locator("html").evaluate("e => e.scrollWidth - e.clientWidth") if look.script else 0
            assert wide <= 0, f"{path} is wider than the screen"
            assert not look.script or page.evaluate(OUT_OF_PANEL) == [], f"{path} has fields over the edge of a panel"
            assert not look.script or page.evaluate(SIDEWAYS) == [], f"{path} scrolls sideways in places"
        if look.language == "ja":
            assert page.locator("h1").first.inner_text() == "設定"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, filled_house: House, scheme: str):
    source = axe_source()
    found: list[str] = []
    with opened(browser, filled_house, Look("en-GB", True, scheme, 1280)) as page:
        first = page.get_attribute(".rows li:has(.open.filled) .what > a", "href") or ""
        for path in (*PAGES, "/statistics?days=7", "/messages?q=nothing-like-that"):
            page.goto(filled_house.url + (first if path == "MESSAGE" else path))
            found += [f"{path}: {one}" for one in _axe(page, source)]
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(filled_house.url + "/login")
    found += [f"/login: {one}" for one in _axe(page, source)]
    context.close()
    assert found == []


def _axe(page: Page, source: str) -> list[str]:
    # Evaluated by the debugger, so that the page's own policy need not allow it.
    page.evaluate(source)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    result: dict[str, Any] = page.evaluate("tags => axe.run({ runOnly: tags })", tags)
    return [f"{one['id']} at {one['nodes'][0]['target']}" for one in result["violations"]]


@pytest.mark.parametrize("width", [1280, 1000, 390])
def test_no_subject_is_too_long_or_too_far_from_latin_to_be_read(browser: Browser, home: House, width: int):
    tags = ("a-tag-with-a-name-that-never-comes-to-its-end", "another", "third")
    endless = letter(subject="A" * 900, tags=tags, recipients=tuple(f"n{n}@example.net" for n in range(300)))
    arabic = letter(subject="مرحبا بالعالم: عرض الربيع", tags=tags)
    for record in (endless, arabic):
        home.register(record)
        home.add_hits(hit(record.id, HitKind.CLICK))
    with opened(browser, home, Look("en-GB", True, "light", width)) as page:
        for record in (endless, arabic):
            subject = page.locator(f'[data-key="{record.id}"] .what > a').first.bounding_box()
            assert subject is not None
            assert subject["width"] > 60
        for record in (endless, arabic):
            page.goto(f"{home.url}/messages/{record.id}")
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
            edges = page.evaluate(
                "[...document.querySelectorAll('h1, .line')].map(e => e.getBoundingClientRect().left)"
            )
            assert len(set(edges)) == 1
            assert page.evaluate("getComputedStyle(document.querySelector('h1')).textAlign") == "left"


@pytest.mark.parametrize("script", [True, False])
def test_the_card_comes_by_hover_focus_and_tap(browser: Browser, home: House, script: bool):
    record = letter()
    home.register(record)
    home.add_hits(hit(record.id), hit(record.id, HitKind.CLICK))
    with opened(browser, home, Look("en-GB", script, "light", 1280)) as page:
        card = page.locator(".lens.open .card")
        assert not card.is_visible()
        page.hover(".lens.open button")
        assert card.is_visible()
        assert "1 confirmed" in card.inner_text()
        page.mouse.move(900, 700)
        assert not card.is_visible()
        page.focus(".lens.open button")
        assert card.is_visible()
        if script:
            page.keyboard.press("Escape")
            assert not card.is_visible()
    with opened(browser, home, Look("en-GB", script, "light", 390)) as page:
        page.tap(".lens.click button")
        assert page.locator(".lens.click .card").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("script", [True, False])
def test_no_card_reaches_below_the_window(browser: Browser, filled_house: House, script: bool, width: int):
    with opened(browser, filled_house, Look("en-GB", script, "light", width)) as page:
        assert page.viewport_size is not None
        height = page.viewport_size["height"]
        rows = page.locator(".rows li")
        visible = [row for row in rows.all() if (row.bounding_box() or {"y": height})["y"] < height - 40]
        assert len(visible) < rows.count(), "there is more than the window shows"
        for row in (visible[0], visible[-2], visible[-1], rows.last):
            for kind in ("open", "click"):
                row.locator(f".lens.{kind} button").hover()
                card = row.locator(f".lens.{kind} .card").bounding_box()
                assert card is not None
                assert card["y"] >= 0
                assert card["y"] + card["height"] <= height
                assert card["x"] >= 0
                assert card["x"] + card["width"] <= width
                assert not row.locator(f".lens.{kind} .card").evaluate("card => card.scrollWidth > card.clientWidth")


def test_the_keyboard_reaches_everything(browser: Browser, home: House):
    record = letter(subject="Offer")
    home.register(record)
    with opened(browser, home) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "q"
        page.keyboard.type("Offer")
        page.keyboard.press("Enter")
        page.wait_for_url("**/messages?q=Offer")
        page.locator(".what > a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/messages/{record.id}")


def test_a_second_click_before_a_slow_answer_sends_a_form_once(browser: Browser, home: House):
    with opened(browser, home) as page:
        page.goto(home.url + "/settings")
        refused = page.evaluate("""() => {
            const form = document.querySelector('form[action="/settings/tokens"]');
            const submit = () => new SubmitEvent("submit", { bubbles: true, cancelable: true });
            return [submit(), submit()].map(event => !form.dispatchEvent(event));
        }""")
        assert refused == [False, True]
        # A list is asked for as often as somebody likes.
        page.goto(home.url + "/messages")
        page.fill("[name=q]", "Offer")
        page.keyboard.press("Enter")
        page.wait_for_url("**/messages?q=Offer")


def test_another_deed_of_the_same_form_is_done_at_once_and_each_of_them_once(browser: Browser, home: House):
    with opened(browser, home) as page:
        page.goto(home.url + "/people")
        page.fill("form[action='/people/withdraw'] [name=address]", "mia@example.net")
        for asked in ("Erase everything about mia@example.net?", "People"):
            with page.expect_download():
                page.click("text=Export what is kept")
            page.click("button.danger")
            page.locator("h1", has_text=asked).wait_for()
        refused = page.evaluate("""() => {
            const form = document.querySelector("form[action='/people/withdraw']");
            const buttons = [...form.querySelectorAll("button")];
            const submit = (number) => !form.dispatchEvent(
                new SubmitEvent("submit", { bubbles: true, cancelable: true, submitter: buttons[number] }));
            return [0, 1, 2, 2, 1, 0].map(submit);
        }""")
        assert refused == [False, False, False, True, True, True]


def test_back_from_a_message_leads_to_the_list_it_was_found_in(browser: Browser, home: House):
    record = letter(subject="Offer", tags=("spring",))
    home.register(record)
    with opened(browser, home) as page:
        page.goto(f"{home.url}/messages/{record.id}")
        page.click(".crumb")
        page.wait_for_url("**/messages")
        page.goto(f"{home.url}/messages?tag=spring&q=Offer")
        page.locator(".what > a").first.click()
        page.wait_for_url(f"**/messages/{record.id}")
        page.click(".crumb")
        page.wait_for_url("**/messages?tag=spring&q=Offer")


@pytest.mark.parametrize(("state", "shown"), [("default", "Allow them"), ("denied", "shows no notifications")])
def test_a_browser_is_asked_for_leave_by_a_click_alone_and_says_when_it_refuses(
    browser: Browser, home: House, state: str, shown: str
):
    with opened(browser, home) as page:
        # What this browser's reader once answered; and what they are asked.
        page.add_init_script(
            f"""window.asked = 0;
            window.Notification = class {{
                static permission = "{state}";
                static async requestPermission() {{ window.asked++; return this.permission = "granted"; }}
            }};"""
        )
        page.goto(f"{home.url}/settings")
        assert page.locator(f"text={shown}").is_hidden()
        page.locator("[data-ask-browser]").evaluate("box => { box.checked = true; box.form.submit(); }")
        page.wait_for_url("**?saved=saved")
        page.locator(f"text={shown}").wait_for()
        assert page.evaluate("window.asked") == 0
        if state == "default":
            page.click(f"text={shown}")
            page.locator(f"text={shown}").wait_for(state="hidden")
            assert page.evaluate("window.asked") == 1


def test_stop_note_and_own_work_by_clicking(browser: Browser, home: House):
    record = letter()
    home.register(record)
    home.add_hits(hit(record.id))
    with opened(browser, home) as page:
        page.goto(f"{home.url}/messages/{record.id}")
        page.fill("[name=note]", "ask again")
        page.click("text=Save")
        page.wait_for_url("**?saved=saved")
        page.click("text=That was me")
        page.wait_for_url("**?saved=own")
        page.click("text=Stop recording >> nth=-1")
        page.wait_for_url("**?saved=stopped")
        assert page.locator("text=recording stopped").is_visible()
        assert page.input_value("[name=note]") == "ask again"


def test_a_phone_leaves_room_for_when_a_hit_came_and_for_the_filters(browser: Browser, home: House):
    record = letter()
    home.register(record)
    home.add_hits(hit(record.id), hit(record.id, HitKind.CLICK))
    with opened(browser, home, Look("en-GB", True, "light", 390)) as page:
        page.click(".filters summary")
        assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.sheet'))") <= 0
        page.goto(f"{home.url}/messages/{record.id}")
        widths = page.evaluate("[...document.querySelectorAll('.every-hit td')].map(e => e.clientWidth)")
        assert len(widths) == 8
        assert min(widths) > 300


def test_a_letter_in_the_outbox_runs_no_script_and_loads_nothing_foreign(browser: Browser, home: House):
    with recording_server() as (elsewhere, asked):
        raw = (
            b"From: hanna@example.com\r\nTo: mia@example.net\r\nSubject: Danger\r\nContent-Type: text/html\r\n\r\n"
            b"<p id=p>Hello</p><script>document.title='ran';parent.document.title='ran'</script>"
            b'<img src="' + elsewhere + b'x.png" onerror="parent.document.title=1">'
            b'<iframe src="' + elsewhere + b'"></iframe><link rel=stylesheet href="' + elsewhere + b'x.css">'
        )
        delivery = Outbox(home.settings.outbox_dir).deliver(raw, "hanna@example.com", ["mia@example.net"], NOW)
        context = browser.new_context()
        page = context.new_page()
        page.goto(home.url + "/login")
        page.fill("[name=name]", "hanna")
        page.fill("[name=password]", PASSWORD)
        page.click("button")
        page.goto(f"{home.url}/outbox/{delivery.id}", wait_until="networkidle")
        page.frame_locator("iframe").locator("#p").wait_for()
        assert "Danger" in page.title()
        context.close()
        assert asked == []


@contextmanager
def recording_server() -> Iterator[tuple[bytes, list[str]]]:
    """A site of somebody else's: its address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/".encode(), asked
        server.shutdown()
        thread.join()
