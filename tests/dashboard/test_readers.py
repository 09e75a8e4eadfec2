"""How many people a shared copy was opened by at least."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ledger.message_id import MessageId
from ledger.queries.rows import HitRow
from pixel_server.dashboard.readers import different_readers
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor

HOME, OFFICE, TRAIN = "203.0.113.0", "198.51.100.0", "192.0.2.0"
MAIL, WEB, PHONE = "Thunderbird", "Firefox on Linux", "iPhone"


def seen(
    seconds: int, network: str, program: str, kind: str = "open", hit_class: str = "human", copy: int = 0
) -> HitRow:
    at = NOW + timedelta(seconds=seconds)
    message = MessageId(bytes(16))
    return HitRow(0, "", at, kind, message, copy, 0, "GET", hit_class, "probable", "R22", program, network, 1, True)


@pytest.mark.parametrize(
    ("hits", "readers", "why"),
    [
        ([], 0, "nobody"),
        ([seen(0, HOME, MAIL)], 0, "one is no news"),
        ([seen(0, HOME, MAIL), seen(30, OFFICE, WEB)], 2, "nobody reads in two places in the same minute"),
        ([seen(0, HOME, MAIL), seen(61, OFFICE, WEB)], 0, "later it may be the same person elsewhere"),
        ([seen(0, HOME, MAIL), seen(5, OFFICE, MAIL)], 0, "one program over two networks"),
        ([seen(0, HOME, MAIL), seen(5, HOME, WEB)], 0, "two programs on one desk, or in one office"),
        ([seen(0, HOME, MAIL), seen(5, OFFICE, WEB, kind="click")], 0, "a browser opened by the mail program"),
        ([seen(0, HOME, MAIL), seen(5, OFFICE, WEB, hit_class="privacy-prefetch")], 0, "perhaps nobody"),
        ([seen(0, HOME, MAIL), seen(5, OFFICE, WEB, hit_class="security-scanner")], 0, "a machine"),
        ([seen(0, HOME, MAIL), seen(5, OFFICE, WEB, hit_class="own")], 0, "the sender"),
        ([seen(0, HOME, MAIL), seen(5, OFFICE, WEB, copy=2)], 0, "a copy of its own is known already"),
        ([seen(0, "", MAIL), seen(5, OFFICE, WEB)], 0, "no address is kept, so none differs"),
        ([seen(0, HOME, ""), seen(5, OFFICE, WEB)], 0, "no program is kept"),
        ([seen(0, HOME, MAIL), seen(20, OFFICE, WEB), seen(40, TRAIN, PHONE)], 3, "three places"),
        ([seen(0, HOME, MAIL), seen(0, HOME, WEB), seen(5, OFFICE, MAIL), seen(5, OFFICE, WEB)], 2, "two at the most"),
        ([seen(0, HOME, MAIL), seen(5, OFFICE, MAIL), seen(9, HOME, WEB)], 2, "office and home, told by the third"),
    ],
)
def test_only_what_cannot_be_one_person_counts(hits: list[HitRow], readers: int, why: str):
    assert different_readers(hits, 5) == readers, why


def test_there_are_no_more_readers_than_recipients():
    hits = [seen(0, HOME, MAIL), seen(20, OFFICE, WEB), seen(40, TRAIN, PHONE)]
    assert different_readers(hits, 2) == 2


async def test_page_and_api_say_so_of_a_shared_copy_alone(house: House, at_home: Visitor):
    three = ("mia@example.net", "lars@example.net", "yuki@example.net")
    shared, single = letter(recipients=three), letter()
    for record in (shared, single):
        house.register(record)
        at = NOW - timedelta(minutes=5)
        house.add_hits(
            hit(record.id, at=at, ip=HOME, user_agent=MAIL),
            hit(record.id, at=at + timedelta(seconds=9), ip=OFFICE, user_agent=WEB),
        )
    assert "at least 2 different readers" in (await at_home.get(f"/messages/{shared.id}")).words
    assert "different readers" not in (await at_home.get(f"/messages/{single.id}")).words
    token = house.add_token(house.add_account("reader", admin=True), "read")

    async def asked(message: MessageId) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {token}"}
        answer: dict[str, object] = json.loads((await at_home.get(f"/api/v1/messages/{message}", headers=headers)).text)
        return answer

    assert (await asked(shared.id))["different_readers"] == 2
    assert "different_readers" not in await asked(single.id)
