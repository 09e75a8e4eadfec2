"""Limits and protocol errors: what a client hears that sends too much, too long, too slowly or too often."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import pytest

from relay.limits import Doorkeeper, Holding, LoginGuard, network_of
from relay.message_phase import MOST_HEADER_LINES, MOST_RECEIVED, SLACK
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RunningRelay
from tests.relay.upstream_servers import Behaves, Forgets, Talk

BODY = b"Subject: x\r\n\r\nHello\r\n"


def resident_megabytes() -> float:
    with open(f"/proc/{os.getpid()}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize("octets", [513, 2000])
async def test_a_command_line_over_512_octets_is_refused(relay: RunningRelay, octets: int) -> None:
    """T27."""
    client = await relay.session()
    assert (await client.ask(b"NOOP " + b"x" * octets)).startswith(b"500 5.5.2 ")
    assert (await client.ask(b"NOOP")).startswith(b"250")


async def test_many_ehlos_do_not_move_the_limit_and_other_sessions_are_not_touched(relay: RunningRelay) -> None:
    client = await relay.session()
    other = await relay.session()
    for _ in range(100):
        assert (await client.ask(b"EHLO again.example.com")).startswith(b"250")
    assert (await client.ask(b"NOOP " + b"x" * 513)).startswith(b"500 5.5.2 ")
    assert (await other.submit(BODY)).startswith(b"250")


async def test_a_command_line_that_does_not_end_closes_the_connection_and_takes_no_memory(relay: RunningRelay) -> None:
    client = await relay.session()
    before = resident_megabytes()

    async def send_on() -> None:
        with suppress(ConnectionError):
            for _ in range(100):
                await client.send(b"x" * 100_000)

    sending = asyncio.create_task(send_on())
    assert (await client.reply()).startswith(b"500 5.5.2 ")  # at once: a reset, later, would throw it away
    await sending
    assert resident_megabytes() - before < 20


@pytest.mark.parametrize("octets", [998, 1000, 8000, 1_000_000])
async def test_long_lines_pass_unaltered_up_to_the_limit(relay: RunningRelay, upstream: Behaves, octets: int) -> None:
    """T28."""
    client = await relay.session()
    content = b"Subject: x\r\n\r\n" + b"y" * octets + b"\r\n"
    assert (await client.submit(content)).startswith(b"250")
    assert upstream.delivered[0].content == content


async def test_a_line_over_the_limit_is_refused_after_the_dot(relay: RunningRelay, upstream: Behaves) -> None:
    client = await relay.session()
    assert (await client.submit(b"Subject: x\r\n\r\n" + b"y" * 1_000_001 + b"\r\n")).startswith(b"554 5.6.0 ")
    assert not upstream.delivered
    assert (await client.submit(BODY)).startswith(b"250")


async def test_a_message_over_the_size_limit_is_refused_after_the_dot(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """T39, T29: a client that ignores the offered SIZE; a line without end is cut."""
    relay = await start_relay(upstream, limits={"message_size": "100kB"})
    client = await relay.session()
    assert (await client.submit((b"y" * 70 + b"\r\n") * 2000)).startswith(b"552 5.3.4 ")
    assert not upstream.delivered
    assert (await client.submit(BODY)).startswith(b"250")
    await client.begin()
    await client.ask(b"DATA")
    before = resident_megabytes()
    try:
        for _ in range(300):
            await client.send(b"x" * 100_000)
    except ConnectionError:
        pass
    assert resident_megabytes() - before < 20
    assert (await client.everything()).startswith(b"552 5.3.4 ")


async def test_dots_that_are_doubled_for_the_way_do_not_make_a_message_too_large(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """RFC 1870 section 3: the size of a message is that of its octets without transparency."""
    relay = await start_relay(upstream, limits={"message_size": "100kB"})
    client = await relay.session()
    at_the_limit = b"..\r\n" * 33_332 + b"ab\r\n"  # a third of its octets again is dots for the way
    assert (await client.submit(at_the_limit)).startswith(b"250")
    assert upstream.delivered[-1].content == at_the_limit
    assert (await client.submit(at_the_limit + b".c\r\n")).startswith(b"552 5.3.4 ")


@pytest.mark.parametrize(
    ("parameter", "reply"),
    [
        (b"SIZE=60000001", b"552 5.3.4 "),
        (b"size=99999999999999999999", b"552 5.3.4 "),
        (b"SIZE=-1", b"501 5.5.4 "),
        (b"SIZE=x", b"501 5.5.4 "),
        (b"SIZE=1000", b"250 2.1.0 "),
    ],
)
async def test_a_declared_size_is_judged_at_mail(relay: RunningRelay, parameter: bytes, reply: bytes) -> None:
    client = await relay.session()
    assert (await client.ask(b"MAIL FROM:<a@example.com> " + parameter)).startswith(reply)


async def test_recipients_are_limited_and_the_rest_can_be_sent_later(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """T42: 101 pass by default; beyond the limit 452, which a client answers with another transaction."""
    relay = await start_relay(upstream, limits={"recipients": 120})
    client = await relay.session()
    await client.ask(b"MAIL FROM:<a@example.com>")
    replies = [await client.ask(b"RCPT TO:<b%d@example.net>" % n) for n in range(121)]
    assert {reply[:3] for reply in replies[:120]} == {b"250"}
    assert replies[120].startswith(b"452 4.5.3 ")
    assert (await client.ask(b"DATA")).startswith(b"354")
    assert (await client.ask(BODY + b".")).startswith(b"250")
    assert len(upstream.delivered[0].recipients) == 120


@pytest.mark.parametrize("limit", ["connections", "connections_per_address"])
async def test_one_connection_too_many_hears_421_and_the_others_nothing(
    start_relay: StartRelay, upstream: Behaves, limit: str
) -> None:
    """T41."""
    relay = await start_relay(upstream, limits={limit: 2})
    first, second = await relay.session(), await relay.session()
    third = await relay.connect(greeting=False)
    assert (await third.everything()).startswith(b"421 4.7.0 ")
    assert (await first.submit(BODY)).startswith(b"250")
    second.close()
    async with asyncio.timeout(5):
        while not (await (await relay.connect(greeting=False)).reply()).startswith(b"220"):
            await asyncio.sleep(0)


async def test_a_silent_client_hears_421_also_when_it_sends_a_command_octet_by_octet(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    """T40: the whole line has one deadline."""
    relay = await start_relay(upstream, limits={"client_idle": "0.4s"})
    silent, dripping = await relay.session(), await relay.session()

    async def drip() -> None:
        for _ in range(100):
            await dripping.send(b"N")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(drip())
    assert (await silent.everything(5)).startswith(b"421 4.4.2 ")
    assert (await dripping.everything(5)).startswith(b"421 4.4.2 ")
    task.cancel()


async def test_a_message_that_drips_hears_421_and_is_not_delivered(start_relay: StartRelay, upstream: Behaves) -> None:
    """T40: far below 500 octets a second."""
    relay = await start_relay(upstream, limits={"client_idle": "0.4s"})
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")

    async def drip() -> None:
        for _ in range(100):
            await client.send(b"y\r\n")
            await asyncio.sleep(0.05)

    task = asyncio.create_task(drip())
    assert (await client.everything(5)).startswith(b"421 4.4.2 ")
    task.cancel()
    await upstream.until(lambda: upstream.open_connections == 0)
    assert not upstream.delivered


@pytest.mark.parametrize(("received", "reply"), [(50, b"250 "), (51, b"554 5.4.6 ")])
async def test_a_message_that_went_in_circles_is_refused(
    relay: RunningRelay, upstream: Behaves, received: int, reply: bytes
) -> None:
    """T44."""
    client = await relay.session()
    content = b"Received: by x; now\r\n" * received + b"Subject: x\r\n\r\nHello\r\n"
    assert (await client.submit(content)).startswith(reply)
    assert len(upstream.delivered) == (received == 50)


async def test_too_many_errors_end_the_session(relay: RunningRelay) -> None:
    client = await relay.session()
    replies = []
    while not replies or replies[-1].startswith(b"500"):
        replies.append(await client.ask(b"HOCUS POCUS"))
    assert replies[-1].startswith(b"421 4.7.0 ")
    assert 10 <= len(replies) <= 30


@pytest.mark.parametrize(
    "headers",
    [
        b"X: y\r\n" * 200_000,
        b"X: y\r\n" * 5000,
        b"X: " + b"y" * 900_000 + b"\r\nZ: " + b"y" * 900_000 + b"\r\n",
    ],
)
@pytest.mark.parametrize("control", [b"X-Track: all\r\n", b"x-track-tag:\r\n a,\r\n\tb\r\n", b".X-Track: all\r\n"])
async def test_a_header_too_long_to_be_looked_at_passes_untracked_without_its_control_headers(
    start_relay: StartRelay, upstream: Behaves, headers: bytes, control: bytes
) -> None:
    """T47: what more than 256 kB or 5,000 lines of header ask for is not heard, and said so; the rest goes on."""
    relay = await start_relay(upstream)
    client = await relay.session()
    body = b"\r\nX-Track: all\r\n\r\nHello\r\n"
    for content in (control + headers + body, headers + control + body, headers + control + headers + body):
        assert (await client.submit(content)).endswith(b" [mailglass: not tracked, too-complex]\r\n")
        assert upstream.delivered[-1].content == content.replace(control, b"", 1)
    assert await client.submit(headers + body) == b"250 2.0.0 Ok: queued as 4F4\r\n"
    assert upstream.delivered[-1].content == headers + body
    assert {record.reason for record in relay.records.kept.values()} == {"too-complex"}


async def test_a_long_header_is_counted_for_circles_too(relay: RunningRelay, upstream: Behaves) -> None:
    client = await relay.session()
    content = b"Received: by x; now\r\n" * 51 + b"X: y\r\n" * 200_000 + b"\r\nHello\r\n"
    assert (await client.submit(content)).startswith(b"554 5.4.6 ")
    assert not upstream.delivered


async def test_when_too_much_is_held_the_next_asking_message_is_deferred_and_others_pass(
    start_relay: StartRelay, upstream: Behaves
) -> None:
    relay = await start_relay(upstream, limits={"in_flight": "100kB"})
    client = await relay.session()
    big = (b"y" * 70 + b"\r\n") * 2000
    assert (await client.submit(b"X-Track: all\r\n\r\n" + big)).startswith(b"452 4.3.1 ")
    assert (await client.submit(b"X-Other: all\r\n\r\n" + big)).startswith(b"250")
    assert (await client.submit(b"X-Track: all\r\n\r\nHello\r\n")).startswith(b"250")  # what was held is given back


@pytest.mark.parametrize(("end", "reply"), [(b"bare\nline\r\n", b"550 5.6.11 "), (b"", b"552 5.3.4 ")])
async def test_what_was_held_of_a_message_that_is_refused_is_given_back(
    start_relay: StartRelay, end: bytes, reply: bytes
) -> None:
    upstream = Forgets()
    sizes = {"limits": {"message_size": "1MB", "in_flight": "1MB"}, "tracking": {"max_size": "900kB"}}
    relay = await start_relay(upstream, **sizes)
    line = b"y" * 98 + b"\r\n"
    for _ in range(3):
        client = await relay.session()
        await client.begin()
        await client.ask(b"DATA")
        await client.send(b"X-Track: all\r\n\r\n" + line * 8000 + end)
        if not end:
            with suppress(ConnectionError):  # it may have been sent away by then
                for _ in range(SLACK // 10**6 + 2):
                    await client.send(line * 10_000)
        assert (await client.everything())[: len(reply)] in (reply, b"")  # a reset may take the reply along
        client.close()
    await relay.server.ports[0].around.sessions.until_empty()
    assert relay.server.ports[0].around.holding._held == 0
    assert (await (await relay.session()).submit(b"X-Track: all\r\n\r\n" + line * 8000)).startswith(b"250 ")


class TakesItsTime(Behaves):
    """Answers DATA, or the final dot, when the test says so."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at, self.go_on, self.is_waiting = at, asyncio.Event(), False

    async def _wait(self, at: str) -> None:
        if at == self.at:
            self.is_waiting = True
            self.note()
            await self.go_on.wait()

    async def on_data(self, talk: Talk, line: bytes) -> bytes:
        await self._wait("DATA")
        return await super().on_data(talk, line)

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        await self._wait("dot")
        return await super().on_dot(talk, content)


