"""What the client hears when the upstream refuses, hangs up, sleeps or talks nonsense, at every stage.

The rule behind every row: before the final dot nothing was delivered, and the client hears the upstream's own refusal
or our 451; after it, anything but a 2yz from the upstream means that nobody says 250.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.upstream_servers import Behaves, Hangup, Scripted, Talk

BODY = b"Subject: x\r\n\r\nHello\r\n"
ASKING = b"X-Track: all\r\nSubject: x\r\n\r\nHello\r\n"
SHORT = {"upstream_reply": "0.3s", "upstream_final": "0.3s", "upstream_connect": "0.3s"}
STAGES = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT")


async def converse(relay: RunningRelay, content: bytes = BODY) -> tuple[str, bytes]:
    """Submits as far as the relay lets; the stage at which it did not, and what it said there."""
    client = await relay.connect()
    for stage, line, wanted in (
        ("EHLO", b"EHLO client.example.com", b"250"),
        ("MAIL", b"MAIL FROM:<a@example.com>", b"250"),
        ("RCPT", b"RCPT TO:<b@example.net>", b"250"),
        ("DATA", b"DATA", b"354"),
    ):
        reply = await client.ask(line)
        if not reply.startswith(wanted):
            return stage, reply
    await client.send(content + b".\r\n")
    return "DOT", await client.reply()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("refusal", [b"550 5.7.1 Not you\r\n", b"450-4.2.1 Try\r\n450 4.2.1 later\r\n"])
async def test_a_refusal_reaches_the_client_as_it_is_at_that_stage(
    start_relay: StartRelay, stage: str, refusal: bytes
) -> None:
    upstream = Scripted(**{stage: refusal})
    relay = await start_relay(upstream)
    assert await converse(relay) == ("EHLO" if stage == "CONNECT" else stage, refusal)
    assert not upstream.delivered


@pytest.mark.parametrize("stage", STAGES)
async def test_a_421_reaches_the_client_and_ends_its_session_too(start_relay: StartRelay, stage: str) -> None:
    upstream = Scripted(**{stage: b"421 4.3.2 Shutting down\r\n"})
    relay = await start_relay(upstream)
    heard, reply = await converse(relay)
    assert (heard, reply) == ("EHLO" if stage == "CONNECT" else stage, b"421 4.3.2 Shutting down\r\n")
    if stage != "CONNECT":
        assert await relay.clients[0].reply() == b""
    upstream.answers.clear()
    assert (await converse(relay))[1].startswith(b"250 2.0.0 Ok: queued")  # the next mail has a new connection


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", ["hangs up", "never answers"])
async def test_a_lost_or_silent_upstream_is_a_451_in_time(
    start_relay: StartRelay, stage: str, how: str, content: bytes
) -> None:
    upstream = Scripted(**{stage: None if how == "hangs up" else b""})
    relay = await start_relay(upstream, limits=SHORT)
    heard, reply = await converse(relay, content)
    assert heard == ("EHLO" if stage == "CONNECT" else stage)
    assert reply.startswith(b"451 4.4."), reply
    assert b"id=" in reply
    if stage == "DOT":
        assert reply.startswith(b"451 4.4.2 Outcome unknown")
        assert relay.records.only.state == "in-doubt"
    else:
        assert not upstream.delivered
        assert not relay.records.kept


async def test_after_a_lost_upstream_the_same_session_can_submit_again(start_relay: StartRelay) -> None:
    upstream = Scripted(RCPT=None)
    relay = await start_relay(upstream)
    client = await relay.session()
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"250")
    assert (await client.ask(b"RCPT TO:<b@example.net>")).startswith(b"451 4.4.2")
    upstream.answers.clear()
    assert (await client.submit(BODY)).startswith(b"250 2.0.0 Ok")
    assert upstream.connections == 2


async def test_an_upstream_that_does_not_listen_is_a_451_and_the_relay_stays_healthy(start_relay: StartRelay) -> None:
    upstream = Behaves()
    relay = await start_relay(upstream)
    await upstream.stop()
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"451 4.4.1 ")
    assert (await client.ask(b"NOOP")).startswith(b"250")
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"503")
    assert (await client.ask(b"QUIT")).startswith(b"221")


ODD_REPLIES = [
    (b"250-a\r\n250 b\r\n", b"250-a\r\n250 b\r\n", "several lines"),
    (b"250\r\n", b"250 \r\n", "a bare code"),
    (b"250ok\r\n", b"250 ok\r\n", "no space after the code"),
    (b"250 ok\n", b"250 ok\r\n", "LF only"),
    (b"250-a\n250 b\n", b"250-a\r\n250 b\r\n", "LF only, several lines"),
    (b"250 a\x00b\r\n", b"250 a?b\r\n", "NUL inside"),
    (b"250 a\rb\r\n", b"250 a?b\r\n", "bare CR inside: no line of its own may arise"),
    (b"250-a\r\n251 b\r\n", b"251-a\r\n251 b\r\n", "codes that differ: the last line counts"),
    (b"252 perhaps\r\n", b"252 perhaps\r\n", "another 2yz is as good as 250"),
    (b"".join(b"250-line %d\r\n" % n for n in range(2000)) + b"250 end\r\n", None, "2,000 lines"),
]


@pytest.mark.parametrize(("said", "heard", "why"), ODD_REPLIES, ids=[row[2] for row in ODD_REPLIES])
@pytest.mark.parametrize("dribbled", [False, True], ids=["whole", "octet by octet"])
async def test_odd_replies_after_the_dot_are_understood_and_passed_on_well_formed(
    start_relay: StartRelay, said: bytes, heard: bytes | None, why: str, dribbled: bool
) -> None:
    class Odd(Behaves):
        async def on_dot(self, talk: Talk, content: bytes) -> bytes:
            await super().on_dot(talk, content)
            for octet in said[:200] if dribbled and len(said) > 200 else said if dribbled else b"":
                await talk.say(bytes([octet]))
                await asyncio.sleep(0)
            return said[200:] if dribbled and len(said) > 200 else b"" if dribbled else said

    upstream = Odd()
    relay = await start_relay(upstream)
    assert (await converse(relay))[1] == (said if heard is None else heard)
    assert (await relay.clients[0].ask(b"NOOP")) == b"250 2.0.0 Upstream idles\r\n"


@pytest.mark.parametrize("said", [b"hello\r\n", b"250 " + b"x" * 100_000 + b"\r\n", b"999 what\r\n", b"\r\n"])
@pytest.mark.parametrize("stage", ["MAIL", "DOT"])
async def test_nonsense_is_a_451(start_relay: StartRelay, said: bytes, stage: str) -> None:
    relay = await start_relay(Scripted(**{stage: said}))
    heard, reply = await converse(relay)
    assert heard == stage
    assert reply.startswith(b"451 4.")
    assert reply.count(b"\r\n") == 1


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
@pytest.mark.parametrize("said", [b"354 Go ahead\r\n", b"334 \r\n", b"300-a\r\n300 b\r\n"])
async def test_an_answer_to_the_dot_that_neither_accepts_nor_refuses_leaves_the_message_in_doubt(
    start_relay: StartRelay, said: bytes, content: bytes
) -> None:
    """Passed on, it would be a failure to every client, and nothing would say that the message may have arrived; and a
    server that says 354 here may still be reading: the next commands would be content to it."""
    upstream = Scripted(DOT=said)
    relay = await start_relay(upstream)
    heard_at, reply = await converse(relay, content)
    assert heard_at == "DOT"
    assert reply.startswith(b"451 4.4.2 Outcome unknown"), reply
    assert str(relay.records.only.state) == "in-doubt"
    await upstream.until(lambda: not upstream.open_connections)
    upstream.answers.clear()
    assert (await relay.clients[0].submit(content)).startswith(b"250 2.0.0 Ok: queued")
    assert len(upstream.delivered) == 1


async def test_a_late_250_is_never_taken_for_the_next_commands_reply(start_relay: StartRelay) -> None:
    class AnswersLate(Behaves):
        async def on_dot(self, talk: Talk, content: bytes) -> bytes:
            await asyncio.sleep(0.6)
            return await super().on_dot(talk, content)

    upstream = AnswersLate()
    relay = await start_relay(upstream, limits={"upstream_final": "0.2s"})
    heard, reply = await converse(relay)
    assert (heard, reply[:9]) == ("DOT", b"451 4.4.2")
    client = relay.clients[0]
    await upstream.until(lambda: upstream.open_connections == 0)
    assert (await client.ask(b"RSET")) == b"250 2.0.0 OK\r\n"
    assert (await client.ask(b"MAIL FROM:<c@example.com>")) == b"250 2.1.0 Sender OK\r\n"
    assert (await client.ask(b"RCPT TO:<d@example.net>")) == b"250 2.1.5 Recipient OK\r\n"
    assert relay.records.only.state == "in-doubt"


async def test_a_refused_recipient_is_refused_alone(start_relay: StartRelay) -> None:
    class RefusesSecondRecipient(Behaves):
        async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
            if b"b2" in line:
                return b"550 5.1.1 No such user\r\n"
            return await super().on_rcpt(talk, line)

    upstream = RefusesSecondRecipient()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.ask(b"MAIL FROM:<a@example.com>")
    replies = [await client.ask(b"RCPT TO:<b%d@example.net>" % n) for n in (1, 2, 3)]
    assert [reply[:3] for reply in replies] == [b"250", b"550", b"250"]
    assert (await client.ask(b"DATA")).startswith(b"354")
    assert (await client.ask(BODY + b".")).startswith(b"250")
    assert upstream.delivered[0].recipients == [b"RCPT TO:<b1@example.net>", b"RCPT TO:<b3@example.net>"]


async def test_with_several_recipients_a_refused_data_command_is_the_final_reply(start_relay: StartRelay) -> None:
    upstream = Scripted(DATA=b"554 5.7.1 Not today\r\n")
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin(b"b@example.net", b"c@example.net")
    assert (await client.ask(b"DATA")).startswith(b"354")
    assert (await client.ask(BODY + b".")) == b"554 5.7.1 Not today\r\n"
    assert (await client.ask(b"NOOP")).startswith(b"250")


@pytest.mark.parametrize("said", [b"250 2.0.0 Ok\r\n", b"220 up\r\n", b"334 \r\n"])
@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
@pytest.mark.parametrize("recipients", [(b"b@example.net",), (b"b@example.net", b"c@example.net")], ids=["one", "two"])
async def test_an_answer_to_data_that_neither_opens_nor_refuses_is_no_verdict(
    start_relay: StartRelay, recipients: tuple[bytes, ...], content: bytes, said: bytes
) -> None:
    upstream = Scripted(DATA=said)
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin(*recipients)
    reply = await client.ask(b"DATA")
    if len(recipients) > 1:  # then the relay says 354 itself, and asks the upstream later
        assert reply.startswith(b"354")
        reply = await client.ask(content + b".")
    assert reply.startswith(b"451 4.5.0 "), reply
    await upstream.until(lambda: upstream.open_connections == 0)
    assert not upstream.delivered
    assert b"QUIT" not in upstream.commands  # it may take anything for content
    upstream.answers.clear()
    assert (await client.submit(content)).startswith(b"250 2.0.0 Ok: queued")


async def test_an_upstream_that_refuses_in_the_middle_is_heard_after_the_dot(start_relay: StartRelay) -> None:
    class RefusesInTheMiddle(Behaves):
        async def read_content(self, talk: Talk) -> bytes:
            await talk.reader.read(1000)
            await talk.say(b"552 5.3.4 Enough\r\n")
            raise Hangup

    upstream = RefusesInTheMiddle()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(BODY + b"y" * 70 + b"\r\n")
    await upstream.until(lambda: upstream.open_connections == 0)
    await client.send(b"y" * 5000 + b"\r\n.\r\n")
    assert (await client.reply()) == b"552 5.3.4 Enough\r\n"


async def test_an_upstream_that_reads_nothing_stops_the_client_and_is_a_451_in_time(start_relay: StartRelay) -> None:
    class StopsReading(Behaves):
        async def read_content(self, talk: Talk) -> bytes:
            await asyncio.Event().wait()
            return b""

    upstream = StopsReading()
    relay = await start_relay(upstream, limits=SHORT)
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    chunk = b"y" * 998 + b"\r\n"

    async def upload() -> None:
        for _ in range(20_000):
            await client.send(chunk)
        await client.send(b".\r\n")

    await upload()
    assert (await client.reply()).startswith(b"451 4.4.2")


async def test_an_upstream_that_speaks_unasked_is_left(start_relay: StartRelay) -> None:
    class SpeaksUnasked(Behaves):
        async def on_noop(self, talk: Talk, line: bytes) -> bytes:
            return b"250 OK\r\n250 and another\r\n"

    upstream = SpeaksUnasked()
    relay = await start_relay(upstream)
    client = await relay.session()
    assert (await client.ask(b"NOOP")) == b"250 OK\r\n"
    await upstream.until(lambda: upstream.open_connections == 0)
    assert (await client.submit(BODY)).startswith(b"250 2.0.0 Ok")


RECIPIENTS = b"RCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\n"
TRANSACTION = b"MAIL FROM:<a@example.com>\r\n" + RECIPIENTS + b"DATA\r\n"
GREETED = b"250-upstream.example.com\r\n250 PIPELINING\r\n"


async def test_a_second_answer_to_ehlo_is_not_taken_for_the_answer_to_what_is_sent_next(
    start_relay: StartRelay,
) -> None:
    upstream = Scripted(EHLO=GREETED + b"250 2.0.0 And more\r\n")
    relay = await start_relay(upstream)
    client = await relay.connect()
    await client.send(b"EHLO client.example.com\r\n" + TRANSACTION)
    assert (await client.reply()).startswith(b"250-")
    for line in (b"MAIL", b"RCPT", b"RCPT", b"DATA"):
        assert (await client.reply()).startswith(b"451 4."), line
    await upstream.until(lambda: upstream.open_connections == 0)
    upstream.answers.clear()
    assert (await client.submit(BODY)).startswith(b"250 2.0.0 Ok: queued")


async def test_a_second_answer_when_the_upstream_is_connected_anew_is_not_taken_for_the_answer_to_mail(
    start_relay: StartRelay,
) -> None:
    upstream = Scripted(RCPT=None, EHLO=GREETED)
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.ask(b"MAIL FROM:<a@example.com>")
    assert (await client.ask(b"RCPT TO:<b@example.net>")).startswith(b"451 4.4.2")
    upstream.answers = {"EHLO": GREETED + b"250 2.0.0 And more\r\n"}
    assert (await client.ask(b"MAIL FROM:<a@example.com>")).startswith(b"451 4.5.0")
    upstream.answers.clear()
    assert (await client.submit(BODY)).startswith(b"250 2.0.0 Ok: queued")


class SaysMoreAfterTheVerdict(Behaves):
    """``more`` comes in the same piece as the verdict; ``rest`` when the next command is in."""

    more = b"250 2.0.0 And more\r\n"
    rest = b""

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        return await super().on_dot(talk, content) + self.more

    async def on_mail(self, talk: Talk, line: bytes) -> bytes:
        return (self.rest if self.delivered else b"") + await super().on_mail(talk, line)


@pytest.mark.parametrize(
    ("more", "rest", "heard"),
    [
        (b"250 2.0.0 And more\r\n", b"", b"451 4.5.0"),
        (b"250-2.0.0 And\r\n", b"250 2.0.0 more\r\n", b"451 4.5.0"),
        (b"2", b"50 2.0.0 more\r\n", b"451 4.5.0"),
        (b"421 4.3.2 Enough for one session\r\n", b"", b"451 4.4.2"),
    ],
    ids=["whole", "its first line", "an octet of it", "a 421"],
)
async def test_what_follows_a_verdict_is_not_taken_for_the_answer_to_the_next_mail(
    start_relay: StartRelay, more: bytes, rest: bytes, heard: bytes
) -> None:
    upstream = SaysMoreAfterTheVerdict()
    upstream.more, upstream.rest = more, rest
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.send(TRANSACTION + BODY + b".\r\n" + b"MAIL FROM:<d@example.com>\r\n")
    replies = [await client.reply() for _ in range(6)]
    assert [reply[:3] for reply in replies[:4]] == [b"250", b"250", b"250", b"354"]
    assert replies[4].startswith(b"250 2.0.0 Ok: queued as 4F1")
    assert replies[5].startswith(heard)
    await upstream.until(lambda: upstream.open_connections == 0)
    upstream.more = upstream.rest = b""
    assert (await client.submit(BODY)).startswith(b"250 2.0.0 Ok: queued as 4F2")


async def test_a_250_that_comes_with_the_354_is_no_verdict_on_what_was_not_yet_sent(start_relay: StartRelay) -> None:
    upstream = Scripted(DATA=b"354 Go ahead\r\n250 2.0.0 Ok\r\n")
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.send(TRANSACTION + BODY + b".\r\n")
    replies = [await client.reply() for _ in range(5)]
    assert replies[3].startswith(b"354")
    assert replies[4].startswith(b"451 4.4.2 Outcome unknown")


@pytest.mark.parametrize(
    "greeting",
    [b"250 no greeting\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"220 up\r\n250 and more\r\n", b"220 up\r\n250-and"],
    ids=["another code", "another protocol", "more than a greeting", "the beginning of more"],
)
async def test_what_is_no_greeting_makes_no_session(start_relay: StartRelay, greeting: bytes) -> None:
    upstream = Scripted(CONNECT=greeting)
    relay = await start_relay(upstream)
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"451 4.5.0 ")
    await upstream.until(lambda: upstream.open_connections == 0)


async def logged_in(relay: RunningRelay) -> Client:
    client = await relay.session()
    assert (await client.ask(b"AUTH PLAIN AHUAY29ycmVjdCBob3JzZQ==")).startswith(b"235")
    return client


async def test_when_the_upstream_leaves_a_logged_in_client_it_hears_421_since_no_password_is_kept(
    start_relay: StartRelay,
) -> None:
    upstream = Behaves()
    relay = await start_relay(upstream)
    client = await logged_in(relay)
    await upstream.stop()
    reply = await client.reply()
    assert reply.startswith(b"421 4.4.2")
    assert b" (id=" in reply
    assert (await client.reply()) == b""
