"""What the pages look like where it can be measured: narrow screens, few colours, paper, nothing to show."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from ledger.consent_events import ConsentPurpose
from ledger.records import CopyRecord, HitClass, State
from pixel_server.dashboard.keys import DESK
from tests.dashboard.browsing import Look, opened
from tests.dashboard.house import House
from tests.dashboard.letters import hit, letter

pytestmark = pytest.mark.browser

# Elements whose text is longer than what of it can be seen.
COLUMN = ".columns > div"
CUT = "selector => [...document.querySelectorAll(selector)].filter(e => e.scrollWidth > e.clientWidth + 1).length"


@pytest.mark.parametrize("width", [360, 1280])
def test_how_many_more_recipients_there_are_stands_beside_the_longest_address(
    browser: Browser, home: House, width: int
):
    many = tuple(f"somebody.with.a.rather.long.name.number{n}@department.example.net" for n in range(12))
    home.register(letter(recipients=many))
    with opened(browser, home, Look("en-GB", True, "light", width)) as page:
        rest, cell = page.locator(".to .rest").bounding_box(), page.locator(".rows .to").bounding_box()
        assert rest is not None
        assert cell is not None
        assert page.locator(".to .rest").inner_text() == "+11"
        assert rest["x"] + rest["width"] <= cell["x"] + cell["width"] + 1


def test_a_tag_is_quieter_than_the_subject_beside_it(browser: Browser, home: House):
    home.register(letter(tags=("offer",)))
    with opened(browser, home) as page:
        colours = [
            page.locator(f".what > a{kind}").first.evaluate("e => getComputedStyle(e).color")
            for kind in (":first-child", ".badge")
        ]
        assert colours[0] != colours[1]


@pytest.mark.parametrize("language", ["en-GB", "ja"])
@pytest.mark.parametrize("width", [768, 1280])
def test_the_name_of_every_page_can_be_read_in_one_line(browser: Browser, home: House, language: str, width: int):
    records = [letter() for _ in range(100)]
    for record in records:
        home.register(record)
    home.add_hits(*(hit(record.id) for record in records))  # the bell's number takes its place too
    with opened(browser, home, Look(language, True, "light", width)) as page:
        assert page.locator("[data-unread]").inner_text() == "99+"
        names = page.locator(".side nav a > span")
        assert names.count() == 7
        for name in names.all():
            box = name.bounding_box()
            assert box is not None
            assert box["width"] > 15
            assert box["height"] < 26
        assert page.evaluate(CUT, ".side nav a > span") == 0


@pytest.mark.parametrize("language", ["en-GB", "ja"])
@pytest.mark.parametrize("width", [360, 768, 1150, 1280])
def test_a_long_address_pushes_nothing_under_something_else(browser: Browser, home: House, language: str, width: int):
    address = "somebody.with.a.rather.long.and.winding.name.of.sixty.letters@purchasing.department.example.net"
    house_people = home.app[DESK].consents
    home.run(house_people.add(address, list(ConsentPurpose), "form 7", "test"))
    home.run(house_people.withdraw(address, sender="somebody.else.with.a.long.name@department.example.org"))
    copies = tuple(CopyRecord(n, f"{n}.{address}", State.SENT, "250 Ok") for n in (1, 2))
    record = letter(recipients=tuple(copy.address for copy in copies), copies=copies, individually=True)
    home.register(record)
    home.add_hits(hit(record.id, copy=1))
    with opened(browser, home, Look(language, True, "light", width)) as page:
        for path in ("/people", f"/messages/{record.id}"):
            page.goto(home.url + path)
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
            table, column = page.locator("main table").first.bounding_box(), page.locator(COLUMN).bounding_box()
            assert table is not None
            assert column is not None
            assert table["x"] + table["width"] <= column["x"] + column["width"] + 1
            assert page.evaluate(CUT, "main td") == 0


def test_an_empty_outbox_says_so_across_the_page(browser: Browser, home: House):
    with opened(browser, home) as page:
        page.goto(home.url + "/outbox")
        said = page.locator(".empty p").bounding_box()
        assert said is not None
        assert said["width"] > 400


def test_the_marks_differ_in_shape_where_the_reader_chose_the_colours(browser: Browser, home: House):
    record = letter()
    home.register(record)
    home.add_hits(hit(record.id), hit(record.id, hit_class=HitClass.PRIVACY_PREFETCH), hit(record.id))
    with opened(browser, home) as page:
        page.emulate_media(forced_colors="active")
        page.goto(f"{home.url}/messages/{record.id}")
        kinds = ("confirmed", "possible", "machine", "own")
        assert len({page.locator(f".legend .{kind} .dot").screenshot() for kind in kinds}) == len(kinds)
        page.goto(f"{home.url}/statistics")
        legend = page.locator(".legend").first
        assert len({legend.locator(f".{kind} .dot").screenshot() for kind in kinds[:3]}) == 3
        outlines = page.locator(".side nav a").evaluate_all("all => all.map(e => getComputedStyle(e).outlineStyle)")
        assert outlines.count("solid") == 1, "the page that is open is told apart by more than a colour"


def test_paper_shows_whole_subjects_and_no_buttons(browser: Browser, home: House):
    record = letter(subject="Minutes of the meeting about the new warehouse and its floor plan " * 4)
    home.register(record)
    home.add_hits(hit(record.id))
    with opened(browser, home) as page:
        page.emulate_media(media="print")
        assert page.evaluate(CUT, ".what > a") == 0
        page.goto(f"{home.url}/messages/{record.id}")
        assert page.locator("main button:visible").count() == 0
        assert page.locator("main h1").is_visible()
