"""Commands in orders that nobody would call usual: each reply comes in its turn, and each message is what was asked."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.test_against_direct import Judges
from tests.relay.test_clients_that_leave import WaitsAtTheDot
from tests.relay.test_own_account import OneUser
from tests.relay.test_tls import Certificates
from tests.relay.upstream_servers import PASSWORD, Behaves, Hangup, Talk

BODY = b"Subject: x\r\n\r\nHello\r\n"
ASKING = b"X-Track: all\r\nSubject: x\r\n\r\nHello\r\n"


class IdlesWhenTold(Behaves):
    """Answers NOOP when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def on_noop(self, talk: Talk, line: bytes) -> bytes:
        await self.go_on.wait()
        return await super().on_noop(talk, line)


class RefusesNestedMail(Behaves):
    """As Postfix does: only RSET, EHLO and a message that was sent end a transaction."""

    data_reply = b""

    async def on_mail(self, talk: Talk, line: bytes) -> bytes:
        if talk.mail:
            return b"503 5.5.1 Error: nested MAIL command\r\n"
        return await super().on_mail(talk, line)

    async def on_data(self, talk: Talk, line: bytes) -> bytes:
        return self.data_reply or await super().on_data(talk, line)


async def owing_a_reply(relay: RunningRelay, upstream: IdlesWhenTold, command: bytes) -> Client:
    """A client that has sent NOOP and the command at once; the upstream has the NOOP and has not answered."""
    client = await relay.session()
    await client.send(b"NOOP\r\n" + command)
    await upstream.until(lambda: b"NOOP" in upstream.commands)
    for _ in range(20):  # turns of the loop in which something may be said too early
        await asyncio.sleep(0)
    upstream.go_on.set()
    return client


async def test_the_encryption_waits_for_what_was_asked_before_it(start_relay: StartRelay, tmp_path: Path) -> None:
    upstream, certificates = IdlesWhenTold(), Certificates(tmp_path)
    relay = await start_relay(upstream, listener={"security": "starttls"} | certificates.write())
    client = await owing_a_reply(relay, upstream, b"STARTTLS\r\n")
    assert await client.reply() == b"250 2.0.0 Upstream idles\r\n"
    assert (await client.reply()).startswith(b"220 ")
    await client.writer.start_tls(certificates.client_context(), server_hostname="127.0.0.1")
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"250")
    assert (await client.submit(BODY)).startswith(b"250 2.0.0 Ok: queued")


async def test_what_comes_while_the_encryption_waits_was_said_in_clear(start_relay: StartRelay, tmp_path: Path) -> None:
    upstream = IdlesWhenTold()
    relay = await start_relay(upstream, listener={"security": "starttls"} | Certificates(tmp_path).write())
    client = await relay.session()
    await client.send(b"NOOP\r\nSTARTTLS\r\n")
    await upstream.until(lambda: b"NOOP" in upstream.commands)
    await client.send(b"MAIL FROM:<evil@example.org>\r\n")
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while not session.lines.waiting:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    upstream.go_on.set()
    assert (await client.everything()).startswith(b"250 2.0.0 Upstream idles\r\n501 5.5.4 ")
    assert not any(b"evil" in command for command in upstream.commands)


@pytest.mark.parametrize("first", ["upstream", "client"])
async def test_what_comes_in_the_same_turn_as_the_last_reply_owed_was_said_in_clear(
    start_relay: StartRelay, tmp_path: Path, first: str
) -> None:
    """The encryption may begin, and has not begun: what is injected then is not executed after the handshake."""
    upstream, talks = IdlesWhenTold(), []
    relay = await start_relay(upstream, listener={"security": "starttls"} | Certificates(tmp_path).write())

    async def owes(talk: Talk, line: bytes) -> bytes:
        talks.append(talk)
        return b""

    upstream.on_noop = owes  # type: ignore[method-assign]
    client = await relay.session()
    await client.send(b"NOOP\r\nSTARTTLS\r\n")
    await upstream.until(lambda: bool(talks))
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while not session.is_busy:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    for _ in range(20):  # turns of the loop in which nobody says anything
        await asyncio.sleep(0)
    writes = [
        lambda: talks[0].writer.write(b"250 2.0.0 Upstream idles\r\n"),
        lambda: client.writer.write(b"EHLO evil.example.org\r\nMAIL FROM:<evil@example.org>\r\n"),
    ]
    for write in writes if first == "upstream" else reversed(writes):
        write()
    # 501; or a handshake that fails, should the system have parted what was written at once.
    assert (await client.everything()).startswith(b"250 2.0.0 Upstream idles\r\n")
    assert not any(b"evil" in command for command in upstream.commands)