@pytest.mark.parametrize(("at", "second"), [("DATA", b"452 4.3.1 "), ("dot", b"250 2.0.0 ")])
async def test_a_held_message_counts_until_the_upstream_has_taken_it_in(
    start_relay: StartRelay, at: str, second: bytes
) -> None:
    """It fills the memory as long as it waits there, and no longer."""
    upstream = TakesItsTime(at)
    relay = await start_relay(upstream, limits={"in_flight": "100kB"})
    content = b"X-Track: all\r\n\r\n" + (b"y" * 70 + b"\r\n") * 1000 + b".\r\n"
    slow, quick = await relay.session(), await relay.session()
    for client in (slow, quick):
        await client.begin(b"b@example.net", b"c@example.net")
        await client.ask(b"DATA")
    await slow.send(content)
    await upstream.until(lambda: upstream.is_waiting)
    upstream.at = ""
    await quick.send(content)
    assert (await quick.reply()).startswith(second)
    upstream.go_on.set()
    assert (await slow.reply()).startswith(b"250 ")
    assert (await quick.submit(content.removesuffix(b".\r\n"))).startswith(b"250 ")


def test_addresses_count_alone_and_ipv6_by_their_network() -> None:
    door = Doorkeeper(connections=10, per_address=1)
    assert door.enter("192.0.2.1")
    assert not door.enter("192.0.2.1")
    assert not door.enter("::ffff:192.0.2.1")
    assert door.enter("2001:db8::1")
    assert not door.enter("2001:db8:0:0:ffff::2")
    assert door.enter("2001:db8:0:1::1")
    door.leave("192.0.2.1")
    assert door.enter("192.0.2.1")
    assert network_of("fe80::1%eth0") == "fe80:0:0:0::"


