"""The background task: retries, sessions, reports, requests, and what a restart finds."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from ledger.records import State
from relay import failpoints
from relay.spool_requests import Request, Wish, ask
from relay.spool_states import CopyState
from relay.spooled_message import SpooledMessage
from tests.spool.messages import ID, rendered
from tests.spool.scripted_upstream import ScriptedUpstream, accepts, at_dot, at_mail, at_rcpt
from tests.spool.workbench import RECIPIENTS, Workbench, workbench

R1, R2, R3 = RECIPIENTS


async def submitted(bench: Workbench, **script: list[object]) -> None:
    """The tests' message with scripted verdicts for r2 and r3, the first copy being accepted."""
    bench.upstream.script = {f"{name}@example.net": verdicts for name, verdicts in script.items()}  # type: ignore[misc]
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250


async def test_a_waiting_copy_is_not_tried_before_its_time(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()])
    await bench.later(timedelta(minutes=3))
    assert bench.upstream.to(R2) == []
    await bench.later(timedelta(minutes=4))
    assert len(bench.upstream.to(R2)) == 1
    assert bench.upstream.to(R2)[0].content == rendered(2)


async def test_a_503_speaks_of_the_order_of_commands_and_the_copy_is_tried_again(bench: Workbench) -> None:
    await submitted(bench, r2=[at_rcpt("503 5.5.1 need MAIL first"), accepts()])
    await bench.later(timedelta(minutes=7))
    assert [one.content for one in bench.upstream.to(R2)] == [rendered(2)]


async def test_an_upstream_that_cannot_be_reached_counts_as_a_try(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()])
    port, bench.upstream.port = bench.upstream.port, 1  # nobody listens there
    await bench.later(timedelta(minutes=7))
    standing = bench.spool.messages[str(ID)].standing.copies[2]
    assert standing.tries == 2
    assert "could not be reached" in standing.reply
    bench.upstream.port = port
    await bench.later(timedelta(minutes=15))
    assert len(bench.upstream.to(R2)) == 1


async def test_an_upstream_that_knows_no_other_greeting_than_helo_is_greeted_so(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()])
    bench.upstream.knows_ehlo = False
    await bench.later(timedelta(minutes=7))
    assert bench.upstream.to(R2)[0].content == rendered(2)
    assert bench.spool.messages == {}


async def test_copies_share_sessions_and_a_new_one_is_opened_when_the_upstream_wants(bench: Workbench) -> None:
    many = await bench.submit_with_one_taken_at_once(7)
    before = bench.upstream.sessions
    bench.upstream.per_session = 3
    await bench.later(timedelta(minutes=10))
    assert sorted(bench.upstream.addresses()) == sorted(many)
    assert bench.upstream.sessions - before == 2  # three copies each


async def test_expiry_is_reported_and_ends_the_message(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 still later")])
    await bench.later(timedelta(days=2, minutes=1))
    await bench.runner.run_once()
    (report,) = bench.upstream.to("ann@example.org")
    assert b"until its time was over" in report.content
    assert b"451 4.3.0 still later" in report.content
    assert bench.book.states[2] is State.REFUSED
    assert bench.folder() == []


async def test_a_report_is_a_delivery_status_notification_from_the_null_sender(bench: Workbench) -> None:
    await submitted(bench, r2=[at_rcpt("550 5.1.1 nobody here")], r3=[at_dot("554 5.7.1 no")])
    await bench.runner.run_once()
    await bench.runner.run_once()
    (report,) = bench.upstream.to("ann@example.org")
    assert report.mail == b"MAIL FROM:<>"
    parsed = message_from_bytes(report.content, policy=policy.default)
    assert parsed.get_content_type() == "multipart/report"
    status = parsed.get_payload(1)  # type: ignore[union-attr]
    fields = [dict(block.items()) for block in status.get_payload()]  # type: ignore[union-attr]
    assert [block.get("Final-Recipient") for block in fields[1:]] == [f"rfc822; {R2}", f"rfc822; {R3}"]
    assert [block.get("Status") for block in fields[1:]] == ["5.1.1", "5.7.1"]
    assert bench.folder() == []


async def test_a_report_that_is_refused_is_reported_to_nobody(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("550 5.1.1 nobody here")])
    bench.upstream.script["ann@example.org"] = [at_rcpt("550 5.1.1 nobody here either")]
    for _ in range(4):
        await bench.later(timedelta(hours=1))
    assert bench.upstream.addresses() == [R1, R3]
    assert bench.folder() == []


