"""A client, the running relay, a scripted upstream: individual copies from end to end."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from ledger.message_id import MessageId
from ledger.records import State
from ledger.tokens import Target, read_unverified
from relay.ports import Allowed
from tests.relay.running_relay import Client, MemoryRecords, RunningRelay, run_relay, settings_for, stop_relays
from tests.relay.test_clients_that_leave import WaitsAtTheDot
from tests.relay.test_consent_gate import IsNotAnswered
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot, at_rcpt

R1, R2, R3 = b"r1@example.net", b"r2@example.net", b"r3@example.net"
MESSAGE = (
    b"Subject: Plans\r\nX-Track: all\r\nX-Track-Individually: yes\r\nTo: r1@example.net, r2@example.net\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b'<html><body><p>See <a href="https://example.org/plans">the plans</a></p>\r\n</body></html>\r\n'
)
PLAIN = MESSAGE.replace(b"X-Track: all\r\nX-Track-Individually: yes\r\n", b"")
TOKEN = re.compile(rb"/([oc])/([\w-]{51})")


@dataclass
class CopyKeeping(MemoryRecords):
    """Records that also keep what became of copies."""

    copies: dict[int, tuple[State, str]] = field(default_factory=dict)

    async def settle(  # type: ignore[override]
        self, message: MessageId, state: State, reply: str, accepted_at: datetime | None, copy: int | None = None
    ) -> None:
        await super().settle(message, state, reply, accepted_at)
        if copy is not None:
            self.copies[copy] = state, reply


@dataclass
class NotEverybody:
    """Consents that some recipients have not given, or for one purpose alone."""

    without: frozenset[str] = frozenset()
    opens_alone: frozenset[str] = frozenset()
    links_alone: frozenset[str] = frozenset()

    async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
        return {
            one: Allowed(one not in self.without | self.links_alone, one not in self.without | self.opens_alone)
            for one in recipients
        }


Start = Callable[..., Awaitable[RunningRelay]]


@pytest.fixture
async def start(tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[Start]:
    running: list[RunningRelay] = []

    async def start_one(**neighbours: object) -> RunningRelay:
        records = CopyKeeping()
        settings = settings_for(upstream.port, tmp_path / "data")
        relay = await run_relay(settings, records=records, copies=records, **neighbours)
        running.append(relay)
        return relay

    yield start_one
    await stop_relays(running)


def tokens_in(content: bytes) -> dict[bytes, Target]:
    """What the pixel's and the links' tokens of a message name, by the letter of their path."""
    found = {match[1]: read_unverified(match[2].decode()) for match in TOKEN.finditer(content)}
    return {letter: named[1] for letter, named in found.items() if named is not None}


async def test_every_recipient_gets_the_same_message_with_tokens_of_their_own(
    start: Start, upstream: ScriptedUpstream
) -> None:
    relay = await start()
    client = await relay.session()
    reply = await client.submit(MESSAGE, R1, R2, R3)
    assert reply.startswith(b"250 ")
    record = relay.records.only
    assert f"[mailglass {record.id}: opens, 1 of 1 links; 3 of 3 copies sent]".encode() in reply
    contents = [upstream.to(address.decode())[0].content for address in (R1, R2, R3)]
    for number, content in enumerate(contents, 1):
        named = tokens_in(content)
        assert named == {b"o": Target(record.id, number), b"c": Target(record.id, number, 1)}
    bare = {TOKEN.sub(b"token", content) for content in contents}
    assert len(bare) == 1
    assert b"To: r1@example.net, r2@example.net\r\n" in bare.pop()
    assert record.individually
    assert [copy.address for copy in record.copies] == [R1.decode(), R2.decode(), R3.decode()]
    assert await client.ask(b"QUIT") == b"221 2.0.0 Bye\r\n"


async def test_a_wrong_address_is_refused_at_once_and_the_others_are_served(
    start: Start, upstream: ScriptedUpstream
) -> None:
    upstream.script[R2.decode()] = [at_rcpt("550 5.1.1 No such user here")]
    relay = await start()
    client = await relay.session()
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"250")
    assert (await client.ask(b"RCPT TO:<" + R1 + b">")).startswith(b"250")
    assert await client.ask(b"RCPT TO:<" + R2 + b">") == b"550 5.1.1 No such user here\r\n"
    assert (await client.ask(b"RCPT TO:<" + R3 + b">")).startswith(b"250")
    assert (await client.ask(b"DATA")).startswith(b"354")
    await client.send(MESSAGE + b".\r\n")
    assert b"2 of 2 copies sent" in await client.reply()
    assert sorted(upstream.addresses()) == [R1.decode(), R3.decode()]


async def test_all_refused_is_passed_on_word_for_word(start: Start, upstream: ScriptedUpstream) -> None:
    for address in (R1, R2):
        upstream.script[address.decode()] = [accepts(), at_dot("554 5.7.1 Not today")]
    relay = await start()
    client = await relay.session()
    assert await client.submit(MESSAGE, R1, R2) == b"554 5.7.1 Not today\r\n"
    spool = relay.server.spool
    assert spool is not None
    assert {path.name for path in spool.spool.folder.iterdir()} == {"lock"}
    assert relay.records.copies == dict.fromkeys((1, 2), (State.REFUSED, "554 5.7.1 Not today"))
    # The session goes on.
    assert (await client.submit(PLAIN, R3)).startswith(b"250 ")


async def test_a_client_may_go_on_after_its_answer(start: Start, upstream: ScriptedUpstream) -> None:
    relay = await start()
    client = await relay.session()
    assert (await client.submit(MESSAGE, R1, R2)).startswith(b"250 ")
    assert (await client.submit(MESSAGE, R1, R3)).startswith(b"250 ")
    assert (await client.submit(PLAIN, R1)).startswith(b"250 ")
    assert len(upstream.taken) == 5


async def test_only_consenting_recipients_get_a_tracked_copy(start: Start, upstream: ScriptedUpstream) -> None:
    relay = await start(consents=NotEverybody(frozenset({R2.decode()})))
    client = await relay.session()
    assert (await client.submit(MESSAGE, R1, R2)).startswith(b"250 ")
    assert upstream.to(R2.decode())[0].content == PLAIN
    assert tokens_in(upstream.to(R1.decode())[0].content)


async def test_consent_is_per_purpose_and_recipient_and_the_reply_says_so(
    start: Start, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    """Everyone is followed as far as they allow; who allows nothing gets every byte as it was written."""
    both = [f"both{number}@example.net" for number in range(3)]
    links = [f"links{number}@example.net" for number in range(3)]
    opens = ["opens@example.net"]
    nothing = ["nothing1@example.net", "nothing2@example.net"]
    consents = NotEverybody(frozenset(nothing), frozenset(opens), frozenset(links))
    relay = await start(consents=consents)
    client = await relay.session()
    everybody = [both[0], links[0], nothing[0], both[1], links[1], *opens, links[2], nothing[1], both[2]]
    reply = await client.submit(MESSAGE, *(one.encode() for one in everybody))
    record = relay.records.only
    assert (
        f"[mailglass {record.id}: opens, 1 of 1 links; 2 of 9 recipients not tracked, no-consent; "
        "4 of 9 recipients tracked in part, no-consent; 9 of 9 copies sent]"
    ).encode() in reply
    for number, address in enumerate(everybody, 1):
        (copy,) = upstream.to(address)
        pixel, link = {b"o": Target(record.id, number)}, {b"c": Target(record.id, number, 1)}
        expected = (pixel if address in both + opens else {}) | (link if address in both + links else {})
        assert tokens_in(copy.content) == expected, address
        if address in nothing:
            assert copy.content == PLAIN
    assert (record.opens, record.links) == (True, True)
    on_record = {copy.address: (copy.tracks_opens, copy.tracks_links) for copy in record.copies}
    assert on_record == {one: (one in both + opens, one in both + links) for one in everybody}
    assert "2 of 9 recipients not tracked, no-consent" in record.notes


MARKED = MESSAGE.replace(
    b'<a href="https://example.org/plans">', b'<a href="https://example.org/plans" data-track="no">'
)


async def test_without_anything_to_track_the_message_goes_in_one_piece_and_says_so(
    start: Start, upstream: ScriptedUpstream
) -> None:
    relay = await start(rewriter=None, decide=None)
    client = await relay.session()
    reply = await client.submit(MARKED.replace(b"X-Track: all", b"X-Track: links"), R1, R2)
    assert b"[mailglass: not tracked, nothing-to-track]" in reply
    assert [one.content for one in upstream.taken] == [PLAIN, PLAIN]
    record = relay.records.only
    assert (record.reason, record.individually, record.copies) == ("nothing-to-track", False, ())


async def test_who_allows_only_what_is_not_there_is_counted_as_not_tracked(
    start: Start, upstream: ScriptedUpstream
) -> None:
    relay = await start(rewriter=None, decide=None, consents=NotEverybody(links_alone=frozenset({R2.decode()})))
    client = await relay.session()
    reply = await client.submit(MARKED, R1, R2)
    record = relay.records.only
    expected = f"[mailglass {record.id}: opens, 0 of 1 links; 1 of 2 recipients not tracked, nothing-to-track; 2 of 2"
    assert expected.encode() in reply
    assert [bool(copy.tracks_opens or copy.tracks_links) for copy in record.copies] == [True, False]
    (copy,) = upstream.to(R2.decode())
    assert copy.content == PLAIN, "without the mark, as in one piece"


async def test_an_excluded_recipient_is_not_followed_and_the_reply_says_so(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    records = CopyKeeping()
    settings = settings_for(upstream.port, tmp_path / "data", tracking={"never_recipients": (R2.decode(),)})
    relay = await run_relay(settings, records=records, copies=records)
    client = await relay.session()
    reply = await client.submit(MESSAGE, R1, R2)
    assert b"1 of 1 links; 1 of 2 recipients not tracked, excluded-recipient; 2 of 2 copies sent]" in reply
    assert upstream.to(R2.decode())[0].content == PLAIN
    client.close()
    await relay.server.stop(grace_seconds=0.2)


async def test_without_a_ledger_nobody_is_followed_and_the_reply_says_so(
    start: Start, upstream: ScriptedUpstream
) -> None:
    relay = await start()

    def broken() -> None:
        raise RuntimeError("the ledger broke in a way nobody foresaw")

    relay.records.before = broken
    client = await relay.session()
    assert b"[mailglass: not tracked, ledger-unavailable; 2 of 2 copies sent]" in await client.submit(MESSAGE, R1, R2)
    assert [one.content for one in upstream.taken] == [PLAIN, PLAIN]


async def test_without_any_consent_the_message_goes_in_one_piece(start: Start, upstream: ScriptedUpstream) -> None:
    relay = await start(consents=NotEverybody(frozenset({R1.decode(), R2.decode()})))
    client = await relay.session()
    assert b"not tracked, no-consent" in await client.submit(MESSAGE, R1, R2)
    assert [one.content for one in upstream.taken] == [PLAIN, PLAIN]
    assert upstream.taken[0].session == upstream.taken[1].session


async def test_a_copy_that_all_share_is_never_called_one_each(start: Start, upstream: ScriptedUpstream) -> None:
    """The register is read a second time when the first time took too long, and then the message goes in one piece."""

    @dataclass
    class FirstTooSlow(NotEverybody):
        asked: int = 0

        async def allowed(self, recipients: Sequence[str], sender: str) -> Mapping[str, Allowed]:
            self.asked += 1
            if self.asked == 1:
                raise TimeoutError("a busy ledger")
            return await super().allowed(recipients, sender)

    relay = await start(consents=FirstTooSlow())
    client = await relay.session()
    reply = await client.submit(MESSAGE, R1, R2)
    record = relay.records.only
    assert f"[mailglass {record.id}: opens, 1 of 1 links; X-Track-Individually: one copy for all]".encode() in reply
    assert not record.individually
    assert record.copies == ()
    assert upstream.taken[0].content == upstream.taken[1].content
    # With one recipient the shared copy is theirs.
    relay.records.kept.clear()
    assert b"one copy for all" not in await client.submit(MESSAGE, R1)
    assert relay.records.only.individually


async def test_a_register_that_does_not_answer_is_waited_for_once(
    start: Start, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.ledger_time.LEDGER_SECONDS", 0.05)
    consents = IsNotAnswered()
    relay = await start(consents=consents)
    assert b"not tracked, ledger-unavailable" in await (await relay.session()).submit(MESSAGE, R1, R2)
    assert consents.asked == 1
    assert [one.content for one in upstream.taken] == [PLAIN, PLAIN]


async def test_one_recipient_needs_no_copies(start: Start, upstream: ScriptedUpstream) -> None:
    relay = await start()
    client = await relay.session()
    assert (await client.submit(MESSAGE, R1)).startswith(b"250 ")
    assert len(upstream.taken) == 1


async def test_the_rest_is_delivered_by_the_running_relay(start: Start, upstream: ScriptedUpstream) -> None:
    upstream.script[R2.decode()] = [accepts(), at_dot("550 5.7.1 no")]
    relay = await start()
    client = await relay.session()
    reply = await client.submit(MESSAGE, R1, R2)
    assert b"1 of 2 copies sent, 1 refused" in reply
    await upstream.wait_for(2)
    (report,) = upstream.to("a@example.com")
    assert b"r2@example.net" in report.content
    assert not tokens_in(report.content)


async def test_a_client_that_leaves_while_copies_are_sent_loses_none(start: Start, upstream: ScriptedUpstream) -> None:
    many = [f"m{number}@example.net".encode() for number in range(20)]
    relay = await start()
    client = await relay.session()
    await client.begin(*many)
    assert (await client.ask(b"DATA")).startswith(b"354")
    await client.send(MESSAGE + b".\r\n")
    await upstream.wait_for(1)
    client.reset()
    await upstream.wait_for(20)
    assert sorted(upstream.addresses()) == sorted(address.decode() for address in many)


async def logged_in(relay: RunningRelay, name: bytes) -> Client:
    client = await relay.session()
    assert (await client.ask(b"AUTH PLAIN " + b64encode(b"\0" + name + b"\0secret"))).startswith(b"235")
    return client


async def test_nobodys_mail_goes_over_another_clients_session(start: Start, upstream: ScriptedUpstream) -> None:
    """Copies and reports of a client that logs in itself wait for that client, however many others come by."""
    upstream.script[R2.decode()] = [accepts(), at_rcpt("closes")]
    relay = await start()
    ann = await logged_in(relay, b"ann")
    assert (await ann.submit(MESSAGE, R1, R2)).startswith(b"250 ")
    ann.close()
    bob = await logged_in(relay, b"bob")
    assert (await bob.submit(PLAIN, R3)).startswith(b"250 ")
    assert (await bob.ask(b"QUIT")).startswith(b"221")
    nobody = await relay.session()
    assert (await nobody.submit(MESSAGE, R1, R3)).startswith(b"250 ")
    assert upstream.to("a@example.com") == []
    ann = await logged_in(relay, b"ann")
    assert (await ann.submit(PLAIN, R3)).startswith(b"250 ")
    assert (await ann.ask(b"QUIT")).startswith(b"221")
    (report,) = upstream.to("a@example.com")
    assert report.login == "ann"
    assert b"r2@example.net" in report.content
    assert [one.login for one in upstream.to(R1.decode())] == ["ann", ""]
    assert {one.login for one in upstream.to(R3.decode())} == {"ann", "bob", ""}


async def test_two_relays_on_one_data_folder_are_one_too_many(start: Start) -> None:
    await start()
    with pytest.raises(ValueError, match="another mailglass"):
        await start()


async def test_an_answer_nobody_heard_answers_one_message_and_not_two(tmp_path: Path) -> None:
    """The session and the spool both remember it; whoever sends a third time wants it delivered."""
    upstream, records = WaitsAtTheDot(), CopyKeeping()
    await upstream.start()
    relay = await run_relay(settings_for(upstream.port, tmp_path / "data"), records=records, copies=records)
    client = await relay.session()
    await client.begin(R1, R2)
    await client.ask(b"DATA")
    await client.send(MESSAGE + b".\r\n")
    await upstream.at_dot.wait()
    client.reset()
    sessions = relay.server.ports[0].around.sessions
    while any(not session.is_over for session in sessions):  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    upstream.go_on.set()
    async with asyncio.timeout(20):
        await sessions.until_empty()
    assert len(upstream.delivered) == 2
    assert (await (await relay.session()).submit(MESSAGE, R1, R2)).startswith(b"250")
    assert len(upstream.delivered) == 2
    assert b"2 of 2 copies sent" in await (await relay.session()).submit(MESSAGE, R1, R2)
    assert len(upstream.delivered) == 4
    for one in relay.clients:
        one.close()
    await relay.server.stop(grace_seconds=0.2)
    await upstream.stop()