@pytest.mark.parametrize(
    ("exchange", "codes"),
    [
        (b"AUTH PLAIN " + b64encode(b"\0alice\0wonderland") + b"\r\n", [b"235"]),
        (b"AUTH LOGIN\r\n", [b"334"]),
        (b"AUTH PLAIN " + b64encode(b"\0user\0wrong") + b"\r\n", [b"535"]),
    ],
    ids=["right", "asks for more", "wrong"],
)
async def test_a_login_of_the_relays_own_waits_for_what_was_asked_before_it(
    start_relay: StartRelay, exchange: bytes, codes: list[bytes]
) -> None:
    upstream = IdlesWhenTold()
    table = {"login": "account", "username": "relay@example.com", "password": PASSWORD}
    relay = await start_relay(upstream, {"accounts": OneUser()}, upstream=table)
    client = await owing_a_reply(relay, upstream, exchange)
    assert await client.reply() == b"250 2.0.0 Upstream idles\r\n"
    assert [(await client.reply())[:3] for _ in codes] == codes


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
@pytest.mark.parametrize("refusal", [b"451 4.7.1 Not now\r\n", b"554 5.7.1 Not you\r\n"])
async def test_after_a_message_whose_late_data_was_refused_the_next_may_begin(
    start_relay: StartRelay, refusal: bytes, content: bytes
) -> None:
    """The client has sent its message and heard the verdict: for it the transaction is over. To the upstream, which was
    not sent any message, it is not."""
    upstream = RefusesNestedMail()
    upstream.data_reply = refusal
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin(b"b@example.net", b"c@example.net")
    assert (await client.ask(b"DATA")).startswith(b"354")
    assert (await client.ask(content + b".")).startswith(refusal[:-2])
    upstream.data_reply = b""
    assert (await client.submit(content, b"d@example.net")).startswith(b"250 2.0.0 Ok: queued")
    assert upstream.delivered[0].recipients == [b"RCPT TO:<d@example.net>"]
    assert upstream.connections == 1


@pytest.mark.parametrize("after", [b"", b"250 2.0.0 Reset\r\n421 4.7.0 Bye\r\n", b"421 4.7.0 Bye\r\n"])
async def test_a_refusal_of_the_message_is_heard_though_the_upstream_leaves_before_the_clients_dot(
    start_relay: StartRelay, after: bytes
) -> None:
    """The client was told 354 before the upstream was asked, so the refusal is kept until it has finished."""

    class RefusesAndLeaves(Behaves):
        async def on_data(self, talk: Talk, line: bytes) -> bytes:
            return b"554 5.7.1 Not you\r\n"

        async def on_rset(self, talk: Talk, line: bytes) -> bytes:
            await talk.say(after)
            raise Hangup

    upstream = RefusesAndLeaves()
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin(b"b@example.net", b"c@example.net")
    assert (await client.ask(b"DATA")).startswith(b"354")
    await client.send(BODY)
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while session.link.is_open:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    assert await client.ask(b"more\r\n.") == b"554 5.7.1 Not you\r\n"


async def test_a_declared_size_is_judged_also_where_the_upstream_has_to_be_connected_anew(
    start_relay: StartRelay,
) -> None:
    class LeavesAfterGreeting(Behaves):
        async def on_noop(self, talk: Talk, line: bytes) -> bytes:
            raise Hangup

    upstream = LeavesAfterGreeting()
    relay = await start_relay(upstream)
    client = await relay.session()
    assert (await client.ask(b"NOOP")).startswith(b"451")
    assert (await client.ask(b"MAIL FROM:<a@example.com> SIZE=999999999999")).startswith(b"552 5.3.4 ")
    assert (await client.ask(b"MAIL FROM:<a@example.com> SIZE=x")).startswith(b"501 ")
    assert (await client.submit(BODY)).startswith(b"250")


