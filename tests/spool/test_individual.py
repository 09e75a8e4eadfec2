"""One copy per recipient while the client waits: what the client hears, what the upstream gets, what is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from ledger.records import MessageRecord, State
from relay import failpoints
from relay.replies import Fault, RelayFault, Reply
from relay.spool_conclusion import NO_LOGIN_WORDS
from tests.spool.messages import PLAIN, rendered
from tests.spool.scripted_upstream import (
    ScriptedUpstream,
    Verdict,
    accepts,
    at_data,
    at_dot,
    at_rcpt,
    closes_after_dot,
)
from tests.spool.workbench import RECIPIENTS, Workbench, workbench

R1, R2, R3 = RECIPIENTS


async def test_every_recipient_gets_a_copy_of_their_own_and_nothing_is_kept(bench: Workbench) -> None:
    async with bench.client_session() as session:
        reply = await bench.submit(session)
    assert reply.code == 250
    assert b"3 of 3 copies sent" in reply.raw
    assert {one.recipient: one.content for one in bench.upstream.taken} == {
        address: rendered(number) for number, address in enumerate(RECIPIENTS, 1)
    }
    await bench.runner.run_once()
    assert bench.folder() == []
    assert set(bench.book.states.values()) == {State.SENT}


async def test_the_envelope_reaches_the_upstream_as_the_client_wrote_it(bench: Workbench) -> None:
    async with bench.client_session() as session:
        await bench.submit(session)
    assert {one.mail for one in bench.upstream.taken} == {b"MAIL FROM:<ann@example.org>"}


async def test_mixed_verdicts_are_answered_250_and_settled_apart(bench: Workbench) -> None:
    """250, 451, 550: the first is delivered, the second tried again, the third reported."""
    bench.upstream.script = {R2: [at_dot("451 4.3.0 later"), accepts()], R3: [at_dot("550 5.7.1 never")]}
    async with bench.client_session() as session:
        reply = await bench.submit(session)
    assert reply.code == 250
    assert b"1 of 3 copies sent, 1 waiting, 1 refused" in reply.raw
    assert bench.book.states == {1: State.SENT, 2: State.QUEUED, 3: State.REFUSED}
    await bench.runner.run_once()  # spools the notification
    await bench.later(timedelta(minutes=10))
    assert sorted(bench.upstream.addresses()) == ["ann@example.org", R1, R2]
    assert bench.book.states == {1: State.SENT, 2: State.SENT, 3: State.REFUSED}
    assert bench.book.replies[3] == "550 5.7.1 never"
    await bench.runner.run_once()
    assert bench.folder() == []


@pytest.mark.parametrize(
    ("verdicts", "code", "why"),
    [
        (("550 5.1.1 a", "550 5.1.1 b", "550 5.1.1 c"), 550, "all for good: the first refusal is handed on"),
        (("550 5.1.1 a", "451 4.3.0 b", "550 5.1.1 c"), 451, "one may still take it: the client may try again"),
        (("451 4.3.0 a", "452 4.2.2 b", "451 4.3.0 c"), 451, "all for now"),
    ],
)
async def test_when_all_refuse_the_refusal_is_passed_on_and_the_spool_emptied(
    bench: Workbench, verdicts: tuple[str, ...], code: int, why: str
) -> None:
    for address, verdict in zip(RECIPIENTS, verdicts, strict=True):
        bench.upstream.script[address] = [at_dot(verdict)]
    async with bench.client_session() as session:
        reply = await bench.submit(session)
    assert reply.code == code, why
    assert bench.folder() == []
    assert set(bench.book.states.values()) == {State.REFUSED}
    await bench.later(timedelta(hours=1))
    assert bench.upstream.taken == []


async def test_a_refusal_comes_first_and_an_acceptance_later_commits_us(bench: Workbench) -> None:
    bench.upstream.script = {R1: [at_rcpt("450 4.2.1 busy"), accepts()], R2: [at_dot("554 5.7.1 no")]}
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250
    assert bench.book.states == {1: State.QUEUED, 2: State.REFUSED, 3: State.SENT}


async def test_the_session_lost_before_anything_was_accepted_leaves_the_message_to_the_client(
    bench: Workbench,
) -> None:
    bench.upstream.script = {R1: [at_rcpt("closes")]}
    async with bench.client_session() as session:
        with pytest.raises(RelayFault) as raised:
            await bench.submit(session)
    assert raised.value.fault is Fault.UPSTREAM_GONE
    assert bench.folder() == []
    await bench.later(timedelta(hours=1))
    assert bench.upstream.taken == []


async def test_a_250_to_data_sends_no_copy_and_leaves_the_message_to_the_client(bench: Workbench) -> None:
    bench.upstream.script = {R1: [at_data("250 2.0.0 Ok")]}
    with pytest.raises(RelayFault) as raised:
        async with bench.client_session() as session:
            await bench.submit(session)
    assert raised.value.fault is Fault.UPSTREAM_NONSENSE
    assert bench.upstream.taken == []
    assert bench.folder() == []


async def test_a_copy_whose_data_was_answered_with_250_is_sent_again_later(bench: Workbench) -> None:
    bench.upstream.script = {R2: [at_data("250 2.0.0 Ok"), accepts()]}
    async with bench.client_session() as session:
        reply = await bench.submit(session)
    assert b"1 of 3 copies sent, 2 waiting" in reply.raw
    assert bench.upstream.addresses() == [R1]
    await bench.runner.run_once()  # the third was not tried yet
    await bench.later(timedelta(minutes=10))
    assert sorted(bench.upstream.addresses()) == sorted(RECIPIENTS)
    assert set(bench.book.states.values()) == {State.SENT}


@pytest.mark.parametrize(
    ("at_the_dot", "taken"),
    [
        (closes_after_dot(takes=True), [R1]),
        (at_dot("354 Go ahead"), []),  # neither yes nor no: it may have it, or think that more is to come
    ],
    ids=["lost", "3yz"],
)
async def test_without_a_verdict_on_the_first_copy_it_is_in_doubt_and_never_sent_again(
    bench: Workbench, at_the_dot: Verdict, taken: list[str]
) -> None:
    bench.upstream.script = {R1: [at_the_dot]}
    async with bench.client_session() as session:
        with pytest.raises(RelayFault) as raised:
            await bench.submit(session)
    assert raised.value.fault is Fault.IN_DOUBT
    assert bench.book.states == {1: State.IN_DOUBT, 2: State.REFUSED, 3: State.REFUSED}
    await bench.later(timedelta(hours=1))
    assert bench.upstream.addresses() == taken


async def test_a_copy_in_doubt_after_the_first_250_is_sent_again(bench: Workbench) -> None:
    bench.upstream.script = {R2: [closes_after_dot(takes=True), accepts()]}
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250
    await bench.later(timedelta(minutes=10))
    first, second = bench.upstream.to(R2)
    assert first.content == second.content
    assert len(bench.upstream.to(R1)) == len(bench.upstream.to(R3)) == 1


async def test_a_copy_in_doubt_can_be_held_instead(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    bench = workbench(tmp_path / "held", upstream, hold_doubtful=True)
    bench.upstream.script = {R2: [closes_after_dot(takes=True), accepts()]}
    async with bench.client_session() as session:
        await bench.submit(session)
    await bench.later(timedelta(minutes=10))
    assert len(bench.upstream.to(R2)) == 1
    assert bench.book.states == {1: State.SENT, 2: State.IN_DOUBT, 3: State.SENT}
    await bench.later(timedelta(hours=5))
    await bench.runner.run_once()
    assert bench.upstream.to("ann@example.org") == []  # nothing can be promised of it
    await bench.later(timedelta(days=2))
    await bench.runner.run_once()
    (report,) = bench.upstream.to("ann@example.org")
    assert b"it may have arrived, or not" in report.content
    bench.spool.close()


async def test_recipients_without_consent_get_the_message_as_it_was(bench: Workbench) -> None:
    bench.untracked = frozenset({R2})
    async with bench.client_session() as session:
        await bench.submit(session)
    contents = {one.recipient: one.content for one in bench.upstream.taken}
    assert contents == {R1: rendered(1), R2: PLAIN, R3: rendered(3)}


async def test_without_a_ledger_the_copies_go_untracked(bench: Workbench) -> None:
    bench.book.is_gone = True
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250
    assert {one.content for one in bench.upstream.taken} == {PLAIN}
    assert len(bench.upstream.taken) == 3


async def test_a_message_that_has_waited_its_time_for_the_ledger_waits_no_more(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two seconds are for all there is to ask: whether its recipients consent was asked before."""
    monkeypatch.setattr("relay.ledger_time.LEDGER_SECONDS", 0.0)
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250
    assert {one.content for one in bench.upstream.taken} == {PLAIN}
    assert bench.book.records == {}


