"""A client that did not wait for its verdict sends the same octets again while that is still awaited."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay, run_relay, settings_for
from tests.relay.test_clients_that_leave import ASKING, BODY, NAMELESS, WaitsAtTheDot
from tests.relay.upstream_servers import Behaves, Talk
from tests.spool.test_through_the_relay import MESSAGE, R1, R2, CopyKeeping


class DecidesWhenTold(Behaves):
    """Answers the first final dot with ``verdict`` when the test says so, and any other at once."""

    def __init__(self, verdict: bytes = b"") -> None:
        super().__init__()
        self.verdict, self.go_on, self.dots = verdict, asyncio.Event(), 0

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        self.dots += 1
        self.note()
        if self.dots > 1:
            return await super().on_dot(talk, content)
        await self.go_on.wait()
        return self.verdict or await super().on_dot(talk, content)


async def sent_again_while_the_first_is_undecided(
    relay: RunningRelay, upstream: DecidesWhenTold, content: bytes, how: str
) -> tuple[Client, Client]:
    """The client that left after its dot, and the one that has sent the same to the last octet since."""
    first = await relay.session()
    await first.begin()
    await first.ask(b"DATA")
    await first.send(content + b".\r\n")
    await upstream.until(lambda: upstream.dots == 1)
    (session,) = relay.server.ports[0].around.sessions
    {"close": first.close, "reset": first.reset, "half-close": first.writer.write_eof}[how]()
    async with asyncio.timeout(20):
        while not (session._is_at_eof or session.is_over):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    again = await relay.session()
    await again.begin()
    await again.ask(b"DATA")
    await again.send(content + b".\r\n")
    others = [one for one in relay.server.ports[0].around.sessions if one is not session]
    async with asyncio.timeout(20):
        while others and others[0].phase is not None and others[0].phase.is_reading:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    for _ in range(20):  # turns of the loop in which it may be sent too early
        await asyncio.sleep(0)
    upstream.go_on.set()
    return first, again


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("content", [BODY, ASKING, NAMELESS], ids=["streamed", "held", "nameless"])
async def test_a_client_that_did_not_wait_for_its_verdict_and_sends_again_gets_that_verdict(
    start_relay: StartRelay, content: bytes, how: str
) -> None:
    """T66: mail programs wait for a minute or two, servers may take ten."""
    upstream = DecidesWhenTold()
    relay = await start_relay(upstream)
    _, again = await sent_again_while_the_first_is_undecided(relay, upstream, content, how)
    assert (await again.reply()).startswith(b"250 2.0.0 Ok: queued as 4F1")
    again.close()
    await relay.server.ports[0].around.sessions.until_empty()
    assert len(upstream.delivered) == 1
    assert (await (await relay.session()).submit(content)).startswith(b"250 2.0.0 Ok: queued as 4F2")


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_when_the_first_is_refused_the_second_is_sent(start_relay: StartRelay, content: bytes) -> None:
    upstream = DecidesWhenTold(b"451 4.3.0 Not now\r\n")
    relay = await start_relay(upstream)
    _, again = await sent_again_while_the_first_is_undecided(relay, upstream, content, "close")
    assert (await again.reply()).startswith(b"250 2.0.0 Ok: queued as 4F1")
    assert (upstream.dots, len(upstream.delivered)) == (2, 1)


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_when_the_first_heard_its_verdict_after_all_the_second_is_another_message(
    start_relay: StartRelay, content: bytes
) -> None:
    upstream = DecidesWhenTold()
    relay = await start_relay(upstream)
    first, again = await sent_again_while_the_first_is_undecided(relay, upstream, content, "half-close")
    assert (await first.everything()).startswith(b"250 2.0.0 Ok: queued as 4F1")
    assert (await again.reply()).startswith(b"250 2.0.0 Ok: queued as 4F2")
    assert len(upstream.delivered) == 2


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_as_long_as_nobody_knows_whether_the_first_has_heard_its_verdict_the_second_waits(
    relay: RunningRelay, upstream: Behaves, content: bytes
) -> None:
    """A client that said it would say no more is listened for two seconds after its 250; it may have heard that."""
    first, second = await relay.session(), await relay.session()
    await second.begin()
    await second.ask(b"DATA")
    await first.begin()
    await first.ask(b"DATA")
    await first.send(content + b".\r\n")
    first.writer.write_eof()
    assert (await first.reply()).startswith(b"250 2.0.0 Ok: queued as 4F1")
    await second.send(content + b".\r\n")
    assert (await second.reply()).startswith(b"250 2.0.0 Ok: queued as 4F2")
    assert len(upstream.delivered) == 2


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_of_two_that_wait_for_the_first_only_one_hears_its_verdict(
    start_relay: StartRelay, content: bytes
) -> None:
    """Also when that one has half-closed, and may not have heard it."""
    upstream = DecidesWhenTold()
    relay = await start_relay(upstream)
    clients = [await relay.session() for _ in range(3)]
    sessions = list(relay.server.ports[0].around.sessions)
    for client in clients:
        await client.begin()
        await client.ask(b"DATA")
    first, second, third = clients
    await first.send(content + b".\r\n")
    await upstream.until(lambda: upstream.dots == 1)
    first.reset()
    async with asyncio.timeout(20):
        while not any(session.is_over for session in sessions):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        await second.send(content + b".\r\n")
        second.writer.write_eof()
        while not any(session._is_at_eof for session in sessions):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        await third.send(content + b".\r\n")
        while any(session.phase.is_reading for session in sessions if session.phase):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    upstream.go_on.set()
    heard = [(await client.reply())[:27] for client in (second, third)]
    assert sorted(heard) == [b"250 2.0.0 Ok: queued as 4F1", b"250 2.0.0 Ok: queued as 4F2"]
    assert len(upstream.delivered) == 2


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_a_session_does_not_wait_for_itself(start_relay: StartRelay, content: bytes) -> None:
    """The same octets twice, and half-closed while the first are undecided."""
    upstream = DecidesWhenTold()
    relay = await start_relay(upstream)
    client = await relay.session()
    envelope = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    await client.send(envelope + content + b".\r\n" + envelope + content + b".\r\n")
    await upstream.until(lambda: upstream.dots == 1)
    client.writer.write_eof()
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while not session._is_at_eof:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    upstream.go_on.set()
    assert (await client.everything()).count(b"250 2.0.0 Ok: queued") == 2
    assert len(upstream.delivered) == 2


TWO_AT_ONCE = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"


async def two_at_once(relay: RunningRelay, first: bytes, second: bytes) -> Client:
    """A script that pipes two messages and says nothing more."""
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(first + b".\r\n" + TWO_AT_ONCE + second + b".\r\nQUIT\r\n")
    client.writer.write_eof()
    return client


async def test_two_sessions_do_not_wait_for_each_other(start_relay: StartRelay) -> None:
    class RefusesWhenTold(DecidesWhenTold):
        async def on_dot(self, talk: Talk, content: bytes) -> bytes:
            self.dots += 1
            self.note()
            await self.go_on.wait()
            return b"451 4.3.0 Not now\r\n"

    upstream = RefusesWhenTold()
    relay = await start_relay(upstream)
    one, other = NAMELESS, NAMELESS.replace(b"Hello", b"Good morning")
    assert one != other
    clients = [await two_at_once(relay, one, other), await two_at_once(relay, other, one)]
    await upstream.until(lambda: upstream.dots == 2)
    sessions = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while not all(session._is_at_eof for session in sessions):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    upstream.go_on.set()
    for client in clients:
        assert (await client.everything()).count(b"451 4.3.0 Not now\r\n") == 2


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("verdict", [b"", b"451 4.3.0 Not now\r\n"], ids=["accepted", "refused"])
@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_of_many_tries_given_up_one_is_delivered(
    start_relay: StartRelay, content: bytes, verdict: bytes, how: str
) -> None:
    upstream = DecidesWhenTold(verdict)
    relay = await start_relay(upstream)
    sessions = relay.server.ports[0].around.sessions

    async def sent(number: int) -> Client:
        client = await relay.session()
        await client.begin()
        await client.ask(b"DATA")
        await client.send(content + b".\r\n")
        async with asyncio.timeout(20):
            while not all(one.is_over or (one.phase and not one.phase.is_reading) for one in sessions):  # type: ignore[attr-defined]
                await asyncio.sleep(0)
        if number == 1:
            await upstream.until(lambda: upstream.dots == 1)
        return client

    for number in (1, 2, 3, 4):
        client = await sent(number)
        {"close": client.close, "reset": client.reset}[how]()
        async with asyncio.timeout(20):
            while not all(one.is_over or one._is_at_eof for one in sessions):  # type: ignore[attr-defined]
                await asyncio.sleep(0)
    last = await sent(5)
    upstream.go_on.set()
    assert (await last.reply()).startswith(b"250 2.0.0 Ok: queued as 4F1")
    last.close()
    await sessions.until_empty()
    assert len(upstream.delivered) == 1


async def test_a_message_sent_again_while_its_first_copy_is_undecided_is_not_taken_apart_twice(tmp_path: Path) -> None:
    upstream, records = WaitsAtTheDot(), CopyKeeping()
    await upstream.start()
    relay = await run_relay(settings_for(upstream.port, tmp_path / "data"), records=records, copies=records)
    sessions = relay.server.ports[0].around.sessions
    first, again = await relay.session(), await relay.session()
    for client in (first, again):
        await client.begin(R1, R2)
        await client.ask(b"DATA")
    await first.send(MESSAGE + b".\r\n")
    await upstream.at_dot.wait()
    first.reset()
    async with asyncio.timeout(20):
        while all(not session.is_over for session in sessions):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    await again.send(MESSAGE + b".\r\n")
    async with asyncio.timeout(20):
        while any(session.phase.is_reading for session in sessions):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    assert relay.server.spool is not None
    for _ in range(100):  # moments in which it may be taken apart too early
        if len(relay.server.spool.spool.messages) > 1:
            break
        await asyncio.sleep(0.01)
    upstream.go_on.set()
    assert (await again.reply()).startswith(b"250 ")
    again.close()
    async with asyncio.timeout(20):
        await sessions.until_empty()
    assert len(upstream.delivered) == 2
    await relay.server.stop(grace_seconds=0.2)
    await upstream.stop()


class TakesTheFirstCopyOnly(WaitsAtTheDot):
    """Of each message's copies the first is accepted at once, the others when the test says so."""

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        if R1 in b"".join(talk.recipients):
            return await Behaves.on_dot(self, talk, content)
        return await super().on_dot(talk, content)


async def test_two_clients_that_send_the_same_at_once_send_two_messages_also_as_copies(tmp_path: Path) -> None:
    upstream, records = TakesTheFirstCopyOnly(), CopyKeeping()
    await upstream.start()
    relay = await run_relay(settings_for(upstream.port, tmp_path / "data"), records=records, copies=records)
    clients = [await relay.session() for _ in range(2)]
    for client in clients:
        await client.begin(R1, R2)
        await client.ask(b"DATA")
    await clients[0].send(MESSAGE + b".\r\n")
    await upstream.at_dot.wait()
    await clients[1].send(MESSAGE + b".\r\n")
    await upstream.until(lambda: len(upstream.delivered) == 2)
    upstream.go_on.set()
    for client in clients:
        assert b"; 2 of 2 copies sent]" in await client.reply()
        client.close()
    assert len(upstream.delivered) == 4
    await relay.server.stop(grace_seconds=0.2)
    await upstream.stop()
