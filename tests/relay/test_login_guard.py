"""One device with an old password locks its own name, and all names that nobody has logged in with; nobody else's."""

from __future__ import annotations

from base64 import b64encode

import pytest

from relay.limits import KNOWN_NAMES, REMEMBERED_ADDRESSES, LoginGuard
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import PASSWORD, Behaves, Hangup, Scripted, Talk

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"
UP_TO_TWO = {"limits": {"auth_attempts": 2}}


class OneUser:
    """Alice; and who was asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def verify(self, login: str, password: str) -> bool:
        self.asked.append(login)
        return (login, password) == ("alice", PASSWORD)


def plain(name: str, password: str = PASSWORD) -> bytes:
    return b"AUTH PLAIN " + b64encode(f"\0{name}\0{password}".encode())


async def heard(relay: RunningRelay, *lines: bytes) -> list[bytes]:
    """In a session of its own."""
    client = await relay.session()
    return [(await client.ask(line))[:3] for line in lines]


async def lock(relay: RunningRelay, name: str) -> None:
    relay.server.ports[0].around.logins._first_delay = 0.0
    assert await heard(relay, plain(name, "old")) == await heard(relay, plain(name, "old")) == [b"535"]


def a_guard(attempts: int = 5) -> LoginGuard:
    return LoginGuard(attempts, clock=lambda: 0.0)


def test_a_name_that_has_logged_in_is_locked_by_its_own_failures_alone() -> None:
    guard = a_guard()
    for name in ("alice", "bob"):
        guard.succeeded(HERE, name)
    assert [guard.failed(HERE, "alice") for _ in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert guard.failed(HERE, "bob") == 0.5
    assert not guard.is_locked_for(HERE, "alice")
    guard.failed(HERE, "alice")
    assert guard.is_locked_for(HERE, "alice")
    assert not guard.is_locked_for(HERE, "bob")
    assert not guard.is_locked_for(HERE, "carol")
    assert not guard.is_locked(HERE)


def test_all_other_names_add_up_and_their_lock_leaves_those_alone_that_have_logged_in() -> None:
    guard = a_guard()
    guard.succeeded(HERE, "alice")
    guard.succeeded(HERE, "")  # a name that could not be read
    for name in ("bob", "carol", "", "dave", "\udcff"):
        guard.failed(HERE, name)
    for name in ("bob", "eve", ""):
        assert guard.is_locked_for(HERE, name)
        assert not guard.is_locked_for(ELSEWHERE, name)
    assert not guard.is_locked_for(HERE, "alice")
    assert not guard.is_locked(HERE)
    guard.succeeded(HERE, "")
    assert guard.is_locked_for(HERE, "")


def test_a_lock_passes_and_failures_far_apart_do_not_add_up() -> None:
    now = 0.0
    guard = LoginGuard(2, clock=lambda: now)
    guard.succeeded(HERE, "alice")
    for _ in range(3):
        now += 601.0
        guard.failed(HERE, "alice")
        assert not guard.is_locked_for(HERE, "alice")
    guard.failed(HERE, "alice")
    assert guard.is_locked_for(HERE, "alice")
    now += 601.0
    assert not guard.is_locked_for(HERE, "alice")


def test_what_is_remembered_is_bounded() -> None:
    guard = a_guard(attempts=1)
    for number in range(KNOWN_NAMES + 1):
        guard.succeeded(HERE, f"{number}")
        guard.succeeded(HERE, "alice")
    guard.failed(HERE, "x" * 9000)
    assert [guard.is_locked_for(HERE, name) for name in ("0", "1", "2", "alice")] == [True, True, False, False]
    network = guard._networks[HERE]
    assert len(network.known) == KNOWN_NAMES
    assert all(len(name) == 16 for name in (*network.known, *network.strangers.by_name))
    for number in range(REMEMBERED_ADDRESSES):
        guard.succeeded(f"host-{number}", "alice")
    assert len(guard._networks) == REMEMBERED_ADDRESSES
    assert HERE not in guard._networks


async def test_a_device_with_an_old_password_locks_nobody_else_out(start_relay: StartRelay, upstream: Behaves) -> None:
    relay = await start_relay(upstream, **UP_TO_TWO)
    assert await heard(relay, plain("alice")) == await heard(relay, plain("bob")) == [b"235"]
    await lock(relay, "scanner")
    await lock(relay, "bob")
    assert await heard(relay, plain("alice")) == [b"235"]
    before = list(upstream.commands)
    assert await heard(relay, plain("scanner")) == await heard(relay, plain("bob")) == [b"421"]
    assert await heard(relay, plain("stranger")) == [b"421"]
    asked = upstream.commands[len(before) :]
    assert not any(command.startswith(b"AUTH") for command in asked)


ALICE, BOB, RIGHT = b64encode(b"alice"), b64encode(b"bob"), b64encode(PASSWORD.encode())


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        ([b"AUTH LOGIN", ALICE, RIGHT], [b"334", b"334", b"235"]),
        ([b"AUTH LOGIN", BOB], [b"334", b"421"]),
        ([b"AUTH LOGIN", b"!"], [b"334", b"421"]),
        ([b"AUTH LOGIN", b"*"], [b"334", b"421"]),
        ([b"AUTH PLAIN", plain("bob")[11:]], [b"334", b"421"]),
        ([b"AUTH SCRAM-SHA-256 " + b64encode(b"n,a=alice,n=bob,r=x")], [b"421"]),
        ([b"AUTH SCRAM-SHA-256 " + b64encode(b"n,a=bob,n=alice,r=x")], [b"235"]),
        ([b"AUTH SCRAM-SHA-256 " + b64encode(b"user=alice")], [b"421"]),
        ([b"AUTH XOAUTH2 " + b64encode(b"user=alice\x01auth=Bearer x\x01\x01")], [b"235"]),
        ([b"AUTH XOAUTH2 " + b64encode(b"x\x01user=alice\x01auth=Bearer x\x01\x01")], [b"421"]),
    ],
)
async def test_the_lock_is_asked_as_soon_as_the_name_is_known(
    start_relay: StartRelay, upstream: Behaves, lines: list[bytes], codes: list[bytes]
) -> None:
    relay = await start_relay(upstream, **UP_TO_TWO)
    assert await heard(relay, plain("alice")) == [b"235"]
    await lock(relay, "scanner")
    assert await heard(relay, *lines) == codes
    if b"421" in codes:
        await upstream.until(lambda: b"QUIT" in upstream.commands)  # as a command: the exchange was cancelled before


async def test_an_upstream_that_leaves_while_it_is_told_does_not_change_what_is_said(start_relay: StartRelay) -> None:
    class LeavesWhenCancelled(Behaves):
        async def log_in(self, talk: Talk, line: bytes) -> bytes:
            reply = await super().log_in(talk, line)
            if b"Cancelled" in reply:
                raise Hangup
            return reply

    relay = await start_relay(LeavesWhenCancelled(), **UP_TO_TWO)
    assert await heard(relay, plain("alice")) == [b"235"]
    await lock(relay, "scanner")
    client = await relay.session()
    assert (await client.ask(b"AUTH LOGIN")).startswith(b"334")
    await client.send(BOB + b"\r\n")
    assert await client.everything() == b"421 4.7.0 Too many failed logins; please try again later\r\n"


async def test_an_exchange_that_the_upstream_reads_otherwise_is_nobodys(start_relay: StartRelay) -> None:
    """A login whose first name the upstream passes over must not count as that name's."""

    class PassesOverTheFirst(Behaves):
        async def log_in(self, talk: Talk, line: bytes) -> bytes:
            return await super().log_in(talk, line.removesuffix(b" " + ALICE))

    relay = await start_relay(PassesOverTheFirst(), **UP_TO_TWO)
    assert await heard(relay, plain("alice")) == [b"235"]
    await lock(relay, "scanner")
    assert await heard(relay, b"AUTH LOGIN " + ALICE, BOB, RIGHT) == [b"334", b"334", b"421"]


