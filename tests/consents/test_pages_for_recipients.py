"""The pages that recipients see, on a real public server: asking for consent, stopping, what is recorded here."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from config.settings import PixelServer, Privacy, Settings
from ledger.accounts import add_account
from ledger.consent_events import Action, ConsentPurpose, Standing
from ledger.consents import Consents, Gate, TooSoon, consents_for
from ledger.keys import load_keys
from ledger.message_id import MessageId
from ledger.notice_schema import notice
from ledger.notices import add_notices
from ledger.queries.consents import find_person, text_shown
from ledger.records import CopyRecord, HitKind, MessageRecord, State
from ledger.schema import hit
from ledger.shared import SharedLedger, open_ledger
from ledger.tokens import Purpose, Target, mint
from ledger.urls import TrackingUrls, UrlGrammar
from pixel_server.public.app import PublicServer
from pixel_server.public.privacy_page import record_of_processing, told_when_asked

ANN, ME = "ann@example.com", "me@example.org"
REQUEST = MessageId(b"r" * 16)


@dataclass(frozen=True)
class Site:
    settings: Settings
    ledger: SharedLedger
    consents: Consents
    browser: aiohttp.ClientSession

    def page(self, message: MessageId) -> str:
        return "/p/" + mint(load_keys(self.settings.keys_dir), Purpose.PAGE, Target(message))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    settings = Settings(
        data_dir=tmp_path,
        pixel_server=PixelServer(bind="127.0.0.1:0"),
        privacy=Privacy(consent="required", controller="Example Ltd, 1 Example Street", contact="privacy@example.org"),
    )
    ledger = await open_ledger(settings)
    ledger.patience_seconds = 5  # this machine may be busy; what is asked here is not how long it takes
    ring = load_keys(settings.keys_dir)
    server = PublicServer(settings, ledger, lambda: ring)
    await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as browser:
        yield Site(settings, ledger, consents_for(settings, ledger), browser)
    await server.close()
    await ledger.close()


async def standings(site: Site) -> dict[ConsentPurpose, Standing]:
    async with site.ledger.read() as connection:
        found = await find_person(
            connection, site.consents.key_of(ANN), datetime.now(UTC), site.settings.privacy.consent_valid
        )
    assert found is not None
    return dict(found[0].standings)


async def test_a_request_shows_two_boxes_and_neither_is_ticked(site: Site) -> None:
    await site.consents.ask(ANN, ME, "de", "What is kept.", REQUEST, "test")
    async with site.browser.get(site.page(REQUEST)) as answer:
        page = await answer.text()
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers
    assert page.count('type="checkbox"') == 2
    assert "checked" not in page
    assert 'lang="de"' in page
    assert ANN not in page
    assert (await site.consents.gates([ANN], ME))[ANN] == Gate(False, False), "looking changes nothing"


async def test_what_is_ticked_counts_and_the_rest_is_a_no(site: Site) -> None:
    await site.consents.ask(ANN, ME, "en", "What is kept.", REQUEST, "test")
    async with site.browser.post(site.page(REQUEST), data={"opens": "on", "save": ""}) as answer:
        assert "Your answer is stored" in await answer.text()
    assert (await site.consents.gates([ANN], ME))[ANN] == Gate(True, False)
    assert await standings(site) == {
        ConsentPurpose.OPENS: Standing.CONFIRMED,
        ConsentPurpose.LINKS: Standing.REFUSED,
    }
    async with site.ledger.read() as connection:
        found = await find_person(
            connection, site.consents.key_of(ANN), datetime.now(UTC), site.settings.privacy.consent_valid
        )
        assert found is not None
        shown = await text_shown(connection, found[1][-1].text_version)
    assert shown is not None
    assert ME in shown, "what was shown is kept word for word"


async def test_a_no_is_a_no_whatever_is_ticked_and_nobody_is_asked_again_soon(site: Site) -> None:
    await site.consents.ask(ANN, ME, "en", "What is kept.", REQUEST, "test")
    async with site.browser.post(site.page(REQUEST), data={"opens": "on", "refuse": ""}) as answer:
        assert answer.status == 200
    assert set((await standings(site)).values()) == {Standing.REFUSED}
    with pytest.raises(TooSoon):
        await site.consents.ask(ANN, ME, "en", "What is kept.", MessageId(b"s" * 16), "test")


async def test_stopping_on_a_messages_page_closes_the_gate_for_that_senders_mail(site: Site) -> None:
    await site.consents.add(ANN, list(ConsentPurpose), "form 7", "test")
    message = MessageId(b"m" * 16)
    await site.ledger.register(
        MessageRecord(message, datetime.now(UTC), ME, (ANN,), subject="Offer", opens=True, links=True)
    )
    async with site.browser.post(site.page(message), data={"do": "stop"}) as answer:
        page = await answer.text()
    assert answer.status == 200
    assert ANN not in page
    assert "Offer" not in page
    assert (await site.consents.gates([ANN], ME))[ANN] == Gate(False, False)
    assert (await site.consents.gates([ANN], "else@example.org"))[ANN] == Gate(True, True)


async def test_the_page_on_privacy_says_what_the_configuration_says(site: Site) -> None:
    async with site.browser.get("/privacy") as answer:
        page = await answer.text()
    assert answer.status == 200
    assert "Example Ltd, 1 Example Street" in page
    assert "Only recipients who confirmed" in page
    assert "400 days" in page
    assert "privacy@example.org" in record_of_processing(site.settings)


async def deliver(site: Site, name: bytes, recipients: tuple[str, ...] = (ANN,), **changes: Any) -> MessageId:
    message = MessageId(name * 16)
    record = MessageRecord(message, datetime.now(UTC), ME, recipients, subject="Offer", opens=True, links=True)
    await site.ledger.register(replace(record, **changes))
    await site.ledger.settle(message, State.SENT, "250 ok", datetime.now(UTC))
    return message


async def read_it(site: Site, message: MessageId, copy: int = 0) -> None:
    """A picture loaded and a link followed."""
    urls = TrackingUrls(UrlGrammar(""), load_keys(site.settings.keys_dir), message)
    for path in (urls.pixel(copy), urls.link(1, "https://example.org/", copy)):
        async with site.browser.get(path, allow_redirects=False) as answer:
            assert answer.status in (200, 302)


async def tell_of(site: Site) -> None:
    """Notices of the first opening, and one of another cause."""
    owner = await site.ledger.write(add_account, "me", "hash", False, [ME], datetime.now(UTC))
    async with site.ledger.read() as connection:
        first = (await connection.execute(select(hit.c.id, hit.c.message_seq).where(hit.c.kind == "open"))).first()
    assert first is not None
    made = {"account_id": owner, "message_seq": first.message_seq, "way": "email", "made_at": datetime.now(UTC)}
    made |= {"next_at": datetime.now(UTC), "said": {"recipient": ANN}}
    await site.ledger.write(add_notices, [made | {"cause": first.id}, made | {"cause": "unopened"}], None)


async def recorded(site: Site) -> list[tuple[str, int]]:
    async with site.ledger.read() as connection:
        rows = await connection.execute(select(hit.c.kind, hit.c.copy).order_by(hit.c.seq))
        return [(row.kind, row.copy) for row in rows]


@pytest.mark.parametrize("language", ["en", "ja", "de", "fr", "it"])
async def test_the_page_of_a_message_offers_each_purpose_and_erasing_all_ticked(site: Site, language: str) -> None:
    message = await deliver(site, b"m")
    async with site.browser.get(site.page(message), headers={"Accept-Language": f"{language}-XX, en;q=0.5"}) as answer:
        page = await answer.text()
        assert answer.headers["Content-Language"] == language
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
    assert re.findall(r'name="(\w+)" checked', page) == ["opens", "links", "erase"]
    assert f'<html lang="{language}">' in page
    assert ANN not in page
    assert "Offer" not in page
    assert "<script" not in page


async def test_one_purpose_can_be_stopped_and_its_records_go_with_it(site: Site) -> None:
    message = await deliver(site, b"m")
    earlier = await deliver(site, b"e")
    for one in (message, earlier):
        await read_it(site, one)
    await tell_of(site)
    async with site.browser.post(site.page(message), data={"do": "stop", "opens": "on", "erase": "on"}) as answer:
        assert "erased" in await answer.text()
    assert await recorded(site) == [("click", 0), ("click", 0)], "of both messages of that sender"
    async with site.ledger.read() as connection:
        told = (await connection.execute(select(notice.c.cause))).scalars().all()
    assert told == ["unopened"], "what the sender was told of an erased opening goes with it"
    for one in (message, earlier):
        await read_it(site, one)
    assert [kind for kind, _ in await recorded(site)] == ["click"] * 4
    async with site.browser.get(site.page(message)) as answer:
        assert re.findall(r'name="(\w+)" checked', await answer.text()) == ["links", "erase"]


async def test_a_withdrawal_leaves_its_time_and_the_link_that_was_used(site: Site) -> None:
    await site.consents.add(ANN, list(ConsentPurpose), "form 7", "test")
    message = await deliver(site, b"m")
    async with site.browser.post(site.page(message), data={"do": "stop", "links": "on"}):
        pass
    async with site.ledger.read() as connection:
        found = await find_person(
            connection, site.consents.key_of(ANN), datetime.now(UTC), site.settings.privacy.consent_valid
        )
    assert found is not None
    said = found[1][-1]
    assert (said.action, said.purpose, said.sender, said.method) == (
        Action.WITHDRAW, ConsentPurpose.LINKS, ME, "page",
    )  # fmt: skip
    assert said.evidence == {"message": str(message), "copy": 0}
    assert (await site.consents.gates([ANN], ME))[ANN] == Gate(True, False)


async def test_looking_at_a_page_changes_no_byte(site: Site) -> None:
    message = await deliver(site, b"m")
    await site.consents.ask(ANN, ME, "en", "What is kept.", REQUEST, "test")
    before = bytes_of(site)
    for path in (site.page(message), site.page(REQUEST), "/privacy"):
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            async with site.browser.request(method, path + "?do=stop&erase=on&opens=on&save=") as answer:
                assert answer.status in (200, 405)
    assert bytes_of(site) == before


async def test_a_hundred_hits_after_a_withdrawal_change_no_byte(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    message = await deliver(site, b"m")
    individual = await deliver(site, b"i", (ANN, "bob@example.net"), individually=True,
                               copies=(CopyRecord(1, ANN), CopyRecord(2, "bob@example.net")))  # fmt: skip
    async with site.browser.post(site.page(message), data={"do": "stop"}):
        pass
    caplog.clear()
    before = bytes_of(site)
    for _ in range(25):
        await read_it(site, message)
        await read_it(site, individual, 1)
    assert bytes_of(site) == before
    assert [one for one in caplog.messages if "mailglass" in one or "127.0.0.1" in one] == []
    await read_it(site, individual, 2)
    assert await recorded(site) == [(HitKind.OPEN.value, 2), (HitKind.CLICK.value, 2)], "others are not concerned"


async def test_an_answer_to_a_text_that_was_not_shown_is_none(site: Site) -> None:
    await site.consents.ask(ANN, ME, "en", "What is kept.", REQUEST, "test")
    async with site.browser.post(site.page(REQUEST), data={"opens": "on", "text": "0" * 64}) as answer:
        assert "did not work" in await answer.text()
    assert (await site.consents.gates([ANN], ME))[ANN] == Gate(False, False)


def bytes_of(site: Site) -> dict[str, bytes]:
    """Everything in the data folder."""
    folder = site.settings.data_dir
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")  # SQLite's index of its log: marks of readers
    }


async def test_the_page_of_a_request_says_what_is_kept_here_and_a_yes_and_a_no_look_alike(site: Site) -> None:
    await site.consents.ask(ANN, ME, "en", "What is kept.", REQUEST, "test")
    async with site.browser.get(site.page(REQUEST)) as answer:
        page = await answer.text()
    assert told_when_asked(site.settings, "en") in page
    assert re.findall(r"<button (.*?)>", page) == ['name="save"', 'name="refuse"']
    (version,) = re.findall(r'name="text" value="(\w{64})"', page)
    async with site.browser.post(site.page(REQUEST), data={"opens": "on", "text": version, "save": ""}) as answer:
        assert "Your answer is stored" in await answer.text()
    async with site.ledger.read() as connection:
        shown = await text_shown(connection, version)
    assert shown is not None
    assert told_when_asked(site.settings, "en") in shown, "kept word for word"
