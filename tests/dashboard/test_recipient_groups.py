"""Who of many has opened it: the groups over the recipients of a message that went to each on their own."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.queries.rows import CopyRow, Counts
from ledger.records import CopyRecord, HitClass, HitKind, State
from pixel_server.dashboard.recipient_groups import groups_of
from tests.dashboard.house import House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor

NOTHING = Counts()


def one(number: int, opens: Counts = NOTHING, clicks: Counts = NOTHING, **values: Any) -> CopyRow:
    usual = {"state": "sent", "reply": "250 Ok", "open_counts": opens, "click_counts": clicks}
    times = dict.fromkeys(("first_opened_at", "last_opened_at", "first_clicked_at", "last_clicked_at"))
    return CopyRow(**({"number": number, "address": f"n{number}@example.net"} | times | usual | values))


@pytest.mark.parametrize(
    ("copy", "keys", "why"),
    [
        (one(1), {"unopened"}, "nothing came"),
        (one(1, Counts(machine=3, own=1)), {"unopened"}, "machines and the sender are nobody who opened it"),
        (one(1, Counts(possible=1)), {"perhaps"}, "a privacy service"),
        (one(1, Counts(confirmed=2, possible=1)), {"opened"}, "a person, besides a privacy service"),
        (one(1, Counts(confirmed=1), Counts(confirmed=1)), {"opened", "clicked"}, "opened and went on"),
        (one(1, clicks=Counts(confirmed=1)), {"unopened", "clicked"}, "pictures blocked, link followed"),
        (one(1, clicks=Counts(machine=9)), {"unopened"}, "a filter follows links"),
        (one(1, state="refused"), {"refused"}, "who never got it left nothing unopened"),
        (one(1, state="queued"), set(), "it still waits to be sent"),
        (one(1, state="in-doubt"), {"unopened"}, "it may have arrived"),
        (one(1, Counts(confirmed=1), state="queued"), {"opened"}, "it arrived after all, whatever the upstream said"),
        (one(1, tracks_opens=False), set(), "nothing is known of who allows nothing"),
        (one(1, tracks_opens=False, state="refused"), {"refused"}, "nor did they get it"),
    ],
)
def test_a_copy_is_in_the_groups_of_its_icons(copy: CopyRow, keys: set[str], why: str):
    others = (one(2, Counts(confirmed=1)),)
    groups = groups_of(True, True, (copy, *others))
    assert {group.key for group in groups if copy in group.copies} == keys, why


def test_nobody_is_told_apart_where_there_is_one_copy_or_nothing_is_tracked():
    assert groups_of(True, True, (one(0),)) == ()
    assert groups_of(False, False, (one(1), one(2))) == ()


async def test_the_page_says_who_of_the_invited_opened_nothing(at_home: Visitor, house: House):
    addresses = tuple(f"guest{number}@example.net" for number in range(1, 13))
    copies = tuple(CopyRecord(number, address, State.SENT, "250 Ok") for number, address in enumerate(addresses, 1))
    record = letter(recipients=addresses, copies=copies, individually=True)
    house.register(record)
    house.add_hits(*(hit(record.id, copy=number) for number in (1, 2, 5)), hit(record.id, HitKind.CLICK, copy=2))
    house.add_hits(hit(record.id, hit_class=HitClass.PRIVACY_PREFETCH, copy=3))
    page = (await at_home.get(f"/messages/{record.id}")).page
    chips = {" ".join(chip.text.split()): chip["href"] for chip in page.select("nav.choices a")}
    assert list(chips) == ["All 12", "Opened 3", "Perhaps opened 1", "Not opened 8", "Links followed 1"]
    page = (await at_home.get(chips["Not opened 8"])).page
    assert len(page.select(".copies tbody tr")) == 8
    silent = [f"guest{number}@example.net" for number in (4, 6, 7, 8, 9, 10, 11, 12)]
    assert page.select_one(".addresses").text == ", ".join(silent)
    assert page.select_one("nav.choices [aria-current]").text.split() == ["Not", "opened", "8"]
    # A group that nobody is in any more, or that never was one, is everybody.
    for who in ("refused", "nobody", ""):
        assert len((await at_home.get(f"/messages/{record.id}?who={who}")).page.select(".copies tbody tr")) == 12


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.REFUSED, "nobody got it"),
        (State.IN_DOUBT, "it may have arrived, or not"),
        (State.QUEUED, "is tried again"),
        (State.PARTLY, "the list of recipients says whose"),
    ],
)
async def test_a_state_that_is_not_sent_is_explained(at_home: Visitor, house: House, state: State, sentence: str):
    record = letter(state=state, copies=(CopyRecord(1, "a@example.net", state), CopyRecord(2, "b@example.net", state)))
    house.register(record)
    assert sentence in (await at_home.get(f"/messages/{record.id}")).words