async def test_a_locked_user_of_the_relay_is_not_asked_about(start_relay: StartRelay, upstream: Behaves) -> None:
    table = {"login": "account", "username": "relay@example.com", "password": PASSWORD}
    users = OneUser()
    relay = await start_relay(upstream, {"accounts": users}, upstream=table, **UP_TO_TWO)
    assert await heard(relay, plain("alice")) == [b"235"]
    await lock(relay, "scanner")
    assert await heard(relay, plain("alice")) == [b"235"]
    await lock(relay, "alice")
    users.asked.clear()
    assert await heard(relay, plain("alice")) == await heard(relay, plain("bob")) == [b"421"]
    assert await heard(relay, b"AUTH LOGIN", ALICE, RIGHT) == [b"334", b"334", b"421"]
    assert not users.asked


async def test_an_upstream_that_cannot_look_passwords_up_locks_nobody(start_relay: StartRelay) -> None:
    relay = await start_relay(Scripted(AUTH=b"454 4.7.0 No\r\n"), **UP_TO_TWO)
    for _ in range(3):
        assert await heard(relay, plain("alice")) == [b"454"]
    client = await relay.session()
    assert (await client.ask(plain("alice"))).startswith(b"454")
    await client.send(plain("alice") + b"\r\n")
    assert [line[:3] for line in (await client.everything()).splitlines()] == [b"454", b"421"]
