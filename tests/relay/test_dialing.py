"""Opening a session for whoever may give up waiting for it: what is opened is used or closed."""

from __future__ import annotations

import asyncio

import pytest

from relay.destination import Destination
from relay.dialing import dial
from relay.replies import Fault, Reply, UpstreamFault, for_fault
from tests.relay.upstream_servers import Behaves, Scripted


class Owner:
    """Says when an incident is composed or a reply dealt with, and keeps what broke."""

    def __init__(self) -> None:
        self.broken: list[Exception] = []

    def upstream_answers(self) -> None:
        pass

    def upstream_answered(self, several: bool) -> None:
        pass

    def upstream_lost(self, fault: Fault, said: Reply | None) -> None:
        pass

    def upstream_full(self, is_full: bool) -> None:
        pass

    def incident(self, fault: Fault, detail: str = "") -> Reply:
        return for_fault(fault, "test")

    def broke(self, error: Exception) -> None:
        self.broken.append(error)


async def test_a_session_that_opens_in_the_turn_in_which_it_is_given_up_is_closed(upstream: Behaves) -> None:
    """Given up in each of the loop's first turns, one of which is the greeting's."""
    destination = Destination("127.0.0.1", upstream.port, "none", None, 20, 20)
    for turns in range(40):
        task = asyncio.create_task(dial(destination, Owner(), "client.example.com"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            (await task).abandon()
        except asyncio.CancelledError:
            pass
    (await dial(destination, Owner(), "client.example.com")).abandon()  # the last that the upstream sees
    await upstream.until(lambda: upstream.open_connections == 0)


async def test_a_greeting_that_is_late_by_both_clocks_is_one_fault_and_no_bug() -> None:
    """The time to connect is measured twice, and both measures may end in the same turn of the loop."""
    upstream = Scripted(CONNECT=b"")
    await upstream.start()
    owner = Owner()
    try:
        for _ in range(10):
            with pytest.raises(UpstreamFault):
                await dial(Destination("127.0.0.1", upstream.port, "none", None, 0.02, 20), owner, "client.example.com")
    finally:
        await upstream.stop()
    assert owner.broken == []