async def test_a_ledger_that_was_gone_is_told_when_it_is_back(bench: Workbench) -> None:
    bench.upstream.script = {R3: [at_dot("451 4.3.0 later"), accepts()]}
    async with bench.client_session() as session:
        await bench.submit(session)
    bench.book.is_gone = True
    await bench.later(timedelta(minutes=10))
    assert bench.upstream.to(R3)
    assert bench.folder() != []
    bench.book.is_gone = False
    await bench.runner.run_once()
    assert bench.book.states[3] is State.SENT
    assert bench.folder() == []


@pytest.mark.parametrize(("error", "fault"), [("ENOSPC", Fault.DISK), ("EIO", Fault.INTERNAL)])
@pytest.mark.parametrize("place", ["spool.body-written", "spool.before-fsync", "spool.after-rename"])
async def test_a_disk_that_fails_before_anything_was_sent_sends_nothing(
    bench: Workbench, place: str, error: str, fault: Fault
) -> None:
    failpoints.arm(f"{place}={error}")
    async with bench.client_session() as session:
        with pytest.raises(RelayFault) as raised:
            await bench.submit(session)
        assert raised.value.fault is fault
        assert bench.folder() == []
        assert bench.upstream.taken == []
        assert (await bench.submit(session)).code == 250  # it recovers without a restart


