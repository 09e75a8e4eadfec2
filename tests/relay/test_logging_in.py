"""AUTH: passed through line by line, or checked against users of the relay's own; nothing secret is kept or logged."""

from __future__ import annotations

import asyncio
import logging
import re
from base64 import b64encode

import pytest

from config.settings import Upstream
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import PASSWORD, Behaves, Scripted, Talk

BODY = b"Subject: x\r\nX-Track: all\r\n\r\nHello\r\n"
GOOD = b64encode(b"\0user@example.com\0" + PASSWORD.encode())
WRONG = b64encode(b"\0user@example.com\0marker-Wr0ng")


async def test_ehlo_offers_the_upstreams_mechanisms_but_none_bound_to_tls(relay: RunningRelay) -> None:
    client = await relay.connect()
    offered = (await client.ask(b"EHLO client.example.com")).split(b"\r\n")
    assert b"250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 SCRAM-SHA-256" in offered
    assert b"250-SIZE 50000000" in offered
    for kept in (b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"DSN", b"ENHANCEDSTATUSCODES", b"DELIVERBY", b"MT-PRIORITY"):
        assert b"250-" + kept in offered
    assert not any(word in line for line in offered for word in (b"CHUNKING", b"BINARYMIME", b"XCLIENT", b"PLUS"))


@pytest.mark.parametrize("verb", [b"AUTH PLAIN ", b"auth plain ", b"Auth Plain "])
async def test_plain_with_an_initial_response_in_any_case(relay: RunningRelay, upstream: Behaves, verb: bytes) -> None:
    client = await relay.session()
    assert (await client.ask(verb + GOOD)) == b"235 2.7.0 Upstream says yes\r\n"
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"user@example.com"
    assert relay.records.only.login == "user@example.com"


async def test_login_asks_the_upstreams_own_questions(relay: RunningRelay) -> None:
    client = await relay.session()
    assert (await client.ask(b"AUTH LOGIN")) == b"334 VXNlcm5hbWU6\r\n"
    assert (await client.ask(b64encode(b"user@example.com"))) == b"334 UGFzc3dvcmQ6\r\n"
    assert (await client.ask(b64encode(PASSWORD.encode()))) == b"235 2.7.0 Upstream says yes\r\n"
    assert (await client.submit(BODY)).startswith(b"250")
    assert relay.records.only.login == "user@example.com"


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ([b"AUTH PLAIN", b"*"], [b"334", b"501"]),
        ([b"AUTH LOGIN", b"*"], [b"334", b"501"]),
        ([b"AUTH PLAIN " + b64encode(b"no nul")], [b"501"]),
        ([b"AUTH PLAIN " + b64encode(b"\0a\0b\0c")], [b"501"]),
        ([b"AUTH PLAIN " + b64encode(b"a\0b")], [b"501"]),
        ([b"AUTH PLAIN " + b64encode(b"\0a\0b\0c\0")], [b"501"]),
        ([b"AUTH HOCUS-POCUS"], [b"504"]),
        ([b"AUTH SCRAM-SHA-256-PLUS bjws"], [b"504"]),
        ([b"AUTH"], [b"501"]),
        ([b"AUTH PLAIN " + GOOD, b"AUTH PLAIN " + GOOD], [b"235", b"503"]),
        ([b"MAIL FROM:<a@example.com>", b"AUTH PLAIN " + GOOD], [b"250", b"503"]),
    ],
)
async def test_details_of_the_exchange(relay: RunningRelay, lines: list[bytes], codes: list[bytes]) -> None:
    """T25."""
    client = await relay.session()
    assert [(await client.ask(line))[:3] for line in lines] == codes
    assert (await client.ask(b"NOOP")).startswith(b"250")


