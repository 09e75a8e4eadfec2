"""A relay whose grace is over cuts its messages off: each client hears one last word, and the record says the same."""

from __future__ import annotations

import asyncio

import pytest

from relay.message_phase import MessagePhase
from relay.replies import Fault, RelayFault
from relay.session import Session
from tests.relay.conftest import StartRelay
from tests.relay.running_relay import Client, RunningRelay
from tests.relay.test_clients_that_leave import ASKING, BODY
from tests.relay.upstream_servers import Behaves, Scripted, Talk

QUEUED = b"250 2.0.0 Ok: queued as 4F1"


class KeepsItsVerdict(Behaves):
    """Says what became of a message when the test says so, by ``talks``."""

    def __init__(self) -> None:
        super().__init__()
        self.talks: list[Talk] = []

    async def on_dot(self, talk: Talk, content: bytes) -> bytes:
        self.talks.append(talk)
        self.note()
        await asyncio.Event().wait()
        return b""


def only_session(relay: RunningRelay) -> Session:
    (session,) = relay.server.ports[0].around.sessions
    assert isinstance(session, Session)
    return session


async def at_the_dot(relay: RunningRelay, upstream: KeepsItsVerdict, content: bytes) -> Client:
    client = await relay.session()
    await client.begin()
    await client.ask(b"DATA")
    await client.send(content + b".\r\n")
    await upstream.until(lambda: bool(upstream.talks))
    return client


@pytest.mark.parametrize("verdict_first", [True, False])
@pytest.mark.parametrize("content", [BODY, ASKING], ids=["streamed", "held"])
async def test_a_verdict_in_the_turn_of_the_cut_is_heard_or_in_doubt_and_never_both(
    start_relay: StartRelay, content: bytes, verdict_first: bool
) -> None:
    upstream = KeepsItsVerdict()
    relay = await start_relay(upstream)
    client = await at_the_dot(relay, upstream, content)
    session = only_session(relay)
    assert session.link is not None
    receive = session.link.data_received

    def received_in_the_turn_of_the_cut(data: bytes) -> None:
        relay.server.ports[0].around.is_stopping = True
        for act in (lambda: receive(data), session.cut) if verdict_first else (session.cut, lambda: receive(data)):
            act()

    session.link.data_received = received_in_the_turn_of_the_cut  # type: ignore[method-assign]
    await upstream.talks[0].say(QUEUED + b"\r\n")
    verdict, *after = (await client.everything()).split(b"\r\n")[:-1]
    assert verdict.startswith(QUEUED if verdict_first else b"451 4.4.2 Outcome unknown")
    assert [line[:10] for line in after] == [b"421 4.3.2 "]
    await relay.server.ports[0].around.all_done()
    states = [str(record.state) for record in relay.records.kept.values()]
    if verdict_first:
        assert states == (["sent"] if content is ASKING else [])
    else:
        assert states == ["in-doubt"]


async def test_a_tracked_message_in_doubt_has_one_record_that_says_so(start_relay: StartRelay) -> None:
    upstream = KeepsItsVerdict()
    relay = await start_relay(upstream)
    client = await at_the_dot(relay, upstream, ASKING)
    await relay.server.stop(grace_seconds=0.0)
    assert (await client.everything()).startswith(b"451 4.4.2 Outcome unknown")
    assert relay.records.only.opens
    assert relay.records.only.state == "in-doubt"


async def test_the_record_of_a_message_cut_off_before_its_dot_says_that_it_was_not_sent(
    start_relay: StartRelay,
) -> None:
    upstream = Scripted(DATA=b"")
    relay = await start_relay(upstream)
    client = await relay.session()
    await client.begin(b"b@example.net", b"c@example.net")
    await client.ask(b"DATA")
    await client.send(ASKING + b".\r\n")
    await upstream.until(lambda: b"DATA" in upstream.commands)
    await relay.server.stop(grace_seconds=0.0)
    assert (await client.everything()).startswith(b"451 4.3.2 ")
    assert relay.records.only.state == "refused"


async def test_the_record_of_a_message_that_a_fault_of_ours_has_stopped_says_that_it_was_not_sent(
    start_relay: StartRelay, upstream: Behaves, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_phase: MessagePhase, _content: bytes) -> bytes:
        raise RelayFault(Fault.INTERNAL)

    monkeypatch.setattr(MessagePhase, "unsent", fails)
    relay = await start_relay(upstream)
    client = await relay.session()
    assert (await client.submit(ASKING)).startswith(b"451 4.3.0 ")
    await relay.server.ports[0].around.all_done()
    assert relay.records.only.state == "refused"
    assert not upstream.delivered
