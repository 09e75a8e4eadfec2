"""What the ledger and the sender hear of copies whose files are gone, or whose journal could not be written."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.records import State
from relay import failpoints
from relay.replies import RelayFault
from relay.spool_states import CopyState
from tests.spool.messages import ID, other_id
from tests.spool.scripted_upstream import accepts, at_dot, at_rcpt
from tests.spool.workbench import RECIPIENTS, Workbench

R1, R2, R3 = RECIPIENTS


async def one_waits(bench: Workbench) -> None:
    """r1 and r3 have their copies, r2's waits."""
    bench.upstream.script = {R2: [at_dot("451 4.3.0 later"), accepts()]}
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250


def file_of_the_message(bench: Workbench) -> Path:
    return bench.spool.messages[str(ID)].path


async def test_a_copy_whose_file_is_gone_waits_like_any_other_and_says_why(bench: Workbench) -> None:
    await one_waits(bench)
    file_of_the_message(bench).unlink()
    await bench.later(timedelta(minutes=7))
    standing = bench.spool.messages[str(ID)].standing.copies[2]
    assert (standing.state, standing.tries) == (CopyState.WAITING, 2)
    assert "cannot be read" in standing.reply
    assert standing.next_try is not None  # not again and again, every two seconds
    assert standing.next_try > bench.clock.now
    await bench.runner.delivery.on_record.all_told()
    assert bench.book.states[2] is State.QUEUED
    assert "cannot be read" in bench.book.replies[2]


async def test_a_file_that_comes_back_is_delivered(bench: Workbench, tmp_path: Path) -> None:
    """As with a disk that was away for a while."""
    await one_waits(bench)
    path = file_of_the_message(bench)
    path.rename(tmp_path / "away")
    await bench.later(timedelta(minutes=7))
    (tmp_path / "away").rename(path)
    await bench.later(timedelta(minutes=15))
    assert len(bench.upstream.to(R2)) == 1
    assert bench.folder() == []


@pytest.mark.parametrize("mail", [b"MAIL FROM:<ann@example.org>", b"MAIL FROM:<ann@example.org> RET=FULL"])
async def test_the_sender_is_told_of_a_copy_whose_file_stays_away(bench: Workbench, mail: bytes) -> None:
    bench.upstream.script = {R2: [at_dot("451 4.3.0 later"), accepts()]}
    async with bench.client_session() as session:
        await bench.submit(session, mail=mail)
    file_of_the_message(bench).unlink()
    await bench.later(timedelta(days=2, minutes=1))
    await bench.runner.run_once()
    (report,) = bench.upstream.to("ann@example.org")
    assert b"cannot be read" in report.content
    assert b"Final-Recipient: rfc822; r2@example.net" in report.content
    assert bench.book.states[2] is State.REFUSED
    assert bench.folder() == []


async def test_with_the_whole_folder_gone_the_ledger_hears_of_the_end_all_the_same(bench: Workbench) -> None:
    await one_waits(bench)
    shutil.rmtree(bench.spool.folder)
    await bench.later(timedelta(days=2, minutes=1))
    await bench.runner.delivery.on_record.all_told()
    assert bench.book.states[2] is State.REFUSED


async def test_what_a_later_try_came_to_is_on_record_though_the_journal_could_not_be_written(bench: Workbench) -> None:
    await one_waits(bench)
    failpoints.arm("journal.before-write=EIO@2")
    await bench.later(timedelta(minutes=7))
    failpoints.arm("")
    assert len(bench.upstream.to(R2)) == 1
    await bench.later(timedelta(minutes=1))
    assert bench.book.states[2] is State.SENT
    assert bench.folder() == []


async def test_a_copy_that_was_accepted_is_not_called_refused_when_the_journal_fails(bench: Workbench) -> None:
    """The client keeps the message, since nothing durable says that it is ours; the first recipient has it."""
    bench.upstream.script = {R1: [at_rcpt("550 5.1.1 nobody here")]}
    failpoints.arm("journal.before-write=EIO@4")
    async with bench.client_session() as session:
        with pytest.raises(RelayFault):
            await bench.submit(session)
    failpoints.arm("")
    assert bench.upstream.addresses() == [R2]
    assert bench.book.states == {1: State.REFUSED, 2: State.SENT, 3: State.REFUSED}


async def test_a_report_whose_file_is_gone_waits_and_keeps_no_later_one_of_its_login(bench: Workbench) -> None:
    for number in (1, 2):
        bench.upstream.script = {R2: [at_rcpt("closes")]}
        async with bench.client_session() as session:
            raw = b"Subject: %d\r\n\r\nHello\r\n" % number
            assert (await bench.submit(session, login="ann", message_id=other_id(number), raw=raw)).code == 250
    first, second = [one for one in bench.spool.present() if one.header.notification]
    first.path.unlink()
    async with bench.client_session() as session:
        await bench.individual.deliver_waiting("ann", session)
    assert len(bench.upstream.to("ann@example.org")) == 1
    assert second.standing.with_state(CopyState.DELIVERED)
    (gone,) = first.standing.copies.values()
    assert (gone.state, gone.tries) == (CopyState.WAITING, 1)
    assert gone.next_try is not None
    assert gone.next_try > bench.clock.now
    assert "cannot be read" in gone.reply
