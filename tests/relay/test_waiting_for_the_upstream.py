"""How long the relay waits while much is being sent: a slow reader is no silent one, and the dot has its own time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from relay.outlet import END_MARK
from relay.replies import Fault, Reply, for_fault
from relay.upstream import PIECE, UpstreamLink
from tests.relay.conftest import StartRelay
from tests.relay.upstream_servers import Behaves, Hangup, Talk
from tests.spool.test_through_the_relay import MESSAGE, R1, R2, CopyKeeping

REPLY_SECONDS, FINAL_SECONDS = 300.0, 600.0
MUCH = b"y" * 16_000_000  # more than any kernel buffers


class Owner:
    """Notes when it is to stop and to go on."""

    def __init__(self) -> None:
        self.is_full = False
        self.changed = asyncio.Event()

    def upstream_answers(self) -> None: ...
    def upstream_answered(self, several: bool) -> None: ...
    def broke(self, error: Exception) -> None: ...
    def upstream_lost(self, fault: Fault, said: Reply | None) -> None: ...
    def upstream_full(self, is_full: bool) -> None:
        self.is_full = is_full
        self.changed.set()

    def incident(self, fault: Fault, detail: str = "") -> Reply:
        return for_fault(fault, "1")

    async def until(self, is_full: bool) -> None:
        async with asyncio.timeout(20):
            while self.is_full is not is_full:
                self.changed.clear()
                await self.changed.wait()


class Pair:
    """A link and the other end of its connection, which reads when it is told to."""

    def __init__(self) -> None:
        self.owner = Owner()

    async def start(self) -> None:
        accepted: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()
        self.server = await asyncio.start_server(lambda *ends: accepted.set_result(ends), "127.0.0.1", 0)
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_connection(asyncio.Protocol, *self.server.sockets[0].getsockname())
        self.transport.set_write_buffer_limits(high=PIECE)
        self.link = UpstreamLink(self.owner, REPLY_SECONDS)
        self.link.connection_made(self.transport)
        self.transport.set_protocol(self.link)
        self.reader, self.writer = await accepted

    @property
    def seconds_left(self) -> float | None:
        at = self.link._deadline.at
        return None if at is None else at - asyncio.get_running_loop().time()

    def stop(self) -> None:
        self.transport.abort()
        self.writer.close()
        self.server.close()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    ends = Pair()
    await ends.start()
    yield ends
    ends.stop()


async def test_the_time_for_the_final_reply_begins_when_the_dot_has_left(pair: Pair) -> None:
    """Not when it was put behind what still had to be sent, and never the shorter time of a command."""
    pair.link.write(MUCH)
    replies: list[Reply] = []
    pair.link.send(END_MARK, replies.append, FINAL_SECONDS)
    await pair.owner.until(True)
    pair.link._deadline.set(1.0)  # as if almost all of the time had gone by while it waited
    await pair.reader.readexactly(len(MUCH) + len(END_MARK))
    await pair.owner.until(False)
    assert pair.seconds_left is not None
    assert pair.seconds_left > REPLY_SECONDS
    pair.writer.write(b"250 OK\r\n")
    async with asyncio.timeout(20):
        while not replies:
            await asyncio.sleep(0)
    assert pair.seconds_left is None


async def test_while_nothing_is_taken_in_the_time_of_a_command_runs_and_not_longer(pair: Pair) -> None:
    pair.link.write(MUCH)
    await pair.owner.until(True)
    assert pair.seconds_left is not None
    assert pair.seconds_left <= REPLY_SECONDS
    await pair.reader.readexactly(len(MUCH))
    await pair.owner.until(False)
    assert pair.seconds_left is None  # nothing is awaited


async def test_a_large_message_is_written_as_it_is_taken_in(pair: Pair) -> None:
    """Each piece has a time of its own: a slow line may take an hour, and the dot still leaves at once."""
    writing = asyncio.create_task(pair.link.write_all(MUCH))
    await pair.owner.until(True)
    assert pair.transport.get_write_buffer_size() <= 3 * PIECE
    assert not writing.done()
    pair.link._deadline.set(1.0)  # the first piece took long
    await pair.reader.readexactly(len(MUCH) - PIECE)
    await asyncio.wait_for(writing, 20)
    assert pair.transport.get_write_buffer_size() <= PIECE
    assert pair.link.is_open


@pytest.mark.parametrize("how", ["lost", "left", "abandoned"])
async def test_nobody_waits_for_room_on_a_connection_that_is_gone(pair: Pair, how: str) -> None:
    writing = asyncio.create_task(pair.link.write_all(MUCH))
    await pair.owner.until(True)
    match how:
        case "lost":
            pair.writer.transport.abort()
        case "left":
            pair.link.leave()
        case "abandoned":
            pair.link.abandon()
    await asyncio.wait_for(writing, 20)
    assert not pair.link.is_open


@pytest.mark.parametrize("recipients", [(b"b@example.net",), (b"b@example.net", b"c@example.net")])
async def test_what_the_upstream_says_in_the_middle_of_a_held_message_is_heard(
    start_relay: StartRelay, recipients: tuple[bytes, ...]
) -> None:
    class RefusesInTheMiddle(Behaves):
        async def read_content(self, talk: Talk) -> bytes:
            await talk.reader.readexactly(1_000_000)
            await talk.say(b"552 5.3.4 Enough\r\n")
            while await talk.reader.read(2**18):  # until the relay leaves
                pass
            raise Hangup

    relay = await start_relay(RefusesInTheMiddle())
    client = await relay.session()
    content = b"X-Track: all\r\n\r\n" + (b"y" * 70 + b"\r\n") * 200_000
    assert await client.submit(content, *recipients) == b"552 5.3.4 Enough\r\n"
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"250")


async def test_an_upstream_that_takes_nothing_after_its_354_has_a_deadline(pair: Pair) -> None:
    """What had to wait for the 354 is written while that is dealt with, when no further reply is awaited."""
    pair.link.send(b"DATA\r\n", lambda reply: pair.link.write(MUCH))
    pair.writer.write(b"354 Go ahead\r\n")
    await pair.owner.until(True)
    await asyncio.sleep(0)  # the reply has been dealt with
    assert pair.seconds_left is not None
    assert pair.seconds_left == pytest.approx(REPLY_SECONDS, abs=5)


HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
WITH_ATTACHMENT = (
    MESSAGE.replace(HTML, b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + HTML)
    + b"--b\r\nContent-Type: application/octet-stream\r\n\r\n"
    + (b"y" * 70 + b"\r\n") * 150_000  # more than any kernel buffers
    + b"--b--\r\n"
)


async def test_no_sign_of_life_is_put_into_a_copy_that_is_being_sent(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NOOP in the middle of DATA is a line of the message, and has no reply of its own."""

    class ReadsLate(Behaves):
        async def read_content(self, talk: Talk) -> bytes:
            await asyncio.sleep(0.3)  # many times the pause between two signs of life
            return await super().read_content(talk)

    monkeypatch.setattr("relay.patience.SECONDS", 0.02)
    upstream, records = ReadsLate(), CopyKeeping()
    relay = await start_relay(upstream, {"records": records, "copies": records})
    client = await relay.session()
    assert b"2 of 2 copies sent" in await client.submit(WITH_ATTACHMENT, R1, R2)
    assert not any(b"NOOP" in one.content for one in upstream.delivered)
