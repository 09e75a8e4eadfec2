"""``login = "account"``: users log in at the relay, and the relay logs in upstream with its own account, for them."""

from __future__ import annotations

import asyncio
import hmac
import logging
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.upstream_servers import PASSWORD, Behaves, Hangup, Talk

BODY = b"Subject: x\r\nX-Track: all\r\n\r\nHello\r\n"
RIGHT = b64encode(b"\0alice\0wonderland")


class Challenges(Behaves):
    """Knows CRAM-MD5 as well."""

    challenge = b64encode(b"<1896.697170952@upstream.example.com>")

    async def log_in(self, talk: Talk, line: bytes) -> bytes:
        if line != b"AUTH CRAM-MD5":
            return await super().log_in(talk, line)
        await talk.say(b"334 " + self.challenge + b"\r\n")
        answer = (await talk.reader.readuntil(b"\r\n"))[:-2]
        if answer == b"*":
            return b"501 5.7.0 Cancelled\r\n"
        name, _, given = b64decode(answer).rpartition(b" ")
        right = hmac.new(PASSWORD.encode(), b64decode(self.challenge), "md5").hexdigest().encode()
        return self._verdict(talk, name, PASSWORD.encode() if given == right else b"")


@pytest.fixture
async def upstream() -> AsyncIterator[Behaves]:
    server = Challenges()
    await server.start()
    yield server
    await server.stop()


class OneUser:
    async def verify(self, login: str, password: str) -> bool:
        (login + password).encode()  # as whoever hashes it does
        return (login, password) == ("alice", "wonderland")


@pytest.fixture
async def account_relay(start_relay: StartRelay, upstream: Behaves, tmp_path: Path) -> RunningRelay:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n", "utf-8")
    table = {"login": "account", "username": "relay@example.com", "password_file": secret}
    return await start_relay(upstream, {"accounts": OneUser()}, upstream=table)


async def exchange(client: Client, *lines: bytes) -> list[bytes]:
    return [(await client.ask(line))[:3] for line in lines]


async def test_with_an_account_of_its_own_the_relay_logs_in_and_its_users_log_in_at_the_relay(
    account_relay: RunningRelay, upstream: Behaves
) -> None:
    client = await account_relay.session()
    assert await exchange(client, b"MAIL FROM:<a@example.com>", b"RCPT TO:<b@example.net>") == [b"530", b"530"]
    assert await exchange(client, b"AUTH PLAIN " + RIGHT) == [b"235"]
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"relay@example.com"
    assert account_relay.records.only.login == "alice"


async def test_an_account_logs_in_with_login_too_and_wrong_passwords_are_535(account_relay: RunningRelay) -> None:
    account_relay.server.ports[0].around.logins._first_delay = 0.0
    client = await account_relay.session()
    name, right, wrong = b64encode(b"alice"), b64encode(b"wonderland"), b64encode(b"x")
    assert await exchange(client, b"AUTH LOGIN", name, wrong) == [b"334", b"334", b"535"]
    assert await exchange(client, b"AUTH LOGIN", b"*") == [b"334", b"501"]
    assert await exchange(client, b"AUTH PLAIN " + b64encode(b"\0alice\0b\0c")) == [b"501"]
    assert await exchange(client, b"AUTH CRAM-MD5") == [b"504"]
    assert await exchange(client, b"AUTH LOGIN " + name, right) == [b"334", b"235"]


@pytest.mark.parametrize("wrong", [b"\0alice\0\xff", b"\0\xff\0wonderland"])
async def test_what_is_no_text_is_a_wrong_password_like_any_other(
    account_relay: RunningRelay, caplog: pytest.LogCaptureFixture, wrong: bytes
) -> None:
    account_relay.server.ports[0].around.logins._first_delay = 0.0
    client = await account_relay.session()
    assert (await client.ask(b"AUTH PLAIN " + b64encode(wrong))).startswith(b"535")
    assert "fault" not in caplog.text


