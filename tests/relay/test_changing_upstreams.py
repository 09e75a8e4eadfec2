"""Another machine answers behind the upstream's name when it is connected to again within a client's session."""

from __future__ import annotations

from base64 import b64encode

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.upstream_servers import PASSWORD, Behaves, Hangup, Talk

PLAIN = b"Subject: x\r\n\r\nHello\r\n"
FIRST = (b"PIPELINING", b"SIZE 60000000", b"8BITMIME", b"DSN", b"ENHANCEDSTATUSCODES", b"HELP", b"AUTH PLAIN")
LOGIN = b"AUTH PLAIN " + b64encode(b"\0user@example.com\0" + PASSWORD.encode())
PARAMETERS = b"MAIL FROM:<a@example.com> RET=HDRS"


class Changes(Behaves):
    """Leaves at NOOP; whoever answers from the second connection on offers something else, and knows no other."""

    extensions = FIRST
    later: tuple[bytes, ...] = FIRST
    greeting = b""  # the answer to EHLO from then on, where it is refused

    async def on_noop(self, talk: Talk, line: bytes) -> bytes:
        self.extensions = self.later
        raise Hangup

    async def on_ehlo(self, talk: Talk, line: bytes) -> bytes:
        greeting, self.greeting = (self.greeting, b"") if self.connections > 1 else (b"", self.greeting)
        return greeting or await super().on_ehlo(talk, line)

    async def on_mail(self, talk: Talk, line: bytes) -> bytes:
        if b" RET=" in line and b"DSN" not in self.extensions:
            return b"555 5.5.4 Unsupported option\r\n"
        return await super().on_mail(talk, line)


def without(*words: bytes) -> tuple[bytes, ...]:
    return tuple(one for one in FIRST if one not in words)


async def test_a_client_is_not_told_for_good_that_what_it_was_offered_is_unknown(start_relay: StartRelay) -> None:
    upstream = Changes()
    upstream.later = without(b"DSN")
    relay = await start_relay(upstream)
    client = await relay.session()
    assert (await client.ask(b"NOOP")).startswith(b"451 4.4.2 ")
    assert (await client.ask(PARAMETERS)).startswith(b"421 4.4.2 ")
    assert await client.everything() == b""
    client = await relay.connect()
    assert b"DSN" not in await client.ask(b"EHLO client.example.com")
    assert (await client.submit(PLAIN)).startswith(b"250")


@pytest.mark.parametrize(
    "later", [FIRST, (*FIRST, b"SMTPUTF8"), without(b"PIPELINING"), without(b"HELP", b"ENHANCEDSTATUSCODES")]
)
async def test_one_that_offers_as_much_serves_the_same_session(
    start_relay: StartRelay, later: tuple[bytes, ...]
) -> None:
    upstream = Changes()
    upstream.later = later
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.ask(b"NOOP")
    assert (await client.ask(PARAMETERS)).startswith(b"250")
    await client.ask(b"RSET")
    assert (await client.submit(PLAIN)).startswith(b"250")
    assert upstream.connections == 2


async def test_a_login_too_is_not_begun_with_one_that_offers_less(start_relay: StartRelay) -> None:
    upstream = Changes()
    upstream.later = without(b"8BITMIME")
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.ask(b"NOOP")
    assert (await client.ask(LOGIN)).startswith(b"421 4.4.2 ")
    assert await client.everything() == b""
    assert not any(command.startswith(b"AUTH") for command in upstream.commands)


async def test_one_that_will_not_be_greeted_is_not_spoken_to_without(start_relay: StartRelay) -> None:
    """The next MAIL connects again, instead of being refused for its order."""
    upstream = Changes()
    upstream.greeting = b"451 4.3.2 Not now\r\n"
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.ask(b"NOOP")
    assert await client.ask(b"MAIL FROM:<a@example.com>") == b"451 4.3.2 Not now\r\n"
    assert (await client.submit(PLAIN)).startswith(b"250")
    assert upstream.connections == 3


@pytest.mark.parametrize("first", [b"MAIL FROM:<a@example.com>", LOGIN])
async def test_nobody_logs_in_to_one_that_will_not_be_greeted(start_relay: StartRelay, first: bytes) -> None:
    upstream = Changes()
    upstream.greeting = b"451 4.3.2 Not now\r\n"
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.ask(b"NOOP")
    assert await client.ask(first) == b"451 4.3.2 Not now\r\n"
    assert (await client.ask(LOGIN)).startswith(b"235")
    assert upstream.connections == 3


async def test_who_was_greeted_with_helo_last_was_offered_nothing_that_could_be_missing(
    start_relay: StartRelay,
) -> None:
    upstream = Changes()
    relay = await start_relay(upstream)
    client = await relay.session()
    assert (await client.ask(b"HELO client.example.com")).startswith(b"250")
    await client.ask(b"NOOP")
    assert (await client.submit(PLAIN)).startswith(b"250")
    assert upstream.connections == 2