async def test_hundreds_of_pipelined_recipients_half_of_them_refused(start_relay: StartRelay) -> None:
    class RefusesOdd(Behaves):
        async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
            return b"550 5.1.1 Odd\r\n" if line[-14:-13] in b"13579" else await super().on_rcpt(talk, line)

    upstream = RefusesOdd()
    relay = await start_relay(upstream)
    client = await relay.session()
    recipients = [b"RCPT TO:<r%03d@example.net>" % number for number in range(500)]
    between = {100: b"NOOP", 200: b"VRFY b@example.net", 300: b"HELP", 400: b"NONSENSE"}
    lines, codes = [b"MAIL FROM:<a@example.com>"], [b"250"]
    for number, recipient in enumerate(recipients):
        if number in between:
            lines.append(between[number])
            codes.append({100: b"250", 200: b"252", 300: b"500", 400: b"500"}[number])
        lines.append(recipient)
        codes.append(b"550" if number % 2 else b"250")
    await client.send(b"\r\n".join((*lines, b"DATA\r\n")))
    assert [(await client.reply())[:3] for _ in codes] == codes
    assert (await client.reply()).startswith(b"354")
    assert (await client.ask(BODY + b".")).startswith(b"250 2.0.0 Ok: queued")
    assert upstream.delivered[0].recipients == recipients[::2]


@pytest.mark.parametrize("ends", [b"RSET", b"EHLO again.example.com", b"HELO again.example.com"])
async def test_a_transaction_that_is_ended_in_the_middle_of_a_batch_leaves_nobody_behind(
    relay: RunningRelay, upstream: Behaves, ends: bytes
) -> None:
    client = await relay.session()
    first = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\n"
    second = b"MAIL FROM:<d@example.com>\r\nRCPT TO:<e@example.net>\r\nDATA\r\n"
    await client.send(first + ends + b"\r\n" + second)
    assert [(await client.reply())[:3] for _ in range(7)] == [b"250"] * 6 + [b"354"]
    assert (await client.ask(BODY + b".")).startswith(b"250 2.0.0 Ok: queued")
    (delivered,) = upstream.delivered
    assert (delivered.mail, delivered.recipients) == (b"MAIL FROM:<d@example.com>", [b"RCPT TO:<e@example.net>"])


async def test_starttls_in_the_middle_of_a_transaction_ends_it(
    start_relay: StartRelay, upstream: Behaves, tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path)
    relay = await start_relay(upstream, listener={"security": "starttls"} | certificates.write())
    client = await relay.session()
    await client.begin(b"b@example.net", b"c@example.net")
    assert (await client.ask(b"STARTTLS")).startswith(b"220")
    await client.writer.start_tls(certificates.client_context(), server_hostname="127.0.0.1")
    for line in (b"RCPT TO:<d@example.net>", b"DATA", b"MAIL FROM:<a@example.com>"):
        assert (await client.ask(line)).startswith(b"503 5.5.1 "), line
    assert (await client.ask(b"EHLO client.example.com")).startswith(b"250")
    assert (await client.ask(b"RCPT TO:<d@example.net>")).startswith(b"503 5.5.1 MAIL first")
    assert (await client.submit(BODY, b"e@example.net")).startswith(b"250")
    assert upstream.delivered[0].recipients == [b"RCPT TO:<e@example.net>"]


@pytest.mark.parametrize("last_words", [b"250 2.1.5 Ok\r\n", b"221 2.0.0 Bye\r\n", b""], ids=["250", "221", "none"])
@pytest.mark.parametrize("count", [1, 2])
async def test_an_upstream_that_leaves_after_every_recipient_gets_no_message(
    start_relay: StartRelay, last_words: bytes, count: int
) -> None:
    class LeavesAfterRecipient(Behaves):
        is_leaving = True

        async def on_rcpt(self, talk: Talk, line: bytes) -> bytes:
            if not self.is_leaving or len(talk.recipients) + 1 < count:
                return await super().on_rcpt(talk, line)
            await talk.say(last_words)
            raise Hangup

    upstream = LeavesAfterRecipient()
    relay = await start_relay(upstream)
    client = await relay.session()
    batch = b"MAIL FROM:<a@example.com>\r\n" + b"RCPT TO:<b@example.net>\r\n" * 2 + b"DATA\r\n"
    await client.send(batch)
    replies = [await client.reply() for _ in range(4)]
    verdict = replies[3]
    if verdict.startswith(b"354"):  # two were accepted: the relay itself says so, and asks the upstream later
        verdict = await client.ask(BODY + b".")
    assert verdict.startswith(b"451 4.4.2 "), replies
    assert not upstream.delivered
    upstream.is_leaving = False
    assert (await client.submit(BODY)).startswith(b"250 2.0.0 Ok: queued")


