"""Classes as they come about on the real port: at once, by neighbours, by where the mail was sent from."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ledger.message_id import MessageId
from ledger.recording import RecordingState
from ledger.records import CopyRecord, LinkRecord, State
from tests.ledger.samples import a_record, rows, the_row
from tests.public.public_port import PublicPort

PROXIED = {"pixel_server": {"trusted_proxies": ["127.0.0.0/8"]}}
LINKS = tuple(LinkRecord(n, f"https://example.org/{n}", tracked=True) for n in range(1, 6))
OFFICE = "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[PublicPort]:
    opened = await PublicPort.open(tmp_path, **PROXIED, hits={"office_browser": "1s"})
    yield opened
    await opened.close()


async def classes(port: PublicPort) -> list[str]:
    return [name for (name,) in await rows(port.ledger, "SELECT class FROM hit ORDER BY seq")]


async def classes_become(port: PublicPort, wanted: list[str]) -> None:
    async with asyncio.timeout(15):
        while await classes(port) != wanted:
            await asyncio.sleep(0.05)


async def test_a_person_on_this_machine_is_a_person_at_once(port: PublicPort) -> None:
    """Loopback is no evidence: in the sandbox sender, server and reader are one address, and links are clicked fast."""
    urls = await port.message(link_list=LINKS, client_network="127.0.0.1", accepted_at=datetime.now(UTC))
    await port.get(urls.pixel())
    for link in LINKS:
        await port.get(urls.link(link.number, link.url))
    assert set(await classes(port)) == {"human"}
    counts = "SELECT opens_confirmed, clicks_confirmed FROM message"
    assert await the_row(port.ledger, counts) == (1, 5)


async def test_a_burst_over_the_links_makes_scanners_of_all_its_clicks(proxied: PublicPort) -> None:
    urls = await proxied.message(link_list=LINKS)
    for link in LINKS:
        await proxied.get(urls.link(link.number, link.url), X_Forwarded_For="198.51.100.7")
    await classes_become(proxied, ["security-scanner"] * 5)
    assert await the_row(proxied.ledger, "SELECT clicks_confirmed, clicks_machine FROM message") == (0, 5)
    assert await the_row(proxied.ledger, "SELECT first_clicked_at FROM message") == (None,)
    assert await rows(proxied.ledger, "SELECT DISTINCT clicks_confirmed, clicks_machine FROM link") == [(0, 1)]


async def test_offices_own_look_is_a_person_when_no_browser_follows(proxied: PublicPort) -> None:
    urls = await proxied.message(link_list=LINKS)
    await proxied.get(urls.link(1, LINKS[0].url), X_Forwarded_For="198.51.100.7", User_Agent=OFFICE)
    assert await classes(proxied) == ["link-preview"]
    await classes_become(proxied, ["human"])
    assert await the_row(proxied.ledger, "SELECT clicks_confirmed, clicks_machine FROM message") == (1, 0)


async def test_offices_own_look_becomes_a_persons_where_only_numbers_are_kept(proxied: PublicPort) -> None:
    urls = await proxied.message(link_list=LINKS, counts_only=True)
    await proxied.get(urls.link(1, LINKS[0].url), X_Forwarded_For="198.51.100.7", User_Agent=OFFICE)
    assert await rows(proxied.ledger, "SELECT class, number FROM daily") == [("link-preview", 1)]
    async with asyncio.timeout(15):
        while await the_row(proxied.ledger, "SELECT clicks_confirmed, clicks_machine FROM message") != (1, 0):
            await asyncio.sleep(0.05)
    kept = "SELECT class, number FROM daily WHERE number != 0"
    assert await rows(proxied.ledger, kept) == [("human", 1)]


@pytest.mark.parametrize("link", [False, True])
async def test_a_look_while_the_acceptance_is_being_noted_did_not_come_before_it(
    port: PublicPort, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    """The client heard 250 already; who reads that fast is a mail program that is told of new mail, and no filter."""
    record = a_record(submitted_at=datetime.now(UTC))
    await port.ledger.register(record)
    asked, ask = asyncio.Event(), port.ledger.recording

    async def noticed(message: MessageId, copy: int = 0) -> RecordingState:
        state = await ask(message, copy)
        asked.set()
        return state

    monkeypatch.setattr(port.ledger, "recording", noticed)
    monkeypatch.setattr("ledger.reading.VERDICT_PATIENCE_SECONDS", 15)
    accepted, urls = datetime.now(UTC), port.urls(record.id)
    looking = asyncio.create_task(port.get(urls.link(1, "https://example.org/") if link else urls.pixel()))
    await asked.wait()
    await port.ledger.settle(record.id, State.SENT, "250 ok", accepted)
    assert (await looking).status == (302 if link else 200)
    assert await rows(port.ledger, "SELECT class, rule FROM hit") == [("human", "R22")]


async def test_looks_before_the_acceptance_are_a_filters_and_only_the_first_waits_for_it(
    port: PublicPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.reading.IN_VAIN_SECONDS", 600)
    record = a_record(submitted_at=datetime.now(UTC))
    await port.ledger.register(record)
    assert (await port.get(port.urls(record.id).pixel())).status == 200
    monkeypatch.setattr("ledger.reading.VERDICT_PATIENCE_SECONDS", 600)
    assert (await port.get(port.urls(record.id).link(1, "https://example.org/"))).status == 302
    assert await rows(port.ledger, "SELECT class, rule FROM hit") == [("security-scanner", "R04")] * 2


async def test_with_a_ledger_in_trouble_nobody_waits_for_an_acceptance(
    port: PublicPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = a_record(submitted_at=datetime.now(UTC))
    await port.ledger.register(record)
    monkeypatch.setattr("ledger.reading.VERDICT_PATIENCE_SECONDS", 600)
    with closing(sqlite3.connect(port.settings.data_dir / "mailglass.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        noting = asyncio.create_task(port.ledger.settle(record.id, State.SENT, "250 ok", datetime.now(UTC)))
        assert (await port.get(port.urls(record.id).pixel())).status == 200
        other.execute("ROLLBACK")
    await noting


async def test_a_click_right_after_delivery_is_a_scanners(proxied: PublicPort) -> None:
    urls = await proxied.message(accepted_at=datetime.now(UTC))
    await proxied.get(urls.link(1, "https://example.org/?a=1"), X_Forwarded_For="198.51.100.7")
    assert await classes(proxied) == ["security-scanner"]


@pytest.mark.parametrize(
    ("sent_from", "looked_from", "wanted"),
    [
        ("203.0.113.7", "203.0.113.7", "own"),
        ("203.0.113.7", "203.0.113.8", "human"),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "own"),  # one /64 is one household
        ("2001:db8:1:2::1", "2001:db8:1:3::1", "human"),
        ("", "203.0.113.7", "human"),
    ],
)
async def test_a_look_from_where_the_mail_was_sent_is_the_senders(
    proxied: PublicPort, sent_from: str, looked_from: str, wanted: str
) -> None:
    urls = await proxied.message(client_network=sent_from)
    await proxied.get(urls.pixel(), X_Forwarded_For=looked_from)
    assert await classes(proxied) == [wanted]


async def test_facts_for_looking_again_hold_neither_address_nor_user_agent(proxied: PublicPort) -> None:
    urls = await proxied.message()
    await proxied.get(urls.pixel(), X_Forwarded_For="198.51.100.77")
    (facts,) = await the_row(proxied.ledger, "SELECT facts FROM hit")
    assert "delay" in facts
    assert "198.51" not in facts
    assert "Mozilla" not in facts


async def test_who_asks_not_to_be_known_is_counted_without_a_name(tmp_path: Path) -> None:
    port = await PublicPort.open(tmp_path, privacy={"honour_gpc": True})
    urls = await port.message()
    await port.get(urls.link(1, "https://example.org/?a=1"), Sec_GPC="1")
    assert await the_row(port.ledger, "SELECT ip, user_agent, counted FROM hit") == ("", "", 1)
    copies = (CopyRecord(1, "ann@example.net"), CopyRecord(2, "bob@example.net"))
    urls = await port.message(recipients=tuple(one.address for one in copies), copies=copies, individually=True)
    await port.get(urls.link(1, "https://example.org/?a=1", 2), Sec_GPC="1", X_Forwarded_For="198.51.100.77")
    newest = "SELECT copy, facts FROM hit ORDER BY seq DESC LIMIT 1"
    number, facts = await the_row(port.ledger, newest)
    assert number == 0, "nor whose copy it was"
    assert "source" not in facts
    assert await the_row(port.ledger, "SELECT clicks_confirmed FROM message ORDER BY seq DESC LIMIT 1") == (1,)
    await port.close()


async def test_a_delay_counts_from_the_copys_own_acceptance(proxied: PublicPort) -> None:
    urls = await proxied.message(accepted_at=datetime.now(UTC) - timedelta(hours=1))
    await proxied.get(urls.pixel(), X_Forwarded_For="198.51.100.77")
    (facts,) = await the_row(proxied.ledger, "SELECT json_extract(facts, '$.delay') FROM hit")
    assert 3600 <= facts < 3700
