"""Rewriting beside the event loop: whatever happens to it, the mail goes out as it came, in time."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator

import pytest

from ledger.message_id import MessageId
from ledger.records import Reason
from ledger.urls import TrackingUrls, UrlGrammar
from relay.rewriting.plan import Plan, Tracked, Unchanged
from relay.rewriting_pool import RewritingPool
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import RING
from tests.relay.upstream_servers import Behaves

MESSAGE = (
    b"Subject: x\r\nX-Track: all\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    b'<html><body><a href="https://example.com/a">here</a></body></html>\r\n'
)
URLS = TrackingUrls(UrlGrammar("http://127.0.0.1:8025"), RING, MessageId(bytes(16)))
PLAN = Plan(opens=True, html_links=True)


class Sleeps:
    """Does not come back until told, as a scanner stuck in a loop."""

    release = threading.Event()

    def __init__(self, seconds: float) -> None: ...

    def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        self.release.wait(20)
        return Unchanged(Reason.NO_HTML)

    def close(self) -> None: ...


class Raises(Sleeps):
    def rewrite(self, raw: bytes, plan: Plan, urls: TrackingUrls) -> Tracked | Unchanged:
        raise RuntimeError("a bug")


@pytest.fixture
async def release() -> AsyncIterator[None]:
    Sleeps.release.clear()
    yield
    Sleeps.release.set()


async def test_a_worker_that_hangs_is_given_up_and_replaced(release: None) -> None:
    pool = RewritingPool(-0.8, Sleeps)
    for _ in range(3):  # more than there are workers
        assert await pool.rewrite(MESSAGE, PLAN, URLS) == Unchanged(Reason.TIMEOUT)
    pool.close()


async def test_a_worker_that_raises_is_an_internal_reason_and_works_on() -> None:
    pool = RewritingPool(2.0, Raises)
    assert await pool.rewrite(MESSAGE, PLAN, URLS) == Unchanged(Reason.INTERNAL)
    assert await pool.rewrite(MESSAGE, PLAN, URLS) == Unchanged(Reason.INTERNAL)
    pool.close()


@pytest.mark.parametrize("worker", [Sleeps, Raises])
async def test_a_message_whose_rewriting_fails_is_delivered_as_it_came_and_says_so(
    start_relay: StartRelay, upstream: Behaves, worker: type[Sleeps], release: None
) -> None:
    """T50."""
    relay = await start_relay(upstream, {"rewriter": RewritingPool(-0.8, worker)})
    client = await relay.session()
    reason = {Sleeps: b"timeout", Raises: b"internal"}[worker]
    assert b"[mailglass: not tracked, " + reason + b"]" in await client.submit(MESSAGE)
    assert upstream.delivered[0].content == MESSAGE.replace(b"X-Track: all\r\n", b"")
    assert relay.records.only.reason == reason.decode()


async def test_a_killed_process_is_an_internal_reason_and_the_next_message_has_a_new_one() -> None:
    pool = RewritingPool(10.0)
    large = MESSAGE + b"<p>y</p>\r\n" * 40_000  # large messages are rewritten in a process
    first = asyncio.create_task(pool.rewrite(large, PLAN, URLS))
    child = await _first_child()
    os.kill(child, signal.SIGKILL)
    assert isinstance(await first, Tracked | Unchanged)
    outcomes = [await pool.rewrite(large, PLAN, URLS) for _ in range(3)]
    assert isinstance(outcomes[-1], Tracked)
    pool.close()


async def _first_child() -> int:
    path = f"/proc/{os.getpid()}/task"
    async with asyncio.timeout(10):
        while True:
            for thread in os.listdir(path):
                with open(f"{path}/{thread}/children", encoding="ascii") as listing:
                    for child in map(int, listing.read().split()):
                        with open(f"/proc/{child}/cmdline", encoding="utf-8") as command:
                            if "spawn_main" in command.read():
                                return child
            await asyncio.sleep(0.01)
