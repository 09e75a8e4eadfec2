"""A client that was gone before it could hear our 250 sends the same octets again: how long they are one message."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from ledger.records import MessageRecord
from tests.spool.messages import AT, PLAIN, other_id
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot
from tests.spool.workbench import RECIPIENTS, Workbench, workbench

R1, R2, R3 = RECIPIENTS


async def test_an_identical_message_of_a_client_that_never_heard_is_not_sent_again(bench: Workbench) -> None:
    bench.upstream.script = {R3: [at_dot("451 4.3.0 later"), accepts()]}
    async with bench.client_session() as session:
        session.answer = lambda reply: False  # type: ignore[method-assign]  # the client is gone
        await bench.submit(session)
    async with bench.client_session() as session:
        reply = await bench.submit(session, message_id=other_id(1))
    assert reply.code == 250
    assert b"accepted before" in reply.raw
    await bench.later(timedelta(minutes=10))
    assert sorted(bench.upstream.addresses()) == [R1, R2, R3]


async def test_an_identical_message_is_known_after_all_is_settled_and_we_were_restarted(
    bench: Workbench, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    async with bench.client_session() as session:
        session.answer = lambda reply: False  # type: ignore[method-assign]  # the client is gone
        await bench.submit(session)
    await bench.runner.run_once()
    assert [name.rpartition(".")[2] for name in bench.folder()] == ["done"]
    bench.spool.close()
    second = workbench(tmp_path / "spool", upstream)
    second.spool.unheard.load(second.spool.folder / bench.folder()[0], AT)
    async with second.client_session() as session:
        assert b"accepted before" in (await second.submit(session, message_id=other_id(1))).raw
        assert len(upstream.taken) == 3
        assert second.folder() == []
        assert b"accepted before" not in (await second.submit(session, message_id=other_id(2))).raw
    second.spool.close()


NAMELESS = PLAIN.replace(b"Message-ID: <plans@example.org>\r\n", b"")


async def submitted_unheard(bench: Workbench, raw: bytes) -> None:
    async with bench.client_session() as session:
        session.answer = lambda reply: False  # type: ignore[method-assign]  # the client is gone
        await bench.submit(session, raw=raw)


@pytest.mark.parametrize("are_all_settled", [False, True])
@pytest.mark.parametrize(
    ("raw", "after", "comes_twice", "why"),
    [
        (NAMELESS, timedelta(minutes=4), False, "a client tries again within minutes"),
        (NAMELESS, timedelta(minutes=6), True, "nothing tells a script's next mail from its last one"),
        (PLAIN, timedelta(hours=23), False, "no second message has that Message-ID"),
        (PLAIN, timedelta(hours=25), True, "nobody tries again for so long"),
        (NAMELESS, timedelta(minutes=-6), True, "a clock that was set back tells nothing"),
    ],
)
async def test_an_unheard_answer_is_given_for_as_long_as_it_is_the_same_message(
    bench: Workbench, are_all_settled: bool, raw: bytes, after: timedelta, comes_twice: bool, why: str
) -> None:
    if not are_all_settled:
        bench.upstream.script = {R3: [at_dot("451 4.3.0 later")]}
    await submitted_unheard(bench, raw)
    if are_all_settled:
        await bench.runner.run_once()
    bench.clock.pass_by(after)
    async with bench.client_session() as session:
        reply = await bench.submit(session, message_id=other_id(1), raw=raw)
    assert (b"accepted before" not in reply.raw) is comes_twice, why
    assert len(bench.upstream.to(R1)) == 1 + comes_twice


async def test_what_is_remembered_goes_from_the_disk_when_its_time_is_over(bench: Workbench) -> None:
    await submitted_unheard(bench, NAMELESS)
    await bench.runner.run_once()
    assert [name.rpartition(".")[2] for name in bench.folder()] == ["done"]
    await bench.later(timedelta(minutes=6))
    assert bench.folder() == []


async def test_of_two_with_the_same_octets_the_later_one_is_remembered(bench: Workbench) -> None:
    """The first waits for hours, and is done after the second."""
    bench.upstream.script = {R3: [at_dot("451 4.3.0 later"), accepts()]}
    await submitted_unheard(bench, NAMELESS)
    bench.clock.pass_by(timedelta(minutes=6, seconds=30))
    async with bench.client_session() as session:
        session.answer = lambda reply: False  # type: ignore[method-assign]  # it has left as well
        await bench.submit(session, message_id=other_id(1), raw=NAMELESS)
    await bench.runner.run_once()
    assert bench.spool.messages == {}
    async with bench.client_session() as session:
        reply = await bench.submit(session, message_id=other_id(2), raw=NAMELESS)
    assert b"accepted before" in reply.raw
    assert len(bench.upstream.to(R1)) == 2


async def test_a_slow_upstream_does_not_shorten_the_time_to_try_again(bench: Workbench) -> None:
    """It runs from the first copy's acceptance, when the client was to hear of it."""
    told = bench.book.register

    async def slow(record: MessageRecord) -> None:
        await told(record)
        bench.clock.pass_by(timedelta(minutes=4))

    bench.book.register = slow  # type: ignore[method-assign]
    await submitted_unheard(bench, NAMELESS)
    await bench.runner.run_once()
    bench.clock.pass_by(timedelta(minutes=4))
    async with bench.client_session() as session:
        reply = await bench.submit(session, message_id=other_id(1), raw=NAMELESS)
    assert b"accepted before" in reply.raw


async def test_an_identical_message_of_a_client_that_heard_is_another_message(bench: Workbench) -> None:
    bench.upstream.script = {R3: [at_dot("451 4.3.0 later")]}
    async with bench.client_session() as session:
        await bench.submit(session)
        await bench.submit(session, message_id=other_id(1))
    assert len(bench.upstream.to(R1)) == 2