@pytest.mark.parametrize("octets", [600, 12_000])
async def test_long_tokens_reach_the_upstream_whole(start_relay: StartRelay, octets: int) -> None:
    seen: list[bytes] = []

    class TakesTokens(Behaves):
        async def on_auth(self, talk: Talk, line: bytes) -> bytes:
            seen.append(line)
            await talk.say(b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n")
            seen.append((await talk.reader.readuntil(b"\r\n"))[:-2])
            return b"235 2.7.0 Accepted\r\n"

    relay = await start_relay(TakesTokens())
    client = await relay.session()
    token = b64encode(b"user=user@example.com\x01auth=Bearer " + b"t" * (octets * 3 // 4) + b"\x01\x01")
    assert (await client.ask(b"AUTH XOAUTH2 " + token[:12_280])).startswith(b"334 ey")
    assert (await client.ask(b"z" * 12_280)).startswith(b"235")
    assert seen == [b"AUTH XOAUTH2 " + token[:12_280], b"z" * 12_280]


async def test_guessing_is_slowed_and_then_ends_the_session(start_relay: StartRelay, upstream: Behaves) -> None:
    """T24."""
    relay = await start_relay(upstream, limits={"auth_attempts": 3})
    client = await relay.session()
    guard = relay.server.ports[0].around.logins
    guard._first_delay = 0.01
    assert (await client.ask(b"AUTH PLAIN " + WRONG)) == b"535 5.7.8 Upstream says no\r\n"
    assert (await client.ask(b"AUTH PLAIN " + WRONG)).startswith(b"535")
    await client.send(b"AUTH PLAIN " + WRONG + b"\r\n")
    assert [line[:3] for line in (await client.everything()).splitlines()] == [b"535", b"421"]
    again = await relay.session()
    assert (await again.ask(b"AUTH PLAIN " + GOOD)).startswith(b"421 4.7.0")
    assert not guard.is_locked("192.0.2.7")


async def test_nothing_secret_is_logged_at_any_level(relay: RunningRelay, caplog: pytest.LogCaptureFixture) -> None:
    """T26: six exchanges, among them broken ones, with a marker for a password."""
    caplog.set_level(logging.DEBUG)
    marker = b"marker-S3cret"
    encoded = b64encode(b"\0user@example.com\0" + marker)
    guard = relay.server.ports[0].around.logins
    guard._first_delay, guard.attempts = 0.0, 100
    dialogs = [
        [b"AUTH PLAIN " + encoded],
        [b"AUTH PLAIN", encoded],
        [b"AUTH LOGIN", b64encode(b"user@example.com"), b64encode(marker)],
        [b"AUTH NOSUCH " + encoded, encoded],
        [b"AUTH PLAIN " + marker],
        [b"AUTH LOGIN " + b64encode(b"user@example.com"), b64encode(b"x"), marker],
    ]
    for dialog in dialogs:
        client = await relay.session()
        for line in dialog:
            await client.send(line + b"\r\n")
        await client.send(b"QUIT\r\n")
        await client.everything()
    logged = caplog.text.encode()
    for secret in (marker, encoded, b64encode(marker), b64encode(marker).rstrip(b"=")):
        assert secret not in logged
    assert b"user@example.com" not in logged


async def test_two_sessions_never_share_an_upstream_login(relay: RunningRelay, upstream: Behaves) -> None:
    """C10."""
    clients = [await relay.session() for _ in range(2)]
    for number, client in enumerate(clients):
        credentials = b64encode(b"\0user%d\0" % number + PASSWORD.encode())
        assert (await client.ask(b"AUTH PLAIN " + credentials)).startswith(b"235")
    for number in (0, 1, 0, 1, 1):
        assert (await clients[number].submit(b"Subject: %d\r\n\r\nx\r\n" % number)).startswith(b"250")
    assert [(one.login[-1:], one.content[9:10]) for one in upstream.delivered] == [
        (b"%d" % number, b"%d" % number) for number in (0, 1, 0, 1, 1)
    ]


def test_a_password_is_in_no_repr(upstream: Behaves) -> None:
    """D03."""
    settings = Upstream(host="127.0.0.1", security="none", login="account", username="u", password="marker-S3cret")
    assert "marker" not in repr(settings)


class LeavesWhoDoesNotLogIn(Behaves):
    """Ends the connection of a client that takes its time, as servers do after some minutes."""

    last_words = b""

    def __init__(self) -> None:
        super().__init__()
        self.talks: list[Talk] = []

    async def on_ehlo(self, talk: Talk, line: bytes) -> bytes:
        self.talks.append(talk)
        return await super().on_ehlo(talk, line)

    async def leave(self, relay: RunningRelay) -> None:
        """When this returns, the relay has noticed."""
        await self.talks[0].say(self.last_words)
        self.talks[0].writer.close()
        (session,) = relay.server.ports[0].around.sessions
        async with asyncio.timeout(20):
            while session.link.is_open:  # type: ignore[attr-defined]
                await asyncio.sleep(0)


@pytest.mark.parametrize("last_words", [b"421 4.4.2 Timeout\r\n", b""], ids=["421", "nothing"])
@pytest.mark.parametrize("how", ["PLAIN", "LOGIN"])
async def test_whoever_thinks_long_about_a_password_can_log_in_all_the_same(
    start_relay: StartRelay, how: str, last_words: bytes
) -> None:
    upstream = LeavesWhoDoesNotLogIn()
    upstream.last_words = last_words
    relay = await start_relay(upstream)
    client = await relay.session()
    await upstream.leave(relay)
    if how == "PLAIN":
        assert await client.ask(b"AUTH PLAIN " + GOOD) == b"235 2.7.0 Upstream says yes\r\n"
    else:
        assert await client.ask(b"AUTH LOGIN") == b"334 VXNlcm5hbWU6\r\n"
        assert await client.ask(b64encode(b"user@example.com")) == b"334 UGFzc3dvcmQ6\r\n"
        assert await client.ask(b64encode(PASSWORD.encode())) == b"235 2.7.0 Upstream says yes\r\n"
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"user@example.com"
    assert upstream.commands.count(b"EHLO client.example.com") == 2


@pytest.mark.parametrize(
    ("greeting", "heard"), [(b"421 4.3.2 Upstream rests\r\n", b"421 4.3.2 "), (b"550 5.7.1 No\r\n", b"550 5.7.1 ")]
)
async def test_a_login_for_which_no_connection_can_be_had_hears_why(
    start_relay: StartRelay, greeting: bytes, heard: bytes
) -> None:
    class TurnsAway(LeavesWhoDoesNotLogIn):
        async def greet(self, talk: Talk) -> None:
            await (talk.say(greeting) if self.talks else super().greet(talk))

    upstream = TurnsAway()
    relay = await start_relay(upstream)
    client = await relay.session()
    await upstream.leave(relay)
    assert (await client.ask(b"AUTH PLAIN " + GOOD)).startswith(heard)
    assert not any(command.startswith(b"AUTH") for command in upstream.commands)


@pytest.mark.parametrize(
    "command", [b"EHLO client.example.com", b"HELO client.example.com", b"MAIL FROM:<a@example.com>"]
)
@pytest.mark.parametrize("why", ["in doubt", "too large"])
async def test_a_client_whose_login_went_with_its_message_is_not_taken_for_logged_in(
    start_relay: StartRelay, caplog: pytest.LogCaptureFixture, why: str, command: bytes
) -> None:
    """The upstream's connection was dropped so that nothing of the message is delivered, and the login with it."""
    upstream = Scripted(DOT=b"354 Go ahead\r\n")
    relay = await start_relay(upstream, limits={"message_size": "100kB"})
    client = await relay.session()
    assert (await client.ask(b"AUTH PLAIN AHUAY29ycmVjdCBob3JzZQ==")).startswith(b"235")
    content = BODY if why == "in doubt" else BODY + (b"y" * 70 + b"\r\n") * 3000
    assert (await client.submit(content))[:3] == (b"451" if why == "in doubt" else b"552")
    heard = re.fullmatch(rb"421 4\.4\.2 .*\(id=(\S+)\)\r\n", await client.ask(command))
    assert heard is not None
    assert f"Fault: id={heard[1].decode()} " in caplog.text
    assert await client.reply() == b""
    assert upstream.connections == 1