@pytest.mark.parametrize("name", [b"[IPv6:2001:db8::1]", b"[192.0.2.1]", "mühle.example".encode(), b"a b c", b"-"])
async def test_a_client_calls_itself_what_it_likes(relay: RunningRelay, upstream: Behaves, name: bytes) -> None:
    client = await relay.connect()
    for verb in (b"EHLO ", b"HELO "):
        assert (await client.ask(verb + name)).startswith(b"250")
        assert upstream.commands[-1] == verb + name
    assert (await client.submit(BODY)).startswith(b"250")


@pytest.mark.parametrize("blanks", [b" ", b"  ", b"\t", b" \t "])
async def test_blanks_behind_a_command_do_no_harm(start_relay: StartRelay, tmp_path: Path, blanks: bytes) -> None:
    """RFC 5321 section 4.1.1."""
    certificates, upstream = Certificates(tmp_path), Judges()
    relay = await start_relay(upstream, listener={"security": "starttls"} | certificates.write())
    client = await relay.connect()
    assert (await client.ask(b"EHLO client.example.com" + blanks)).startswith(b"250")
    assert (await client.ask(b"STARTTLS" + blanks)).startswith(b"220")
    await client.writer.start_tls(certificates.client_context(), server_hostname="127.0.0.1")
    lines = (b"EHLO x", b"NOOP", b"RSET", b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>")
    for line in lines:
        assert (await client.ask(line + blanks)).startswith(b"250"), line
        assert upstream.commands[-1] == line + blanks
    assert (await client.ask(b"EHLO" + blanks)).startswith(b"501")


async def test_a_client_that_speaks_before_the_greeting_is_answered_in_order(
    relay: RunningRelay, upstream: Behaves
) -> None:
    client = await relay.connect(greeting=False)
    await client.send(b"EHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n" + BODY + b".\r\n")
    codes = [(await client.reply())[:3] for _ in range(6)]
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250"]
    assert len(upstream.delivered) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_a_client_that_drops_its_tls_connection_after_the_dot_has_sent_one_message(
    start_relay: StartRelay, tmp_path: Path, content: bytes, how: str
) -> None:
    """Without close_notify. It heard nothing, sends again, and hears what became of the first."""
    certificates = Certificates(tmp_path)
    upstream = IdlesWhenTold()
    relay = await start_relay(upstream, listener={"security": "tls"} | certificates.write())

    async def connect() -> Client:
        context = certificates.client_context()
        client = Client(*await asyncio.open_connection("127.0.0.1", relay.port, ssl=context))
        relay.clients.append(client)
        await client.reply()
        await client.ask(b"EHLO client.example.com")
        return client

    named = b"Message-ID: <1@example.com>\r\n" + content
    client = await connect()
    await client.begin()
    await client.ask(b"DATA")
    at_dot, go_on = asyncio.Event(), asyncio.Event()
    on_dot = upstream.on_dot

    async def waits(talk: Talk, content: bytes) -> bytes:
        at_dot.set()
        await go_on.wait()
        return await on_dot(talk, content)

    upstream.on_dot = waits  # type: ignore[method-assign]
    await client.send(named + b".\r\n")
    await at_dot.wait()
    client.writer.transport.abort() if how == "close" else client.reset()
    (session,) = relay.server.ports[0].around.sessions
    async with asyncio.timeout(20):
        while not session.is_over:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
    go_on.set()
    await relay.server.ports[0].around.sessions.until_empty()
    assert (await (await connect()).submit(named)).startswith(b"250 2.0.0 Ok: queued as 4F1")
    assert len(upstream.delivered) == 1


@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_a_client_that_sends_the_same_octets_twice_and_half_closes_has_sent_two_messages(
    start_relay: StartRelay, content: bytes
) -> None:
    """The second is no answer to silence: it was sent before the first could be heard of."""
    upstream = WaitsAtTheDot()
    relay = await start_relay(upstream)
    client = await relay.session()
    envelope = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    await client.send((envelope + content + b".\r\n") * 2)
    client.writer.write_eof()
    await upstream.at_dot.wait()
    upstream.go_on.set()
    said = await client.everything()
    assert said.count(b"250 2.0.0 Ok: queued") == len(upstream.delivered) == 2
