"""Random dialogs with the relay from both sides: whatever is said, replies are well formed and 250 means delivered."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay import connection
from relay.data_reader import DataReader
from tests.relay.running_relay import Client, RunningRelay, run_relay, settings_for
from tests.relay.upstream_servers import Behaves, Hangup, Talk

_REPLY = re.compile(rb"(?:([2-5][0-9][0-9])-[^\r\n]*\r\n)*([2-5][0-9][0-9])(?: [^\r\n]*)?\r\n")
QUEUED = b"250 2.0.0 Ok: queued as "

COMMANDS = [
    b"EHLO x", b"HELO x", b"EHLO", b"MAIL FROM:<a@example.com>", b"MAIL FROM:<>", b"MAIL FROM:<a> SIZE=9 BODY=8BITMIME",
    b"MAIL FROM:<a> SIZE=99999999999", b"RCPT TO:<b@example.net>", b"RCPT TO:<c@example.net>", b"RCPT", b"DATA",
    b"data",
    b"RSET", b"NOOP", b"QUIT", b"VRFY b", b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH PLAIN AGEAYg==", b"AUTH X", b"*", b"=",
    b"AUTH CRAM-MD5", b"STARTTLS", b"BDAT 4 LAST", b"XCLIENT NAME=x", b"HELP", b"ETRN x", b"\xff\xfe", b"", b" ",
    b"Z" * 600,
    b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA",
]  # fmt: skip
CONTENTS = [
    b"Subject: x\r\n\r\nHello\r\n.\r\n", b"X-Track: all\r\n\r\nHello\r\n.\r\n", b".\r\n", b"..\r\n.\r\n", b"\r\n.\r\n",
    b"x\n.\r\n", b"x\r.\r\n", b"\0\r\n.\r\n", b"Received: x\r\n" * 51 + b"\r\n.\r\n", b"X-Track: none\r\n\r\n\r\n.\r\n",
    b"X-Track: bogus\r\nA", b".", b"\r\n", b"\r", b"\n",
]  # fmt: skip

dialogs = st.lists(
    st.one_of(
        st.sampled_from(COMMANDS).map(lambda line: line + b"\r\n"), st.sampled_from(CONTENTS), st.binary(max_size=20)
    ),
    min_size=1,
    max_size=14,
)
cuts = st.lists(st.integers(0, 400), max_size=5)


class Rig:
    """One relay for all examples, in a loop of its own."""

    def __init__(self, upstream: Behaves, folder: Path) -> None:
        # A client that has heard its refusal is listened to for two seconds more; here none has more to say.
        connection.LINGER_SECONDS = 0.01
        self.loop = asyncio.new_event_loop()
        self.upstream = upstream
        limits = {"connections": 1000, "connections_per_address": 1000, "auth_attempts": 1000}
        limits |= {"upstream_reply": "20s", "upstream_final": "20s"}
        self.loop.run_until_complete(upstream.start())
        self.relay: RunningRelay = self.loop.run_until_complete(
            run_relay(settings_for(upstream.port, folder, limits=limits))
        )
        self.relay.server.ports[0].around.logins._first_delay = 0.0

    def stop(self) -> None:
        self.loop.run_until_complete(self.relay.server.stop(0.2))
        self.loop.run_until_complete(self.upstream.stop())
        for _ in range(10):  # what was closed last tells so in the next turns of the loop
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        connection.LINGER_SECONDS = 2.0

    def converse(self, pieces: list[bytes]) -> bytes:
        """Sends the pieces, then nothing more, and gives everything that was said."""
        return self.loop.run_until_complete(asyncio.wait_for(self._converse(pieces), 60))

    async def _converse(self, pieces: list[bytes]) -> bytes:
        client = await Client.connect(self.relay.port)
        heard = asyncio.create_task(client.everything(50))
        try:
            for piece in pieces:
                await client.send(piece)
                await asyncio.sleep(0)
            client.writer.write_eof()
        except OSError:
            pass
        said = await heard
        await closed(client)
        await self.relay.server.ports[0].around.sessions.until_empty()
        return said


async def closed(client: Client) -> None:
    client.close()
    with suppress(OSError):
        await client.writer.wait_closed()


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        one = Rig(Behaves(), Path(folder))
        yield one
        one.stop()


def replies_in(said: bytes) -> list[bytes]:
    """All of it, taken apart; fails when anything is no reply."""
    found, position = [], 0
    while position < len(said):
        match = _REPLY.match(said, position)
        assert match, said[position : position + 200]
        assert match[1] in (None, match[2]), match[0]
        found.append(match[0])
        position = match.end()
    return found


def in_pieces(dialog: list[bytes], places: list[int]) -> list[bytes]:
    whole = b"".join(dialog)
    inside = sorted({0, *(place for place in places if place < len(whole)), len(whole)})
    return [whole[a:b] for a, b in pairwise(inside)]


def check_client(rig: Rig, dialog: list[bytes], places: list[int]) -> None:
    before = len(rig.upstream.delivered)
    said = replies_in(rig.converse(in_pieces(dialog, places)))
    accepted = sum(reply.startswith(QUEUED) for reply in said)
    delivered = rig.upstream.delivered[before:]
    assert accepted == len(delivered), (said, delivered)
    for message in delivered:
        assert DataReader(10**9, 10**9).feed(message.content + b".\r\n").ended
        assert b"\0" not in message.content
        assert not re.search(rb"(?<!\r)\n|\r(?!\n)", message.content)
    rig.upstream.delivered.clear()
    rig.upstream.commands.clear()


_quick = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
_long = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))


@given(dialogs, cuts)
@_quick
def test_whatever_a_client_says_250_means_delivered(rig: Rig, dialog: list[bytes], places: list[int]) -> None:
    """G01."""
    check_client(rig, [b"EHLO x\r\n", *dialog], places)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@given(dialogs, cuts)
@_long
def test_whatever_a_client_says_for_long(rig: Rig, dialog: list[bytes], places: list[int]) -> None:
    """G01."""
    check_client(rig, [b"EHLO x\r\n", *dialog], places)


_COMPLETE = re.compile(rb"(?:\A|\n)[0-9]{3}(?![0-9-])[^\n]*\n\Z")


class SaysAnything(Behaves):
    """Answers each command with the next of ``words``, in the pieces they come in; then hangs up."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[list[bytes]] = []
        self.heard_dot = 0

    async def talk(self, talk: Talk) -> None:
        words = iter(self.words)
        await self._say(talk, next(words, []))
        while True:
            line = await talk.reader.readuntil(b"\r\n")
            if line.upper() == b"DATA\r\n":
                answer = next(words, None)
                await self._say(talk, answer)
                if b"354" in b"".join(answer or []):
                    await talk.reader.readuntil(b"\r\n.\r\n")
                    self.heard_dot += 1
                    await self._say(talk, next(words, None))
                continue
            await self._say(talk, next(words, None))

    async def _say(self, talk: Talk, pieces: list[bytes] | None) -> None:
        for piece in pieces or []:
            await talk.say(piece)
            await asyncio.sleep(0)
        if not _COMPLETE.search(b"".join(pieces or [])):
            raise Hangup  # rather than let the relay wait for the rest


