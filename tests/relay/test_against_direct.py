"""The same dialog with an upstream directly and through the relay: a client hears the same, and the same arrives."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relay import connection
from tests.relay.running_relay import Client, RunningRelay, run_relay, settings_for
from tests.relay.upstream_servers import Behaves, Talk


class Judges(Behaves):
    """As strict about order as Postfix, and as lenient about blanks. What it is given says what it answers:
    an address or a content with ``no`` in it is refused, one with ``later`` is refused for now."""

    extensions = (b"PIPELINING", b"SIZE 50000000", b"8BITMIME", b"SMTPUTF8", b"DSN", b"ENHANCEDSTATUSCODES",
                  b"AUTH PLAIN LOGIN", b"VRFY")  # fmt: skip

    def __init__(self, takes_batches: bool = True) -> None:
        super().__init__()
        self.takes_batches = takes_batches
        self.too_early: list[bytes] = []  # commands that did not wait for the reply to the one before
        if not takes_batches:
            self.extensions = self.extensions[1:]

    async def answer(self, talk: Talk, verb: bytes, line: bytes) -> bytes:
        if talk.reader._buffer:  # type: ignore[attr-defined]
            self.too_early.append(bytes(talk.reader._buffer))  # type: ignore[attr-defined]
        return await super().answer(talk, line.replace(b"\t", b" ").partition(b" ")[0].upper(), line)

    async def on_helo(self, talk: Talk, line: bytes) -> bytes:
        talk.mail, talk.recipients = b"", []
        return await super().on_helo(talk, line)

    async def on_mail(self, talk: Talk, line: bytes) -> bytes:
        if talk.mail:
            return b"503 5.5.1 Nested MAIL\r\n"
        return _refusal(line) or await super().on_mail(talk, line)

    async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
        return (_refusal(line) if talk.mail else b"") or await super().on_rcpt(talk, line)

    async def on_data(self, talk: Talk, line: bytes) -> bytes:
        if not talk.mail:
            return b"503 5.5.1 MAIL first\r\n"
        if b"data" in talk.mail and talk.recipients:
            if len(talk.recipients) > 1:  # the client hears it behind its message, where its transaction is over anyway
                talk.mail, talk.recipients = b"", []
            return b"451 4.3.0 No data now\r\n"
        return await super().on_data(talk, line)

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        reply = _refusal(content)
        if reply:
            talk.mail, talk.recipients = b"", []
        return reply or await super().on_dot(talk, content)

    async def on_auth(self, talk: Talk, line: bytes) -> bytes:
        if talk.login or talk.mail:
            return b"503 5.5.1 Not now\r\n"
        if len(line.split()) < 2:
            return b"501 5.5.4 Which?\r\n"
        if line.split()[1].upper() not in (b"PLAIN", b"LOGIN"):
            return b"504 5.5.4 Not that\r\n"
        return await super().on_auth(talk, line)

    async def on_starttls(self, talk: Talk, line: bytes) -> bytes:
        return b"502 5.5.1 No TLS\r\n"

    async def on_bdat(self, talk: Talk, line: bytes) -> bytes:
        return b"502 5.5.1 No BDAT\r\n"

    on_etrn = on_turn = on_bdat


def _refusal(words: bytes) -> bytes:
    return b"550 5.7.1 No\r\n" if b"no" in words else b"450 4.7.1 Later\r\n" if b"later" in words else b""


@dataclass(frozen=True)
class Message:
    """DATA, and the content if that is asked for."""

    content: bytes


LINES = [
    b"EHLO x", b"ehlo x.example.com ", b"EHLO\tx", b"HELO [192.0.2.1]", b"EHLO [IPv6:2001:db8::1]",
    b"MAIL FROM:<a@example.com>",
    b"mail from:<>", b"MAIL FROM:<no@example.com>", b"MAIL FROM:<data@example.com>", b"MAIL FROM: <a@example.com> ",
    b"MAIL FROM:<a@example.com> SIZE=99 BODY=8BITMIME AUTH=<>", b"MAIL FROM:<a@example.com> RET=HDRS ENVID=x+2B",
    b"MAIL FROM:a@example.com", b"MAIL", b"RCPT TO:<b@example.net>", b"RCPT TO:<c@example.net> NOTIFY=NEVER",
    b"rcpt to:<no@example.net>", b"RCPT TO:<later@example.net>", b"RCPT TO:<\"o dd\"@example.net>", b"RCPT", b"RSET",
    b"RSET ", b"NOOP", b"noop x", b"VRFY b", b"EXPN b", b"HELP", b"HELP me", b"AUTH", b"AUTH PLAIN AGEAYg==",
    b"AUTH PLAIN AHVzZXIAY29ycmVjdCBob3JzZQ==", b"auth plain AHVzZXIAY29ycmVjdCBob3JzZQ== ", b"AUTH X", b"AUTH PLAIN =",
    b"STARTTLS", b"LHLO x", b"ETRN x", b"TURN", b"NONSENSE", b"", b" ", b"\xc3\xa4", b"NOOP\t", b"RSET\t", b"VRFY\tb",
    b"MAIL\tFROM:<a@example.com>", b"QUIT",
]  # fmt: skip
MESSAGES = [
    Message(content)
    for content in (b"", b"\r\n", b"Subject: x\r\n\r\nHello\r\n", b"..\r\n", b"Subject: no\r\n\r\n", b"later\r\n",
                    b"Subject: \xc3\xa4\r\n\r\n..dots\r\n...\r\n", b"x" * 3000 + b"\r\n", b"\r\n" * 300)
]  # fmt: skip
# A step is what is sent at once: some lines, and perhaps DATA behind them.
steps = st.tuples(st.lists(st.sampled_from(LINES), max_size=5), st.one_of(st.none(), st.sampled_from(MESSAGES)))
transaction = st.builds(
    lambda mail, rcpts, message: ([mail, *rcpts], message),
    st.sampled_from([line for line in LINES if line[:4].upper() == b"MAIL"]),
    st.lists(st.sampled_from([line for line in LINES if line[:4].upper() == b"RCPT"]), min_size=1, max_size=4),
    st.sampled_from(MESSAGES),
)
dialogs = st.lists(st.one_of(steps, transaction), min_size=1, max_size=6)
Step = tuple[list[bytes], Message | None]


class Both:
    """The upstream, and a relay in front of it, in a loop of their own."""

    def __init__(self, folder: Path, takes_batches: bool) -> None:
        connection.LINGER_SECONDS = 0.01
        self.loop = asyncio.new_event_loop()
        self.upstream = Judges(takes_batches)
        self.loop.run_until_complete(self.upstream.start())
        limits = {"auth_attempts": 1000, "upstream_reply": "20s", "upstream_final": "20s"}
        self.relay: RunningRelay = self.loop.run_until_complete(
            run_relay(settings_for(self.upstream.port, folder, limits=limits))
        )
        self.relay.server.ports[0].around.logins._first_delay = 0.0

    def stop(self) -> None:
        self.loop.run_until_complete(self.relay.server.stop(0.2))
        self.loop.run_until_complete(self.upstream.stop())
        for _ in range(10):  # what was closed last tells so in the next turns of the loop
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        connection.LINGER_SECONDS = 2.0

    def compare(self, dialog: list[Step]) -> None:
        async def both() -> list[tuple[list[list[bytes]], list[object]]]:
            return [await self._play(port, dialog) for port in (self.upstream.port, self.relay.port)]

        direct, relayed = self.loop.run_until_complete(asyncio.wait_for(both(), 60))
        assert relayed == direct
        assert self.upstream.takes_batches or not self.upstream.too_early

    async def _play(self, port: int, dialog: list[Step]) -> tuple[list[list[bytes]], list[object]]:
        self.upstream.delivered.clear()
        self.upstream.too_early.clear()
        client = await Client.connect(port)
        heard = [await self._replies(client, 1), await self._step(client, ([b"EHLO x"], None))]
        for step in dialog:
            heard.append(await self._step(client, step))
            if _is_last(heard[-1]):
                break
        client.close()
        await self.relay.server.ports[0].around.sessions.until_empty()
        return heard, [(one.mail, one.recipients, one.content, one.login) for one in self.upstream.delivered]

    async def _step(self, client: Client, step: Step) -> list[bytes]:
        lines, message = step
        lines = [*lines, b"DATA"] if message is not None else lines
        await client.send(b"".join(line + b"\r\n" for line in lines))
        replies = await self._replies(client, len(lines))
        if message is not None and replies[-1] == b"354":
            await client.send(message.content + b".\r\n")
            replies[-1:] = await self._replies(client, 1)  # of a late DATA its refusal is heard here
        return replies

    async def _replies(self, client: Client, number: int) -> list[bytes]:
        replies: list[bytes] = []
        while len(replies) < number and not _is_last(replies):
            replies.append(_comparable(await client.reply()))
        return replies


def _is_last(replies: list[bytes]) -> bool:
    return bool(replies) and replies[-1][:3] in (b"", b"221")


def _comparable(reply: bytes) -> bytes:
    """All of it where the upstream says it; the code alone where the relay speaks for itself, or of itself."""
    is_own = reply[:3] in (b"220", b"354", b"500", b"501", b"502", b"503", b"504") or b" greets " in reply
    return reply[:3] if is_own else reply


@pytest.fixture(scope="module", params=[True, False], ids=["in batches", "one by one"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    with tempfile.TemporaryDirectory() as folder:
        one = Both(Path(folder), request.param)
        yield one
        one.stop()


@given(dialogs)
@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_client_hears_what_it_would_hear_without_the_relay(both: Both, dialog: list[Step]) -> None:
    both.compare(dialog)


@pytest.mark.soak
@pytest.mark.timeout(7200)
@given(dialogs)
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_client_hears_what_it_would_hear_without_the_relay_for_long(both: Both, dialog: list[Step]) -> None:
    both.compare(dialog)