async def test_a_disk_that_fails_at_the_first_acceptance_leaves_the_message_to_the_client(bench: Workbench) -> None:
    failpoints.arm("journal.before-fsync=EIO@1")
    async with bench.client_session() as session:
        with pytest.raises(RelayFault):
            await bench.submit(session)
    await bench.later(timedelta(hours=1))
    assert bench.upstream.addresses() == [R1]  # the one copy that may come twice
    assert bench.folder() == []


async def test_a_disk_that_fails_later_loses_nothing(bench: Workbench) -> None:
    failpoints.arm("journal.before-fsync=EIO@2")
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250
    await bench.runner.run_once()
    assert sorted(bench.upstream.addresses()) == [R1, R2, R3]


async def test_a_clients_own_login_sends_again_within_its_session_and_reports_the_rest(bench: Workbench) -> None:
    bench.upstream.script = {R2: [at_dot("451 4.3.0 later"), accepts()], R3: [at_dot("451 4.3.0 later")]}
    async with bench.client_session() as session:
        assert (await bench.submit(session, login="ann")).code == 250
    assert sorted(bench.upstream.addresses()) == ["ann@example.org", R1, R2]
    assert {one.session for one in bench.upstream.taken} == {1}
    await bench.runner.run_once()
    (report,) = bench.upstream.to("ann@example.org")
    assert b"your password is not kept" in report.content
    assert report.mail == b"MAIL FROM:<>"
    assert bench.folder() == []
    await bench.later(timedelta(hours=1))
    assert bench.upstream.sessions == 1