GOOD = [
    b"220 up\r\n",
    b"250-up\r\n250-8BITMIME\r\n250 PIPELINING\r\n",
    b"250 ok\r\n",
    b"250 ok\r\n",
    b"354 go\r\n",
    b"250 ok\r\n",
]
ODD = [
    b"250 ok\n", b"250\r\n", b"250ok\r\n", b"250-a\r\n250 b\r\n", b"250-a\r\n", b"250-a\r\n550 b\r\n", b"550 no\r\n",
    b"450-\r\n450 l\r\n", b"421 bye\r\n", b"354 go\r\n", b"hello\r\n", b"\r\n", b"", b"250 a\0b\r\n", b"250 a\rb\r\n",
    b"99 x\r\n", b"999 x\r\n", b"100 x\r\n", b"250 ok\r\n250 ok\r\n", b"354 go\r\n250 ok\r\n", b"334 \r\n",
    b"\xff\xfe\r\n", b"250 " + b"x" * 70_000 + b"\r\n", b"2", b"220 up\r\n",
]  # fmt: skip
answers = st.builds(
    lambda odd, at, pieces: [
        *([one] for one in GOOD[:at]),
        pieces or [odd],
        *([one] for one in GOOD[at + 1 :]),
    ],
    st.one_of(st.sampled_from(ODD), st.binary(max_size=30)),
    st.integers(0, len(GOOD) - 1),
    st.lists(st.sampled_from(ODD), max_size=3),
)


@pytest.fixture(scope="module")
def odd_rig() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        one = Rig(SaysAnything(), Path(folder))
        yield one
        one.stop()


def check_upstream(rig: Rig, words: list[list[bytes]], content: bytes) -> None:
    upstream = rig.upstream
    assert isinstance(upstream, SaysAnything)
    upstream.words, upstream.heard_dot = words, 0
    steps = [b"EHLO x\r\n", b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<b@example.net>\r\n", b"DATA\r\n"]
    said = rig.loop.run_until_complete(asyncio.wait_for(_in_steps(rig, steps, content), 60))
    replies = replies_in(b"".join(said))
    assert len(replies) >= 2 or not said[-1]
    if len(said) == 6 and said[5].startswith(b"2"):  # greeting, four commands, and the verdict on the content
        assert upstream.heard_dot == 1
        last = b"".join(words[5])
        assert re.match(rb"(?:2\d\d-[^\n]*\n|[2-5]\d\d-[^\n]*\n)*2\d\d", last), last


async def _in_steps(rig: Rig, steps: list[bytes], content: bytes) -> list[bytes]:
    client = await Client.connect(rig.relay.port)
    said = [await client.reply(50)]
    for step in steps:
        await client.send(step)
        said.append(await client.reply(50))
        if not said[-1].startswith((b"2", b"354")):
            break
    else:
        if said[-1].startswith(b"354"):
            await client.send(content + b".\r\n")
            said.append(await client.reply(50))
    await closed(client)
    await rig.relay.server.ports[0].around.sessions.until_empty()
    return said


@given(answers, st.sampled_from([b"Subject: x\r\n\r\nHello\r\n", b"X-Track: all\r\n\r\nHello\r\n"]))
@_quick
def test_whatever_an_upstream_says_a_250_was_its_own(odd_rig: Rig, words: list[list[bytes]], content: bytes) -> None:
    """G03: every reply is well formed, and a 2yz for the message was said after its dot."""
    check_upstream(odd_rig, words, content)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@given(answers, st.sampled_from([b"Subject: x\r\n\r\nHello\r\n", b"X-Track: all\r\n\r\nHello\r\n"]))
@_long
def test_whatever_an_upstream_says_for_long(odd_rig: Rig, words: list[list[bytes]], content: bytes) -> None:
    """G03."""
    check_upstream(odd_rig, words, content)
