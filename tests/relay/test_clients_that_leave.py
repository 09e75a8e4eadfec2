"""Clients that vanish, half-close or come again, and a relay that is being stopped: no mail is lost or doubled."""

from __future__ import annotations

import asyncio
import socket
from itertools import pairwise

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.replies import compose
from relay.resends import UNDIGESTED, Digest, Resends, Unheard, digest_of, names_itself
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.upstream_servers import Behaves, Hangup, Talk

BODY = b"Subject: x\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"
ASKING = b"X-Track: all\r\n" + BODY
NAMELESS = b"Subject: disk full\r\n\r\nHello\r\n"


class WaitsAtTheDot(Behaves):
    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.at_dot = asyncio.Event()

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        self.at_dot.set()
        await self.go_on.wait()
        return await super().on_dot(talk, content)


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_a_client_that_leaves_in_the_middle_of_its_message_has_sent_nothing(
    relay: RunningRelay, upstream: Behaves, content: bytes, how: str
) -> None:
    """T66."""
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(content + b"y" * 300_000)
    client.close() if how == "close" else client.reset()
    await upstream.until(lambda: upstream.open_connections == 0)
    assert not upstream.delivered
    around = relay.server.ports[0].around
    assert around.holding._held == 0
    assert list(around.pipeline.temporary.iterdir()) == []


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("content", [BODY, ASKING, NAMELESS], ids=["streamed", "held", "nameless"])
async def test_when_it_leaves_after_the_dot_the_result_is_kept_and_the_same_message_is_not_sent_again(
    start_relay: StartRelay, content: bytes, how: str
) -> None:
    """T66."""
    upstream = WaitsAtTheDot()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(content + b".\r\n")
    await upstream.at_dot.wait()
    client.close() if how == "close" else client.reset()
    around = relay.server.ports[0].around
    (session,) = around.sessions
    async with asyncio.timeout(5):
        while not (session._is_at_eof or session.is_over):  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    upstream.go_on.set()
    await upstream.until(lambda: upstream.open_connections == 0)
    await around.sessions.until_empty()
    assert len(upstream.delivered) == 1
    if content is ASKING:
        assert relay.records.only.state == "sent"
    again = await relay.session()
    assert (await again.submit(content)).startswith(b"250 2.0.0 Ok: queued as 4F1")
    assert len(upstream.delivered) == 1
    other = await relay.session()
    assert (await other.submit(content + b"another\r\n")).startswith(b"250")
    assert (await (await relay.session()).submit(content)).startswith(b"250")  # said once: then it is a new sending
    assert len(upstream.delivered) == 3


@pytest.mark.parametrize("content", [BODY, NAMELESS], ids=["named", "nameless"])
async def test_a_client_that_heard_its_250_may_send_the_same_octets_again_however_it_left(
    start_relay: StartRelay, upstream: Behaves, content: bytes
) -> None:
    """A monitoring script that resets its connections and writes neither Date nor Message-ID loses no mail."""
    relay = await start_relay(upstream)
    for _ in range(3):
        client = await relay.session()
        assert (await client.submit(content)).startswith(b"250 2.0.0 Ok: queued")
        client.reset()
        await relay.server.ports[0].around.sessions.until_empty()
    assert len(upstream.delivered) == 3


async def test_a_client_that_sends_several_messages_and_half_closes_may_send_each_of_them_again(
    relay: RunningRelay, upstream: Behaves
) -> None:
    for turn in (1, 2):
        client = await relay.connect()
        message = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + NAMELESS
        await client.send(b"EHLO x\r\n" + message + b".\r\n" + message + b"more\r\n.\r\n" + message + b"\0\r\n.\r\n")
        client.writer.write_eof()
        said = await client.everything()
        assert said.count(b"250 2.0.0 Ok: queued") == 2
        assert said.count(b"550 5.6.0 ") == 1
        await relay.server.ports[0].around.sessions.until_empty()
        assert len(upstream.delivered) == 2 * turn


