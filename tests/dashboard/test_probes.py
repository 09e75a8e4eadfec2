"""Our own probes are listed and marked; nothing that counts counts them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ledger.records import PROBE_TAG, Confidence, HitClass, HitKind, Verdict
from tests.dashboard.house import NOW, House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor


async def subjects(visitor: Visitor, query: str) -> set[str]:
    page = (await visitor.get(f"/messages{query}")).page
    return {row.a.text for row in page.select(".rows .what")}


async def figures(visitor: Visitor) -> list[str]:
    return [one.b.text for one in (await visitor.get("/statistics?days=7")).page.select(".figure")]


async def test_statistics_leave_a_probe_out_whatever_became_of_it(house: House, at_home: Visitor):
    mail, probe = letter(), letter(tags=(PROBE_TAG,))
    house.register(mail)
    house.register(probe)
    first = hit(probe.id)
    house.add_hits(hit(mail.id), first, hit(probe.id, HitKind.CLICK), hit(probe.id, hit_class=HitClass.BOT))
    assert await figures(at_home) == ["1", "1", "1", "0"]
    own = Verdict(HitClass.OWN, Confidence.CERTAIN, "R01")
    house.run(house.ledger.change_verdicts([(first.id, own)]))
    assert await figures(at_home) == ["1", "1", "1", "0"]
    tables = (await at_home.get("/statistics?days=7")).page.select("table")
    assert [table.tbody.find_all("td")[1].b.text for table in tables if "Link" in table.thead.text] == ["0"]
    # The probe itself has its numbers.
    assert "1 your own" in (await at_home.get(f"/messages/{probe.id}")).words


async def test_a_probe_is_marked_and_found_by_its_mark(house: House, at_home: Visitor):
    house.register(letter(subject="mail"))
    house.register(letter(subject="probe", tags=(PROBE_TAG,)))
    page = (await at_home.get("/messages")).page
    assert {row.a.text for row in page.select(".rows .what")} == {"mail", "probe"}
    assert page.find("a", string="probe").find_next_sibling("a", class_="badge").text == "test"
    assert await subjects(at_home, f"?tag={PROBE_TAG}") == {"probe"}
    tests = page.find("a", class_="chip", string="Tests")
    assert (await at_home.get(tests["href"])).page.find("a", class_="chip", string="Tests")["aria-current"] == "true"


@pytest.mark.parametrize(
    "query", ["?tracked=true", "?opened=false", "?unopened_for=3", "?opened=true", "?clicked=true"]
)
async def test_lists_of_what_was_opened_or_not_are_about_mail(house: House, at_home: Visitor, query: str):
    old = NOW - timedelta(days=5)
    mail, probe = letter(old, subject="mail"), letter(old, subject="probe", tags=(PROBE_TAG,))
    house.register(mail)
    house.register(probe)
    if query in ("?opened=true", "?clicked=true"):
        house.add_hits(*(hit(one.id, kind) for one in (mail, probe) for kind in HitKind))
    assert await subjects(at_home, query) == {"mail"}
    assert await subjects(at_home, f"{query}&tag={PROBE_TAG}") == {"probe"}


async def test_nobody_makes_or_unmakes_a_probe_by_editing_tags(house: House, at_home: Visitor):
    mail, probe = letter(subject="mail"), letter(subject="probe", tags=(PROBE_TAG,))
    house.register(mail)
    house.register(probe)
    for record in (mail, probe):
        await at_home.submit(f"/messages/{record.id}", f"/messages/{record.id}/words", tags=f"spring, {PROBE_TAG}")
    assert await subjects(at_home, f"?tag={PROBE_TAG}") == {"probe"}
    await at_home.submit(f"/messages/{probe.id}", f"/messages/{probe.id}/words", tags="")
    assert await subjects(at_home, f"?tag={PROBE_TAG}") == {"probe"}