async def test_a_copy_that_was_never_tried_when_its_time_was_over_has_words_all_the_same(bench: Workbench) -> None:
    go_on = bench.upstream.holds[R1] = asyncio.Event()
    bench.upstream.script = {R2: [at_rcpt("closes")]}
    async with bench.client_session() as session:
        submitting = asyncio.create_task(bench.submit(session, login="ann"))
        await bench.upstream.wait_for(1)
        bench.clock.pass_by(timedelta(days=3))
        go_on.set()
        assert (await submitting).code == 250
    assert bench.book.replies[3] == NO_LOGIN_WORDS
    async with bench.client_session() as session:
        await bench.individual.deliver_waiting("ann", session)
    (report,) = bench.upstream.to("ann@example.org")
    assert f"x-mailglass; {NO_LOGIN_WORDS}".encode() in report.content


async def test_a_report_that_lost_its_session_waits_for_the_same_login_alone(bench: Workbench) -> None:
    bench.upstream.script = {R2: [at_rcpt("closes")]}
    async with bench.client_session() as session:
        assert (await bench.submit(session, login="ann")).code == 250
    await bench.later(timedelta(hours=1))
    assert bench.upstream.addresses() == [R1]
    async with bench.client_session() as session:
        await bench.individual.deliver_waiting("bob", session)
        assert bench.upstream.addresses() == [R1]
        await bench.individual.deliver_waiting("ann", session)
    assert bench.upstream.addresses() == [R1, "ann@example.org"]
    await bench.runner.run_once()
    assert bench.folder() == []


async def test_a_report_of_somebody_whose_name_could_not_be_read_goes_over_nobodys_session(bench: Workbench) -> None:
    """C10: of two whose names are unknown nobody can tell whether they are the same."""
    bench.upstream.script = {R2: [at_rcpt("closes")]}
    async with bench.client_session() as session:
        assert (await bench.submit(session, is_logged_in=True)).code == 250
    async with bench.client_session() as session:
        assert not bench.individual.waits_for("")
        await bench.individual.deliver_waiting("", session)
    assert bench.upstream.addresses() == [R1]
    assert bench.folder() != []


async def test_the_runner_leaves_a_message_alone_that_is_still_the_clients(bench: Workbench) -> None:
    """Between its writing and its first accepted copy nobody but its submission may deliver it."""
    register = bench.book.register

    async def while_the_runner_looks(record: MessageRecord) -> None:
        await bench.runner.run_once()
        await register(record)
        await bench.runner.run_once()

    bench.book.register = while_the_runner_looks  # type: ignore[method-assign]
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250
    assert sorted(bench.upstream.addresses()) == [R1, R2, R3]


async def test_copies_that_cannot_be_rendered_go_untracked(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(number: int) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr("tests.spool.workbench.rendered", fails)
    async with bench.client_session() as session:
        assert (await bench.submit(session)).code == 250
    assert {one.content for one in bench.upstream.taken} == {PLAIN}


async def test_a_bug_after_the_first_acceptance_is_no_second_answer(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has its 250; whatever breaks then is ours alone."""
    bench.upstream.script = {R3: [at_dot("550 5.7.1 never")]}

    def breaks(*_arguments: object) -> None:
        raise ZeroDivisionError

    async with bench.client_session() as session:
        with monkeypatch.context() as broken:
            broken.setattr("relay.spool_conclusion.unreported", breaks)
            assert (await bench.submit(session, login="ann")).code == 250
    assert len(bench.answers) == 1
    await bench.runner.run_once()
    async with bench.client_session() as session:
        await bench.individual.deliver_waiting("ann", session)
    assert sorted(bench.upstream.addresses()) == ["ann@example.org", R1, R2]


async def test_a_bug_in_the_middle_of_a_submission_leaves_the_message_to_the_client(bench: Workbench) -> None:
    async with bench.client_session() as session:

        async def breaks(content: bytes) -> Reply:
            raise ZeroDivisionError

        session.deliver = breaks  # type: ignore[method-assign]
        with pytest.raises(RelayFault):
            await bench.submit(session)
    await bench.later(timedelta(hours=1))
    assert bench.upstream.taken == []
    assert bench.folder() == []
