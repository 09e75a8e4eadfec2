"""Copies that wait for long: what the sender is told, the last try, clocks that jump, and upstreams that are slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy

import pytest

from ledger.message_id import MessageId
from ledger.records import State
from relay import failpoints
from relay.ports import Conversation
from relay.spool_requests import Request, Wish, ask
from relay.spool_runner import SessionKey
from relay.spool_states import CopyState, Event, EventKind
from tests.spool.messages import ID, PLAIN, copies, header, other_id, rendered
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot
from tests.spool.workbench import RECIPIENTS, Workbench, workbench

R1, R2, R3 = RECIPIENTS
SENDER = "ann@example.org"


async def greylisted(bench: Workbench, mail: bytes = b"MAIL FROM:<ann@example.org>", rcpt: bytes = b"") -> None:
    """The tests' message, of which r2's and r3's copies are refused for now, again and again."""
    bench.upstream.script |= {address: [at_dot("451 4.7.1 Greylisted")] for address in (R2, R3)}
    async with bench.client_session() as session:
        assert (await bench.submit(session, mail=mail, rcpt_parameters=rcpt)).code == 250


def actions(content: bytes) -> list[tuple[str, str]]:
    """Recipient and action of each group of fields in a report."""
    status = message_from_bytes(content, policy=policy.default).get_payload(1)
    blocks = [dict(block.items()) for block in status.get_payload()[1:]]  # type: ignore[union-attr]
    return [(block["Final-Recipient"].removeprefix("rfc822; "), block["Action"]) for block in blocks]


async def test_the_sender_is_told_once_that_copies_wait(bench: Workbench) -> None:
    await greylisted(bench)
    await bench.later(timedelta(hours=3))
    await bench.later(timedelta(minutes=1))
    assert bench.upstream.to(SENDER) == []
    for _ in range(8):
        await bench.later(timedelta(hours=2))
    (report,) = bench.upstream.to(SENDER)
    assert report.mail == b"MAIL FROM:<>"
    assert actions(report.content) == [(R2, "delayed"), (R3, "delayed")]
    bench.upstream.script = {}
    await bench.later(timedelta(hours=2))
    await bench.runner.run_once()
    assert bench.upstream.addresses().count(R2) == bench.upstream.addresses().count(R3) == 1
    assert bench.folder() == []


async def test_after_a_restart_it_is_not_told_again(bench: Workbench, upstream: ScriptedUpstream) -> None:
    await greylisted(bench)
    for _ in range(2):
        await bench.later(timedelta(hours=5))
    assert len(upstream.to(SENDER)) == 1
    bench.spool.close()
    second = workbench(bench.spool.folder, upstream)
    await second.runner.start()
    await second.later(timedelta(hours=12))
    await second.later(timedelta(hours=1))
    assert len(upstream.to(SENDER)) == 1
    second.spool.close()


@pytest.mark.parametrize(
    ("mail", "rcpt", "why"),
    [
        (b"MAIL FROM:<ann@example.org>", b" NOTIFY=FAILURE", "failures alone were asked for"),
        (b"MAIL FROM:<ann@example.org>", b" NOTIFY=NEVER", "nothing was asked for"),
        (b"MAIL FROM:<>", b"", "the null sender is never told anything"),
    ],
)
async def test_who_does_not_want_to_hear_of_delays_is_not_told(
    bench: Workbench, mail: bytes, rcpt: bytes, why: str
) -> None:
    await greylisted(bench, mail, rcpt)
    for _ in range(4):
        await bench.later(timedelta(hours=5))
    assert bench.upstream.addresses() == [R1], why


async def test_a_delayed_copy_that_expires_is_reported_as_failed_too(bench: Workbench) -> None:
    await greylisted(bench, rcpt=b" NOTIFY=FAILURE,DELAY")
    for _ in range(12):
        await bench.later(timedelta(hours=5))
    told = [actions(report.content) for report in bench.upstream.to(SENDER)]
    assert told == [[(R2, "delayed"), (R3, "delayed")], [(R2, "failed"), (R3, "failed")]]
    assert bench.folder() == []


async def test_a_machine_that_slept_over_the_expiry_tries_once_more(bench: Workbench) -> None:
    """A lid that was closed for a week must not turn a mail that would now go through into a report."""
    await greylisted(bench)
    bench.upstream.script = {}
    await bench.later(timedelta(days=7))
    await bench.runner.run_once()
    assert sorted(bench.upstream.addresses()) == [R1, R2, R3]