async def test_when_the_upstream_refuses_our_own_account_the_client_hears_a_451(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    table = {"login": "account", "username": "relay@example.com", "password": "wrong"}
    relay = await start_relay(upstream, {"accounts": OneUser()}, upstream=table)
    client = await relay.session()
    for _ in range(2):  # the second time over a new connection
        assert (await client.ask(b"AUTH PLAIN " + RIGHT)).startswith(b"451 4.7.8 ")
    assert await exchange(client, b"MAIL FROM:<a@example.com>") == [b"530"]
    assert upstream.connections == 2


@pytest.mark.parametrize("mechanism", [b"PLAIN", b"LOGIN", b"CRAM-MD5"])
async def test_the_relays_own_password_is_logged_nowhere(
    start_relay: StartRelay, caplog: pytest.LogCaptureFixture, mechanism: bytes
) -> None:
    """D01: neither by us nor by the library that logs in, whatever the upstream says to it."""
    caplog.set_level(logging.DEBUG)
    marker = "marker-S3cret"

    class Refuses(Challenges):
        extensions = (b"AUTH " + mechanism,)

    upstream = Refuses()
    table = {"login": "account", "username": "relay-marker@example.com", "password": marker}
    relay = await start_relay(upstream, {"accounts": OneUser()}, upstream=table)
    client = await relay.session()
    for _ in range(2):
        assert (await client.ask(b"AUTH PLAIN " + RIGHT)).startswith(b"451 4.7.8 ")
    assert any(command.startswith(b"AUTH") for command in upstream.commands)
    logged = caplog.text
    for secret in (marker, b64encode(marker.encode()).decode().rstrip("="), "relay-marker", "cmVsYXktbWFya2Vy"):
        assert secret not in logged


def logins(upstream: Behaves) -> list[bytes]:
    return [command for command in upstream.commands if command.startswith(b"AUTH")]


@pytest.mark.parametrize("greeting", [b"EHLO", b"HELO"])
async def test_for_a_stranger_the_relay_does_not_log_in(
    account_relay: RunningRelay, upstream: Behaves, greeting: bytes
) -> None:
    """Whoever may connect could else wear out the logins that the upstream allows to the relay's account, or have it
    locked."""
    account_relay.server.ports[0].around.logins._first_delay = 0.0
    client = await account_relay.connect()
    assert await exchange(client, greeting + b" a.example.com", greeting + b" b.example.com") == [b"250"] * 2
    assert await exchange(client, b"MAIL FROM:<a@example.com>", b"VRFY x", b"DATA") == [b"530"] * 3
    assert await exchange(client, b"AUTH PLAIN " + b64encode(b"\0alice\0x"), b"AUTH PLAIN !") == [b"535", b"501"]
    assert not logins(upstream)
    assert await exchange(client, b"AUTH PLAIN " + RIGHT) == [b"235"]
    assert len(logins(upstream)) == 1
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"relay@example.com"
    assert upstream.connections == (1 if greeting == b"EHLO" else 2)  # HELO does not say how one logs in


@pytest.mark.parametrize(
    "offer", [b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH CRAM-MD5", b"AUTH=login", b"AUTH XOAUTH2 PLAIN"]
)
async def test_the_relay_logs_in_by_what_the_upstream_offers(start_relay: StartRelay, offer: bytes) -> None:
    upstream = Challenges()
    upstream.extensions = (offer,)
    await sends_under_the_relays_name(start_relay, upstream)
    assert len(logins(upstream)) == 1


async def test_a_way_to_log_in_that_is_named_but_not_kept_is_passed_over(start_relay: StartRelay) -> None:
    class KeepsOnlyLogin(Challenges):
        challenge = b"abc"  # no base64

        async def log_in(self, talk: Talk, line: bytes) -> bytes:
            return b"504 5.5.4 No\r\n" if line.startswith(b"AUTH PLAIN") else await super().log_in(talk, line)

    upstream = KeepsOnlyLogin()
    await sends_under_the_relays_name(start_relay, upstream)
    assert [command.split()[1] for command in logins(upstream)] == [b"CRAM-MD5", b"PLAIN", b"LOGIN"]


async def sends_under_the_relays_name(start_relay: StartRelay, upstream: Behaves) -> None:
    table = {"login": "account", "username": "relay@example.com", "password": PASSWORD}
    relay = await start_relay(upstream, {"accounts": OneUser()}, upstream=table)
    client = await relay.session()
    assert await exchange(client, b"AUTH PLAIN " + RIGHT) == [b"235"]
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"relay@example.com"
    assert upstream.connections == 1


@pytest.mark.parametrize("when", ["before the client logs in", "before its message"])
async def test_an_upstream_that_leaves_meanwhile_is_logged_in_to_again(start_relay: StartRelay, when: str) -> None:
    class LeavesOnce(Behaves):
        async def on_noop(self, talk: Talk, line: bytes) -> bytes:
            raise Hangup

    upstream = LeavesOnce()
    table = {"login": "account", "username": "relay@example.com", "password": PASSWORD}
    relay = await start_relay(upstream, {"accounts": OneUser()}, upstream=table)
    client = await relay.session()
    steps = [b"NOOP", b"AUTH PLAIN " + RIGHT]
    codes = [b"451", b"235"]
    if when == "before its message":
        steps.reverse()
        codes.reverse()
    assert await exchange(client, *steps) == codes
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"relay@example.com"
    assert upstream.connections == 2


async def test_an_upstream_that_takes_its_time_for_each_way_to_log_in_gets_no_more_than_the_time_for_one(
    start_relay: StartRelay,
) -> None:
    """A connection that logs in while it is opened has one time for everything too."""

    class RefusesSlowly(Challenges):
        async def log_in(self, talk: Talk, line: bytes) -> bytes:
            await asyncio.sleep(1.2)
            return b"504 5.5.4 No\r\n"

    upstream = RefusesSlowly()
    table = {"login": "account", "username": "relay@example.com", "password": PASSWORD}
    limits = {"upstream_connect": "2s"}
    relay = await start_relay(upstream, {"accounts": OneUser()}, upstream=table, limits=limits)
    client = await relay.session()
    assert (await client.ask(b"AUTH PLAIN " + RIGHT)).startswith(b"451 4.4.2 ")
    await upstream.until(lambda: upstream.open_connections == 0)
    assert await exchange(client, b"MAIL FROM:<a@example.com>") == [b"530"]


async def test_an_upstream_that_will_not_be_greeted_after_the_login_is_logged_in_to_anew(
    start_relay: StartRelay,
) -> None:
    """Over the same connection it would refuse a second login, as if the relay's password were wrong."""

    class RefusesToBeGreetedOnce(Challenges):
        greeting = b"451 4.3.2 Not now\r\n"

        async def on_noop(self, talk: Talk, line: bytes) -> bytes:
            raise Hangup

        async def on_ehlo(self, talk: Talk, line: bytes) -> bytes:
            greeting, self.greeting = (self.greeting, b"") if talk.login else (b"", self.greeting)
            return greeting or await super().on_ehlo(talk, line)

        async def on_auth(self, talk: Talk, line: bytes) -> bytes:
            return b"503 5.5.1 Already\r\n" if talk.login else await super().on_auth(talk, line)

    upstream = RefusesToBeGreetedOnce()
    table = {"login": "account", "username": "relay@example.com", "password": PASSWORD}
    relay = await start_relay(upstream, {"accounts": OneUser()}, upstream=table)
    client = await relay.session()
    await client.ask(b"NOOP")
    assert await client.ask(b"AUTH PLAIN " + RIGHT) == b"451 4.3.2 Not now\r\n"
    assert await exchange(client, b"AUTH PLAIN " + RIGHT) == [b"235"]
    assert (await client.submit(BODY)).startswith(b"250")
    assert upstream.delivered[0].login == b"relay@example.com"
    assert upstream.connections == 3
