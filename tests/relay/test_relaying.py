"""The relay between a client and an upstream that behaves: what comes through, and how it comes back."""

from __future__ import annotations

import asyncio

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import Behaves, Talk

PLAIN = b"Subject: x\r\n\r\nHello\r\n"
ASKING = b"Subject: x\r\nX-Track: all\r\n\r\n<p>Hello</p>\r\n"


async def test_a_message_without_opt_in_arrives_with_the_same_octets(relay: RunningRelay, upstream: Behaves) -> None:
    client = await relay.session()
    reply = await client.submit(b"Subject: x\r\n\r\n..dot\r\n\xff\xfe\r\n" + b"y" * 5000 + b"\r\n")
    assert reply == b"250 2.0.0 Ok: queued as 4F1\r\n"
    (delivered,) = upstream.delivered
    assert delivered.content == b"Subject: x\r\n\r\n..dot\r\n\xff\xfe\r\n" + b"y" * 5000 + b"\r\n"
    assert delivered.mail == b"MAIL FROM:<a@example.com>"
    assert delivered.recipients == [b"RCPT TO:<b@example.net>"]


async def test_an_opted_in_message_is_rewritten_recorded_and_says_so(relay: RunningRelay, upstream: Behaves) -> None:
    client = await relay.session()
    reply = await client.submit(ASKING)
    record = relay.records.only
    assert reply == f"250 2.0.0 Ok: queued as 4F1 [mailglass {record.id}: opens, 1 of 1 links]\r\n".encode()
    assert upstream.delivered[0].content == b"Subject: x\r\n\r\n<p>Hello</p>\r\n<tracked>\r\n"
    assert (record.subject, record.opens, record.links, record.recipients) == ("x", True, True, ("b@example.net",))


async def test_control_headers_that_ask_for_nothing_are_cut_and_the_rest_streams(
    relay: RunningRelay, upstream: Behaves
) -> None:
    client = await relay.session()
    assert await client.submit(b"X-Track: none\r\nSubject: x\r\n\r\nHello\r\n") == b"250 2.0.0 Ok: queued as 4F1\r\n"
    assert upstream.delivered[0].content == b"Subject: x\r\n\r\nHello\r\n"
    assert not relay.records.kept


async def test_a_client_that_sends_all_without_waiting_is_listened_to_until_the_end(
    start_relay: StartRelay,
) -> None:
    """It may not, but does: more than may wait before 354 is there already when it comes."""

    class SlowToOpen(Behaves):
        def __init__(self) -> None:
            super().__init__()
            self.may_open = asyncio.Event()

        async def on_data(self, talk: Talk, line: bytes) -> bytes:
            await self.may_open.wait()
            return await super().on_data(talk, line)

    upstream = SlowToOpen()
    relay = await start_relay(upstream)
    client = await relay.session()
    content = PLAIN + b"y" * 70 + b"\r\n" + (b"z" * 70 + b"\r\n") * 10_000
    envelope = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    sending = asyncio.create_task(client.send(envelope + content + b".\r\n"))
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while not session._is_full:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    upstream.may_open.set()
    for code in (b"250", b"250", b"354", b"250"):
        assert (await client.reply()).startswith(code)
    await sending
    assert upstream.delivered[0].content == content


@pytest.mark.parametrize("content", [PLAIN, ASKING], ids=["streamed", "held"])
async def test_several_recipients_and_several_messages_in_one_session(
    relay: RunningRelay, upstream: Behaves, content: bytes
) -> None:
    client = await relay.session()
    assert (await client.submit(content, b"b@example.net", b"c@example.net")).startswith(b"250 2.0.0 Ok: queued as 4F1")
    assert (await client.submit(PLAIN)).startswith(b"250 2.0.0 Ok: queued as 4F2\r\n")
    assert await client.ask(b"QUIT") == b"221 2.0.0 Upstream says bye\r\n"
    assert [len(one.recipients) for one in upstream.delivered] == [2, 1]


async def test_a_pipelined_batch_is_answered_in_order(relay: RunningRelay, upstream: Behaves) -> None:
    client = await relay.session()
    await client.send(
        b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nNONSENSE\r\nRCPT TO:<c@example.net>\r\nDATA\r\n"
    )
    codes = [(await client.reply())[:3] for _ in range(5)]
    assert codes == [b"250", b"250", b"500", b"250", b"354"]
    await client.send(PLAIN + b".\r\nNOOP\r\n")
    assert (await client.reply()).startswith(b"250 2.0.0 Ok: queued")
    assert (await client.reply()) == b"250 2.0.0 Upstream idles\r\n"


async def test_a_pipelined_batch_goes_up_in_one_piece(start_relay: StartRelay) -> None:
    waiting: list[int] = []

    class NotesWaitingInput(Behaves):
        async def on_mail(self, talk: Talk, line: bytes) -> bytes:
            waiting.append(len(talk.reader._buffer))  # type: ignore[attr-defined]
            return await super().on_mail(talk, line)

    relay = await start_relay(NotesWaitingInput())
    client = await relay.session()
    rest = b"RCPT TO:<b@example.net>\r\nDATA\r\n"
    await client.send(b"MAIL FROM:<a@example.com>\r\n" + rest)
    assert [(await client.reply())[:3] for _ in range(3)] == [b"250", b"250", b"354"]
    assert waiting == [len(rest)]


@pytest.mark.parametrize(
    ("command", "code"),
    [(b"NOOP", b"250 "), (b"RSET", b"250 "), (b"vrfy ann", b"252 "), (b"EXPN staff", b"252 "), (b"HELP", b"214 ")],
)
async def test_what_may_be_asked_before_the_greeting_is_answered_without_the_upstream(
    relay: RunningRelay, upstream: Behaves, command: bytes, code: bytes
) -> None:
    """RFC 5321 section 4.1.4: none of these is answered with 503."""
    client = await relay.connect()
    for _ in range(30):  # nor does it count as an error
        assert (await client.ask(command)).startswith(code)
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"503 5.5.1 ")
    assert not upstream.connections