async def test_a_refused_sender_is_only_put_off_when_that_is_temporary(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), at_mail("450 unused"), accepts()])
    await bench.later(timedelta(minutes=7))
    await bench.later(timedelta(minutes=15))
    assert len(bench.upstream.to(R2)) == 1


async def test_an_administrator_can_have_a_copy_tried_now(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()])
    request = ask(bench.spool.folder, Request(Wish.RETRY, ID))
    await bench.runner.run_once()
    assert len(bench.upstream.to(R2)) == 1
    assert not request.exists()


async def test_an_administrator_can_drop_a_copy_and_nobody_is_told(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()])
    ask(bench.spool.folder, Request(Wish.DROP, ID, 2))
    await bench.later(timedelta(hours=1))
    assert sorted(bench.upstream.addresses()) == [R1, R3]
    assert bench.book.states[2] is State.REFUSED
    assert [name for name in bench.folder() if name != "requests"] == []


async def test_the_task_takes_up_its_work_when_woken(bench: Workbench) -> None:
    task = asyncio.create_task(bench.runner.run())
    await submitted(bench, r2=[at_dot("550 5.1.1 nobody here")])
    await bench.upstream.wait_for(3)  # two copies and the report
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.upstream.to("ann@example.org")


async def test_the_task_survives_a_failing_disk(bench: Workbench) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()])
    bench.clock.pass_by(timedelta(minutes=10))
    failpoints.arm("journal.before-write=ENOSPC@1")
    task = asyncio.create_task(bench.runner.run())
    await bench.upstream.wait_for(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(bench.upstream.to(R2)) == 1


async def test_the_task_survives_a_bug(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks in one round, the next one delivers."""
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()])
    bench.clock.pass_by(timedelta(minutes=10))
    present, broken = bench.spool.present, asyncio.Event()

    def breaks() -> list[SpooledMessage]:
        broken.set()
        monkeypatch.setattr(bench.spool, "present", present)
        raise RuntimeError("dictionary changed size during iteration")

    monkeypatch.setattr(bench.spool, "present", breaks)
    task = asyncio.create_task(bench.runner.run())
    await broken.wait()
    await bench.upstream.wait_for(3)
    bench.runner.stop()
    await task


async def test_stopping_lets_the_copy_under_way_end_and_begins_no_other(bench: Workbench) -> None:
    await bench.submit_with_one_taken_at_once(29)
    bench.clock.pass_by(timedelta(minutes=10))
    task = asyncio.create_task(bench.runner.run())
    await bench.upstream.wait_for(3)
    bench.runner.stop()
    await task
    states = {copy.state for copy in bench.spool.messages[str(ID)].standing.copies.values()}
    assert states == {CopyState.WAITING, CopyState.DELIVERED}


async def test_a_restart_goes_on_where_the_last_process_ended(
    bench: Workbench, tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    await submitted(bench, r2=[at_dot("451 4.3.0 later"), accepts()], r3=[at_dot("550 5.1.1 nobody here")])
    bench.spool.close()
    second = workbench(tmp_path / "spool", upstream)
    await second.runner.start()
    await second.later(timedelta(minutes=10))
    await second.runner.run_once()
    assert sorted(upstream.addresses()) == ["ann@example.org", R1, R2]
    assert second.book.states == {1: State.SENT, 2: State.SENT, 3: State.REFUSED}
    assert second.folder() == []
    second.spool.close()