class NeverGreets(Behaves):
    async def greet(self, talk: Talk) -> None:
        self.note()
        await talk.reader.read()  # until the other side closes
        raise Hangup


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_a_client_that_leaves_while_the_upstream_is_being_connected_ends_the_attempt(
    start_relay: StartRelay, security: str
) -> None:
    upstream = NeverGreets()
    relay = await start_relay(upstream, upstream={"security": security})
    client = await relay.connect()
    await client.send(b"EHLO client.example.com\r\n")
    await upstream.until(lambda: upstream.open_connections == 1)
    client.reset()  # a mere FIN might come from one that still listens
    await upstream.until(lambda: upstream.open_connections == 0)
    await relay.server.ports[0].around.sessions.until_empty()


class TellsMuch(Behaves):
    async def on_vrfy(self, talk: Talk, line: bytes) -> bytes:
        return b"252-" + b"y" * 50_000 + b"\r\n252 2.0.0 Perhaps\r\n"


async def with_a_small_window(port: int) -> Client:
    """A client whose system takes in a few kilobytes, and then nothing until it reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return Client(*await asyncio.open_connection(sock=sock, limit=1024))


@pytest.mark.parametrize("how", ["falls silent", "half-closes"])
async def test_a_verdict_that_the_clients_system_never_took_in_is_kept_when_the_client_is_left(
    start_relay: StartRelay, how: str
) -> None:
    """A laptop that loses its network between the dot and the 250. Here it takes in nothing because it is full."""
    upstream = TellsMuch()
    relay = await start_relay(upstream)
    client = await with_a_small_window(relay.port)
    await client.send(b"EHLO client.example.com\r\nVRFY b@example.net\r\n")
    await client.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + BODY + b".\r\n")
    if how == "half-closes":  # then the relay says its last word, and lingers
        client.writer.write_eof()
    await upstream.until(lambda: bool(upstream.delivered), 30)
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while session.phase is not None or not session.messages:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    if how == "half-closes":
        await relay.server.ports[0].around.sessions.until_empty()
    else:
        session.fell_silent()  # type: ignore[attr-defined]
    client.reset()
    assert (await (await relay.session()).submit(BODY)).startswith(b"250 2.0.0 Ok: queued as 4F1")
    assert len(upstream.delivered) == 1


async def test_a_client_that_took_its_250_in_and_falls_silent_may_send_the_same_again(
    relay: RunningRelay, upstream: Behaves
) -> None:
    client = await relay.session()
    assert (await client.submit(BODY)).startswith(b"250")
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while session.client.unconfirmed:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)  # systems confirm some 40 ms late
    session.fell_silent()  # type: ignore[attr-defined]
    assert (await client.everything()).startswith(b"421 4.4.2")
    assert (await (await relay.session()).submit(BODY)).startswith(b"250 2.0.0 Ok: queued as 4F2")


def test_octets_without_a_name_of_their_own_are_the_same_message_only_for_minutes() -> None:
    now = 0.0
    resends = Resends(lambda: now)
    said = compose(250, "2.0.0", "Ok")

    def digest(content: bytes) -> Digest:
        one = digest_of("ann", (b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>"))
        one.update(content)
        return one

    for name, is_named in ((b"named", True), (b"nameless", False)):
        for seconds, is_known in ((200.0, True), (400.0, is_named), (86_300.0, is_named), (86_500.0, False)):
            now = 0.0
            resends.remember(Unheard(digest(name), said, is_named))
            now = seconds
            assert (resends.take(digest(name)) is said) is is_known
            assert resends.take(digest(name)) is None  # said once
    assert names_itself(b"date: now\r\n\r\n")
    assert names_itself(b"subject: x\r\nmessage-id: <1@example.com>\r\n\r\n")
    assert not names_itself(b"subject: date: now\r\nx-date: y\r\n\r\n")


@given(st.lists(st.integers(0, 3 * UNDIGESTED), max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_digest_is_the_same_however_the_content_was_cut(cuts: list[int]) -> None:
    content = bytes(range(256)) * (3 * UNDIGESTED // 256)
    places = [0, *sorted(cuts), len(content)]
    whole, pieces, other = (digest_of("ann", (b"MAIL", b"RCPT")) for _ in range(3))
    whole.update(content)
    for a, b in pairwise(places):
        pieces.update(content[a:b])
    other.update(content[:-1] + b"?")
    assert pieces.digest() == whole.digest() == whole.digest()
    assert other.digest() != whole.digest()
    assert digest_of("bob", (b"MAIL", b"RCPT")).digest() != digest_of("ann", (b"MAIL", b"RCPT")).digest()


def test_where_poly1305_is_not_to_be_had_messages_are_told_apart_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """An OpenSSL in FIPS mode has none."""

    def is_missing(key: bytes) -> None:
        raise UnsupportedAlgorithm(f"poly1305, {len(key)}")

    monkeypatch.setattr("cryptography.hazmat.primitives.poly1305.Poly1305", is_missing)
    one, same, other = (digest_of("ann", (b"MAIL", b"RCPT")) for _ in range(3))
    for digest, last in ((one, b"x"), (same, b"x"), (other, b"y")):
        digest.update(b"y" * UNDIGESTED)
        digest.update(last)
    assert one.digest() == same.digest() != other.digest()
    assert len(one.digest()) == 32


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_a_client_that_half_closes_after_the_dot_hears_the_verdict(
    start_relay: StartRelay, content: bytes
) -> None:
    upstream = WaitsAtTheDot()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(content + b".\r\n")
    client.writer.write_eof()
    await upstream.at_dot.wait()
    upstream.go_on.set()
    assert (await client.everything()).startswith(b"250 2.0.0 Ok: queued")
    await relay.server.ports[0].around.sessions.until_empty()
    assert (await (await relay.session()).submit(content)).startswith(b"250")  # it has heard: this is a new sending
    assert len(upstream.delivered) == 2


async def test_a_client_that_sends_everything_and_half_closes_gets_all_its_replies(
    relay: RunningRelay, upstream: Behaves
) -> None:
    client = await relay.connect()
    await client.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
    await client.send(BODY + b".\r\nQUIT\r\n")
    client.writer.write_eof()
    heard = [line[:4] for line in (await client.everything()).splitlines() if line[3:4] == b" "]
    assert heard == [b"250 ", b"250 ", b"250 ", b"354 ", b"250 ", b"221 "]
    assert len(upstream.delivered) == 1


@pytest.mark.parametrize("content", [b"", BODY], ids=["nothing", "no dot"])
async def test_a_client_that_half_closes_before_its_message_is_whole_has_sent_nothing(
    relay: RunningRelay, upstream: Behaves, content: bytes
) -> None:
    client = await relay.connect()
    await client.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + content)
    client.writer.write_eof()
    heard = [line[:3] for line in (await client.everything()).splitlines() if line[3:4] == b" "]
    assert heard == [b"250", b"250", b"250", b"354"]
    await relay.server.ports[0].around.sessions.until_empty()
    await upstream.until(lambda: upstream.open_connections == 0)
    assert not upstream.delivered


async def test_body_octets_reach_the_upstream_before_the_client_has_sent_the_last(
    relay: RunningRelay, upstream: Behaves
) -> None:
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(b"Subject: x\r\n\r\nfirst line\r\n")
    await upstream.until(lambda: upstream.content_so_far > 20)
    await client.send(b"last line\r\n.\r\n")
    assert (await client.reply()).startswith(b"250")


async def test_a_slow_upstream_holds_the_client_back_and_memory_stays_flat(start_relay: StartRelay) -> None:
    class ReadsSlowly(Behaves):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = asyncio.Event()

        async def read_content(self, talk: Talk) -> bytes:
            await self.go_on.wait()
            return await super().read_content(talk)

    upstream = ReadsSlowly()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    client.writer.transport.set_write_buffer_limits(high=1)
    sent = 0

    async def upload() -> None:
        nonlocal sent
        for _ in range(400):
            await client.send((b"y" * 98 + b"\r\n") * 1000)
            sent += 100_000
        await client.send(b".\r\n")

    task = asyncio.create_task(upload())
    last = -1
    while sent != last or not sent:  # until nothing moves any more
        last = sent
        await asyncio.sleep(0.3)
    assert sent < 30_000_000  # the kernel's buffers and no more
    upstream.go_on.set()
    await task
    assert (await client.reply()).startswith(b"250")
    assert len(upstream.delivered[0].content) == 40_000_000


async def test_a_stop_ends_idle_sessions_and_finishes_messages_under_way(start_relay: StartRelay) -> None:
    """A13."""
    upstream = WaitsAtTheDot()
    relay = await start_relay(upstream)
    idle, busy, begun = await relay.session(), await relay.session(), await relay.session()
    for client, content in ((busy, BODY + b".\r\n"), (begun, BODY)):
        await client.begin()
        await client.ask(b"DATA")
        await client.send(content)
    await upstream.at_dot.wait()
    stopping = asyncio.create_task(relay.server.stop(grace_seconds=10))
    assert (await idle.everything()).startswith(b"421 4.3.2 ")
    late = await relay.connect(greeting=False)
    assert (await late.everything()).startswith(b"421 4.3.2 ")
    upstream.go_on.set()
    await begun.send(b".\r\n")
    for client in (busy, begun):
        heard = await client.everything()
        assert heard.startswith(b"250 2.0.0 Ok: queued"), heard
        assert b"\r\n421 4.3.2 " in heard
    await stopping
    assert len(upstream.delivered) == 2


async def test_a_stop_cuts_off_what_takes_longer_than_the_grace(start_relay: StartRelay) -> None:
    upstream = WaitsAtTheDot()
    relay = await start_relay(upstream)
    at_dot, in_data = await relay.session(), await relay.session()
    for client, content in ((at_dot, BODY + b".\r\n"), (in_data, BODY)):
        await client.begin()
        await client.ask(b"DATA")
        await client.send(content)
    await upstream.at_dot.wait()
    await relay.server.stop(grace_seconds=0.2)
    assert (await in_data.everything()).startswith(b"451 4.3.2 ")
    assert (await at_dot.everything()).startswith(b"451 4.4.2 Outcome unknown")
    assert relay.records.only.state == "in-doubt"
    upstream.go_on.set()


@pytest.mark.parametrize("recipients", [(b"b@example.net",), (b"b@example.net", b"c@example.net")])
async def test_while_a_message_is_held_the_upstream_is_kept_from_giving_up(
    relay: RunningRelay, upstream: Behaves, monkeypatch: pytest.MonkeyPatch, recipients: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr("relay.patience.SECONDS", 0.02)
    client = await relay.session()
    await client.begin(*recipients)
    await client.ask(b"DATA")
    await client.send(b"Subject: x\r\n.odd: y\r\nX-Track: all\r\nX-Last: z\r\n\r\nHel")
    if len(recipients) == 1:
        await upstream.until(lambda: upstream.content_so_far >= len(b"Subject: x\r\nodd: y\r\nX-Last: z\r\n"))
    else:
        await upstream.until(lambda: upstream.commands.count(b"NOOP") > 2)
    await client.send(b"lo\r\n.\r\n")
    assert b": opens, " in await client.reply()
    (delivered,) = upstream.delivered
    assert delivered.content == b"Subject: x\r\nodd: y\r\nX-Last: z\r\n\r\nHello\r\n<tracked>\r\n"
