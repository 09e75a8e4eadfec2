"""What recipients allow is what is tracked: without consent they get the original bytes, less the control headers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from ledger.faults import LedgerUnavailable
from relay.permitted import _normalised, is_excluded
from relay.ports import Allowed
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import MemoryRecords
from tests.relay.upstream_servers import Behaves

BODY = b'MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p><a href="https://example.com/a">one</a></p>\r\n'
ASKING = b"Subject: x\r\nX-Track: all\r\n" + BODY
PLAIN = b"Subject: x\r\n" + BODY


@dataclass
class Says:
    """A register in which somebody said something; everybody else allows everything."""

    of: Mapping[str, Allowed]

    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        return {one: self.of.get(one, Allowed()) for one in recipients}


class CannotBeRead:
    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        raise LedgerUnavailable("the register cannot be read")


class IsNotAnswered:
    def __init__(self) -> None:
        self.asked = 0

    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


def real(consents: object) -> dict[str, object]:
    return {"rewriter": None, "decide": None, "consents": consents}


@pytest.mark.parametrize("recipients", [(b"b@example.net",), (b"b@example.net", b"c@example.net")])
async def test_without_consent_the_original_bytes_arrive(
    start_relay: StartRelay, upstream: Behaves, recipients: tuple[bytes, ...]
) -> None:
    relay = await start_relay(upstream, real(Says({"b@example.net": Allowed(False, False)})))
    assert b"[mailglass: not tracked, no-consent]" in await (await relay.session()).submit(ASKING, *recipients)
    assert upstream.delivered[0].content == PLAIN


@pytest.mark.parametrize("path", [b"b@example.net NOTIFY=NEVER", b"<@relay.example.org:b@example.net>"])
async def test_a_no_is_heard_however_the_client_writes_the_address(
    start_relay: StartRelay, upstream: Behaves, path: bytes
) -> None:
    """Many servers take a path without brackets, and all are to ignore a route."""
    relay = await start_relay(upstream, real(Says({"b@example.net": Allowed(False, False)})))
    client = await relay.session()
    for line in (b"MAIL FROM:<a@example.com>", b"RCPT TO:" + path, b"DATA"):
        assert (await client.ask(line))[:1] in b"23"
    assert b"[mailglass: not tracked, no-consent]" in await client.ask(ASKING + b".")
    assert upstream.delivered[0].content == PLAIN


async def test_an_excluded_mailbox_is_excluded_however_the_client_writes_it_and_served_as_it_is_written(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, real(Says({})), tracking={"never_recipients": ["B@example.net"]})
    client = await relay.session()
    reply = await client.submit(ASKING, rb'"\b"@Example.net')
    assert b"[mailglass: not tracked, excluded-recipient]" in reply
    assert upstream.delivered[0].content == PLAIN
    assert upstream.delivered[0].recipients == [rb'RCPT TO:<"\b"@Example.net>']


def test_the_list_of_excluded_addresses_is_read_once_for_however_many_recipients() -> None:
    _normalised.cache_clear()
    never = tuple(f"B{number}@Example.net" for number in range(200))
    assert not any(is_excluded(f"{number}@example.net", never) for number in range(1000))
    assert is_excluded("b7@EXAMPLE.net", never)
    assert _normalised.cache_info().misses == 1


async def test_only_what_is_allowed_is_tracked(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, real(Says({"b@example.net": Allowed(opens=False, links=True)})))
    reply = await (await relay.session()).submit(ASKING, b"b@example.net")
    assert b": 1 of 1 links; opens not tracked, no-consent]" in reply
    arrived = upstream.delivered[0].content
    assert b"/c/" in arrived
    assert b"/o/" not in arrived


@pytest.mark.parametrize("recipients", [(b"o@example.net",), (b"b@example.net", b"o@example.net")])
async def test_a_purpose_left_out_for_want_of_consent_is_named_in_reply_and_record(
    start_relay: StartRelay, upstream: Behaves, recipients: tuple[bytes, ...]
) -> None:
    relay = await start_relay(upstream, real(Says({"o@example.net": Allowed(opens=True, links=False)})))
    reply = await (await relay.session()).submit(ASKING, *recipients)
    record = relay.records.only
    assert f"[mailglass {record.id}: opens, 0 of 1 links; links not tracked, no-consent]".encode() in reply
    assert (record.opens, record.links, record.reason) == (True, False, None)
    assert record.notes == ("links not tracked, no-consent",)


async def test_what_was_not_asked_for_is_not_said_to_want_consent(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, real(Says({"b@example.net": Allowed(opens=True, links=False)})))
    reply = await (await relay.session()).submit(ASKING.replace(b"X-Track: all", b"X-Track: opens"), b"b@example.net")
    assert f"[mailglass {relay.records.only.id}: opens]".encode() in reply
    assert relay.records.only.notes == ()


async def test_a_message_in_which_nothing_else_can_be_tracked_still_says_what_consent_was_wanting(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, real(Says({"b@example.net": Allowed(opens=False, links=True)})))
    asking = ASKING.replace(b'"https://example.com/a"', b'"mailto:b@example.com"')
    reply = await (await relay.session()).submit(asking, b"b@example.net")
    assert b" [mailglass: not tracked, nothing-to-track; opens not tracked, no-consent]" in reply
    assert (relay.records.only.reason, relay.records.only.notes) == (
        "nothing-to-track",
        ("opens not tracked, no-consent",),
    )


async def test_a_register_that_cannot_be_read_allows_nothing(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, real(CannotBeRead()))
    assert b"not tracked, ledger-unavailable]" in await (await relay.session()).submit(ASKING)
    assert upstream.delivered[0].content == PLAIN


async def test_a_receipt_is_asked_for_where_the_sender_wants_that_instead(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, real(Says({"b@example.net": Allowed(False, False)})))
    asking = ASKING.replace(b"X-Track: all\r\n", b"X-Track: all\r\nX-Track-Fallback: receipt\r\n")
    await (await relay.session()).submit(asking, b"b@example.net")
    assert upstream.delivered[0].content == b"Disposition-Notification-To: <a@example.com>\r\n" + PLAIN


async def test_a_ledger_that_did_not_answer_in_its_time_is_asked_nothing_more(
    start_relay: StartRelay, upstream: Behaves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds are for all there is to ask, not for each question."""
    monkeypatch.setattr("relay.ledger_time.LEDGER_SECONDS", 0.05)
    consents, registered = IsNotAnswered(), 0

    def count() -> None:
        nonlocal registered
        registered += 1

    relay = await start_relay(upstream, real(consents) | {"records": MemoryRecords(before=count)})
    reply = await (await relay.session()).submit(ASKING)
    assert b"[mailglass: not tracked, ledger-unavailable]" in reply
    assert upstream.delivered[0].content == PLAIN
    assert (consents.asked, registered) == (1, 0)


async def test_a_register_that_cannot_be_read_defers_mail_where_that_is_wanted(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, real(CannotBeRead()), tracking={"on_ledger_failure": "refuse"})
    client = await relay.session()
    assert (await client.submit(ASKING, b"b@example.net", b"c@example.net")).startswith(b"451 4.3.0 ")
    assert not upstream.delivered
    assert not relay.records.kept
    assert (await client.submit(PLAIN)).startswith(b"250 ")
