"""What the pages say, read without JavaScript."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.outbox import Outbox
from ledger.records import CopyRecord, HitClass, HitKind, LinkReason, LinkRecord, Reason, State
from pixel_server.dashboard.keys import DESK
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor

# Each is a way out of the place it stands in: an attribute, an element, a textarea, a template, the line's direction.
HOSTILE = (
    '"><script>alert(1)</script>', "'onmouseover='alert(1)", "{{7*7}}", "</textarea><b>out</b>", "\u202egnp.exe",
    "javascript:alert(1)", "<!--", "]]>", "%3Cscript%3E", "</title><script>1</script>",
)  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_what_strangers_write_is_only_ever_text(house: House, at_home: Visitor, hostile: str):
    record = letter(
        subject=hostile, recipients=(hostile,), tags=(hostile,), meta={hostile: hostile}, notes=(hostile,),
        header_id=hostile, sender=hostile.lower(), reply=hostile,
        link_list=(LinkRecord(1, hostile, hostile, hostile, "1", True),),
    )  # fmt: skip
    house.register(record)
    house.add_hits(
        hit(record.id, user_agent=hostile, ip=hostile), hit(record.id, HitKind.CLICK, user_agent=hostile)
    )  # fmt: skip
    for path in ("/messages", f"/messages/{record.id}", "/activity?all=1", "/statistics"):
        reply = await at_home.get(path)
        assert reply.status == 200
        assert "<script>alert" not in reply.text
        assert "<script>1" not in reply.text
        assert "<b>out</b>" not in reply.text
        page = reply.page
        assert not [tag for tag in page.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
        assert not [a for a in page.find_all("a", href=True) if a["href"].strip().lower().startswith("javascript")]
        assert len(page.find_all("script")) == 1
        if hostile == "{{7*7}}":
            assert "49" not in page.find("main").get_text().replace(str(NOW.year), "")
    assert hostile.strip() in (await at_home.get(f"/messages/{record.id}")).page.find("h1").text


async def test_what_a_lists_address_asks_is_shown_and_what_cannot_be_read_is_said(house: House, at_home: Visitor):
    house.register(letter())
    page = (await at_home.get("/messages?unopened_for=1")).page
    assert page.select_one(".filters [aria-current]").text == "Not opened after 1 day"
    zeros = (await at_home.get("/messages?unopened_for=005")).page
    assert zeros.select_one(".filters [aria-current]").text == "Not opened after 5 days"
    none = await at_home.get("/messages?unopened_for=0")
    assert "left out: unopened_for" in none.words
    assert "0 seconds" not in none.words
    plain = await at_home.get("/messages?tag=spring")
    assert "left out" not in plain.words
    odd = await at_home.get("/messages?opened=maybe&since=tomorrow&tag=spring")
    assert "Not understood in this address, and so left out: opened, since" in odd.words
    assert "Tag: spring" in odd.words


async def test_icons_are_hollow_half_or_filled_and_say_so_in_words(house: House, at_home: Visitor):
    untouched, possible, opened, plain = (
        letter(subject="untouched"), letter(subject="possible"), letter(subject="opened"),
        letter(subject="plain", opens=False, links=False, reason=Reason.NO_HTML),
    )  # fmt: skip
    for record in (untouched, possible, opened, plain):
        house.register(record)
    house.add_hits(
        hit(possible.id, hit_class=HitClass.PRIVACY_PREFETCH),
        hit(untouched.id, hit_class=HitClass.SECURITY_SCANNER),
        hit(opened.id, at=NOW - timedelta(hours=3)),
        hit(opened.id, at=NOW - timedelta(minutes=17)),
        hit(opened.id, HitKind.CLICK, at=NOW - timedelta(minutes=16)),
    )
    page = (await at_home.get("/messages")).page

    def names(subject: str) -> list[tuple[str, str]]:
        row = page.find("a", string=subject).find_parent("li")
        return [(lens["class"][2], lens.button["aria-label"]) for lens in row.find_all("span", class_="lens")]

    assert names("untouched") == [("hollow", "Not opened yet"), ("hollow", "No link followed yet")]
    assert names("possible")[0][0] == "half"
    assert names("possible")[0][1].startswith("Perhaps opened")
    assert names("opened") == [
        ("filled", "Opened twice, last " + _clock(16, 3)),
        ("filled", "Links followed once, " + _clock(16, 4)),
    ]
    assert names("plain") == [("none", "Opens are not tracked"), ("none", "Links are not tracked")]


def _clock(hour: int, minute: int) -> str:
    local = NOW.replace(hour=hour, minute=minute).astimezone()
    return f"today {local:%H:%M}"


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("", ["clicked", "opened", "old", "untracked"]),
        ("?tracked=true", ["clicked", "opened", "old"]),
        ("?tracked=false", ["untracked"]),
        ("?opened=true", ["clicked", "opened"]),
        ("?opened=false", ["old"]),
        ("?unopened_for=3", ["old"]),
        ("?clicked=true", ["clicked"]),
        ("?tag=spring", ["opened"]),
        ("?sender=joris%40example.com", ["old"]),
        ("?q=untr", ["untracked"]),
        ("?q=lars%40example.org", ["clicked"]),
        ("?state=refused", ["untracked"]),
        ("?since=2026-11-24", ["clicked", "opened", "untracked"]),
        ("?until=2026-11-23", ["old"]),
        ("?opened=nonsense&limit=x&cursor=y", ["clicked", "opened", "old", "untracked"]),
    ],
)
async def test_filters_are_addresses(house: House, at_home: Visitor, query: str, subjects: list[str]):
    clicked = letter(subject="clicked", recipients=("lars@example.org",))
    opened = letter(subject="opened", tags=("spring",))
    old = letter(NOW - timedelta(days=5), subject="old", sender="joris@example.com")
    untracked = letter(subject="untracked", opens=False, links=False, state=State.REFUSED, reason=Reason.SIGNED)
    for record in (clicked, opened, old, untracked):
        house.register(record)
    house.add_hits(hit(clicked.id), hit(clicked.id, HitKind.CLICK), hit(opened.id))
    page = (await at_home.get("/messages" + query)).page
    assert sorted(row.a.text for row in page.select(".rows .what")) == sorted(subjects)


async def test_older_messages_are_a_page_further_and_none_is_lost_or_shown_twice(house: House, at_home: Visitor):
    for _ in range(7):
        house.register(letter(tags=("many",)))
    seen: list[str] = []
    path: str | None = "/messages?tag=many&limit=3"
    pages = 0
    while path:
        page = (await at_home.get(path)).page
        seen += [row["data-key"] for row in page.select(".rows > li")]
        following = page.find("a", rel="next")
        path = following["href"] + "&limit=3" if following else None
        pages += 1
    assert (len(seen), len(set(seen)), pages) == (7, 7, 3)


async def test_a_shared_copy_names_nobody(house: House, at_home: Visitor):
    record = letter(recipients=("mia@example.net", "lars@example.net", "yuki@example.net"))
    house.register(record)
    house.add_hits(hit(record.id))
    words = (await at_home.get(f"/messages/{record.id}")).words
    assert "Someone of 3" in words
    assert "but not who" in words


async def test_copies_of_their_own_say_who_opened(house: House, at_home: Visitor):
    copies = (CopyRecord(1, "mia@example.net", State.SENT), CopyRecord(2, "lars@example.net", State.SENT))
    record = letter(recipients=("mia@example.net", "lars@example.net"), individually=True, copies=copies)
    house.register(record)
    house.add_hits(hit(record.id, copy=2))
    rows = (await at_home.get(f"/messages/{record.id}")).page.select("#recipients ~ table tbody tr")
    assert "not opened yet" in rows[0].text
    assert "lars@example.net" in rows[1].text
    assert "opened once" in rows[1].text


async def test_of_a_copy_whose_recipient_allows_less_it_is_not_said_that_it_was_not_opened(
    house: House, at_home: Visitor
):
    copies = (
        CopyRecord(1, "mia@example.net", State.SENT),
        CopyRecord(2, "lars@example.net", State.SENT, tracks_opens=False),
        CopyRecord(3, "yuki@example.net", State.SENT, tracks_opens=False, tracks_links=False),
    )
    record = letter(recipients=tuple(copy.address for copy in copies), individually=True, copies=copies)
    house.register(record)
    rows = (await at_home.get(f"/messages/{record.id}")).page.select("#recipients ~ table tbody tr")
    shown = [[cell.get_text(" ", strip=True) for cell in row.select("td")[1:]] for row in rows]
    assert shown == [
        ["not opened yet", "no link followed yet"],
        ["not tracked", "no link followed yet"],
        ["not tracked", "not tracked"],
    ]


async def test_every_hit_says_who_and_why(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    house.add_hits(hit(record.id))
    words = (await at_home.get(f"/messages/{record.id}")).words
    assert "A person probable Nothing says otherwise" in words
    assert "(R22)" in words


async def test_an_untracked_message_says_why(house: House, at_home: Visitor):
    record = letter(opens=False, links=False, reason=Reason.SIGNED, link_list=())
    house.register(record)
    assert "any change would break the signature" in (await at_home.get(f"/messages/{record.id}")).words


async def test_an_untracked_link_says_why_and_a_foreign_script_is_shown_in_both_spellings(
    house: House, at_home: Visitor
):
    links = (
        LinkRecord(1, "https://xn--pple-43d.example/", "apple", "", "1", True),
        LinkRecord(2, "mailto:x@example.com", "write", "", "1", False, LinkReason.SCHEME),
    )
    record = letter(link_list=links)
    house.register(record)
    words = (await at_home.get(f"/messages/{record.id}")).words
    assert "https://xn--pple-43d.example/" in words
    assert "reads as \u0430pple.example" in words
    assert "not tracked: not a web address" in words


async def test_where_nobody_asked_for_links_there_is_neither_a_reason_nor_a_number(house: House, at_home: Visitor):
    record = letter(links=False, link_list=(LinkRecord(1, "https://example.com/", "here", "", "1", False),))
    house.register(record)
    page = (await at_home.get(f"/messages/{record.id}")).page
    assert page.select_one("[aria-labelledby=links] .muted").text == "not tracked"
    assert page.select_one(".tile.click .trio") is None
    assert page.select_one(".tile.open .trio") is not None


async def test_a_japanese_sentence_ends_in_its_own_full_stop(house: House, at_home: Visitor):
    record = letter(opens=False, links=False, reason=Reason.SIGNED, link_list=())
    house.register(record)
    hint = (await at_home.get(f"/messages/{record.id}", headers={"Accept-Language": "ja"})).page.select_one(".hint")
    assert hint.b.next_sibling.strip().endswith("。")


async def test_recording_stops_at_the_button(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    done = await at_home.submit(f"/messages/{record.id}", f"/messages/{record.id}/stop")
    assert done.status == 303
    house.add_hits(hit(record.id, at=NOW + timedelta(minutes=1)))
    words = (await at_home.get(f"/messages/{record.id}")).words
    assert "recording stopped" in words
    assert "Not opened yet" in words
    assert "Stop recording for this message" not in words


async def test_note_and_tags_are_the_readers_own(house: House, at_home: Visitor):
    record = letter(tags=("old",))
    house.register(record)
    path = f"/messages/{record.id}"
    await at_home.submit(path, f"{path}/words", note="Ask again\nin May", tags="offer, spring ,, offer")
    page = (await at_home.get(path)).page
    assert page.find("textarea", {"name": "note"}).text.strip() == "Ask again\nin May"
    assert page.find("input", {"name": "tags"})["value"] == "offer, spring"
    assert len((await at_home.get("/messages?tag=spring")).page.select(".rows > li")) == 1
    assert not (await at_home.get("/messages?tag=old")).page.select(".rows > li")


async def test_that_was_me_takes_a_hit_out_of_the_numbers(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    mine = hit(record.id)
    house.add_hits(mine)
    path = f"/messages/{record.id}"
    await at_home.submit(path, f"{path}/hits/{mine.id}/own")
    words = (await at_home.get(path)).words
    assert "You said that this was you" in words
    assert "Not opened yet" in words


async def test_somebody_elses_message_is_not_there(house: House, visitor: Visitor):
    house.add_account("joris", addresses=["joris@example.com"])
    mine, other = letter(sender="joris@example.com"), letter(sender="hanna@example.com")
    house.register(mine)
    house.register(other)
    house.add_hits(hit(mine.id), hit(other.id))
    await visitor.log_in("joris")
    assert [row["data-key"] for row in (await visitor.get("/messages")).page.select(".rows > li")] == [str(mine.id)]
    assert len((await visitor.get("/activity")).page.select(".rows > li")) == 1
    assert (await visitor.get(f"/messages/{mine.id}")).status == 200
    assert (await visitor.get(f"/messages/{other.id}")).status == 404


async def test_the_outbox_shows_a_letter_under_a_policy_of_its_own(house: House, at_home: Visitor):
    raw = (
        b"From: Hanna <hanna@example.com>\r\nTo: mia@example.net\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        b'Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p><script>alert(1)</script><img src="http://x.example/">'
    )
    outbox = Outbox(house.settings.outbox_dir)
    delivery = outbox.deliver(raw, "hanna@example.com", ["mia@example.net"], NOW)
    assert "Grüße" in (await at_home.get("/outbox")).words
    page = (await at_home.get(f"/outbox/{delivery.id}")).page
    frame = page.find("iframe")
    assert "allow-scripts" not in frame["sandbox"]
    assert "allow-same-origin" not in frame["sandbox"]
    body = await at_home.get(frame["src"])
    policy = body.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert f"img-src {house.settings.tracking.public_url} data:" in policy
    assert "sandbox allow-popups" in policy
    download = await at_home.get(f"/outbox/{delivery.id}/download")
    assert download.text.encode() == raw
    assert "Content-Disposition" in download.headers
    assert "&lt;script&gt;" in (await at_home.get(f"/outbox/{delivery.id}/source")).text


async def test_csv_runs_no_formula(house: House, at_home: Visitor):
    record = letter(tags=("=HYPERLINK(1)", "@SUM(A1)"))
    house.register(record)
    reply = await at_home.get("/statistics/tags.csv")
    assert reply.headers["Content-Type"].startswith("text/csv")
    lines = reply.text.splitlines()
    assert {line.split(",")[0] for line in lines[1:]} == {"'=HYPERLINK(1)", "'@SUM(A1)"}


async def test_statistics_count_what_happened(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    house.add_hits(hit(record.id), hit(record.id, HitKind.CLICK), hit(record.id, hit_class=HitClass.PRIVACY_PREFETCH))
    page = (await at_home.get("/statistics?days=7")).page
    figures = [figure.b.text for figure in page.select(".figure")]
    assert figures == ["1", "1", "1", "1"]
    assert "1 possible, 0 machine" in page.select(".figure")[2].text
    year = (await at_home.get("/statistics?days=365")).page
    assert "Opens per week" in year.text
    assert "1 confirmed, 1 possible, 0 machine" in year.find("svg", attrs={"aria-label": True}).text


async def test_an_unknown_word_in_the_request_is_shown_with_the_reason(house: House, at_home: Visitor):
    odd = letter(
        subject="odd", opens=False, links=False, reason=Reason.NOT_REQUESTED, link_list=(),
        notes=('X-Track: unknown value "bogus"',),
    )  # fmt: skip
    house.register(odd)
    row = (await at_home.get("/messages")).page.select_one(".rows > li")
    assert "not tracked" in row.text
    assert 'unknown value "bogus"' in row.select_one(".odd").text
    words = (await at_home.get(f"/messages/{odd.id}")).words
    assert "Not tracked. The header that asks for it was not understood." in words
    assert 'X-Track: unknown value "bogus"' in words


async def test_looking_again_moves_no_open_and_the_card_has_both_times(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    house.add_hits(hit(record.id, at=NOW - timedelta(minutes=17)), hit(record.id, at=NOW - timedelta(minutes=16)))
    lens = (await at_home.get("/messages")).page.select_one(".lens.open")
    assert lens.button["aria-label"] == "Opened once, " + _clock(16, 3)
    first, last = ((one.find_all("span")[0].text, one.time.text) for one in lens.select(".pair"))
    assert first == ("First", _clock(16, 3))
    assert last == ("Looked again", _clock(16, 4))
    assert "1 confirmed" in " ".join(lens.select_one(".trio").text.split())


async def test_the_copy_of_an_erased_recipient_is_nobody_elses(house: House, at_home: Visitor):
    both = ("mia@example.net", "leo@example.net")
    copies = tuple(CopyRecord(number, address, State.SENT, "250 Ok") for number, address in enumerate(both, 1))
    record = letter(recipients=both, individually=True, copies=copies)
    house.register(record)
    house.run(house.app[DESK].consents.erase("mia@example.net", actor="test"))
    rows = (await at_home.get(f"/messages/{record.id}")).page.select(
        "section[aria-labelledby=recipients] tbody td.address"
    )
    assert [next(row.stripped_strings) for row in rows] == ["[erased]", "leo@example.net"]


async def test_an_erased_recipient_and_odd_headers_are_told_in_the_readers_language(house: House, at_home: Visitor):
    record = letter(recipients=("mia@example.net", "leo@example.net"), notes=('X-Track: unknown value "bogus"',))
    house.register(record)
    house.run(house.app[DESK].consents.erase("mia@example.net", actor="test"))
    for path in ("/messages", f"/messages/{record.id}"):
        words = (await at_home.get(path, headers={"Accept-Language": "ja"})).text
        assert "[erased]" not in words
        assert "消去済み" in words
        assert "unknown value" not in words
        assert "不明な値" in words


@pytest.mark.parametrize(("name", "may_read"), [("hanna", True), ("joris", False)])
async def test_a_test_links_to_the_letter_only_where_its_reader_may_see_it(
    house: House, visitor: Visitor, name: str, may_read: bool
):
    house.add_account("hanna", admin=True)
    house.add_account("joris", addresses=["joris@example.com"])
    filed = Outbox(house.settings.outbox_dir).deliver(
        b"Subject: x\r\n\r\n", "other@example.com", ["m@example.net"], NOW
    )
    record = letter(sender="other@example.com", login="joris", reply=f"250 Ok: filed in the outbox as {filed.id}")
    house.register(record)
    await visitor.log_in(name)
    shown = (await visitor.get(f"/set-up?test={record.id}")).text
    assert (f'href="/outbox/{filed.id}"' in shown) is may_read
    assert (await visitor.get(f"/outbox/{filed.id}")).status == (200 if may_read else 404)