async def test_copies_that_expire_while_the_upstream_is_away_are_reported(bench: Workbench) -> None:
    await greylisted(bench)
    port, bench.upstream.port = bench.upstream.port, 1  # nobody listens there
    async with asyncio.timeout(20):
        await bench.later(timedelta(days=2, minutes=1))
    assert bench.book.states[2] is bench.book.states[3] is State.REFUSED
    bench.upstream.port = port
    await bench.later(timedelta(hours=1))
    (report,) = bench.upstream.to(SENDER)
    assert b"x-mailglass; the mail server could not be reached" in report.content


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=-3650)])
async def test_a_clock_that_is_set_back_stalls_no_copy(bench: Workbench, jump: timedelta) -> None:
    await greylisted(bench)
    bench.clock.pass_by(jump)
    bench.upstream.script = {}
    await bench.runner.run_once()
    assert sorted(bench.upstream.addresses()) == [R1, R2, R3]


async def test_a_clock_that_is_set_back_makes_no_copy_immortal(bench: Workbench) -> None:
    await greylisted(bench)
    bench.clock.pass_by(timedelta(days=-3650))
    for _ in range(100):
        await bench.later(timedelta(hours=2))
    await bench.runner.run_once()
    assert actions(bench.upstream.to(SENDER)[-1].content) == [(R2, "failed"), (R3, "failed")]
    assert bench.folder() == []


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=3650)])
async def test_a_clock_that_is_set_forward_loses_nobody(bench: Workbench, jump: timedelta) -> None:
    await greylisted(bench)
    bench.upstream.script = {R2: [accepts()], R3: [at_dot("451 4.7.1 Greylisted"), accepts()]}
    for _ in range(3):
        await bench.later(jump)
    assert bench.upstream.to(R2)
    assert bench.upstream.to(R3) or actions(bench.upstream.to(SENDER)[-1].content) == [(R3, "failed")]


async def test_what_the_upstream_does_not_offer_any_more_is_left_out_of_later_tries(bench: Workbench) -> None:
    """The machine behind the upstream's name that serves the retry may offer less than the first one did."""
    await greylisted(bench, mail=b"MAIL FROM:<ann@example.org> BODY=8BITMIME RET=HDRS", rcpt=b" NOTIFY=FAILURE")
    bench.upstream.script, bench.upstream.offers = {}, ("ENHANCEDSTATUSCODES",)
    await bench.later(timedelta(minutes=10))
    first, second, third = bench.upstream.taken  # this content is ASCII, so all of it passes without the parameters
    assert {first.mail, second.mail, third.mail} == {
        b"MAIL FROM:<ann@example.org> BODY=8BITMIME RET=HDRS",
        b"MAIL FROM:<ann@example.org>",
    }
    assert second.rcpt == b"RCPT TO:<r2@example.net>"


async def test_a_copy_waits_until_its_eight_bit_body_is_taken_again(bench: Workbench) -> None:
    eight_bit = PLAIN.replace(b"End", "Grüße".encode())
    mail = b"MAIL FROM:<ann@example.org> BODY=8BITMIME"
    message = bench.spool.write(header(mail=mail), eight_bit, copies(1, tracked=False))
    bench.spool.record(message, Event(EventKind.OURS, bench.clock()))
    message.claimed = False
    offers, bench.upstream.offers = bench.upstream.offers, ()
    await bench.later(timedelta(minutes=10))
    assert bench.upstream.taken == []
    assert "8-bit" in message.standing.copies[1].reply
    bench.upstream.offers = offers
    await bench.later(timedelta(minutes=30))
    (copy,) = bench.upstream.taken
    assert (copy.mail, copy.content) == (mail, eight_bit)


