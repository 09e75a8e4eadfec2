"""The pages that recipients see, on a real public server: asking for consent, stopping, what is recorded here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from config.settings import PixelServer, Privacy, Settings
from ledger.consent_events import ConsentPurpose, Standing
from ledger.consents import Consents, Gate, TooSoon, consents_for
from ledger.keys import load_keys
from ledger.message_id import MessageId
from ledger.queries.consents import find_person, text_shown
from ledger.records import MessageRecord
from ledger.shared import SharedLedger, open_ledger
from ledger.tokens import Purpose, Target, mint
from pixel_server.public.app import PublicServer
from pixel_server.public.privacy_page import record_of_processing

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
    await site.consents.ask(ANN, ME, "de", 400, REQUEST, "test")
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
    await site.consents.ask(ANN, ME, "en", 400, REQUEST, "test")
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
    await site.consents.ask(ANN, ME, "en", 400, REQUEST, "test")
    async with site.browser.post(site.page(REQUEST), data={"opens": "on", "refuse": ""}) as answer:
        assert answer.status == 200
    assert set((await standings(site)).values()) == {Standing.REFUSED}
    with pytest.raises(TooSoon):
        await site.consents.ask(ANN, ME, "en", 400, MessageId(b"s" * 16), "test")


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
