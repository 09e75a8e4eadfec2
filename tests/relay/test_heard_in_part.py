"""Which verdicts count as heard where something after them was not, and where a client is there again."""

from __future__ import annotations

import asyncio

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.test_clients_that_leave import BODY
from tests.relay.test_heard_or_not import (
    FIRST,
    SECOND,
    WaitsForAWord,
    connect_again,
    cut_off,
    each_content,
    event_loop_policy,  # noqa: F401 - a fixture
    is_given,
    lingers,
    sent,
    sessions_of,
    told_in_vain,
    until,
)
from tests.relay.upstream_servers import Talk

pytestmark = pytest.mark.filterwarnings(
    "ignore:Overriding the .event_loop_policy. fixture:pytest.PytestDeprecationWarning"
)


async def next_reply(relay: RunningRelay, upstream: WaitsForAWord, content: bytes) -> bytes:
    """What the next client with the same octets hears; if they are sent a second time, they are accepted."""
    again, _ = await sent(relay, content + b".\r\n")
    reply = asyncio.ensure_future(again.reply())
    await until(lambda: reply.done() or len(upstream.words) == 2)
    if len(upstream.words) == 2:
        upstream.words[1].set_result(b"")
    return await reply


async def all_it_hears(client: Client) -> bytes:
    try:
        async with asyncio.timeout(1):
            return await client.everything()
    except (TimeoutError, ConnectionError):
        return b""


@each_content
@pytest.mark.parametrize("more", [b"RSET\r\n", b"NOOP\r\n", b"MAIL FROM:<a@example.com>\r\n"])
async def test_who_closes_without_the_reply_to_a_later_command_has_heard_its_verdict(
    start_relay: StartRelay, content: bytes, more: bytes
) -> None:
    """What its system refuses is that reply."""
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, _ = await sent(relay, content + b".\r\n" + more)
    await upstream.dots(1)
    upstream.words[0].set_result(b"")
    assert (await client.reply()).startswith(FIRST)
    client.close()
    await until(lambda: not sessions_of(relay))
    assert (await next_reply(relay, upstream, content)).startswith(SECOND)


class AnswersResetLate(WaitsForAWord):
    async def on_rset(self, talk: Talk, line: bytes) -> bytes:
        await self.lets_go.wait()
        return await super().on_rset(talk, line)


@each_content
async def test_a_later_reply_that_is_lost_does_not_count_against_the_verdict(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    lingers(monkeypatch, 0.05)
    upstream = AnswersResetLate()
    relay = await start_relay(upstream)
    client, session = await sent(relay, content + b".\r\nRSET\r\n")
    await upstream.dots(1)
    upstream.words[0].set_result(b"")
    assert (await client.reply()).startswith(FIRST)
    await until(lambda: not session.client.unconfirmed)
    cut_off(client)
    upstream.lets_go.set()
    await until(lambda: bool(session.client.unconfirmed))
    session.fell_silent()
    await until(lambda: not sessions_of(relay))
    assert (await next_reply(relay, upstream, content)).startswith(SECOND)


@each_content
@pytest.mark.parametrize("ends", ["half-closed", "silent"])
async def test_who_is_given_up_before_it_is_there_again_hears_nothing_more(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch, content: bytes, ends: str
) -> None:
    """Its system would repeat the 250 for minutes, and that is another client's by then."""
    lingers(monkeypatch, 0.05)
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, session = await sent(relay, content + b".\r\n")
    await upstream.dots(1)
    if ends == "half-closed":
        client.writer.write_eof()
        await until(lambda: session._is_at_eof)
    cut_off(client)
    upstream.words[0].set_result(b"")
    await until(lambda: is_given(session))
    if ends == "silent":
        session.fell_silent()
    await until(lambda: not sessions_of(relay))
    connect_again(client)
    assert await all_it_hears(client) == b""
    assert (await next_reply(relay, upstream, content)).startswith(FIRST)
    assert len(upstream.delivered) == 1


@each_content
async def test_who_was_silent_and_is_there_again_in_time_hears_its_verdict(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    lingers(monkeypatch, 60)
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, session = await told_in_vain(relay, upstream, content)
    session.fell_silent()
    connect_again(client)
    assert (await client.everything()).startswith(FIRST)
    await until(lambda: not session.client.unconfirmed)
    client.close()
    assert (await next_reply(relay, upstream, content)).startswith(SECOND)


@each_content
async def test_who_half_closed_and_was_gone_before_its_verdict_has_not_heard_it(
    start_relay: StartRelay, content: bytes
) -> None:
    """Nothing can be written to it any more, so nothing stays unconfirmed either."""
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, session = await sent(relay, content + b".\r\n")
    await upstream.dots(1)
    client.writer.write_eof()
    await until(lambda: session._is_at_eof)
    client.reset()
    await client.writer.wait_closed()
    upstream.words[0].set_result(b"")
    await until(lambda: not sessions_of(relay))
    assert (await next_reply(relay, upstream, content)).startswith(FIRST)
    assert len(upstream.delivered) == 1


async def test_where_the_system_tells_nothing_a_refusal_is_waited_for(
    start_relay: StartRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    lingers(monkeypatch, 60)
    monkeypatch.setattr("relay.connection.termios.TIOCOUTQ", 1)
    upstream = WaitsForAWord()
    relay = await start_relay(upstream)
    client, session = await sent(relay, BODY + b".\r\n")
    assert session.client.unconfirmed is None
    await upstream.dots(1)
    client.writer.write_eof()
    await until(lambda: session._is_at_eof)
    cut_off(client)
    upstream.words[0].set_result(b"")
    await until(lambda: is_given(session))
    client.reset()
    assert (await next_reply(relay, upstream, BODY)).startswith(FIRST)
    assert len(upstream.delivered) == 1
