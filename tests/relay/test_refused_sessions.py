"""A session that ends with a refusal: what was asked before it is answered first, each in its turn."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.turns import MOST_AT_ONCE
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.test_tls import Certificates
from tests.relay.upstream_servers import Behaves, Hangup, Talk


class AnswersWhenTold(Behaves):
    """Takes commands at once and answers the first RCPT when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
        await self.go_on.wait()
        return await super().on_rcpt(talk, line)


ASKED = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\nNOOP\r\n"
OWED = b"250 2.1.0 Sender OK\r\n250 2.1.5 Recipient OK\r\n250 2.1.5 Recipient OK\r\n250 2.0.0 Upstream idles\r\n"
REFUSED = {
    "octets that are no commands": (b"BDAT 4 LAST\r\nRSET\r\n", b"502 5.5.1 "),
    "a bare line feed": (b"NOOP\nNOOP\r\n", b"500 5.5.2 "),
    "a line without end": (b"NOOP " + b"x" * 13_000, b"500 5.5.2 "),
    "too many errors": (b"NONSENSE\r\n" * 21, b"421 4.7.0 "),
}


async def refused_while_replies_are_owed(relay: RunningRelay, upstream: AnswersWhenTold, ends: bytes) -> Client:
    """A client whose commands, and what its session is refused for, went out at once; the upstream owes its replies."""
    client = await relay.session()
    await client.send(ASKED + ends)
    await upstream.until(lambda: any(line.startswith(b"RCPT") for line in upstream.commands))
    for _ in range(50):  # turns of the loop in which something may be said too early
        await asyncio.sleep(0)
    return client


@pytest.mark.parametrize(("ends", "refusal"), REFUSED.values(), ids=REFUSED)
async def test_a_refusal_comes_behind_the_replies_to_what_was_asked_before(
    start_relay: StartRelay, ends: bytes, refusal: bytes
) -> None:
    upstream = AnswersWhenTold()
    client = await refused_while_replies_are_owed(await start_relay(upstream), upstream, ends)
    upstream.go_on.set()
    said = await client.everything()
    assert said.startswith(OWED)
    said = said.removeprefix(OWED)
    assert said.split(b"\r\n")[-2].startswith(refusal)
    assert said.count(b"\r\n") == max(1, ends.count(b"NONSENSE"))
    assert upstream.commands[-1] == b"QUIT"
    assert not upstream.delivered


async def test_so_does_the_refusal_of_what_follows_starttls(start_relay: StartRelay, tmp_path: Path) -> None:
    upstream = AnswersWhenTold()
    relay = await start_relay(upstream, listener={"security": "starttls"} | Certificates(tmp_path).write())
    client = await refused_while_replies_are_owed(relay, upstream, b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")
    upstream.go_on.set()
    assert (await client.everything()).startswith(OWED + b"501 5.5.4 ")
    assert not any(b"evil" in line for line in upstream.commands)


async def test_what_the_client_says_after_it_is_not_looked_at(start_relay: StartRelay) -> None:
    upstream = AnswersWhenTold()
    client = await refused_while_replies_are_owed(await start_relay(upstream), upstream, b"BDAT 4 LAST\r\n")
    await client.send(b"RSET\r\nMAIL FROM:<evil@example.org>\r\n")
    upstream.go_on.set()
    said = await client.everything()
    assert said.startswith(OWED + b"502 5.5.1 ")
    assert said.count(b"\r\n") == 5
    assert not any(b"evil" in line for line in upstream.commands)


@pytest.mark.parametrize("last_words", [b"", b"421 4.3.2 Upstream stops\r\n"], ids=["none", "421"])
async def test_an_upstream_that_leaves_meanwhile_leaves_no_command_unanswered(
    start_relay: StartRelay, last_words: bytes
) -> None:
    class LeavesWhenTold(AnswersWhenTold):
        async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
            await super().on_rcpt(talk, line)
            await talk.say(last_words)
            raise Hangup

    upstream = LeavesWhenTold()
    client = await refused_while_replies_are_owed(await start_relay(upstream), upstream, b"BDAT 4 LAST\r\nRSET\r\n")
    upstream.go_on.set()
    codes = [line[:3] for line in (await client.everything()).split(b"\r\n")[:-1]]
    # After a 421 of the upstream nothing can follow.
    assert codes == ([b"250", b"421"] if last_words else [b"250", b"451", b"451", b"451", b"502"])


async def test_a_client_that_leaves_meanwhile_leaves_nothing_behind(start_relay: StartRelay) -> None:
    upstream = AnswersWhenTold()
    relay = await start_relay(upstream)
    client = await refused_while_replies_are_owed(relay, upstream, b"BDAT 4 LAST\r\nRSET\r\n")
    client.reset()
    async with asyncio.timeout(20):
        await relay.server.ports[0].around.sessions.until_empty()
    upstream.go_on.set()
    await upstream.until(lambda: not upstream.open_connections)


async def test_mail_while_the_relay_is_being_stopped_is_refused_in_its_turn(start_relay: StartRelay) -> None:
    upstream = AnswersWhenTold()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.send(ASKED + b"RSET\r\n")
    await upstream.until(lambda: any(line.startswith(b"RCPT") for line in upstream.commands))
    (session,) = relay.server.ports[0].around.sessions
    stopping = asyncio.create_task(relay.server.stop(grace_seconds=20))
    async with asyncio.timeout(20):
        while not relay.server.ports[0].around.is_stopping:
            await asyncio.sleep(0)
    await client.send(b"MAIL FROM:<d@example.com>\r\n")
    for _ in range(50):
        await asyncio.sleep(0)
    upstream.go_on.set()
    said = await client.everything()
    assert said.startswith(OWED + b"250 ")
    assert said.removeprefix(OWED).split(b"\r\n")[1].startswith(b"421 4.3.2 ")
    assert session.is_over  # type: ignore[attr-defined]
    client.close()
    await stopping


async def test_a_stop_in_the_middle_of_a_batch_is_told_behind_the_replies_to_what_was_taken_of_it(
    start_relay: StartRelay,
) -> None:
    upstream = AnswersWhenTold()
    relay = await start_relay(upstream)
    client = await relay.session()
    relay.server.ports[0].around.is_stopping = True
    begun = b"RCPT TO:<b@example.net>\r\n"  # refused, but answered when the test says so
    await client.send(begun + b"NOOP\r\n" * MOST_AT_ONCE)
    await upstream.until(lambda: upstream.commands[-1].startswith(b"RCPT"))
    for _ in range(50):  # turns of the loop in which something may be said too early
        await asyncio.sleep(0)
    upstream.go_on.set()
    codes = [line[:3] for line in (await client.everything()).split(b"\r\n")[:-1]]
    assert codes == [b"503", *[b"250"] * (MOST_AT_ONCE - 1), b"421"]
