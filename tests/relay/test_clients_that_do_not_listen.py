"""Clients that talk and never read, or wait while the upstream thinks: memory and patience are bounded."""

from __future__ import annotations

import asyncio

import pytest

from relay.session import Session
from relay.upstream import MOST_AWAITED
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.test_limits_of_sessions import resident_megabytes
from tests.relay.upstream_servers import Behaves, Scripted, Talk

BODY = b"Subject: x\r\n\r\nHello\r\n"


class TellsMuch(Behaves):
    async def on_vrfy(self, talk: Talk, line: bytes) -> bytes:
        return b"252-" + b"y" * 50_000 + b"\r\n252 2.0.0 Perhaps\r\n"


async def test_a_client_that_does_not_read_gets_no_more_to_read(start_relay: StartRelay) -> None:
    upstream = TellsMuch()
    relay = await start_relay(upstream)
    client = await relay.session()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    before = resident_megabytes()
    asked = 3000
    await client.send(b"VRFY b@example.net\r\n" * asked)
    last = -1
    while last != len(upstream.commands):  # until nothing moves any more
        last = len(upstream.commands)
        await asyncio.sleep(0.3)
    assert last < asked
    assert resident_megabytes() - before < 60  # of 150
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for _ in range(asked):
        assert (await client.reply()).startswith(b"252-yyy")
    assert (await client.submit(BODY)).startswith(b"250")


async def test_a_client_that_reads_neither_its_replies_nor_the_last_word_is_let_go(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.connection.LINGER_SECONDS", 0.05)
    monkeypatch.setattr("relay.connection.CLOSING_SECONDS", 0.05)
    upstream = TellsMuch()
    relay = await start_relay(upstream, limits={"client_idle": "1s"})
    client = await relay.session()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await client.send(b"VRFY b@example.net\r\n" * 3000 + b"QUIT\r\n")
    async with asyncio.timeout(30):
        await relay.server.ports[0].around.sessions.until_empty()


async def test_commands_wait_when_the_upstream_owes_very_many_replies(start_relay: StartRelay) -> None:
    class Thinks(Behaves):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = asyncio.Event()

        async def on_noop(self, talk: Talk, line: bytes) -> bytes:
            await self.go_on.wait()
            return await super().on_noop(talk, line)

    upstream = Thinks()
    relay = await start_relay(upstream)
    client = await relay.session()
    (session,) = relay.server.ports[0].around.sessions
    asked = 3 * MOST_AWAITED
    await client.send(b"NOOP\r\n" * asked)
    await upstream.until(lambda: b"NOOP" in upstream.commands)
    link = session.link  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        while not link.owes_many:
            await asyncio.sleep(0)
    assert len(link.awaited) == MOST_AWAITED
    upstream.go_on.set()
    for _ in range(asked):
        assert await client.reply() == b"250 2.0.0 Upstream idles\r\n"


async def test_a_client_is_not_called_silent_while_it_waits_for_the_upstream(start_relay: StartRelay) -> None:
    class ThinksAboutSenders(Behaves):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = asyncio.Event()

        async def on_mail(self, talk: Talk, line: bytes) -> bytes:
            await self.go_on.wait()
            return await super().on_mail(talk, line)

    upstream = ThinksAboutSenders()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.send(b"MAIL FROM:<a@example.com>\r\n")
    await upstream.until(lambda: upstream.commands[-1].startswith(b"MAIL"))
    (session,) = relay.server.ports[0].around.sessions
    session.fell_silent()  # type: ignore[attr-defined] # its time is up, but it has asked something
    upstream.go_on.set()
    assert (await client.reply()).startswith(b"250 2.1.0")
    session.fell_silent()  # type: ignore[attr-defined] # and now it is silent
    assert (await client.everything()).startswith(b"421 4.4.2 ")


@pytest.mark.parametrize("is_asked", [True, False], ids=["asked for more", "not asked yet"])
async def test_a_client_that_ends_in_the_middle_of_a_login_ends_the_session(
    relay: RunningRelay, upstream: Behaves, is_asked: bool
) -> None:
    client = await relay.session()
    if is_asked:
        assert (await client.ask(b"AUTH LOGIN")).startswith(b"334")
    else:
        await client.send(b"AUTH LOGIN\r\n")
    client.writer.write_eof()
    assert await client.everything() == (b"" if is_asked else b"334 VXNlcm5hbWU6\r\n")
    await relay.server.ports[0].around.sessions.until_empty()
    await upstream.until(lambda: upstream.open_connections == 0)


@pytest.mark.parametrize(("at", "ends"), [("login", "silence"), ("login", "bug"), ("message", "bug")])
async def test_a_session_that_ends_while_the_upstream_is_asked_leaves_nobody_waiting_for_the_answer(
    start_relay: StartRelay, at: str, ends: str
) -> None:
    upstream = Scripted(AUTH=b"", DOT=b"")
    relay = await start_relay(upstream)
    client = await relay.session()
    if at == "message":
        await client.begin()
        await client.ask(b"DATA")
        await client.send(b"X-Track: all\r\n" + BODY + b".\r\n")
    else:
        await client.send(b"AUTH PLAIN AGEAYg==\r\n")
    (session,) = relay.server.ports[0].around.sessions
    assert isinstance(session, Session)
    async with asyncio.timeout(20):
        while session._job is None or not (session.link and session.link.awaited):
            await asyncio.sleep(0)
    if ends == "silence":
        session.client_is_full(True)
        session.fell_silent()
    else:
        session.broke(ValueError())
    assert (await client.everything())[:3] in (b"421", b"451")
    async with asyncio.timeout(20):
        await relay.server.ports[0].around.sessions.until_empty()


class GreetsOnce(Scripted):
    """Takes further connections and says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.talks: list[Talk] = []

    async def greet(self, talk: Talk) -> None:
        self.talks.append(talk)
        if len(self.talks) > 1:
            await asyncio.Event().wait()
        await super().greet(talk)


@pytest.mark.parametrize("ends", ["silence", "bug"])
async def test_a_session_that_ends_while_it_connects_again_for_a_login_leaves_nobody_waiting(
    start_relay: StartRelay, ends: str
) -> None:
    upstream = GreetsOnce()
    relay = await start_relay(upstream)
    client = await relay.session()
    (session,) = relay.server.ports[0].around.sessions
    assert isinstance(session, Session)
    upstream.talks[0].writer.close()
    async with asyncio.timeout(20):
        while session.link is None or session.link.is_open:
            await asyncio.sleep(0)
        await client.send(b"AUTH PLAIN AGEAYg==\r\n")
        while session.opening is None:
            await asyncio.sleep(0)
    if ends == "silence":
        session.client_is_full(True)
        session.fell_silent()
    else:
        session.broke(ValueError())
    assert (await client.everything())[:3] in (b"421", b"451")
    async with asyncio.timeout(20):
        await relay.server.ports[0].around.sessions.until_empty()


async def test_a_flood_of_tiny_commands_keeps_nobody_waiting(relay: RunningRelay) -> None:
    """Each line is cut from what waits without copying all of it again and again."""
    flood = await relay.session()
    other: Client = await relay.session()
    await flood.send(b"NOOP\r\n" * 40_000)
    assert (await other.submit(BODY)).startswith(b"250")
    for _ in range(40_000):
        assert await flood.reply() == b"250 2.0.0 Upstream idles\r\n"
