"""Which verdicts a client has heard: each 250 that was heard stands for a delivery of its own, none that could not be
heard leads to a second one (docs/decisions/0013). On both loops, as their transports end differently."""

from __future__ import annotations

import asyncio
import ctypes
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.session import Session
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.test_clients_that_leave import ASKING, BODY, NAMELESS, TellsMuch, with_a_small_window
from tests.relay.test_tls import Certificates
from tests.relay.upstream_servers import Behaves, Talk

FIRST, SECOND = b"250 2.0.0 Ok: queued as 4F1", b"250 2.0.0 Ok: queued as 4F2"
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # as in Linux's asm-generic/socket.h
# The hook that is to take the fixture's place would give every test beside this file another name.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Overriding the .event_loop_policy. fixture:pytest.PytestDeprecationWarning"
)
each_content = pytest.mark.parametrize("content", [BODY, ASKING, NAMELESS], ids=["streamed", "held", "nameless"])


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    if request.param == "uvloop":
        policy: asyncio.AbstractEventLoopPolicy = pytest.importorskip("uvloop").EventLoopPolicy()
        return policy
    return asyncio.DefaultEventLoopPolicy()


class WaitsForAWord(Behaves):
    """Answers each final dot, and QUIT, when the test says with what: its own words, or those given."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[asyncio.Future[bytes]] = []
        self.lets_go = asyncio.Event()

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        word = asyncio.get_running_loop().create_future()
        self.words.append(word)
        self.note()
        return await word or await super().on_dot(talk, content)

    async def on_quit(self, talk: Talk, line: bytes) -> bytes:
        await self.lets_go.wait()
        return await super().on_quit(talk, line)

    async def dots(self, number: int) -> None:
        await self.until(lambda: len(self.words) == number)


class WaitsAndTellsMuch(WaitsForAWord, TellsMuch):
    pass


def sessions_of(relay: RunningRelay) -> list[Session]:
    return [one for one in relay.server.ports[0].around.sessions if isinstance(one, Session)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def at_data(relay: RunningRelay) -> tuple[Client, Session]:
    before = sessions_of(relay)
    client = await relay.session()
    await client.begin()
    assert (await client.ask(b"DATA")).startswith(b"354")
    (session,) = (one for one in sessions_of(relay) if one not in before)
    return client, session


async def sent(relay: RunningRelay, octets: bytes) -> tuple[Client, Session]:
    """A client whose message the relay has read to its dot."""
    client, session = await at_data(relay)
    await client.send(octets)
    await until(lambda: is_given(session) or (session.phase is not None and not session.phase.is_reading))
    return client, session


def is_given(session: Session) -> bool:
    return bool(session.messages) and session.phase is None


def cut_off(client: Client) -> None:
    """From here on nothing that is sent to this client arrives, not even a confirmation; what it sends does."""
    drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))  # BPF: return 0
    program = struct.pack("HL", 1, ctypes.addressof(drop_all))
    try:
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    except PermissionError:
        pytest.skip("this system lets only root filter what arrives")


def connect_again(client: Client) -> None:
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)


async def told_in_vain(relay: RunningRelay, upstream: WaitsForAWord, content: bytes) -> tuple[Client, Session]:
    """A client whose verdict is on its way to it and does not arrive."""
    client, session = await sent(relay, content + b".\r\n")
    await upstream.dots(1)
    cut_off(client)
    upstream.words[0].set_result(b"")
    await until(lambda: is_given(session))
    return client, session


def lingers(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr("relay.connection.LINGER_SECONDS", seconds)


@each_content
@pytest.mark.parametrize("hears", [True, False], ids=["who hears it", "who does not"])
async def test_the_verdict_of_a_client_that_is_still_listened_to_is_not_given_to_another(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch, content: bytes, hears: bool
) -> None:
    """Of three with the same octets one has left, one has half-closed and has its 250 on the way, and one waits."""
    lingers(monkeypatch, 60)
    upstream = WaitsAndTellsMuch()
    relay = await start_relay(upstream)
    slow = await with_a_small_window(relay.port)
    relay.clients.append(slow)
    await slow.send(b"EHLO client.example.com\r\nVRFY b@example.net\r\n")
    await slow.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + content + b".\r\n")
    await upstream.dots(1)
    (its_session,) = sessions_of(relay)
    gone, session_of_gone = await sent(relay, content + b".\r\n")
    await upstream.dots(2)
    gone.reset()
    await until(lambda: session_of_gone.is_over)
    slow.writer.write_eof()
    await until(lambda: its_session._is_at_eof)
    again, _ = await sent(relay, content + b".\r\n")
    upstream.words[0].set_result(b"")
    await until(lambda: is_given(its_session))
    assert its_session.client.unconfirmed
    upstream.words[1].set_result(b"451 4.3.0 Not now\r\n")
    await until(lambda: len(sessions_of(relay)) == 2)
    for _ in range(50):  # turns of the loop in which it may take what is not meant for it
        await asyncio.sleep(0)
    if not hears:
        slow.reset()
        assert (await again.reply()).startswith(FIRST)
        assert len(upstream.delivered) == 1
        return
    assert FIRST in await slow.everything()
    await upstream.dots(3)
    upstream.words[2].set_result(b"")
    assert (await again.reply()).startswith(SECOND)
    assert len(upstream.delivered) == 2


@each_content
@pytest.mark.parametrize("last_line", [b"", b"QUIT\r\n"], ids=["dot", "quit"])
async def test_who_closed_before_its_verdict_has_not_heard_it(
    start_relay: StartRelay, content: bytes, last_line: bytes
) -> None:
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, session = await sent(relay, content + b".\r\n" + last_line)
    await upstream.dots(1)
    client.close()
    await until(lambda: session._is_at_eof)
    upstream.words[0].set_result(b"")
    await until(lambda: is_given(session))
    again, _ = await sent(relay, content + b".\r\n")
    upstream.lets_go.set()
    assert (await again.reply()).startswith(FIRST)
    assert len(upstream.delivered) == 1


@each_content
@pytest.mark.parametrize("last_line", [b"", b"QUIT\r\n"], ids=["dot", "quit"])
@pytest.mark.parametrize("leaves", ["at once", "at the end"])
async def test_who_half_closed_and_took_its_verdict_in_has_heard_it(
    start_relay: StartRelay, content: bytes, last_line: bytes, leaves: str
) -> None:
    """Also who closes without waiting for the answer to its QUIT: that is what its system refuses then."""
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, session = await sent(relay, content + b".\r\n" + last_line)
    await upstream.dots(1)
    client.writer.write_eof()
    await until(lambda: session._is_at_eof)
    upstream.words[0].set_result(b"")
    assert (await client.reply()).startswith(FIRST)
    if leaves == "at once":
        client.close()
        await client.writer.wait_closed()
        upstream.lets_go.set()
    else:
        upstream.lets_go.set()
        assert await client.everything() == (b"221 2.0.0 Upstream says bye\r\n" if last_line else b"")
    again, _ = await sent(relay, content + b".\r\n")
    await upstream.dots(2)
    upstream.words[1].set_result(b"")
    assert (await again.reply()).startswith(SECOND)
    assert len(upstream.delivered) == 2


@each_content
@pytest.mark.parametrize("comes_back", [False, True], ids=["and stays away", "and is there again"])
async def test_a_verdict_that_crosses_with_the_clients_end_is_heard_only_if_it_arrives(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch, content: bytes, comes_back: bool
) -> None:
    """Its last word reaches us when the 250 has not reached it."""
    lingers(monkeypatch, 60 if comes_back else 0.05)
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, session = await told_in_vain(relay, upstream, content)
    if comes_back:
        client.writer.write_eof()
    else:
        client.close()
    await until(lambda: session._is_at_eof)
    again, _ = await sent(relay, content + b".\r\n")
    if not comes_back:
        assert (await again.reply()).startswith(FIRST)
        assert len(upstream.delivered) == 1
        return
    connect_again(client)  # and the relay's system repeats what was not confirmed
    assert (await client.everything()).startswith(FIRST)
    await upstream.dots(2)
    upstream.words[1].set_result(b"")
    assert (await again.reply()).startswith(SECOND)
    assert len(upstream.delivered) == 2


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.mark.parametrize("says_so", [True, False], ids=["close_notify", "FIN alone"])
async def test_under_tls_who_ends_before_its_verdict_arrives_cannot_hear_it(
    start_relay: StartRelay, certificates: Certificates, says_so: bool
) -> None:
    """TLS has no half-closed connections. Whose system has confirmed the verdict by then has heard it."""
    upstream = WaitsForAWord()
    relay = await start_relay(upstream, listener={"security": "tls"} | certificates.write())

    async def sent_encrypted() -> tuple[Client, Session]:
        context = certificates.client_context()
        client = Client(
            *await asyncio.open_connection("127.0.0.1", relay.port, ssl=context, server_hostname="127.0.0.1")
        )
        relay.clients.append(client)
        await client.reply()
        await client.ask(b"EHLO client.example.com")
        await client.begin()
        await client.ask(b"DATA")
        (session,) = sessions_of(relay)
        await client.send(BODY + b".\r\n")
        return client, session

    client, session = await sent_encrypted()
    await upstream.dots(1)
    cut_off(client)
    upstream.words[0].set_result(b"")
    await until(lambda: is_given(session))
    client.writer.transport.abort()
    await until(lambda: not sessions_of(relay))
    again, session = await sent_encrypted()
    assert (await again.reply()).startswith(FIRST)
    await until(lambda: not session.client.unconfirmed)
    again.close() if says_so else again.writer.transport.abort()
    await until(lambda: not sessions_of(relay))
    third, _ = await sent_encrypted()
    await upstream.dots(2)
    upstream.words[1].set_result(b"")
    assert (await third.reply()).startswith(SECOND)


@each_content
async def test_who_heard_its_verdict_and_is_lost_later_has_heard_it(
    start_relay: StartRelay, upstream: Behaves, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """A client that keeps its connection, and goes to sleep: what it does not confirm is the 421."""
    lingers(monkeypatch, 0.05)
    relay = await start_relay(upstream)
    client = await relay.session()
    assert (await client.submit(content)).startswith(FIRST)
    (session,) = sessions_of(relay)
    await until(lambda: not session.client.unconfirmed)
    cut_off(client)
    session.fell_silent()
    await until(lambda: not sessions_of(relay))
    assert (await (await relay.session()).submit(content)).startswith(SECOND)


async def test_a_verdict_that_was_never_confirmed_is_given_again_once(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a second time when the connection is given up after it was given to the client's next try."""
    lingers(monkeypatch, 1.0)
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    _, session = await told_in_vain(relay, upstream, BODY)
    session.fell_silent()
    again, _ = await sent(relay, BODY + b".\r\n")
    assert (await again.reply()).startswith(FIRST)
    await until(lambda: session not in sessions_of(relay))
    third, _ = await sent(relay, BODY + b".\r\n")
    await upstream.dots(2)
    upstream.words[1].set_result(b"")
    assert (await third.reply()).startswith(SECOND)