def test_failed_logins_are_slowed_and_then_locked_for_that_address_alone() -> None:
    now = 0.0
    guard = LoginGuard(attempts=5, clock=lambda: now)
    assert [guard.failed("192.0.2.1", "alice") for _ in range(5)] == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert guard.is_locked("192.0.2.1")
    assert not guard.is_locked("192.0.2.2")
    now = 601.0
    assert not guard.is_locked("192.0.2.1")


def test_a_login_that_succeeds_makes_up_for_its_own_failures_alone() -> None:
    guard = LoginGuard(attempts=5, clock=lambda: 0.0)
    assert [guard.failed("192.0.2.1", name) for name in ("alice", "eve", "alice")] == [0.5, 1.0, 2.0]
    guard.succeeded("192.0.2.1", "eve")
    assert guard.failed("192.0.2.1", "alice") == 2.0
    guard.succeeded("192.0.2.1", "alice")
    assert guard.failed("192.0.2.1", "alice") == 0.5
    for _ in range(4):
        guard.failed("192.0.2.1", "alice")
        guard.succeeded("192.0.2.1", "eve")
    assert guard.is_locked_for("192.0.2.1", "alice")
    guard.succeeded("192.0.2.1", "alice")  # it had begun before
    assert guard.is_locked_for("192.0.2.1", "alice")


def test_held_octets_are_bounded() -> None:
    holding = Holding(10)
    assert holding.take(6)
    assert not holding.take(5)
    holding.give_back(6)
    assert holding.take(10)


async def test_what_a_body_says_is_not_taken_for_the_header_however_long_that_is(
    relay: RunningRelay, upstream: Behaves
) -> None:
    """A forwarded header block is no mail loop, and a Date in the body does not tell one message from another."""
    header, body = b"X: y\r\n" * (MOST_HEADER_LINES + 1), b"Received: from a by b\r\n" * (MOST_RECEIVED + 1)
    assert (await (await relay.session()).submit(header + b"\r\n" + body)).startswith(b"250 2.0.0 Ok: queued")
    assert upstream.delivered[0].content == header + b"\r\n" + body
    assert (await (await relay.session()).submit(header + body + b"\r\n")).startswith(b"554 5.4.6 ")