async def test_a_slow_upstream_keeps_neither_others_nor_administrators_waiting(bench: Workbench) -> None:
    """One upstream hangs for as long as it likes; another one's copies go out, and a request is carried out."""
    opened, go_on = asyncio.Event(), asyncio.Event()
    plain_session = bench.runner.open_session

    def open_session(key: SessionKey) -> AbstractAsyncContextManager[Conversation]:
        @asynccontextmanager
        async def hanging() -> AsyncIterator[Conversation]:
            opened.set()
            await go_on.wait()
            async with plain_session(key) as session:
                yield session

        return hanging() if key[0] == "slow" else plain_session(key)

    bench.runner.open_session = open_session
    for number, upstream in ((1, "slow"), (2, "default")):
        message = bench.spool.write(header(other_id(number), upstream=upstream), PLAIN, copies(2), rendered)
        bench.spool.record(message, Event(EventKind.OURS, bench.clock()))
        message.claimed = False
    task = asyncio.create_task(bench.runner.run())
    async with asyncio.timeout(20):
        await opened.wait()
        await bench.upstream.wait_for(2)
        request = ask(bench.spool.folder, Request(Wish.DROP, other_id(1), 2))
        while request.exists():
            await asyncio.sleep(0.01)
        go_on.set()
        await bench.upstream.wait_for(3)
        while bench.spool.messages:
            await asyncio.sleep(0.01)
    bench.runner.stop()
    await task
    assert sorted(bench.upstream.addresses()) == [R1, R1, R2]


async def test_a_message_whose_report_finds_no_room_keeps_no_other_from_being_finished(bench: Workbench) -> None:
    for number in (1, 2):
        message = bench.spool.write(header(other_id(number)), PLAIN, copies(1), rendered)
        kind = EventKind.REFUSED if number == 1 else EventKind.DELIVERED
        bench.spool.record(message, Event(EventKind.OURS, bench.clock()), Event(kind, bench.clock(), 1, "550 5.1.1 no"))
        message.claimed = False
    failpoints.arm("spool.file-opened=ENOSPC")
    await bench.runner.run_once()
    assert [one.header.id for one in bench.spool.messages.values()] == [other_id(1)]
    await bench.runner.run_once()
    await bench.runner.run_once()
    assert bench.upstream.addresses() == [SENDER]


async def test_no_copy_waits_for_a_ledger_that_hangs(bench: Workbench) -> None:
    hangs = asyncio.Event()
    settle = bench.book.settle

    async def hanging(*arguments: object, **more: object) -> None:
        await hangs.wait()
        await settle(*arguments, **more)  # type: ignore[arg-type]

    bench.book.settle = hanging  # type: ignore[method-assign]
    async with bench.client_session() as session:
        submission = asyncio.create_task(bench.submit(session))
        await bench.upstream.wait_for(3)
        hangs.set()
        assert (await submission).code == 250
    await bench.runner.run_once()
    assert set(bench.book.states.values()) == {State.SENT}
    assert bench.folder() == []


async def test_a_ledger_that_broke_is_told_the_last_word_only(bench: Workbench) -> None:
    told: list[tuple[int, State]] = []
    settle = bench.book.settle

    async def noting(message: MessageId, state: State, reply: str, accepted_at: datetime | None, copy: int) -> None:
        await settle(message, state, reply, accepted_at, copy)
        told.append((copy, state))

    bench.book.settle = noting  # type: ignore[method-assign]
    await greylisted(bench)
    told.clear()
    bench.book.is_gone = True
    bench.upstream.script = {R3: [at_dot("550 5.1.1 nobody here")]}
    await bench.later(timedelta(minutes=10))
    assert told == []
    bench.book.is_gone = False
    await bench.runner.run_once()
    assert sorted(told) == [(2, State.SENT), (3, State.REFUSED)]


async def test_a_restart_tells_the_ledger_of_every_copy_and_of_no_report(
    bench: Workbench, upstream: ScriptedUpstream
) -> None:
    bench.upstream.script = {R2: [at_dot("451 4.7.1 Greylisted")], R3: [at_dot("550 5.1.1 nobody here")]}
    async with bench.client_session() as session:
        await bench.submit(session)
    await bench.runner.run_once()  # spools the report
    assert len(bench.spool.messages) == 2
    bench.spool.close()
    second = workbench(bench.spool.folder, upstream)
    about: list[MessageId] = []

    async def noting(message: MessageId, state: State, reply: str, accepted_at: datetime | None, copy: int) -> None:
        about.append(message)

    second.book.settle = noting  # type: ignore[method-assign]
    await second.runner.start()
    await second.runner.run_once()
    assert about.count(ID) == len(about) == 3
    second.spool.close()


async def test_a_copy_dropped_before_its_turn_is_not_sent(bench: Workbench) -> None:
    message = bench.spool.write(header(ID), PLAIN, copies(2), rendered)
    bench.spool.record(message, Event(EventKind.OURS, bench.clock()), Event(EventKind.DROPPED, bench.clock(), 1))
    message.claimed = False
    await bench.runner.run_once()
    assert bench.upstream.addresses() == [R2]
    assert message.standing.copies[1].state is CopyState.DROPPED
