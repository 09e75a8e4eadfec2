"""The People page: consents recorded, withdrawn, exported, erased, and where everybody stands."""

from __future__ import annotations

from ledger.consent_events import ConsentPurpose
from ledger.message_id import mint_message_id
from pixel_server.dashboard.keys import DESK
from tests.dashboard.house import House
from tests.dashboard.letters import hit, letter
from tests.dashboard.visits import Visitor


async def test_people_can_be_added_withdrawn_exported_and_erased(house: House, at_home: Visitor):
    record = letter(recipients=("mia@example.net",))
    house.register(record)
    house.add_hits(hit(record.id))
    sent = {"address": "mia@example.net", "purpose": "opens", "evidence": "paper form 7"}
    assert (await at_home.submit("/people", "/people", **sent)).status == 303
    assert "mia@example.net" in (await at_home.get("/people")).words
    export = await at_home.submit("/people", "/people/export", address="mia@example.net")
    assert str(record.id) in export.text
    assert (await at_home.submit("/people", "/people/withdraw", address="mia@example.net")).status == 303
    token = (await at_home.get("/people")).page.find("input", {"name": "csrf"})["value"]
    sent = {"csrf": token, "address": "mia@example.net"}
    asked = await at_home.ask("POST", "/people/erase", data=sent)
    assert "Erase everything about mia@example.net?" in asked.words
    assert "Messages to them 1 Hits of theirs 1 What they said about consent 2" in asked.words
    assert "mia@example.net" in (await at_home.get(f"/messages/{record.id}")).text
    done = await at_home.ask("POST", "/people/erase", data={**sent, "sure": "1"})
    assert done.status == 303
    assert "Messages to them: 1, hits of theirs: 1." in (await at_home.get(done.headers["Location"])).words
    assert "mia@example.net" not in (await at_home.get(f"/messages/{record.id}")).text


async def test_an_address_that_nothing_is_kept_about_is_said_to_be_so_before_it_is_erased(at_home: Visitor):
    token = (await at_home.get("/people")).page.find("input", {"name": "csrf"})["value"]
    asked = await at_home.ask("POST", "/people/erase", data={"csrf": token, "address": "miia@example.net"})
    assert "Nothing is kept about this address." in asked.words


async def test_who_got_mail_and_said_nothing_is_found_a_way_to(house: House, at_home: Visitor):
    house.register(letter(recipients=("mia@example.net",)))
    found = await at_home.get("/people?q=mia@example.net")
    assert "Nobody has said anything yet." not in found.words
    assert "work for every address that mail went to" in found.words
    assert found.page.select_one("form[action='/people/withdraw'] [name=address]")["value"] == "mia@example.net"


async def test_a_consent_without_evidence_is_refused(at_home: Visitor):
    sent = {"address": "mia@example.net", "purpose": "opens", "evidence": " "}
    assert (await at_home.get("/people")).page.select("[name=purpose][checked]") == []
    refused = await at_home.submit("/people", "/people", **sent)
    assert refused.status == 422
    assert refused.page.select_one("form[action='/people'] [name=address]")["value"] == "mia@example.net"
    assert [one["value"] for one in refused.page.select("[name=purpose][checked]")] == ["opens"]


async def test_who_withdrew_is_not_asked_to_again_and_a_no_to_one_sender_shows(house: House, at_home: Visitor):
    consent = {"purpose": "opens", "evidence": "paper form 7"}
    await at_home.submit("/people", "/people", address="mia@example.net", **consent)
    await at_home.submit("/people", "/people", address="leo@example.net", **consent)
    house.run(house.app[DESK].consents.withdraw("mia@example.net"))
    house.run(house.app[DESK].consents.withdraw("leo@example.net", sender="hanna@example.com"))
    leo, mia = (await at_home.get("/people")).page.select("tbody tr")
    assert [form["action"] for form in mia.select("form")] == ["/people/export", "/people/erase"]
    assert "not for mail from hanna@example.com" in leo.text
    assert [form["action"] for form in leo.select("form")] == ["/people/withdraw", "/people/export", "/people/erase"]


async def test_who_agreed_to_one_sender_alone_is_seen_to_be_tracked_and_can_withdraw(house: House, at_home: Visitor):
    people = house.app[DESK].consents
    house.run(people.withdraw("mia@example.net"))
    house.run(people.add("mia@example.net", [ConsentPurpose.LINKS], "form 7", "test", sender="shop@example.org"))
    (mia,) = (await at_home.get("/people")).page.select("tbody tr")
    opens, links = mia.select("[data-name=Opens], [data-name=Links]")
    assert "consented for mail from shop@example.org alone" in links.text
    assert "shop@" not in opens.text
    assert [form["action"] for form in mia.select("form")] == ["/people/withdraw", "/people/export", "/people/erase"]
    await at_home.submit("/people", "/people/withdraw", address="mia@example.net")
    (mia,) = (await at_home.get("/people")).page.select("tbody tr")
    assert "alone" not in mia.text
    assert [form["action"] for form in mia.select("form")] == ["/people/export", "/people/erase"]


async def test_after_a_refusal_delivered_mail_can_still_be_silenced(house: House, at_home: Visitor):
    record = letter(recipients=("mia@example.net",))
    house.register(record)
    people, request = house.app[DESK].consents, mint_message_id(1, bytes(10))
    house.run(people.ask("mia@example.net", "hanna@example.com", "en", "a year", request, "test"))
    house.run(people.answer(request, (), "May we?", people.key_of("mia@example.net"), "en"))
    house.add_hits(hit(record.id))
    assert "mia@example.net" in (await at_home.get("/people")).words
    (mia,) = (await at_home.get("/people")).page.select("tbody tr")
    assert [form["action"] for form in mia.select("form")] == ["/people/withdraw", "/people/export", "/people/erase"]


async def test_a_sender_who_was_erased_is_shown_as_such_in_each_language(house: House, at_home: Visitor):
    people = house.app[DESK].consents
    house.run(people.add("mia@example.net", list(ConsentPurpose), "form 7", "test"))
    house.run(people.withdraw("mia@example.net", sender="shop@example.org"))
    house.run(people.erase("shop@example.org", "test"))
    assert "not for mail from [erased]" in (await at_home.get("/people")).words
    japanese = await at_home.ask("GET", "/people", headers={"Accept-Language": "ja"})
    assert "［消去済み］" in japanese.words
