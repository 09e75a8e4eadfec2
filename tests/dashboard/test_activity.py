"""The Activity page and its bell."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from ledger.records import HitClass, HitKind
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor


async def test_the_bell_counts_people_until_all_is_marked_as_seen(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    house.add_hits(hit(record.id), hit(record.id, hit_class=HitClass.BOT), hit(record.id, HitKind.CLICK))
    assert (await at_home.get("/messages")).page.find(attrs={"data-unread": True}).text == "2"
    assert (await at_home.get("/activity")).page.find(attrs={"data-unread": True}).text == "2"
    await at_home.submit("/activity", "/activity/seen")
    assert (await at_home.get("/messages")).page.find(attrs={"data-unread": True}).text == "0"


async def test_the_bell_says_when_it_stopped_counting(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    hours = count(1)
    for more, said in ((99, "99"), (1, "99+"), (1, "99+")):
        house.add_hits(*(hit(record.id, at=NOW + timedelta(hours=next(hours))) for _ in range(more)))
        assert (await at_home.get("/messages")).page.find(attrs={"data-unread": True}).text == said


async def test_people_show_on_the_activity_page_however_many_machines_came_after_them(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    person = hit(record.id)
    house.add_hits(person, *(hit(record.id, hit_class=HitClass.SECURITY_SCANNER) for _ in range(70)))
    page = (await at_home.get("/activity")).page
    assert [row["data-key"] for row in page.select(".rows > li")] == [person.id]
    assert page.select("a[rel=next]") == []
    assert len((await at_home.get("/activity?all=1")).page.select(".rows > li")) == 60


async def test_looking_again_is_no_second_open_on_the_activity_page_either(house: House, at_home: Visitor):
    record = letter()
    house.register(record)
    house.add_hits(hit(record.id, at=NOW - timedelta(minutes=17)), hit(record.id, at=NOW - timedelta(minutes=16)))
    again, first = (await at_home.get("/activity")).page.select(".rows > li")
    assert again["class"] == ["again"]
    assert again.select_one(".what .again-word").text == "again"
    assert first["class"] == ["unseen"]
    assert "again" not in first.text
